//! Which virtual machines have functions of this host, or are given some when they start: by the
//! records of those who run them, and by the command lines of those that nobody keeps records of.
//!
//! Secrets stand in these files, so no tape keeps them: a recording has the guests themselves, as a
//! fact, or the files, if somebody else made it.
//!
//! Not read: what users define for themselves below their homes (`qemu:///session`); what runs of
//! that is found.

mod libvirt;
mod proxmox;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use virtfn_formats::guest;
use virtfn_formats::{MAX_FILE_BYTES, SOURCES};
use virtfn_host::{Function, Guest, GuestState, Guests, Host, Owner, Seen, Stale, Vm};
use virtfn_kernel::SysRoot;
use virtfn_kernel::processes::OpenNode;
use virtfn_pci::Address;

use crate::claims::is_foreign;
use crate::process::{Process, look_for};
use crate::texts::Texts;

/// Where a recording has the guests.
pub(crate) const FACT: &str = "virtfn/guests.json";
/// No host runs more guests than this; the kernel's own limit on processes is near.
const MAX_GUESTS: usize = 1 << 15;

/// Reads the guests; `nodes` are the VFIO nodes that processes have open.
pub(crate) fn read(
    root: &SysRoot,
    host: &Host,
    nodes: &[OpenNode],
    texts: &mut Texts,
) -> Seen<Guests> {
    match root.fact("guests", || Seen::Known(read_records(root, host, nodes, texts))) {
        Seen::Absent if is_foreign(root) => Seen::Known(read_records(root, host, nodes, texts)),
        told => told,
    }
}

fn read_records(root: &SysRoot, host: &Host, nodes: &[OpenNode], texts: &mut Texts) -> Guests {
    let mut records = Records { root, host, guests: Guests::default() };
    records.libvirt_running();
    records.proxmox_running();
    records.by_hand(nodes);
    records.libvirt_defined(texts.shared(root, source(Owner::Libvirt)));
    records.proxmox_defined(texts.shared(root, source(Owner::Proxmox)));
    let mut guests = records.guests;
    guests.found.truncate(MAX_GUESTS);
    guests
}

/// The one source of an owner that is the definitions of guests.
fn source(owner: Owner) -> &'static virtfn_formats::Source {
    let of_guests = SOURCES.iter().find(|source| source.owner == owner);
    of_guests.unwrap_or(&SOURCES[0])
}

struct Records<'a> {
    root: &'a SysRoot,
    host: &'a Host,
    guests: Guests,
}

impl Records<'_> {
    /// Takes a guest that runs by its record, if its process is still the one that it was.
    fn running(&mut self, guest: Guest, path: String, emulator: Option<&str>) {
        let Some(pid) = guest.state.pid() else { return };
        let now = match look_for(self.root, pid, emulator) {
            Process::Guest => {
                self.guests.found.push(guest);
                return;
            }
            Process::Gone => None,
            Process::Another(name) => Some(name),
        };
        let Guest { name, managed_by, .. } = guest;
        self.guests.stale.push(Stale { name, managed_by, pid, now, path });
    }

    /// Guests in processes that have a VFIO node open and stand in no record.
    fn by_hand(&mut self, nodes: &[OpenNode]) {
        let found = self.guests.found.iter();
        let recorded: BTreeSet<u32> = found.filter_map(|guest| guest.state.pid()).collect();
        let unknown: BTreeMap<u32, &str> = nodes
            .iter()
            .filter(|node| guest::is_vmm(&node.name) && !recorded.contains(&node.pid))
            .map(|node| (node.pid, node.name.as_str()))
            .collect();
        let path = |pid: &u32| format!("proc/{pid}/cmdline");
        let paths: Vec<String> = unknown.keys().map(path).collect();
        let lines = if paths.is_empty() { BTreeMap::new() } else { self.root.locked_peeks(&paths) };
        for (pid, program) in unknown {
            let line = lines.get(&path(&pid)).and_then(|line| line.known().map(String::as_str));
            if let Some(Vm { name, managed_by }) = line.and_then(|line| guest::vmm(program, line)) {
                let (devices, pools) = (BTreeSet::new(), BTreeSet::new());
                let state = GuestState::Running { pid };
                self.guests.found.push(Guest { name, managed_by, state, devices, pools });
            }
        }
    }

    /// The PFs of those that are VFs, and the others.
    fn at(&self, devices: BTreeSet<Address>) -> BTreeSet<Address> {
        let pf = |device: &Address| self.host.functions.get(device).and_then(Function::vf);
        devices.into_iter().map(|device| pf(&device).map_or(device, |vf| vf.pf)).collect()
    }

    fn names(&mut self, folder: &str, keep: impl FnMut(&str) -> bool) -> Vec<String> {
        match self.root.peek_names(folder, keep) {
            Seen::Known(names) => names.into_iter().take(MAX_GUESTS).collect(),
            Seen::Absent => Vec::new(),
            Seen::Unreadable(unreadable) => {
                self.guests.unseen.push(unreadable);
                Vec::new()
            }
        }
    }

    fn text(&mut self, path: &str) -> Option<String> {
        match self.root.peek(path, MAX_FILE_BYTES) {
            Seen::Known(text) => Some(text),
            Seen::Absent => None,
            Seen::Unreadable(unreadable) => {
                self.guests.unseen.push(unreadable);
                None
            }
        }
    }
}
