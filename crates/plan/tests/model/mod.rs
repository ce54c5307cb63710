//! A machine of two 82576 ports that takes plans as the kernel would: what the kernel refuses, the
//! model panics at.

use std::collections::BTreeMap;

use virtfn_host::{
    Cpu, EswitchMode, Firmware, Function, Host, Ids, Kernel, MacAddress, Names, Netdev, Pf, Role,
    Seen, VfAdmin, VfChange, VfId, VfIndex,
};
use virtfn_pci::Address;
use virtfn_plan::{Action, Target};

pub(crate) const PORTS: [&str; 2] = ["0b:00.0", "0b:00.1"];
const TOTAL_VFS: u16 = 7;
const VF_OFFSET: u16 = 0x80;
const VF_STRIDE: u16 = 2;

pub(crate) fn port(number: usize) -> Address {
    PORTS[number].parse().unwrap()
}

/// Two ports, no VF, the kernel looking for drivers, vfio-pci not loaded.
pub(crate) fn machine() -> Host {
    let mut host = Host {
        functions: BTreeMap::new(),
        groups: BTreeMap::new(),
        netdevs: Seen::Known(Vec::new()),
        kernel: kernel(),
        firmware: Firmware {
            acpi: Seen::Absent,
            device_tree: Seen::Known(false),
            product: Seen::Absent,
        },
        claims: Seen::Absent,
        platform: virtfn_host::Platform::unasked(),
        names: Names::default(),
    };
    for number in 0..PORTS.len() {
        let address = port(number);
        let mut function = function(address, 0x10c9, Role::Pf(Box::new(pf())));
        function.driver = Some("igb".into());
        function.modules = Seen::Known(vec!["igb".into()]);
        function.netdevs = vec![format!("eth{number}")];
        host.functions.insert(address, function);
        if let Seen::Known(netdevs) = &mut host.netdevs {
            netdevs.push(netdev(number));
        }
    }
    host
}

fn kernel() -> Kernel {
    Kernel {
        release: Seen::Known("6.12".into()),
        command_line: Seen::Absent,
        log: Seen::Absent,
        iommus: Seen::Absent,
        interrupt_chips: Seen::Absent,
        loaded_modules: Seen::Absent,
        vfio_modules: Seen::Absent,
        pci_drivers: Seen::Known(["igb", "igbvf"].map(str::to_owned).into()),
        parameters: BTreeMap::new(),
        module_options: Seen::Absent,
        cpu: Seen::Known(Cpu::default()),
    }
}

fn function(address: Address, device: u16, role: Role) -> Function {
    Function {
        address,
        parent: None,
        controller: None,
        ids: Ids { vendor: 0x8086, device, class: 0x02_0000 },
        role,
        driver: None,
        driver_override: Seen::Absent,
        modules: Seen::Known(vec!["igbvf".into()]),
        variants: Seen::Absent,
        iommu_group: None,
        behind_iommu: true,
        numa_node: None,
        config: Seen::not_asked("config"),
        resources: Seen::Absent,
        reset_methods: Seen::Absent,
        power_state: Seen::Absent,
        netdevs: Vec::new(),
        holders: Seen::Known(Vec::new()),
    }
}

fn pf() -> Pf {
    Pf {
        total_vfs: TOTAL_VFS,
        vfs: BTreeMap::new(),
        autoprobe: Seen::Known(true),
        vf_device: Seen::Known(0x10ca),
        vf_offset: Seen::Known(VF_OFFSET),
        vf_stride: Seen::Known(VF_STRIDE),
        vf_modules: Seen::Known(vec!["igbvf".into()]),
        vf_variants: Seen::Absent,
        eswitch: Seen::Known(EswitchMode::Legacy),
        admin: Seen::Known(BTreeMap::new()),
    }
}

fn netdev(number: usize) -> Netdev {
    Netdev {
        name: format!("eth{number}"),
        ifindex: u32::try_from(number).unwrap() + 2,
        function: Some(port(number)),
        mac: None,
        permanent_mac: Some(MacAddress::new([0x52, 0x54, 0, 0, 0, u8::try_from(number).unwrap()])),
        random_mac: Some(false),
        up: true,
        carrier: Some(true),
        speed_mbps: None,
        mtu: None,
        master: None,
        addresses: Vec::new(),
    }
}

/// Does to `host` what the kernel does at `action`.
pub(crate) fn take(host: &mut Host, action: &Action) {
    match action {
        Action::SetAutoprobe { pf, from, to } => {
            let pf = pf_mut(host, *pf);
            assert_eq!(pf.autoprobe, Seen::Known(*from));
            pf.autoprobe = Seen::Known(*to);
        }
        Action::SetNumVfs { pf, from, to } => set_numvfs(host, *pf, *from, *to),
        Action::SetEswitch { pf, from, to } => {
            let pf = pf_mut(host, *pf);
            assert_eq!(pf.eswitch, Seen::Known(*from));
            assert!(pf.vfs.is_empty(), "EBUSY: the switch has VFs");
            pf.eswitch = Seen::Known(*to);
        }
        Action::SetVf { vf, to, .. } => set_vf(host, *vf, *to),
        Action::LoadModule { module } => {
            let Seen::Known(drivers) = &mut host.kernel.pci_drivers else { unreachable!() };
            assert!(drivers.insert(module.clone()), "{module} was loaded already");
        }
        Action::SetOverride { target, from, to } => {
            let function = function_mut(host, *target);
            assert_eq!(function.driver_override.known(), from.as_ref());
            function.driver_override = to.clone().map_or(Seen::Absent, Seen::Known);
        }
        Action::Unbind { target, driver } => {
            let function = function_mut(host, *target);
            assert_eq!(function.driver.take().as_ref(), Some(driver), "ENODEV");
        }
        Action::Probe { target, driver } => probe(host, *target, driver.as_deref()),
    }
}

fn set_numvfs(host: &mut Host, pf: Address, from: u16, to: u16) {
    let there = pf_mut(host, pf).vfs.clone();
    assert_eq!(there.len(), usize::from(from));
    assert!(from == 0 || to == 0, "EBUSY: {from} VFs already enabled");
    assert!(to <= TOTAL_VFS, "ERANGE");
    for vf in there.values() {
        host.functions.remove(vf);
    }
    let autoprobe = pf_mut(host, pf).autoprobe == Seen::Known(true);
    let mut vfs = BTreeMap::new();
    for index in (0..to).map(VfIndex) {
        let routing_id = pf.routing_id() + VF_OFFSET + VF_STRIDE * index.0;
        let address = Address::from_routing_id(pf.domain(), routing_id);
        let mut vf = function(address, 0x10ca, Role::Vf(VfId { pf, index }));
        vf.driver = autoprobe.then(|| "igbvf".into());
        host.functions.insert(address, vf);
        vfs.insert(index, address);
    }
    let state = pf_mut(host, pf);
    state.admin = Seen::Known(vfs.keys().map(|index| (*index, VfAdmin::untouched())).collect());
    state.vfs = vfs;
}

fn set_vf(host: &mut Host, vf: VfId, change: VfChange) {
    let Seen::Known(all) = &mut pf_mut(host, vf.pf).admin else { unreachable!() };
    let admin = all.get_mut(&vf.index).expect("EINVAL: no such VF");
    match change {
        VfChange::Mac(mac) => admin.mac = Some(mac),
        VfChange::Vlan { id, qos, proto } => {
            (admin.vlan, admin.qos, admin.proto) = (Some(id), Some(qos), Some(proto));
        }
        VfChange::Spoofchk(switch) => admin.spoofchk = Some(switch),
        VfChange::Trust(switch) => admin.trust = Some(switch),
        VfChange::Link(state) => admin.link = Some(state),
        VfChange::Rate { min, max } => (admin.min_rate, admin.max_rate) = (Some(min), Some(max)),
        VfChange::QueryRss(switch) => admin.query_rss = Some(switch),
    }
}

/// `drivers_probe`: an override is obeyed whatever the switch says; without one, a VF is only
/// looked at while the switch is on.
fn probe(host: &mut Host, target: Target, wanted: Option<&str>) {
    let autoprobe = match target {
        Target::Vf(vf) => pf_mut(host, vf.pf).autoprobe == Seen::Known(true),
        Target::Function(_) => true,
    };
    let registered = host.kernel.pci_drivers.known().cloned().unwrap_or_default();
    let function = function_mut(host, target);
    let matching = match (&function.driver_override, &function.modules) {
        (Seen::Known(ordered), _) => Some(ordered.clone()),
        (_, Seen::Known(modules)) if autoprobe => modules.first().cloned(),
        _ => None,
    };
    if function.driver.is_none() {
        function.driver = matching.filter(|driver| registered.contains(driver));
    }
    if let Some(wanted) = wanted {
        assert_eq!(function.driver.as_deref(), Some(wanted), "the probe gave another driver");
    } else {
        assert!(function.driver.is_some(), "a probe of which nothing could come");
    }
}

fn pf_mut(host: &mut Host, pf: Address) -> &mut Pf {
    match &mut host.functions.get_mut(&pf).expect("no such PF").role {
        Role::Pf(pf) => pf,
        _ => panic!("{pf} is no PF"),
    }
}

fn function_mut(host: &mut Host, target: Target) -> &mut Function {
    let address = match target {
        Target::Function(address) => address,
        Target::Vf(vf) => pf_mut(host, vf.pf).vfs[&vf.index],
    };
    host.functions.get_mut(&address).expect("no such function")
}
