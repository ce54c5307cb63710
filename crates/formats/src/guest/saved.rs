//! What libvirt keeps of a VF before it sets it for a guest: `/run/libvirt/hostdevmgr/PF_vfN`
//! (`virNetDevSaveNetConfig` in libvirt's src/util/virnetdev.c).

use serde::Deserialize;
use virtfn_host::{SavedVf, VlanId};

#[derive(Deserialize)]
struct Kept {
    mac: Option<String>,
    #[serde(rename = "adminMac")]
    admin_mac: Option<String>,
    #[serde(rename = "vlanTag")]
    vlan_tag: Option<i64>,
}

/// What the file says, if it is one of libvirt's.
#[must_use]
pub fn saved(text: &str) -> Option<SavedVf> {
    let kept: Kept = serde_json::from_str(text).ok()?;
    let mac = |text: Option<String>| text.and_then(|text| text.parse().ok());
    let vlan = kept.vlan_tag.and_then(|tag| u16::try_from(tag).ok()).and_then(VlanId::new);
    Some(SavedVf { admin_mac: mac(kept.admin_mac), mac: mac(kept.mac), vlan })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_read() {
        let text = "{\n  \"mac\": \"02:00:00:00:00:01\",\n  \"adminMac\": \"00:00:00:00:00:00\",\n  \"vlanTag\": 42\n}\n";
        let saved = saved(text).unwrap();
        assert_eq!(saved.mac.unwrap().to_string(), "02:00:00:00:00:01");
        assert!(saved.admin_mac.unwrap().is_zero());
        assert_eq!(saved.vlan, VlanId::new(42));
    }

    #[test]
    fn what_is_not_libvirts_is_left() {
        assert_eq!(saved("52:54:00:00:00:01\n7\n"), None);
        assert_eq!(saved("{}"), Some(SavedVf::default()));
        let bad = r#"{ "mac": "x", "vlanTag": -1 }"#;
        assert_eq!(saved(bad), Some(SavedVf::default()));
        assert_eq!(saved(r#"{ "vlanTag": 99999 }"#).unwrap().vlan, None);
    }
}
