//! The groups that a picture encloses: the kernel's, or those that it would make.

use std::collections::BTreeMap;

use serde::Serialize;
use virtfn_host::{Function, Host, IommuGroup};
use virtfn_pci::Address;

/// One IOMMU group.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Group {
    /// Its number; `null` in a prediction. Numbers move from boot to boot.
    pub id: Option<u32>,
    /// Its functions.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub devices: Vec<Address>,
    /// Did VFIO make it up, without an IOMMU?
    pub noiommu: bool,
    /// Its number, or what a picture numbers it by.
    #[serde(skip)]
    pub(super) label: String,
}

impl Group {
    /// `group 6`, or what a group is called that the kernel has not made.
    pub(super) fn name(&self) -> String {
        match (self.id, self.noiommu) {
            (Some(id), false) => format!("group {id}"),
            (Some(id), true) => format!("group {id}, without an IOMMU"),
            (None, _) => format!("predicted group {}", self.label),
        }
    }

    /// The functions that could go to somebody: all but bridges.
    pub(super) fn guests<'h>(&self, host: &'h Host) -> Vec<&'h Function> {
        let members = self.devices.iter().filter_map(|address| host.functions.get(address));
        members.filter(|function| !function.is_bridge()).collect()
    }
}

/// All of them, and who is in which.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    pub(super) all: Vec<Group>,
    /// Each function's group, by its index.
    pub(super) of: BTreeMap<Address, usize>,
    /// The same, of all but bridges.
    pub(super) of_guest: BTreeMap<Address, usize>,
    pub(super) predicted_by: Option<&'static str>,
}

impl Groups {
    /// The kernel's groups; where it made none, those that it would make with the IOMMU on.
    pub(super) fn of(host: &Host) -> Self {
        if host.groups.is_empty() { Self::predicted(host) } else { Self::made(host) }
    }

    fn made(host: &Host) -> Self {
        let group = |group: &IommuGroup| Group {
            id: Some(group.id),
            devices: group.members.iter().copied().collect(),
            noiommu: group.is_noiommu(),
            label: group.id.to_string(),
        };
        Self::new(host, host.groups.values().map(group).collect(), None)
    }

    fn predicted(host: &Host) -> Self {
        let groups = virtfn_predict::groups(host).groups.into_iter();
        let group = |group: virtfn_predict::Group| Group {
            id: None,
            devices: group.members.into_iter().collect(),
            noiommu: false,
            label: String::new(),
        };
        let mut all: Vec<Group> = groups.map(group).collect();
        all.sort_by_key(|group| group.devices.first().copied());
        for (number, group) in all.iter_mut().enumerate() {
            group.label = format!("p{}", number + 1);
        }
        let by = (!all.is_empty()).then_some(virtfn_predict::RULES);
        Self::new(host, all, by)
    }

    fn new(host: &Host, all: Vec<Group>, predicted_by: Option<&'static str>) -> Self {
        let of: BTreeMap<Address, usize> = all
            .iter()
            .enumerate()
            .flat_map(|(at, group)| group.devices.iter().map(move |address| (*address, at)))
            .collect();
        let is_guest = |address: &Address| {
            host.functions.get(address).is_some_and(|function| !function.is_bridge())
        };
        let of_guest = of.iter().filter(|(address, _)| is_guest(address));
        let of_guest = of_guest.map(|(address, at)| (*address, *at)).collect();
        Self { all, of, of_guest, predicted_by }
    }

    pub(super) fn has(&self, address: Address) -> bool {
        self.of.contains_key(&address)
    }
}
