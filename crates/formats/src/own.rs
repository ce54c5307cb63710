//! virtfn's own policy, as far as it claims devices. A policy with faults claims nothing, since
//! nobody can apply it.
//!
//! Lost: what the settings are; [`crate::policy`] reads all of it.

use virtfn_host::{Condition, DeclaredPf, Demand, Field, Matching, Owner, VfCount, VfWish};

use crate::{File, Reading, policy};

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        match policy::read(file.path, file.text) {
            Ok(declared) => declared.pfs.iter().for_each(|pf| claim(pf, &mut reading)),
            Err(faults) => {
                for fault in faults {
                    reading.miss(file.path, fault.line(), "a fault: virtfn plan shows it");
                }
            }
        }
    }
    reading
}

fn claim(pf: &DeclaredPf, reading: &mut Reading) {
    let of = conditions(&pf.matching);
    let what = Demand::Vfs(VfCount::Exactly(pf.vfs.into()));
    reading.claim(Owner::Virtfn, &pf.place.path, pf.place.line, &of, what);
    if pf.defaults != VfWish::default() || !pf.vf.is_empty() {
        reading.claim(Owner::Virtfn, &pf.place.path, pf.place.line, &of, Demand::Settings);
    }
}

fn conditions(matching: &Matching) -> Vec<Condition> {
    let ids = matching.vendor.zip(matching.device);
    let fields = [
        (Field::Address, matching.pci.map(|pci| pci.to_string())),
        (Field::Netdev, matching.netdev.clone()),
        (Field::Mac, matching.mac.map(|mac| mac.to_string())),
        (Field::Driver, matching.driver.clone()),
        (Field::Ids, ids.map(|(vendor, device)| format!("{vendor:04x}:{device:04x}"))),
    ];
    let one = |(field, value): (Field, Option<String>)| Some(Condition::new(field, [value?]));
    let mut of: Vec<Condition> = fields.into_iter().filter_map(one).collect();
    if matching.serial.is_some() || ids.is_none() && matching.vendor.or(matching.device).is_some() {
        of.push(Condition::new(Field::Unclear, ["*"]));
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pf_is_claimed() {
        let text = "version: 1\npfs:\n  - match: { pci: '0000:0b:00.0' }\n    vfs: 7\n    vf:\n      0: { vlan: 42 }\n";
        let claims = read(&[File { path: "x", text }]).claims;
        assert_eq!(claims.len(), 2);
        assert_eq!(claims[0].of, [Condition::new(Field::Address, ["0000:0b:00.0"])]);
        assert_eq!(claims[0].line, Some(3));
    }

    #[test]
    fn a_policy_with_faults_claims_nothing_and_says_where() {
        let reading = read(&[File { path: "x", text: "version: 1\npf: []\n" }]);
        assert_eq!((reading.claims.len(), reading.unread[0].line), (0, 2));
    }
}
