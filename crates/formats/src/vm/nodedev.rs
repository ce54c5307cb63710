//! libvirt's view of a device of the host: what `virsh nodedev-dumpxml pci_0000_0b_10_0` prints.

use virtfn_host::{Function, Host, Pf, Role};
use virtfn_pci::capability::Link;
use virtfn_pci::{Address, Layout, Looked};

use super::element::{Element, address as address_element};

/// The XML of a function as libvirt's own (`virNodeDeviceDefFormat`); `None`: it is not here.
///
/// libvirt reads config space as root alone: where this host's could not be read, the kind of a
/// bridge and the links are left out, as libvirt without root leaves them out. It prints the members
/// of an IOMMU group in the order of the kernel's folder, which is none; here it is that of their
/// addresses. Lost: a card's vital product data (`<capability type='vpd'>`), and the types of mediated
/// devices.
#[must_use]
pub fn nodedev_xml(host: &Host, address: Address) -> Option<String> {
    let function = host.functions.get(&address)?;
    let driver = function
        .driver
        .as_ref()
        .map(|driver| Element::new("driver").child(Element::new("name").text(driver)));
    let device = Element::new("device")
        .child(Element::new("name").text(address.libvirt_name()))
        .child(Element::new("path").text(format!("/{}", function.path)))
        .child(Element::new("parent").text(parent(function)))
        .children(driver)
        .child(capability(host, function));
    Some(device.to_string())
}

/// The nearest device above that libvirt has too: a bridge, or the device that made this domain.
fn parent(function: &Function) -> String {
    let above = function.parent.or(function.controller);
    above.map_or_else(|| "computer".to_owned(), Address::libvirt_name)
}

fn capability(host: &Host, function: &Function) -> Element {
    let (at, ids) = (function.address, function.ids);
    let number = |name: &'static str, value: u32| Element::new(name).text(value.to_string());
    let product = host.names.devices.get(&(ids.vendor, ids.device));
    let vendor = host.names.vendors.get(&ids.vendor);
    Element::new("capability")
        .attribute("type", "pci")
        .child(Element::new("class").text(format!("0x{:06x}", ids.class)))
        .child(number("domain", at.domain()))
        .child(number("bus", at.bus().into()))
        .child(number("slot", at.device().into()))
        .child(number("function", at.function().into()))
        .child(named("product", ids.device, product))
        .child(named("vendor", ids.vendor, vendor))
        .children(sriov(function))
        .children(bridge(function))
        .children(group(host, function))
        .children(function.numa_node.map(|node| Element::new("numa").attribute("node", node)))
        .children(express(function))
}

fn named(what: &'static str, id: u16, name: Option<&String>) -> Element {
    let element = Element::new(what).attribute("id", format!("0x{id:04x}"));
    element.text(name.cloned().unwrap_or_default())
}

fn sriov(function: &Function) -> Option<Element> {
    let capability = |kind: &str| Element::new("capability").attribute("type", kind);
    match &function.role {
        Role::Vf(id) => Some(capability("phys_function").child(address_element(id.pf, None))),
        Role::Leaving { pf } => Some(capability("phys_function").child(address_element(*pf, None))),
        Role::Pf(pf) => virt_functions(capability("virt_functions"), pf),
        Role::Plain => None,
    }
}

fn virt_functions(element: Element, pf: &Pf) -> Option<Element> {
    if pf.total_vfs == 0 && pf.vfs.is_empty() {
        return None;
    }
    let most = (pf.total_vfs > 0).then_some(pf.total_vfs);
    let vfs = pf.vfs.values().map(|vf| address_element(*vf, None));
    Some(element.attribute_if("maxCount", most).children(vfs))
}

fn bridge(function: &Function) -> Option<Element> {
    let kind = match function.config.known()?.header()?.layout {
        Layout::Bridge => "pci-bridge",
        Layout::CardBus => "cardbus-bridge",
        _ => return None,
    };
    Some(Element::new("capability").attribute("type", kind))
}

fn group(host: &Host, function: &Function) -> Option<Element> {
    let number = function.iommu_group?;
    let members = host.groups.get(&number)?.members.iter();
    let group = Element::new("iommuGroup").attribute("number", number);
    Some(group.children(members.map(|member| address_element(*member, None))))
}

fn express(function: &Function) -> Option<Element> {
    let capabilities = function.config.known()?.capabilities();
    let Looked::Found(express) = capabilities.express() else { return None };
    let element = Element::new("pci-express");
    Some(match express.link {
        Some(link) => element.child(most(&link)).child(now(&link)),
        None => element,
    })
}

fn most(link: &Link) -> Element {
    Element::new("link")
        .attribute("validity", "cap")
        .attribute("port", link.port_number)
        .attribute_if("speed", speed(link.max_speed.0))
        .attribute("width", link.max_width)
}

fn now(link: &Link) -> Element {
    Element::new("link")
        .attribute("validity", "sta")
        .attribute_if("speed", speed(link.speed.0))
        .attribute("width", link.width)
}

/// In GT/s, as libvirt writes it (`virPCIELinkSpeed`); nothing for 0, which a VF has.
const fn speed(code: u8) -> Option<&'static str> {
    match code {
        1 => Some("2.5"),
        2 => Some("5"),
        3 => Some("8"),
        4 => Some("16"),
        5 => Some("32"),
        6 => Some("64"),
        _ => None,
    }
}
