//! `virtfn attach` and `virtfn detach`: what became of each device.

use serde::Serialize;
use virtfn_host::{Function, Host, MacAddress};
use virtfn_pci::Address;

use crate::Document;

/// `virtfn.attach/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttachView {
    schema: &'static str,
    /// The guest.
    pub vm: String,
    /// The devices, as they were named.
    pub devices: Vec<Handed>,
}

/// `virtfn.detach/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DetachView {
    schema: &'static str,
    /// The guest.
    pub vm: String,
    /// The devices, as they were named.
    pub devices: Vec<Handed>,
}

impl Document for AttachView {
    const SCHEMA: &'static str = "virtfn.attach/1";
}

impl Document for DetachView {
    const SCHEMA: &'static str = "virtfn.detach/1";
}

impl AttachView {
    /// What was attached.
    #[must_use]
    pub fn new(vm: &str, devices: Vec<Handed>) -> Self {
        Self { schema: Self::SCHEMA, vm: vm.to_owned(), devices }
    }
}

impl DetachView {
    /// What was detached.
    #[must_use]
    pub fn new(vm: &str, devices: Vec<Handed>) -> Self {
        Self { schema: Self::SCHEMA, vm: vm.to_owned(), devices }
    }
}

/// A device that was handed over, or back, as it is now.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Handed {
    /// Its full address.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub address: Address,
    /// A VF's PF.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub pf: Option<Address>,
    /// A VF's number.
    pub vf_index: Option<u16>,
    /// Has the guest it now?
    pub live: bool,
    /// Will the guest have it at its next start? `null` where nothing keeps such a definition.
    pub config: Option<bool>,
    /// Was anything to do?
    pub changed: bool,
    /// A VF's administrative address.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub mac: Option<MacAddress>,
    /// The VLAN that a VF is locked into; `null` for none.
    pub vlan: Option<u16>,
    /// The driver that has it.
    pub driver: Option<String>,
    /// Its IOMMU group.
    pub iommu_group: Option<u32>,
}

/// What a guest has of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Now.
    pub live: bool,
    /// At its next start; `None` where nothing keeps such a definition.
    pub config: Option<bool>,
    /// Was anything to do?
    pub changed: bool,
}

impl Handed {
    /// A device as `host` has it now.
    #[must_use]
    pub fn of(host: &Host, address: Address, held: Held) -> Self {
        let function = host.functions.get(&address);
        let vf = function.and_then(Function::vf);
        let pf = vf.and_then(|vf| host.functions.get(&vf.pf)?.pf());
        let admin = vf.and_then(|vf| pf?.admin.known()?.get(&vf.index));
        Self {
            address,
            pf: vf.map(|vf| vf.pf),
            vf_index: vf.map(|vf| vf.index.0),
            live: held.live,
            config: held.config,
            changed: held.changed,
            mac: admin.and_then(|admin| admin.mac).filter(|mac| !mac.is_zero()),
            vlan: admin.and_then(|admin| admin.vlan).map(|vlan| vlan.value()).filter(|id| *id != 0),
            driver: function.and_then(|function| function.driver.clone()),
            iommu_group: function.and_then(|function| function.iommu_group),
        }
    }

    /// What is true of it in `vm` now, in a sentence.
    #[must_use]
    pub fn attached(&self, vm: &str) -> String {
        let when = match (self.live, self.config) {
            (true, Some(true)) => "now and at each start",
            (true, Some(false)) => "until it stops",
            (true, None) => "as long as it runs",
            (false, _) => "from its next start on",
        };
        let already = if self.changed { "" } else { " already; nothing was to do" };
        let now = if self.live { self.settings() } else { String::new() };
        format!("{vm} has {}, {when}{already}{now}.", self.name())
    }

    /// What is true of it after `vm` gave it back, in a sentence.
    #[must_use]
    pub fn detached(&self, vm: &str) -> String {
        if !self.changed {
            return format!("{vm} does not have {}; nothing was to do.", self.name());
        }
        let kept = match (self.live, self.config) {
            (false, Some(true)) => " until its next start",
            (true, _) => " from its next start on",
            (false, _) => "",
        };
        format!("{vm} has {} no more{kept}{}.", self.name(), self.settings())
    }

    fn name(&self) -> String {
        let short = self.address.short();
        match (self.pf, self.vf_index) {
            (Some(pf), Some(index)) => format!("{short} (VF {index} of {})", pf.short()),
            _ => short,
        }
    }

    fn settings(&self) -> String {
        let driver =
            self.driver.as_ref().map_or("no driver".into(), |name| format!("driver {name}"));
        let mac = self.mac.map(|mac| format!("MAC {mac}"));
        let vlan = self.vlan.map(|vlan| format!("VLAN {vlan}"));
        let all: Vec<String> = mac.into_iter().chain(vlan).chain([driver]).collect();
        format!(": {}", all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed(live: bool, config: Option<bool>, changed: bool) -> Handed {
        Handed {
            address: "0b:10.0".parse().unwrap(),
            pf: "0b:00.0".parse().ok(),
            vf_index: Some(0),
            live,
            config,
            changed,
            mac: Some(MacAddress::new([0x52, 0x54, 0, 0x6d, 0x90, 2])),
            vlan: Some(42),
            driver: Some("vfio-pci".into()),
            iommu_group: Some(8),
        }
    }

    #[test]
    fn a_sentence_says_when_and_as_what() {
        let is = "MAC 52:54:00:6d:90:02, VLAN 42, driver vfio-pci.";
        for (one, expected) in [
            (handed(true, Some(true), true), format!("now and at each start: {is}")),
            (handed(true, Some(false), true), format!("until it stops: {is}")),
            (handed(true, None, true), format!("as long as it runs: {is}")),
            (handed(false, Some(true), true), "from its next start on.".into()),
            (
                handed(true, Some(true), false),
                format!("now and at each start already; nothing was to do: {is}"),
            ),
        ] {
            let whole = format!("web has 0b:10.0 (VF 0 of 0b:00.0), {expected}");
            assert_eq!(one.attached("web"), whole);
        }
        let gone = handed(false, Some(false), true).detached("web");
        assert_eq!(gone, format!("web has 0b:10.0 (VF 0 of 0b:00.0) no more: {is}"));
        let none = handed(false, Some(false), false).detached("web");
        assert_eq!(none, "web does not have 0b:10.0 (VF 0 of 0b:00.0); nothing was to do.");
    }
}
