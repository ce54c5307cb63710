//! modprobe's `options`: `options igb max_vfs=7`, `options vfio-pci ids=8086:10ca`.
//!
//! Lost: which card a list of numbers gives which.

use virtfn_host::{Condition, Demand, Field, Owner, VfCount};

use crate::{File, Reading, numbered};

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        for (line, text) in numbered(file.text) {
            let mut words = text.split_whitespace();
            let (Some("options"), Some(module)) = (words.next(), words.next()) else { continue };
            for option in words {
                match option.split_once('=') {
                    Some(("max_vfs", value)) => {
                        let of = [Condition::new(Field::Driver, [module])];
                        let count = value.parse().map_or(VfCount::Unclear, VfCount::Exactly);
                        reading.claim(Owner::Modprobe, file.path, line, &of, Demand::Vfs(count));
                    }
                    Some(("ids", value)) if module.replace('-', "_") == "vfio_pci" => {
                        let ids: Vec<String> =
                            value.trim_matches('"').split(',').map(pair).collect();
                        let of = [Condition::new(Field::Ids, ids)];
                        let what = Demand::Driver("vfio-pci".into());
                        reading.claim(Owner::Modprobe, file.path, line, &of, what);
                    }
                    _ => {}
                }
            }
        }
    }
    reading
}

/// Vendor and device of `vendor:device[:subvendor[:…]]`, with leading zeros.
fn pair(text: &str) -> String {
    let mut parts = text.split(':').map(|part| u16::from_str_radix(part, 16).unwrap_or(u16::MAX));
    format!("{:04x}:{:04x}", parts.next().unwrap_or(u16::MAX), parts.next().unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_claims() {
        let text = "# options igb max_vfs=1\noptions igb max_vfs=7 debug=1\noptions ixgbe max_vfs=4,0\noptions vfio-pci ids=8086:10ca,10de:1:0:0\nblacklist igbvf\n";
        let claims = read(&[File { path: "x", text }]).claims;
        assert_eq!(claims.len(), 3);
        assert_eq!(claims[0].what, Demand::Vfs(VfCount::Exactly(7)));
        assert_eq!(claims[1].what, Demand::Vfs(VfCount::Unclear));
        assert_eq!(claims[2].of, [Condition::new(Field::Ids, ["8086:10ca", "10de:0001"])]);
        assert_eq!(claims[2].line, Some(4));
    }
}
