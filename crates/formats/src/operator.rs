//! What the Kubernetes operator for SR-IOV keeps of the PFs that it configured:
//! `/etc/sriov-operator/pci/BDF`, JSON with `pciAddress` and `numVfs`.
//!
//! Lost: its groups of VFs.

use serde::Deserialize;
use virtfn_host::{Condition, Demand, Field, Owner, VfCount};
use virtfn_pci::Address;

use crate::{File, Reading};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interface {
    pci_address: String,
    #[serde(default)]
    num_vfs: u32,
}

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let interface = serde_json::from_str::<Interface>(file.text).ok();
        let told =
            interface.and_then(|one| Some((one.pci_address.parse::<Address>().ok()?, one.num_vfs)));
        match told {
            Some((address, count)) => {
                let of = [Condition::new(Field::Address, [address.to_string()])];
                let what = Demand::Vfs(VfCount::Exactly(count));
                reading.claim(Owner::Operator, file.path, 0, &of, what);
            }
            None => reading.miss(file.path, 0, "not what the operator writes"),
        }
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_a_claim() {
        let text = r#"{"pciAddress":"0000:0b:00.0","numVfs":6,"name":"ens1f0"}"#;
        let claims = read(&[File { path: "x", text }]).claims;
        assert_eq!(claims[0].what, Demand::Vfs(VfCount::Exactly(6)));
        assert_eq!(read(&[File { path: "x", text: "{}" }]).unread.len(), 1);
    }
}
