//! A machine of two 82576 ports that takes actions as the kernel would, and refuses what the kernel
//! refuses. What is due later, or goes wrong, is for whoever uses it to add.

use std::collections::BTreeMap;

use virtfn_host::{
    Cpu, EswitchMode, Firmware, FirmwareChange, FirmwareVfs, Function, Host, Ids, Kernel, Limits,
    MacAddress, Names, Netdev, NetdevChange, Pf, PortChange, Ports, Role, Seen, VfAdmin, VfChange,
    VfId, VfIndex, VfPort,
};
use virtfn_pci::{Address, ConfigSpace};
use virtfn_plan::{Action, Target};

pub(crate) const PORTS: [&str; 2] = ["0b:00.0", "0b:00.1"];
const TOTAL_VFS: u16 = 7;
const VF_OFFSET: u16 = 0x80;
const VF_STRIDE: u16 = 2;
/// Interrupt vectors of a new VF.
const VECTORS: u16 = 3;

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
        guests: Seen::Absent,
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
        sharing_modules: Seen::Absent,
        pci_drivers: Seen::Known(["igb", "igbvf"].map(str::to_owned).into()),
        parameters: BTreeMap::new(),
        module_options: Seen::Absent,
        cpu: Seen::Known(Cpu::default()),
    }
}

fn function(address: Address, device: u16, role: Role) -> Function {
    Function {
        address,
        path: format!("sys/bus/pci/devices/{address}"),
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
        numvfs: Seen::Known(0),
        autoprobe: Seen::Known(true),
        vf_device: Seen::Known(0x10ca),
        vf_offset: Seen::Known(VF_OFFSET),
        vf_stride: Seen::Known(VF_STRIDE),
        vf_modules: Seen::Known(vec!["igbvf".into()]),
        vf_variants: Seen::Absent,
        eswitch: Seen::Known(EswitchMode::Legacy),
        firmware: Seen::Known(FirmwareVfs { total: TOTAL_VFS.into(), enabled: Some(true) }),
        ports: Seen::Absent,
        admin: Seen::Known(BTreeMap::new()),
    }
}

/// The ports of so many VFs, in a mode that has them. Groups are gone, as with the last VF of an mlx5.
fn ports(pf: &Pf, vfs: u16) -> Seen<Ports> {
    if pf.eswitch == Seen::Known(EswitchMode::Legacy) {
        return Seen::Absent;
    }
    let port = |index: u16| VfPort {
        index: 0x2_0000 + u32::from(index),
        max_io_eqs: Some(16),
        limits: Some(Limits::default()),
        ..VfPort::untouched()
    };
    let vfs = (0..vfs).map(|index| (VfIndex(index), port(index))).collect();
    Seen::Known(Ports { vfs, groups: BTreeMap::new() })
}

fn set_port(host: &mut Host, vf: VfId, change: &PortChange) -> Result<(), Refusal> {
    let has_driver = function_mut(host, Target::Vf(vf))?.driver.is_some();
    let Seen::Known(ports) = &mut pf_mut(host, vf.pf).ports else { return Err(Refusal::Invalid) };
    let port = ports.vfs.get_mut(&vf.index).ok_or(Refusal::Invalid)?;
    match change {
        PortChange::Capability(..) | PortChange::MaxIoEqs(_) if has_driver => {
            return Err(Refusal::Busy);
        }
        PortChange::Capability(one, switch) => _ = port.capabilities.insert(*one, *switch),
        PortChange::MaxIoEqs(queues) => port.max_io_eqs = Some(*queues),
        PortChange::Rate(limits) => port.limits = Some(*limits),
        PortChange::Group(group) => {
            let there = group.name().is_none_or(|name| ports.groups.contains_key(name));
            port.group = group.name().filter(|_| there).map(str::to_owned);
            return if there { Ok(()) } else { Err(Refusal::NoDevice) };
        }
    }
    Ok(())
}

/// What is there is changed, and else made: as the live machine does with the kernel's two commands.
fn set_group(host: &mut Host, pf: Address, name: &str, to: Option<Limits>) -> Result<(), Refusal> {
    let Seen::Known(ports) = &mut pf_mut(host, pf).ports else { return Err(Refusal::Invalid) };
    match to {
        Some(limits) => _ = ports.groups.insert(name.to_owned(), limits),
        None if ports.vfs.values().any(|port| port.group.as_deref() == Some(name)) => {
            return Err(Refusal::Busy);
        }
        None => _ = ports.groups.remove(name),
    }
    Ok(())
}

fn netdev(number: usize) -> Netdev {
    Netdev {
        name: format!("eth{number}"),
        ifindex: u32::try_from(number).unwrap() + 2,
        function: Some(port(number)),
        port: None,
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

/// Why the kernel does not take a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `EBUSY`: another number of VFs is there.
    Busy,
    /// `ERANGE`: more than there can be.
    Range,
    /// `ENODEV`: the function is not there, or has not that driver.
    NoDevice,
    /// `EINVAL`: there is no such VF.
    Invalid,
}

/// Does to `host` what the kernel does at `action`, which a plan made for it: what it would refuse,
/// or could make nothing of, is the planner's fault.
pub(crate) fn obey(host: &mut Host, action: &Action) {
    match action {
        Action::SetAutoprobe { pf, from, .. } => {
            assert_eq!(pf_mut(host, *pf).autoprobe, Seen::Known(*from));
        }
        Action::SetNumVfs { pf, from, .. } => {
            assert_eq!(pf_mut(host, *pf).vfs.len(), usize::from(*from));
        }
        Action::SetEswitch { pf, from, .. } => {
            assert_eq!(pf_mut(host, *pf).eswitch, Seen::Known(*from));
        }
        Action::LoadModule { module } => {
            let drivers = host.kernel.pci_drivers.known().unwrap();
            assert!(!drivers.contains(module), "{module} was loaded already");
        }
        Action::SetOverride { target, from, .. } => {
            let now = &function_mut(host, *target).unwrap().driver_override;
            assert_eq!(now.known(), from.as_ref());
        }
        Action::SetFirmware { .. }
        | Action::SetGroup { .. }
        | Action::SetPort { .. }
        | Action::SetVf { .. }
        | Action::SetMsix { .. }
        | Action::SetNetdev { .. }
        | Action::SetHugepages { .. }
        | Action::Unbind { .. }
        | Action::Probe { .. } => {}
    }
    assert_eq!(take(host, action), Ok(()), "{action}");
    if let Action::Probe { target, driver } = action {
        let now = function_mut(host, *target).unwrap().driver.clone();
        match driver {
            Some(_) => assert_eq!(now, *driver, "the probe gave another driver"),
            None => assert!(now.is_some(), "a probe of which nothing could come"),
        }
    }
}

/// Does to `host` what the kernel does at `action`.
pub(crate) fn take(host: &mut Host, action: &Action) -> Result<(), Refusal> {
    match action {
        Action::SetAutoprobe { pf, to, .. } => pf_mut(host, *pf).autoprobe = Seen::Known(*to),
        Action::SetNumVfs { pf, to, .. } => set_numvfs(host, *pf, *to)?,
        Action::SetEswitch { pf, to, .. } => {
            let pf = pf_mut(host, *pf);
            if !pf.vfs.is_empty() {
                return Err(Refusal::Busy);
            }
            pf.eswitch = Seen::Known(*to);
            pf.ports = ports(pf, 0);
        }
        Action::SetGroup { pf, name, to, .. } => set_group(host, *pf, name, *to)?,
        Action::SetPort { vf, to, .. } => set_port(host, *vf, to)?,
        Action::SetFirmware { pf, to, .. } => {
            let Seen::Known(firmware) = &mut pf_mut(host, *pf).firmware else {
                return Err(Refusal::Invalid);
            };
            match to {
                FirmwareChange::Enable => firmware.enabled = Some(true),
                FirmwareChange::Total(vfs) => firmware.total = (*vfs).into(),
            }
        }
        Action::SetVf { vf, to, .. } => set_vf(host, *vf, *to)?,
        Action::SetMsix { vf, to, .. } => {
            let function = function_mut(host, Target::Vf(*vf))?;
            if function.driver.is_some() {
                return Err(Refusal::Busy);
            }
            function.config = Seen::Known(config(*to));
        }
        Action::SetNetdev { target, to, .. } => {
            let address = function_mut(host, *target)?.address;
            let Seen::Known(netdevs) = &mut host.netdevs else { return Err(Refusal::NoDevice) };
            let netdev = netdevs.iter_mut().find(|netdev| netdev.function == Some(address));
            let netdev = netdev.ok_or(Refusal::NoDevice)?;
            match to {
                NetdevChange::Name(name) => netdev.name.clone_from(name),
                NetdevChange::Mtu(mtu) => netdev.mtu = Some(mtu.value()),
            }
        }
        Action::SetHugepages { .. } => {}
        Action::LoadModule { module } => {
            if let Seen::Known(drivers) = &mut host.kernel.pci_drivers {
                drivers.insert(module.clone());
            }
        }
        Action::SetOverride { target, to, .. } => {
            let function = function_mut(host, *target)?;
            function.driver_override = to.clone().map_or(Seen::Absent, Seen::Known);
        }
        Action::Unbind { target, driver } => {
            let function = function_mut(host, *target)?;
            if function.driver.take().as_ref() != Some(driver) {
                return Err(Refusal::NoDevice);
            }
        }
        Action::Probe { target, .. } => probe(host, *target)?,
    }
    make_netdevs(host);
    Ok(())
}

/// A VF has an interface while igbvf has it.
pub(crate) fn make_netdevs(host: &mut Host) {
    let has_one = |function: &Function| match (&function.role, &function.driver) {
        (Role::Pf(_), _) => true,
        (_, driver) => driver.as_deref() == Some("igbvf"),
    };
    let owners: Vec<Address> =
        host.functions.values().filter(|f| has_one(f)).map(|f| f.address).collect();
    let Seen::Known(netdevs) = &mut host.netdevs else { return };
    netdevs.retain(|netdev| netdev.function.is_some_and(|function| owners.contains(&function)));
    for address in owners {
        if !netdevs.iter().any(|netdev| netdev.function == Some(address)) {
            let name = format!("enp{}", address.routing_id());
            netdevs.push(Netdev { name, function: Some(address), mtu: Some(1500), ..netdev(0) });
        }
    }
}

/// Config space with an MSI-X capability alone (PCI Express 6.0, 7.7.2) of so many vectors.
fn config(vectors: u16) -> ConfigSpace {
    let mut bytes = vec![0; 256];
    bytes[0x06] = 0x10;
    bytes[0x34] = 0x40;
    bytes[0x40] = 0x11;
    bytes[0x42..0x44].copy_from_slice(&(vectors - 1).to_le_bytes());
    ConfigSpace::new(bytes)
}

fn set_numvfs(host: &mut Host, pf: Address, to: u16) -> Result<(), Refusal> {
    let there = pf_mut(host, pf).vfs.clone();
    if there.len() == usize::from(to) {
        return Ok(());
    }
    if !there.is_empty() && to > 0 {
        return Err(Refusal::Busy);
    }
    if to > pf_mut(host, pf).total_vfs {
        return Err(Refusal::Range);
    }
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
        vf.config = Seen::Known(config(VECTORS));
        host.functions.insert(address, vf);
        vfs.insert(index, address);
    }
    let state = pf_mut(host, pf);
    state.admin = Seen::Known(vfs.keys().map(|index| (*index, VfAdmin::untouched())).collect());
    state.vfs = vfs;
    state.ports = ports(state, to);
    Ok(())
}

fn set_vf(host: &mut Host, vf: VfId, change: VfChange) -> Result<(), Refusal> {
    let switchdev = pf_mut(host, vf.pf).eswitch != Seen::Known(EswitchMode::Legacy);
    let Seen::Known(all) = &mut pf_mut(host, vf.pf).admin else { return Err(Refusal::Invalid) };
    let admin = all.get_mut(&vf.index).ok_or(Refusal::Invalid)?;
    match change {
        VfChange::Mac(mac) => admin.mac = Some(mac),
        VfChange::Vlan { id, qos, proto } => {
            (admin.vlan, admin.qos, admin.proto) = (Some(id), Some(qos), Some(proto));
        }
        VfChange::Spoofchk(switch) => admin.spoofchk = Some(switch),
        VfChange::Trust(switch) => admin.trust = Some(switch),
        VfChange::Link(state) => admin.link = Some(state),
        // As mlx5 and netdevsim: "Not supported in switchdev mode. Please use devlink API."
        VfChange::Rate { .. } if switchdev => return Err(Refusal::Invalid),
        VfChange::Rate { min, max } => (admin.min_rate, admin.max_rate) = (Some(min), Some(max)),
        VfChange::QueryRss(switch) => admin.query_rss = Some(switch),
        VfChange::NodeGuid(guid) => admin.node_guid = Some(guid),
        VfChange::PortGuid(guid) => admin.port_guid = Some(guid),
    }
    Ok(())
}

/// `drivers_probe`: an override is obeyed whatever the switch says; without one, a VF is only
/// looked at while the switch is on.
fn probe(host: &mut Host, target: Target) -> Result<(), Refusal> {
    let autoprobe = match target {
        Target::Vf(vf) => pf_mut(host, vf.pf).autoprobe == Seen::Known(true),
        Target::Function(_) => true,
    };
    let registered = host.kernel.pci_drivers.known().cloned().unwrap_or_default();
    let function = function_mut(host, target)?;
    let matching = match (&function.driver_override, &function.modules) {
        (Seen::Known(ordered), _) => Some(ordered.clone()),
        (_, Seen::Known(modules)) if autoprobe => modules.first().cloned(),
        _ => None,
    };
    if function.driver.is_none() {
        function.driver = matching.filter(|driver| registered.contains(driver));
    }
    Ok(())
}

pub(crate) fn pf_mut(host: &mut Host, pf: Address) -> &mut Pf {
    match &mut host.functions.get_mut(&pf).expect("no such PF").role {
        Role::Pf(pf) => pf,
        _ => panic!("{pf} is no PF"),
    }
}

pub(crate) fn function_mut(host: &mut Host, target: Target) -> Result<&mut Function, Refusal> {
    let address = match target {
        Target::Function(address) => address,
        Target::Vf(vf) => *pf_mut(host, vf.pf).vfs.get(&vf.index).ok_or(Refusal::NoDevice)?,
    };
    host.functions.get_mut(&address).ok_or(Refusal::NoDevice)
}
