//! Which rules the lab has seen fire on a machine that runs.

use crate::rule::Rule;

/// What proves that a rule fires when it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provoked {
    /// A fault made in a machine that runs: the topology or the test of the lab that makes it.
    InLab(&'static str),
    /// Hosts written after what is documented of the fault: it was not provoked.
    Fixture,
}

/// Faults made and mended on the given machine.
const ON_SEED: &str = "test each_fault_made_on_a_sound_machine_fires_its_rule_alone";
/// What depends on who asks, and for what.
const FOR_WHOM: &str = "test what_a_program_needs_is_judged_for_who_asks";

/// Owners that fight, forget or come late.
const TWO_OWNERS: &str = "test two_owners_of_a_port_are_told_apart_and_named";
const LATE: &str = "test an_owner_that_forgets_or_comes_late_is_named";
const OPTIONS: &str = "test drivers_settings_and_module_options_have_owners_too";
/// Addresses, links and switches.
const TRAFFIC: &str = "test a_vf_that_has_no_traffic_says_why";

/// Every rule that the lab provokes, and where.
const IN_LAB: &[(&str, &str)] = &[
    ("iommu-absent-in-firmware", "topology no-iommu"),
    ("iommu-off-in-kernel", "topology iommu-off"),
    ("interrupt-remapping-off", "topology no-intremap"),
    ("acs-missing-on-path", "topology no-acs"),
    ("iova-width-39-bit", "topology narrow-iommu"),
    ("mmio-window-too-small", "topology small-window"),
    ("pf-cannot-make-vfs", "topology no-msi"),
    ("memlock-too-small", FOR_WHOM),
    ("hugepages-none", FOR_WHOM),
    ("no-flr", "topology no-flr"),
    ("group-not-viable", "topology shared-slot"),
    ("autoprobe-left-off", ON_SEED),
    ("bus-autoprobe-off", ON_SEED),
    ("vf-driver-override-stale", ON_SEED),
    ("new-id-pollution", ON_SEED),
    ("dma-entries-limited", ON_SEED),
    ("vfio-ids-capture-vfs", ON_SEED),
    ("pf-carries-default-route", ON_SEED),
    ("vf-on-bridge", ON_SEED),
    ("pf-on-bridge", ON_SEED),
    ("vf-lag-not-active", ON_SEED),
    ("vlan-tagged-twice", ON_SEED),
    ("vf-name-not-kept", ON_SEED),
    ("host-manages-vf", ON_SEED),
    ("libvirt-left-settings", ON_SEED),
    ("link-file-not-effective", ON_SEED),
    ("vfio-node-not-permitted", "test a_node_that_may_not_be_opened_is_told_to_who_asks"),
    ("making-vfs-refused", "test a_refusal_of_vfs_is_found_in_the_log"),
    ("two-owners", TWO_OWNERS),
    ("owner-resets-on-down", LATE),
    ("sriov-section-empty", LATE),
    ("vfs-made-late", LATE),
    ("vfs-not-kept", OPTIONS),
    ("vfs-from-module-option", OPTIONS),
    ("vf-mac-random", TRAFFIC),
    ("vf-mac-not-in-use", TRAFFIC),
    ("vf-mac-duplicate", TRAFFIC),
    ("vf-pf-link-down", TRAFFIC),
    ("vf-mtu-above-pf", TRAFFIC),
    ("vf-in-two-domains", TRAFFIC),
    ("vf-without-driver", TRAFFIC),
    ("spoofchk-off", TRAFFIC),
];

impl Rule {
    /// What proves that it fires when it should.
    #[must_use]
    pub fn provoked(&self) -> Provoked {
        let found = IN_LAB.iter().find(|(id, _)| *id == self.id);
        found.map_or(Provoked::Fixture, |(_, place)| Provoked::InLab(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RULES;

    #[test]
    fn only_rules_are_provoked_each_in_one_place() {
        for (at, (id, place)) in IN_LAB.iter().enumerate() {
            assert!(RULES.iter().any(|rule| rule.id == *id), "{id} is no rule");
            assert!(!IN_LAB[..at].iter().any(|(other, _)| other == id), "{id} is there twice");
            assert!(place.starts_with("topology ") || place.starts_with("test "), "{place}");
        }
    }
}
