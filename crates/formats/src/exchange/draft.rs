//! PFs as foreign files describe them, line by line, on their way into a policy.

use std::collections::BTreeMap;

use virtfn_host::{
    Declared, DeclaredDevice, DeclaredPf, DeclaredVfs, DriverWish, EswitchMode, MacWish, Matching,
    Place, VfIndex, VfWish,
};
use virtfn_pci::Address;

use super::{Imported, Lost, Terms};
use crate::MAX_CLAIMS;

/// What the files say so far.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pfs: Vec<Draft>,
    devices: Vec<DeclaredDevice>,
    lost: Vec<Lost>,
    faults: Vec<Lost>,
}

/// One PF.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) place: Place,
    pub(super) matching: Matching,
    /// How many VFs; some formats leave it to others.
    pub(super) vfs: Option<u16>,
    pub(super) autoprobe: Option<bool>,
    pub(super) eswitch: Option<EswitchMode>,
    /// What is said of each VF.
    pub(super) vf: BTreeMap<VfIndex, VfWish>,
}

impl Drafts {
    /// The draft of the PF that this means: the one begun before, or a new one.
    pub(super) fn pf(&mut self, path: &str, line: u32, matching: Matching) -> &mut Draft {
        let at = self.pfs.iter().position(|draft| draft.matching == matching);
        let at = at.unwrap_or_else(|| {
            let place = Place { path: path.to_owned(), line, column: 1 };
            self.pfs.push(Draft {
                place,
                matching,
                vfs: None,
                autoprobe: None,
                eswitch: None,
                vf: BTreeMap::new(),
            });
            self.pfs.len() - 1
        });
        &mut self.pfs[at]
    }

    /// A function's driver. What is known to be a VF goes to its PF.
    pub(super) fn driver(
        &mut self,
        (path, line): (&str, u32),
        matching: Matching,
        driver: DriverWish,
        terms: &Terms<'_>,
    ) {
        let vf = matching.pci.and_then(|address| terms.machine?.vf(address));
        if let Some((pf, index)) = vf {
            let draft = self.pf(path, line, short(&pf.names));
            draft.vf.entry(index).or_default().driver = Some(driver);
            return;
        }
        let same = |device: &&mut DeclaredDevice| device.matching == matching;
        if let Some(device) = self.devices.iter_mut().find(same) {
            device.driver = driver;
        } else if self.devices.len() < MAX_CLAIMS {
            let place = Place { path: path.to_owned(), line, column: 1 };
            self.devices.push(DeclaredDevice { place, matching, driver });
        }
    }

    /// A VF that somebody is given, by its address.
    pub(super) fn vf(
        &mut self,
        (path, line): (&str, u32),
        address: Address,
        terms: &Terms<'_>,
    ) -> Option<&mut VfWish> {
        let found = terms.machine.and_then(|machine| machine.vf(address));
        let Some((pf, index)) = found else {
            let why = "its PF is known on the machine alone: import it there, or with --root";
            self.lose(path, line, format!("{address}: {why}"));
            return None;
        };
        let draft = self.pf(path, line, short(&pf.names));
        Some(draft.vf.entry(index).or_default())
    }

    /// The PFs that are spoken of so far.
    pub(super) fn matchings(&self) -> Vec<Matching> {
        self.pfs.iter().map(|draft| draft.matching.clone()).collect()
    }

    pub(super) fn lose(&mut self, path: &str, line: u32, what: impl Into<String>) {
        if self.lost.len() < MAX_CLAIMS {
            self.lost.push(Lost::new(path, line, what));
        }
    }

    pub(super) fn fault(&mut self, path: &str, line: u32, what: impl Into<String>) {
        if self.faults.len() < MAX_CLAIMS {
            self.faults.push(Lost::new(path, line, what));
        }
    }

    /// The policy; a number of VFs that no file says is the machine's.
    pub(super) fn finish(self, terms: &Terms<'_>) -> Imported {
        let Self { pfs, devices, mut lost, mut faults } = self;
        let mut declared = Declared::default();
        for device in devices {
            match unsound(&device.matching) {
                Some(why) => faults.push(Lost::at(&device.place, why)),
                None => declared.devices.push(device),
            }
        }
        for draft in pfs {
            if let Some(why) = unsound(&draft.matching) {
                faults.push(Lost::at(&draft.place, why));
                continue;
            }
            let now = || Some(terms.machine?.meant(&draft.matching).next()?.now);
            let told = draft.vfs.or_else(now);
            let highest = draft.vf.last_key_value().map(|(index, _)| index.0.saturating_add(1));
            let Some(vfs) = told.or(highest) else {
                let why = "it says no number of VFs: import it on the machine, or with --root";
                lost.push(Lost::at(&draft.place, format!("{}: {why}", draft.matching)));
                continue;
            };
            declared.pfs.push(declared_pf(draft, vfs, &mut faults));
        }
        Imported { declared, lost, faults }
    }
}

/// Why a name cannot be one of the kernel's.
fn unsound(matching: &Matching) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
    let sound = |name: &str, longest| (1..=longest).contains(&name.len()) && name.bytes().all(fits);
    let netdev = matching.netdev.as_deref().filter(|name| !sound(name, MAX_NETDEV));
    let driver = matching.driver.as_deref().filter(|name| !sound(name, MAX_DRIVER));
    let bad: String = netdev.or(driver)?.chars().take(64).collect();
    Some(format!("`{bad}` is no name of an interface or a driver"))
}

/// `IFNAMSIZ` less its end.
const MAX_NETDEV: usize = 15;
/// `MODULE_NAME_LEN` and then some: the longest that a policy takes.
const MAX_DRIVER: usize = 63;

/// By what a policy names a PF of which all is known: its place, and that it is the same card.
fn short(names: &Matching) -> Matching {
    Matching { pci: names.pci, mac: names.mac, ..Matching::default() }
}

fn declared_pf(draft: Draft, vfs: u16, faults: &mut Vec<Lost>) -> DeclaredPf {
    let Draft { place, matching, autoprobe, eswitch, mut vf, vfs: _ } = draft;
    for (index, _) in vf.range(VfIndex(vfs)..) {
        let what = format!("{matching}: VF {index} is set, and only {vfs} are made");
        faults.push(Lost::at(&place, what));
    }
    vf.retain(|index, wish| index.0 < vfs && *wish != VfWish::default());
    DeclaredPf {
        place,
        matching,
        vfs,
        autoprobe,
        eswitch,
        firmware_vfs: None,
        groups: BTreeMap::new(),
        defaults: VfWish::default(),
        defaults_place: Place::default(),
        vf: ranges(vf),
    }
}

/// What several owners say of one PF, as one entry of so many VFs: of two that say a thing of a VF
/// the first counts. `None` where nobody says anything.
#[must_use]
pub fn joined(entries: &[&DeclaredPf], vfs: u16) -> Option<DeclaredPf> {
    let wish = |index: VfIndex| {
        entries.iter().fold(VfWish::default(), |said, entry| said.or(&entry.wish(index)))
    };
    let vf = (0..vfs).map(VfIndex).map(|index| (index, wish(index)));
    let first = entries.first()?;
    Some(DeclaredPf {
        place: Place::default(),
        matching: first.matching.clone(),
        vfs,
        autoprobe: entries.iter().find_map(|entry| entry.autoprobe),
        eswitch: entries.iter().find_map(|entry| entry.eswitch),
        firmware_vfs: entries.iter().find_map(|entry| entry.firmware_vfs),
        groups: entries.iter().rev().flat_map(|entry| entry.groups.clone()).collect(),
        defaults: VfWish::default(),
        defaults_place: Place::default(),
        vf: ranges(vf.filter(|(_, wish)| *wish != VfWish::default()).collect()),
    })
}

/// VFs in a row that are the same are said once; no two share an address.
pub(super) fn ranges(vf: BTreeMap<VfIndex, VfWish>) -> Vec<DeclaredVfs> {
    let mut ranges: Vec<DeclaredVfs> = Vec::new();
    for (index, wish) in vf {
        let shared = !matches!(wish.mac, Some(MacWish::Given(_)));
        match ranges.last_mut() {
            Some(last)
                if shared && last.wish == wish && last.last.0.checked_add(1) == Some(index.0) =>
            {
                last.last = index;
            }
            _ => ranges.push(DeclaredVfs {
                place: Place::default(),
                first: index,
                last: index,
                wish,
            }),
        }
    }
    ranges
}
