//! What becomes of guests that do not run and are given functions which a plan takes away.

use virtfn_host::{Guest, Guests, Host, ManagedBy, Pf, PfPolicy};
use virtfn_pci::Address;

/// More names than this are counted.
const NAMED: usize = 4;

/// Guests that would not start any more: those given a VF that goes, and those that take one of a
/// pool in which none is left. They lose nothing now, so they stop nothing.
pub(crate) fn notes(host: &Host, address: Address, pf: &Pf, wanted: &PfPolicy) -> Vec<String> {
    let shrinks = usize::from(wanted.vfs) < pf.vfs.len();
    let Some(guests) = host.guests.known().filter(|_| shrinks) else {
        return Vec::new();
    };
    let by_function = guests.by_function();
    let gone = pf.vfs.iter().filter(|(index, _)| index.0 >= wanted.vfs);
    let defined = gone.flat_map(|(_, vf)| {
        let given = by_function.get(vf).into_iter().flatten();
        given.filter(|guest| !guest.state.is_live()).map(|guest| note(guest, *vf))
    });
    defined.chain(pool_note(guests, address, wanted)).collect()
}

fn note(guest: &Guest, vf: Address) -> String {
    let (name, vf) = (&guest.name, vf.short());
    let starts = match guest.managed_by {
        ManagedBy::Libvirt | ManagedBy::Proxmox => {
            format!("{} does not start it", guest.managed_by)
        }
        ManagedBy::Qemu | ManagedBy::Other => "it does not start".into(),
    };
    format!("VM {name} is given {vf} when it starts; without that VF {starts}")
}

/// The pool of a PF without VFs is empty.
fn pool_note(guests: &Guests, pf: Address, wanted: &PfPolicy) -> Option<String> {
    let by_pool = guests.by_pool();
    let owed = by_pool.get(&pf).filter(|_| wanted.vfs == 0)?;
    let mut names: Vec<&str> = owed.iter().map(|(guest, _)| guest.name.as_str()).collect();
    names.dedup();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let (pool, short, names) = (&owed.first()?.1.name, pf.short(), names.join(", VM "));
    Some(format!(
        "pool {pool} gives a VF of {short} to VM {names}{more} when it starts: none is left"
    ))
}
