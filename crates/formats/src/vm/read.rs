//! A file with one device, as people write it.

use roxmltree::Node;
use virtfn_host::{MacAddress, Switch, VlanId};
use virtfn_pci::Address;

use super::document::{ADDRESS, Xml, child, elements};
use super::known::refuse_what_is_lost;
use super::passed::{Driver, GuestAddress, Interface, Passed, Rom, Source, Teaming, Way};
use crate::fault::Fault;

/// Reads a device that a guest shall be given: `<interface type='hostdev'>`,
/// `<interface type='network'>` for a VF out of a pool, or `<hostdev type='pci'>`.
///
/// Addresses are read as libvirt reads them, in C's base 0: `bus='11'` is decimal, `bus='0x0b'` the
/// same in hexadecimal, `bus='011'` octal. A domain that is left out is 0. An address may stand in
/// `<source>` or, as of old, right in the `<hostdev>` of which no `<source>` is said. Elements that
/// mean nothing here are kept as they are ([`Passed::others`]).
///
/// # Errors
/// Where it is not well-formed, no device of the host, something that libvirt refuses, or has a part
/// that would be lost; and what to write instead.
pub fn read_device(text: &str) -> Result<Passed, Fault> {
    let xml = Xml::parse(text)?;
    let root = xml.document.root_element();
    match root.tag_name().name() {
        "interface" | "hostdev" => {
            let passed = read(&xml, root)?;
            refuse_what_is_lost(&xml, root)?;
            Ok(passed)
        }
        "domain" => {
            let why = "a whole domain, and one device is meant";
            let hint = "write its <interface> or <hostdev> alone into the file";
            Err(xml.fault_of(root, why).hint(Some(hint.into())))
        }
        "device" => {
            let why = "libvirt's view of a device of the host (nodedev), and what a guest is given is meant";
            let hint = "virtfn xml interface DEVICE or virtfn xml hostdev DEVICE prints that";
            Err(xml.fault_of(root, why).hint(Some(hint.into())))
        }
        other => {
            let why = format!("<{other}> is no device that a host can give");
            let hint = "<interface type='hostdev'> or <hostdev mode='subsystem' type='pci'>";
            Err(xml.fault_of(root, why).hint(Some(hint.into())))
        }
    }
}

/// The device in an `<interface>` or `<hostdev>`.
///
/// # Errors
/// As [`read_device`].
pub(super) fn read(xml: &Xml<'_>, node: Node<'_, '_>) -> Result<Passed, Fault> {
    let reader = Reader { xml, node };
    let way = match node.tag_name().name() {
        "interface" => Way::Interface(reader.interface()?),
        _ => Way::Hostdev(reader.hostdev()?),
    };
    reader.refuse_what_libvirt_refuses(&way)?;
    Ok(Passed {
        managed: reader.managed()?,
        driver: reader.driver()?,
        teaming: reader.teaming()?,
        boot_order: reader.in_child("boot", "order")?,
        rom: reader.rom()?,
        alias: reader.in_child("alias", "name")?,
        guest: reader.guest(&way)?,
        others: reader.others(&way)?,
        way,
    })
}

struct Reader<'x, 'a, 'n, 'i> {
    xml: &'x Xml<'a>,
    node: Node<'n, 'i>,
}

impl<'n, 'i> Reader<'_, '_, 'n, 'i> {
    fn interface(&self) -> Result<Interface, Fault> {
        let source = match self.node.attribute("type") {
            Some("hostdev") => Source::Vf(self.source_address()?),
            Some("network") => Source::Network(self.source_network()?),
            kind => return Err(self.no_passthrough(kind)),
        };
        Ok(Interface { source, mac: self.mac()?, vlan: self.vlan()?, profile: self.profile()? })
    }

    /// The interfaces that are no device of the host's.
    fn no_passthrough(&self, kind: Option<&str>) -> Fault {
        let why = match kind {
            None => "an interface without a type".to_owned(),
            Some("direct") => "type='direct' is macvtap: the guest gets a device that the kernel makes on top of the VF or PF, not the function itself".into(),
            Some(kind @ ("bridge" | "ethernet" | "user" | "vhostuser" | "vdpa" | "internal")) => {
                format!("type='{kind}' gives the guest a device that QEMU makes, not a function of the host")
            }
            Some(kind) => format!("no interface has type='{kind}'"),
        };
        let hint =
            "write <interface type='hostdev' managed='yes'>, with the VF's address in its <source>";
        self.xml.fault_of(self.node, why).hint(Some(hint.into()))
    }

    fn hostdev(&self) -> Result<Address, Fault> {
        let (mode, kind) = (self.node.attribute("mode"), self.node.attribute("type"));
        let hint = || Some("write <hostdev mode='subsystem' type='pci' managed='yes'>".into());
        if !matches!(mode, None | Some("subsystem")) {
            let why = "a hostdev of this mode is no PCI function";
            return Err(self.xml.fault_of(self.node, why).hint(hint()));
        }
        match kind {
            Some("pci") => self.source_address(),
            Some(kind) => {
                let why = format!("type='{kind}' is no PCI function");
                Err(self.xml.fault_of(self.node, why).hint(hint()))
            }
            None => Err(self.xml.fault_of(self.node, "a hostdev without a type").hint(hint())),
        }
    }

    fn source_address(&self) -> Result<Address, Fault> {
        let Some(source) = child(self.node, "source") else {
            // As of old: right in the device, where now the guest's own address stands.
            return match child(self.node, "address") {
                Some(address) if is_hostdev(self.node) => self.xml.address(address),
                _ => Err(self.without_source(self.node)),
            };
        };
        if let Some(address) = child(source, "address") {
            return match address.attribute("type") {
                None | Some("pci") => self.xml.address(address),
                Some(kind) => {
                    let why = format!("an address of type='{kind}' is no PCI function's");
                    Err(self.xml.fault_of(address, why).hint(Some(ADDRESS.into())))
                }
            };
        }
        let Some(wrong) = source.attributes().next() else {
            return Err(self.without_source(source));
        };
        let why = format!(
            "`{}` says nothing here: a function of the host is named by its address",
            wrong.name()
        );
        let hint = match wrong.name() {
            "dev" | "network" => format!(
                "{ADDRESS} in <source>; virtfn xml interface {}/N prints it for VF N",
                wrong.value()
            ),
            _ => format!("{ADDRESS} in <source>"),
        };
        Err(self.xml.fault(wrong.range(), why).hint(Some(hint)))
    }

    fn without_source(&self, at: Node<'_, '_>) -> Fault {
        let why = "which function of the host it is, is not said";
        self.xml.fault_of(at, why).hint(Some(format!("{ADDRESS} in <source>")))
    }

    fn source_network(&self) -> Result<String, Fault> {
        let source = child(self.node, "source").ok_or_else(|| {
            self.xml
                .fault_of(self.node, "which network it is, is not said")
                .hint(Some("write <source network='NAME'/>".into()))
        })?;
        let name = source.attribute("network").filter(|name| !name.is_empty());
        name.map(str::to_owned).ok_or_else(|| {
            self.xml
                .fault_of(source, "a source without `network`")
                .hint(Some("write <source network='NAME'/>".into()))
        })
    }

    fn mac(&self) -> Result<Option<MacAddress>, Fault> {
        let Some(mac) = child(self.node, "mac") else { return Ok(None) };
        let address = self.xml.value_by(mac, "address", |text| {
            let address: MacAddress = text.parse().map_err(|error| format!("{error}"))?;
            match address.is_unicast() {
                true => Ok(address),
                false => Err(format!(
                    "{address} is a group's address or none, and no interface can have it"
                )),
            }
        })?;
        match address {
            Some(address) => Ok(Some(address)),
            None => Err(self
                .xml
                .fault_of(mac, "a mac without `address`")
                .hint(Some("write <mac address='52:54:00:12:34:56'/>".into()))),
        }
    }

    /// The one tag that a VF can have.
    fn vlan(&self) -> Result<Option<VlanId>, Fault> {
        let Some(vlan) = child(self.node, "vlan") else { return Ok(None) };
        let tags: Vec<_> = elements(vlan).filter(|tag| tag.has_tag_name("tag")).collect();
        let trunk = vlan.attribute("trunk").is_some_and(|trunk| trunk != "no");
        let second = tags.get(1).copied().or(trunk.then_some(vlan));
        if let Some(second) = second {
            let why = "vlan trunking is not supported by SR-IOV network devices";
            let hint = "a VF has one tag; several VFs can have one each";
            return Err(self.xml.fault_of(second, why).hint(Some(hint.into())));
        }
        let no_tag = || {
            let fault = self.xml.fault_of(vlan, "a vlan without its tag");
            fault.hint(Some("write <vlan><tag id='42'/></vlan>".into()))
        };
        let tag = tags.first().copied().ok_or_else(no_tag)?;
        self.xml.value(tag, "id")?.map(Some).ok_or_else(no_tag)
    }

    fn profile(&self) -> Result<Option<String>, Fault> {
        let Some(port) = child(self.node, "virtualport") else { return Ok(None) };
        let hint = "write <virtualport type='802.1Qbh'><parameters profileid='…'/></virtualport>";
        let fault = |at, why: String| Err(self.xml.fault_of(at, why).hint(Some(hint.into())));
        match port.attribute("type") {
            Some("802.1Qbh") => {}
            Some("802.1Qbg") => {
                let why = "virtualport type 802.1Qbg is not supported on interfaces of type hostdev: libvirt refuses it".into();
                return fault(port, why);
            }
            Some(kind) => return fault(port, format!("a virtualport of type='{kind}' is no VF's")),
            None => return fault(port, "a virtualport without a type".into()),
        }
        let parameters = child(port, "parameters");
        match parameters.and_then(|parameters| parameters.attribute("profileid")) {
            Some(profile) if (1..=39).contains(&profile.len()) => Ok(Some(profile.to_owned())),
            // PORT_PROFILE_MAX is 40, with the zero behind it (linux/if_link.h).
            Some(_) => {
                fault(parameters.unwrap_or(port), "a profile's name has 1 to 39 bytes".into())
            }
            None => fault(port, "802.1Qbh without a profile".into()),
        }
    }

    fn refuse_what_libvirt_refuses(&self, way: &Way) -> Result<(), Fault> {
        if let Way::Interface(Interface { source: Source::Network(_), .. }) = way {
            return Ok(()); // Whether the network is a pool, its own definition says.
        }
        for (name, instead) in [
            ("bandwidth", "virtfn set DEVICE --max-rate limits what a VF sends"),
            ("filterref", "virtfn set DEVICE --spoofchk on holds a VF to its own addresses"),
        ] {
            if let Some(refused) = child(self.node, name) {
                let why = format!(
                    "<{name}> is not supported for a function of the host, whose packets never pass the host: libvirt refuses it"
                );
                return Err(self.xml.fault_of(refused, why).hint(Some(instead.into())));
            }
        }
        let of_interfaces = ["mac", "vlan", "virtualport"];
        match (way, of_interfaces.into_iter().find_map(|name| child(self.node, name))) {
            (Way::Hostdev(_), Some(setting)) => {
                let name = setting.tag_name().name();
                let why = format!(
                    "a <hostdev> has no <{name}>: libvirt sets it of a VF given as an interface alone"
                );
                let hint = "write <interface type='hostdev' managed='yes'> instead of <hostdev …>";
                Err(self.xml.fault_of(setting, why).hint(Some(hint.into())))
            }
            _ => Ok(()),
        }
    }

    fn managed(&self) -> Result<bool, Fault> {
        let yes_or_no = |text: &str| match text {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err(format!("`{text}` is neither yes nor no")),
        };
        Ok(self.xml.value_by(self.node, "managed", yes_or_no)?.unwrap_or(false))
    }

    fn driver(&self) -> Result<Option<Driver>, Fault> {
        let Some(driver) = child(self.node, "driver") else { return Ok(None) };
        match driver.attribute("name") {
            None | Some("vfio") => {
                Ok(Some(Driver { model: driver.attribute("model").map(str::to_owned) }))
            }
            Some("kvm") => {
                let why =
                    "KVM's own device assignment is gone since Linux 4.12: VFIO does its work";
                let hint = "write <driver name='vfio'/>, or leave it out";
                Err(self.xml.fault_of(driver, why).hint(Some(hint.into())))
            }
            Some(name) => {
                let why = format!("`{name}` is no driver that gives a function to a guest of QEMU");
                let hint =
                    "write <driver name='vfio'/>; a driver made for the device goes into model='…'";
                Err(self.xml.fault_of(driver, why).hint(Some(hint.into())))
            }
        }
    }

    fn teaming(&self) -> Result<Option<Teaming>, Fault> {
        let Some(teaming) = child(self.node, "teaming") else { return Ok(None) };
        let hint = "write <teaming type='transient' persistent='ALIAS'/>, with the alias of the virtio interface";
        match (teaming.attribute("type"), teaming.attribute("persistent")) {
            (Some("transient"), Some(persistent)) if !persistent.is_empty() => {
                Ok(Some(Teaming::Transient { persistent: persistent.to_owned() }))
            }
            (Some("transient"), _) => {
                let why = "which interface stays while this one is away, is not said";
                Err(self.xml.fault_of(teaming, why).hint(Some(hint.into())))
            }
            (Some("persistent"), _) => {
                let why = "a function of the host cannot be the one of the pair that stays";
                Err(self.xml.fault_of(teaming, why).hint(Some(hint.into())))
            }
            _ => Err(self
                .xml
                .fault_of(teaming, "a teaming without its type")
                .hint(Some(hint.into()))),
        }
    }

    fn rom(&self) -> Result<Option<Rom>, Fault> {
        let Some(rom) = child(self.node, "rom") else { return Ok(None) };
        let bar: Option<Switch> = self.xml.value(rom, "bar")?;
        let file = rom.attribute("file").map(str::to_owned);
        match rom.attribute("enabled") {
            Some("no") if bar.is_none() && file.is_none() => Ok(Some(Rom::Disabled)),
            Some("no") => {
                Err(self.xml.fault_of(rom, "a ROM that is disabled has no bar and no file"))
            }
            _ => Ok(Some(Rom::Shown { bar, file })),
        }
    }

    /// The guest's own address, which is not in the source.
    fn guest(&self, way: &Way) -> Result<Option<GuestAddress>, Fault> {
        let is_the_hosts = matches!(way, Way::Hostdev(_)) && child(self.node, "source").is_none();
        let Some(address) = child(self.node, "address").filter(|_| !is_the_hosts) else {
            return Ok(None);
        };
        match address.attribute("type") {
            Some("unassigned") => Ok(Some(GuestAddress::Unassigned)),
            Some("pci") if address.attribute("bus").is_none() => Ok(None), // libvirt chooses one.
            Some("pci") => Ok(Some(GuestAddress::Pci {
                address: self.xml.address(address)?,
                multifunction: self.xml.value(address, "multifunction")?,
            })),
            _ => {
                let why = "the guest's address of it is no PCI address";
                Err(self.xml.fault_of(address, why).hint(Some(ADDRESS.into())))
            }
        }
    }

    fn in_child<T>(&self, element: &str, attribute: &str) -> Result<Option<T>, Fault>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        child(self.node, element).map_or(Ok(None), |node| self.xml.value(node, attribute))
    }

    /// What means nothing here, as it was written.
    fn others(&self, way: &Way) -> Result<Vec<String>, Fault> {
        let mut others = Vec::new();
        for element in elements(self.node).filter(|element| !is_known(*element, way)) {
            if element.tag_name().namespace().is_some() {
                let why = "what is in a namespace belongs into a domain, not into a device";
                return Err(self.xml.fault_of(element, why));
            }
            others.push(self.xml.text.get(element.range()).unwrap_or_default().to_owned());
        }
        Ok(others)
    }
}

fn is_hostdev(node: Node<'_, '_>) -> bool {
    node.has_tag_name("hostdev")
}

fn is_known(element: Node<'_, '_>, way: &Way) -> bool {
    if element.tag_name().namespace().is_some() {
        return false;
    }
    match element.tag_name().name() {
        "source" | "driver" | "teaming" | "boot" | "rom" | "alias" | "address" => true,
        "mac" | "vlan" | "virtualport" => matches!(way, Way::Interface(_)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
