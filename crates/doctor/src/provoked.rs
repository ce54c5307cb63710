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

/// Every rule that the lab provokes, and where.
const IN_LAB: &[(&str, &str)] = &[
    ("iommu-absent-in-firmware", "topology no-iommu"),
    ("iommu-off-in-kernel", "topology iommu-off"),
    ("interrupt-remapping-off", "topology no-intremap"),
    ("acs-missing-on-path", "topology no-acs"),
    ("iova-width-39-bit", "topology narrow-iommu"),
    ("memlock-too-small", FOR_WHOM),
    ("hugepages-none", FOR_WHOM),
    ("no-flr", ON_SEED),
    ("autoprobe-left-off", ON_SEED),
    ("bus-autoprobe-off", ON_SEED),
    ("vf-driver-override-stale", ON_SEED),
    ("new-id-pollution", ON_SEED),
    ("dma-entries-limited", ON_SEED),
    ("vfio-ids-capture-vfs", ON_SEED),
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
