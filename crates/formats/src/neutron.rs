//! OpenStack's SR-IOV agent: `physical_device_mappings`.
//!
//! The agent sets link state, spoof check and rates of VFs that it plugs; it makes none. Lost: the
//! networks, `exclude_devices`, bandwidths.

use virtfn_host::{Condition, Demand, Field, Owner};

use crate::{File, Reading, ini};

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        for section in ini::parse(file.text).iter().filter(|one| one.name == "sriov_nic") {
            let Some(entry) = section.last("physical_device_mappings") else { continue };
            for mapping in ini::words(&entry.value) {
                let Some((_, name)) = mapping.rsplit_once(':') else { continue };
                let of = [Condition::new(Field::Netdev, [name])];
                reading.claim(Owner::Neutron, file.path, entry.line, &of, Demand::Settings);
            }
        }
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mapped_interface_is_claimed() {
        let text = "[sriov_nic]\nphysical_device_mappings = physnet2:ens1f0, physnet3:ens1f1\n";
        let claims = read(&[File { path: "x", text }]).claims;
        let names: Vec<_> = claims.iter().map(|one| one.of[0].any[0].as_str()).collect();
        assert_eq!(names, ["ens1f0", "ens1f1"]);
        assert_eq!(claims[0].line, Some(2));
    }
}
