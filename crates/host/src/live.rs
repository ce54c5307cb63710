//! The policy that a machine already has, spelt out: where a person begins who made VFs by hand.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Capability, Declared, DeclaredPf, DeclaredVfs, DriverChoice, DriverWish, EswitchMode, Function,
    Host, Limits, MacAddress, MacWish, Matching, Netdev, Pf, PfPolicy, Place, PortPolicy, Switch,
    VfAdmin, VfId, VfIndex, VfPort, VfWish, group_name,
};

impl Declared {
    /// What these PFs have now, as far as it differs from VFs that nobody ever touched. Addresses
    /// that VFs' own drivers made up are left out: they are others at every start.
    ///
    /// Needs the network interfaces, the VFs' settings, modules and what is read under a lock.
    #[must_use]
    pub fn of<'h>(host: &'h Host, pfs: impl Iterator<Item = (&'h Function, &'h Pf)>) -> Self {
        let pfs = pfs.map(|(function, pf)| declared_pf(host, function, pf)).collect();
        Self { pfs, ..Self::default() }
    }
}

fn declared_pf(host: &Host, function: &Function, pf: &Pf) -> DeclaredPf {
    let own = own_mac(host, function);
    let policy = PfPolicy::of(host, pf);
    let wish = |index: &VfIndex| {
        let vf = VfId { pf: function.address, index: *index };
        policy.vf.get(index).map_or_else(VfWish::default, |now| VfWish {
            admin: VfAdmin { mac: None, ..touched(&now.admin) },
            mac: now.admin.mac.and_then(|mac| mac_wish(host, pf, vf, own, mac)),
            driver: now.driver.as_ref().and_then(driver_wish),
            port: port_wish(&now.port),
            ..VfWish::default()
        })
    };
    let wishes: Vec<(VfIndex, VfWish)> = pf.vfs.keys().map(|index| (*index, wish(index))).collect();
    let (defaults, vf) = in_ranges(wishes);
    DeclaredPf {
        place: Place::default(),
        // The address says where, the other that it is the same card.
        matching: Matching { pci: Some(function.address), mac: own, ..Matching::default() },
        vfs: policy.vfs,
        autoprobe: policy.autoprobe.filter(|on| !on),
        eswitch: policy.eswitch.filter(|mode| *mode == EswitchMode::Switchdev),
        // The card keeps it by itself.
        firmware_vfs: None,
        groups: groups(&policy),
        defaults,
        defaults_place: Place::default(),
        vf,
    }
}

fn own_mac(host: &Host, function: &Function) -> Option<MacAddress> {
    host.netdevs_of(function.address).find_map(|netdev| netdev.permanent_mac.or(netdev.mac))
}

/// What somebody set: all that is not as on a new VF.
fn touched(now: &VfAdmin) -> VfAdmin {
    fn other<T: PartialEq>(now: Option<T>, new: Option<T>) -> Option<T> {
        if now == new { None } else { now }
    }
    let new = VfAdmin::untouched();
    let vlan = other(now.vlan, new.vlan);
    VfAdmin {
        mac: None,
        vlan,
        // Priority and kind of tag mean nothing without a VLAN.
        qos: other(now.qos, new.qos).filter(|_| vlan.is_some()),
        proto: other(now.proto, new.proto).filter(|_| vlan.is_some()),
        spoofchk: other(now.spoofchk, new.spoofchk),
        trust: other(now.trust, new.trust),
        link: other(now.link, new.link),
        min_rate: other(now.min_rate, new.min_rate),
        max_rate: other(now.max_rate, new.max_rate),
        query_rss: other(now.query_rss, new.query_rss),
        node_guid: other(now.node_guid, new.node_guid),
        port_guid: other(now.port_guid, new.port_guid),
    }
}

fn mac_wish(
    host: &Host,
    pf: &Pf,
    vf: VfId,
    own: Option<MacAddress>,
    mac: MacAddress,
) -> Option<MacWish> {
    let made_up = pf.vfs.get(&vf.index).is_some_and(|function| {
        // What somebody gave it since then is not what its driver made up.
        let own = |netdev: &Netdev| netdev.random_mac == Some(true) && netdev.mac == Some(mac);
        host.netdevs_of(*function).any(own)
    });
    if mac.is_zero() || made_up {
        None
    } else if own.is_some_and(|own| own.derived(vf.index) == mac) {
        Some(MacWish::Auto)
    } else {
        Some(MacWish::Given(mac))
    }
}

/// What somebody set of a port, in words that a file can have.
fn port_wish(now: &PortPolicy) -> PortPolicy {
    let new = VfPort::untouched();
    let other = |(one, to): &(&Capability, &Switch)| new.capabilities.get(one) != Some(*to);
    let capabilities = now.capabilities.iter().filter(other);
    PortPolicy {
        capabilities: capabilities.map(|(one, to)| (*one, *to)).collect(),
        // How many a driver gives by itself is not known.
        max_io_eqs: None,
        group: now.group.clone().filter(|group| group.name().is_some_and(is_group_name)),
    }
}

/// The groups that VFs are in: drivers make others for themselves.
fn groups(policy: &PfPolicy) -> BTreeMap<String, Option<Limits>> {
    let used: BTreeSet<&str> =
        policy.vf.values().filter_map(|vf| vf.port.group.as_ref()?.name()).collect();
    let said = |(name, _): &(&String, &Option<Limits>)| {
        used.contains(name.as_str()) && is_group_name(name)
    };
    let groups = policy.groups.iter().filter(said);
    groups.map(|(name, limits)| (name.clone(), *limits)).collect()
}

fn is_group_name(name: &str) -> bool {
    group_name(name).is_ok()
}

/// What has its own driver by the kernel's choice needs no word.
fn driver_wish(driver: &DriverChoice) -> Option<DriverWish> {
    match driver {
        DriverChoice::Default => None,
        DriverChoice::None => Some(DriverWish::None),
        DriverChoice::Named(name) => Some(DriverWish::Named(name.clone())),
    }
}

/// What all VFs share as their defaults, else ranges of VFs in a row that are the same.
fn in_ranges(wishes: Vec<(VfIndex, VfWish)>) -> (VfWish, Vec<DeclaredVfs>) {
    let mut ranges: Vec<DeclaredVfs> = Vec::new();
    let all = wishes.len();
    for (index, wish) in wishes {
        let given = matches!(wish.mac, Some(MacWish::Given(_)));
        match ranges.last_mut() {
            Some(last)
                if !given && last.wish == wish && Some(index.0) == last.last.0.checked_add(1) =>
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
    if let [only] = &ranges[..]
        && all > 1
    {
        return (only.wish.clone(), Vec::new());
    }
    ranges.retain(|range| range.wish != VfWish::default());
    (VfWish::default(), ranges)
}
