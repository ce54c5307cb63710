//! virtfn's own policy, as far as it claims devices: `pfs: [{ match, vfs, vf, defaults }]`.
//!
//! Lost: what the settings are. The whole of it is another reader's matter.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;
use virtfn_host::{Condition, Demand, Field, Owner, VfCount};

use crate::yaml::{self, Mapping, number};
use crate::{File, Reading};

#[derive(Deserialize)]
struct Policy {
    #[serde(default)]
    pfs: Vec<Pf>,
}

#[derive(Deserialize)]
struct Pf {
    #[serde(default, rename = "match")]
    matches: Mapping<Match>,
    vfs: Option<Spanned<u32>>,
    vf: Option<Spanned<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Match {
    pci: Option<String>,
    netdev: Option<String>,
    mac: Option<String>,
    driver: Option<String>,
}

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let policy: Option<Policy> = yaml::parse(*file, &mut reading);
        for pf in policy.map(|policy| policy.pfs).unwrap_or_default() {
            let of = pf.matches.0.as_ref().map(conditions).unwrap_or_default();
            if let Some(vfs) = &pf.vfs {
                let line = number(vfs.referenced.line());
                let what = Demand::Vfs(VfCount::Exactly(vfs.value));
                reading.claim(Owner::Virtfn, file.path, line, &of, what);
            }
            if let Some(vf) = &pf.vf {
                let line = number(vf.referenced.line());
                reading.claim(Owner::Virtfn, file.path, line, &of, Demand::Settings);
            }
        }
    }
    reading
}

fn conditions(matches: &Match) -> Vec<Condition> {
    let fields = [
        (Field::Address, &matches.pci),
        (Field::Netdev, &matches.netdev),
        (Field::Mac, &matches.mac),
        (Field::Driver, &matches.driver),
    ];
    let one =
        |(field, value): (Field, &Option<String>)| Some(Condition::new(field, [value.as_ref()?]));
    fields.into_iter().filter_map(one).collect()
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
        assert_eq!(claims[0].line, Some(4));
    }
}
