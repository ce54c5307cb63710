//! NetworkManager's connections (keyfiles) and its own settings.
//!
//! Lost: the settings of single VFs, the eswitch's mode, and which of several connections is active.

use virtfn_host::{Condition, Demand, Field, Owner, Quirk, VfCount};

use crate::ini::{self, Entry, Section};
use crate::{File, Reading};

/// A connection: `[sriov]`, with `total-vfs` and `vf.N`. The section alone makes NetworkManager
/// keep the number, and remove the VFs with the connection unless `preserve-on-down` is set.
pub(crate) fn read_connection(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let sections = ini::parse(file.text);
        let Some(sriov) = sections.iter().find(|section| section.name == "sriov") else { continue };
        let of = conditions(&sections);
        let total = sriov.last("total-vfs");
        let count = total.map_or(Ok(0), |entry| entry.value.parse::<u32>());
        let line = total.map_or(sriov.line, |entry| entry.line);
        match count {
            Ok(count) => {
                let what = Demand::Vfs(VfCount::Exactly(count));
                reading.claim(Owner::NetworkManager, file.path, line, &of, what);
                let keeps =
                    sriov.last("preserve-on-down").is_some_and(|one| ini::is_on(&one.value));
                if let Some(claim) = reading.claims.last_mut().filter(|_| !keeps && count > 0) {
                    claim.quirks.push(Quirk::GivesBackOnDown);
                }
            }
            Err(_) => reading.miss(file.path, line, "total-vfs is no number"),
        }
        if let Some(vf) = sriov.entries.iter().find(|entry| entry.key.starts_with("vf.")) {
            reading.claim(Owner::NetworkManager, file.path, vf.line, &of, Demand::Settings);
        }
    }
    reading
}

fn conditions(sections: &[Section<'_>]) -> Vec<Condition> {
    let value = |names: &[&str], key: &str| {
        let section = sections.iter().find(|section| names.contains(&section.name))?;
        section.last(key).filter(|entry| !entry.value.is_empty())
    };
    let mut of = Vec::new();
    if let Some(name) = value(&["connection"], "interface-name") {
        of.push(Condition::new(Field::Netdev, [&name.value]));
    }
    if let Some(mac) = value(&["ethernet", "802-3-ethernet"], "mac-address") {
        of.push(Condition::new(Field::Mac, [&mac.value]));
    }
    let patterns =
        [("interface-name", Field::Netdev), ("driver", Field::Driver), ("path", Field::Path)];
    for (key, field) in patterns {
        if let Some(entry) = value(&["match"], key) {
            of.push(either(field, entry));
        }
    }
    of
}

fn either(field: Field, entry: &Entry) -> Condition {
    let any = ini::words(&entry.value);
    let odd = any.iter().any(|one| one.starts_with(['!', '&', '|']));
    Condition { field: if odd { Field::Unclear } else { field }, any }
}

/// `NetworkManager.conf` and `conf.d`: `[device…]` with `match-device` and `sriov-num-vfs`.
pub(crate) fn read_settings(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        for section in ini::parse(file.text).iter().filter(|one| one.name.starts_with("device")) {
            let Some(entry) = section.last("sriov-num-vfs") else { continue };
            let Ok(count) = entry.value.parse::<u32>() else {
                reading.miss(file.path, entry.line, "sriov-num-vfs is no number");
                continue;
            };
            let of: Vec<_> =
                section.last("match-device").map(device).into_iter().flatten().collect();
            let what = Demand::Vfs(VfCount::Exactly(count));
            reading.claim(Owner::NetworkManager, file.path, entry.line, &of, what);
        }
    }
    reading
}

/// `match-device`: any of `interface-name:X`, `mac:X`, `driver:X`, `*`; `except:` turns one around.
fn device(entry: &Entry) -> Vec<Condition> {
    let specs = ini::words(&entry.value);
    if specs.iter().any(|spec| spec == "*") {
        return Vec::new();
    }
    let mut of: Vec<Condition> = Vec::new();
    for spec in &specs {
        let (field, value) = match spec.split_once(':') {
            Some(("interface-name", name)) => (Field::Netdev, name.trim_start_matches(['=', '~'])),
            Some(("mac", mac)) => (Field::Mac, mac),
            Some(("driver", driver)) => (Field::Driver, driver),
            _ => (Field::Unclear, spec.as_str()),
        };
        match of.iter_mut().find(|one| one.field == field) {
            Some(one) => one.any.push(value.to_owned()),
            None => of.push(Condition::new(field, [value])),
        }
    }
    // Any of them is enough, and conditions hold together: of several kinds nothing can be told.
    if of.len() == 1 { of } else { vec![Condition::new(Field::Unclear, specs)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_claims_its_pf_and_keeps_its_secrets() {
        let text = "\
[connection]
id=PF
interface-name=ens1f0
[ethernet]
mac-address=52:54:00:00:00:01
[802-1x]
password=secret
[sriov]
total-vfs=8
vf.0=mac=00:11:22:33:44:55 trust=true
vf.1=spoof-check=false
";
        let reading = read_connection(&[File { path: "etc/x", text }]);
        assert!(!format!("{reading:?}").contains("secret"));
        let told: Vec<_> = reading.claims.iter().map(|one| (one.line, one.what.clone())).collect();
        assert_eq!(
            told,
            [(Some(9), Demand::Vfs(VfCount::Exactly(8))), (Some(10), Demand::Settings)]
        );
        assert_eq!(reading.claims[0].quirks, [Quirk::GivesBackOnDown]);
        assert_eq!(reading.claims[0].of.len(), 2);
        let kept = format!("{text}preserve-on-down=1\n");
        let reading = read_connection(&[File { path: "etc/x", text: &kept }]);
        assert_eq!(reading.claims[0].quirks, []);
    }

    #[test]
    fn the_section_alone_demands_none() {
        let claims = read_connection(&[File { path: "x", text: "[sriov]\n" }]).claims;
        assert_eq!((claims[0].line, &claims[0].what), (Some(1), &Demand::Vfs(VfCount::Exactly(0))));
        assert_eq!(read_connection(&[File { path: "x", text: "[wifi]\npsk=1\n" }]).claims, []);
        assert_eq!(
            read_connection(&[File { path: "x", text: "[sriov]\ntotal-vfs=x\n" }]).unread.len(),
            1
        );
    }

    #[test]
    fn settings_name_devices_in_many_ways() {
        let read = |spec: &str| {
            let text = format!("[device-pf]\nmatch-device={spec}\nsriov-num-vfs=4\n");
            read_settings(&[File { path: "x", text: &text }]).claims[0].of.clone()
        };
        assert_eq!(
            read("interface-name:eth0,interface-name:=eth1"),
            [Condition::new(Field::Netdev, ["eth0", "eth1"])]
        );
        assert_eq!(read("*"), []);
        assert_eq!(read("driver:igb;mac:52:54:00:00:00:01")[0].field, Field::Unclear);
        assert_eq!(read("except:driver:igb")[0].field, Field::Unclear);
    }
}
