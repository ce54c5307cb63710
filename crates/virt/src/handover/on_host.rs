//! What a device shall be on the host while a guest has it.

use virtfn_formats::vm::{Interface, Passed, Source, Way};
use virtfn_host::{
    DriverChoice, Function, Host, MacAddress, Policy, Qos, VfAdmin, VfId, VfPolicy, VlanId,
};
use virtfn_pci::Address;

use super::obstacles::Obstacle;

/// Which VFIO driver takes a device of which none is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drivers {
    /// vfio-pci, as libvirt before 10.0 has it.
    Plain,
    /// The one made for the device, if this kernel has one (`modules.alias`, `vfio_pci:`).
    Best,
}

/// A device on the host, while a guest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnHost {
    /// Which.
    pub function: Address,
    /// Which VF, if it is one.
    pub vf: Option<VfId>,
    /// Its address, of a VF that is given as an interface.
    pub mac: Option<MacAddress>,
    /// Its VLAN; 0 for none.
    pub vlan: Option<VlanId>,
    /// Its driver.
    pub driver: String,
}

impl OnHost {
    /// What `passed` makes of its device, and `passed` itself with all filled in that nobody said: a VF
    /// keeps the address that it has, else gets the one derived from its PF's, and it keeps its VLAN,
    /// which libvirt would clear.
    ///
    /// # Errors
    /// When the device is not here, or is none that can be given so.
    pub fn of(
        host: &Host,
        passed: &Passed,
        drivers: Drivers,
    ) -> Result<(Self, Passed), Box<Obstacle>> {
        let Some(address) = passed.host_address() else {
            let network = passed.network().unwrap_or_default();
            let refused = Obstacle::failing(
                network,
                "a pool gives any of its VFs, and libvirt picks it: which one is not known before",
                [format!(
                    "virtfn attach VM PF/any, or leave it to virsh attach-device and {network}"
                )],
            );
            return Err(refused.into());
        };
        let function = host.function(address).map_err(|nearest| {
            Obstacle::failing(&address.short(), &nearest.why, nearest.nearest)
        })?;
        let mut passed = passed.clone();
        let mut on_host = Self {
            function: address,
            vf: function.vf(),
            mac: None,
            vlan: None,
            driver: driver(function, &passed, drivers),
        };
        if let Way::Interface(interface) = &mut passed.way {
            let vf = function.vf().ok_or_else(|| no_vf(function))?;
            fill(host, vf, interface);
            on_host.mac = interface.mac;
            let tagged_elsewhere = interface.profile.is_some();
            on_host.vlan = (!tagged_elsewhere).then(|| interface.vlan.unwrap_or_default());
        }
        Ok((on_host, passed))
    }

    /// The same as an edit of the policy that the host has.
    #[must_use]
    pub fn policy(&self, policy: Policy) -> Policy {
        let driver = DriverChoice::Named(self.driver.clone());
        let Some(vf) = self.vf else { return policy.with_device(self.function, driver) };
        let qos = self.vlan.map(|_| Qos::default());
        let admin = VfAdmin { mac: self.mac, vlan: self.vlan, qos, ..VfAdmin::default() };
        policy.with_vf(vf, VfPolicy { admin, driver: Some(driver), ..VfPolicy::default() })
    }
}

fn fill(host: &Host, vf: VfId, interface: &mut Interface) {
    let pf = host.functions.get(&vf.pf).and_then(Function::pf);
    let now = pf.and_then(|pf| pf.admin.known()?.get(&vf.index));
    let has = now.and_then(|now| now.mac).filter(|mac| !mac.is_zero());
    let derived = || {
        let own = host.netdevs_of(vf.pf).find_map(|netdev| netdev.permanent_mac.or(netdev.mac));
        own.map(|mac| mac.derived(vf.index))
    };
    interface.mac = interface.mac.or(has).or_else(derived);
    if interface.profile.is_none() {
        let tagged = |vlan: &VlanId| vlan.value() != 0;
        interface.vlan = interface.vlan.or_else(|| now?.vlan.filter(tagged));
    }
    // libvirt takes no tag of number 0: none is the same.
    interface.vlan = interface.vlan.filter(|vlan| vlan.value() != 0);
    if let Source::Network(_) = interface.source {
        interface.vlan = None;
    }
}

fn driver(function: &Function, passed: &Passed, drivers: Drivers) -> String {
    let named = passed.driver.as_ref().and_then(|driver| driver.model.clone());
    let best = || function.variants.known().and_then(|all| all.first()).cloned();
    let best = best().filter(|_| drivers == Drivers::Best);
    named.or(best).unwrap_or_else(|| "vfio-pci".into())
}

fn no_vf(function: &Function) -> Obstacle {
    Obstacle::failing(
        &function.address.short(),
        "no virtual function, and libvirt gives no other as an interface (it takes <hostdev> for it)",
        ["leave out --mac and --vlan: the device is then given as it is".into()],
    )
}
