//! Changes by hand of what a policy declares: the next apply would undo them, so they are refused,
//! or the file is changed too.

use std::path::{Path, PathBuf};

use virtfn_formats::policy::{self, Edit};
use virtfn_host::{Declared, DriverChoice, DriverWish, Host, PfPolicy, Place, Policy};
use virtfn_kernel::SysRoot;
use virtfn_pci::Address;
use virtfn_plan::Matched;

use crate::error::Error;

/// The machine's policy, as far as it bears on a change.
#[derive(Debug)]
pub struct Kept {
    declared: Declared,
}

impl Kept {
    /// Reads the machine's policy. One that cannot be read declares nothing that could be undone:
    /// apply says what is wrong with it.
    #[must_use]
    pub fn read(root: &SysRoot) -> Self {
        Self { declared: crate::policy::installed(root).ok().flatten().unwrap_or_default() }
    }

    /// Where `device` is declared, if it is.
    #[must_use]
    pub fn place(&self, host: &Host, device: Address) -> Option<Place> {
        let matched = Matched::of(host, &self.declared);
        let pf = matched.pfs.get(&device).map(|entry| &entry.place);
        let whole = || {
            let entries = self.declared.devices.iter();
            let meant = |driver: &&DriverWish| {
                entries.clone().find(|entry| std::ptr::eq(&entry.driver, *driver))
            };
            matched.devices.get(&device).and_then(meant).map(|entry| &entry.place)
        };
        pf.or_else(whole).cloned()
    }

    /// Where the policy declares something else of `device` than what is wished: the next apply
    /// would undo it.
    #[must_use]
    pub fn undoes(&self, host: &Host, device: Address, wished: &Policy) -> Option<Place> {
        let mut applied = Matched::of(host, &self.declared).on(host, wished);
        if let (Some(applied), Some(wished)) =
            (applied.pfs.get_mut(&device), wished.pfs.get(&device))
        {
            forget_unsaid(applied, wished);
        }
        let pf = applied.pfs.get(&device).is_some_and(|pf| wished.pfs.get(&device) != Some(pf));
        let whole = match (applied.devices.get(&device), wished.devices.get(&device)) {
            (Some(applied), Some(wished)) => applied != wished,
            _ => false,
        };
        (pf || whole).then(|| self.place(host, device)).flatten()
    }
}

/// Of what a machine's own policy never spells out, only what is wished can be undone.
fn forget_unsaid(applied: &mut PfPolicy, wished: &PfPolicy) {
    for (index, vf) in &mut applied.vf {
        let said = wished.vf.get(index).cloned().unwrap_or_default();
        vf.msix = vf.msix.filter(|_| said.msix.is_some());
        vf.netdev.mtu = vf.netdev.mtu.filter(|_| said.netdev.mtu.is_some());
        vf.netdev.name = vf.netdev.name.take().filter(|_| said.netdev.name.is_some());
    }
}

/// Writes the change into the file that declares the PF; what the file says already is left.
///
/// # Errors
/// When the file cannot be changed.
pub fn save(place: &Place, edit: &Edit) -> Result<(), Error> {
    let path = PathBuf::from(&place.path);
    let failed = |source| Error::Read { path: path.clone(), source };
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    let changed = policy::edit(&text, place, &needed(&text, place, edit));
    let changed = changed.map_err(|why| Error::NotSaved { path: path.clone(), why })?;
    if changed == text { Ok(()) } else { write(&path, &changed) }
}

/// What of an edit the file does not say yet.
fn needed(text: &str, place: &Place, edit: &Edit) -> Edit {
    let declared = policy::read(&place.path, text).unwrap_or_default();
    if edit.driver.is_some() {
        return edit.clone();
    }
    let Some(pf) = declared.pfs.iter().find(|pf| pf.place == *place) else { return edit.clone() };
    let says = |index, wish: &virtfn_host::VfWish| {
        let now = pf.wish(index);
        wish.or(&now) == now
    };
    Edit {
        vfs: edit.vfs.filter(|vfs| *vfs != pf.vfs),
        driver: None,
        vf: edit.vf.iter().filter(|(index, wish)| !says(*index, wish)).cloned().collect(),
    }
}

/// The same mode as before: what others could read, they still can.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let mode = std::fs::metadata(path).map_err(failed)?.permissions();
    crate::file::write(path, text)?;
    std::fs::set_permissions(path, mode).map_err(failed)
}

/// A driver as a policy file says it.
#[must_use]
pub fn driver_wish(choice: &DriverChoice) -> DriverWish {
    match choice {
        DriverChoice::Default => DriverWish::Default,
        DriverChoice::None => DriverWish::None,
        DriverChoice::Named(name) => DriverWish::Named(name.clone()),
    }
}
