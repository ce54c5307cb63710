use super::*;

fn room(devices: &str) -> Room {
    let text = format!("<domain><name>a</name><devices>{devices}</devices></domain>");
    free_port(&Domain::read(&text).unwrap())
}

const ROOT: &str = "<controller type='pci' index='0' model='pcie-root'/>";
const PLUGGED: &str = "<interface type='bridge'>\
    <address type='pci' domain='0' bus='0x01' slot='0x00' function='0'/></interface>";

fn port(index: u32, model: &str, inside: &str) -> String {
    format!(
        "<controller type='pci' index='{index}' model='{model}'>{inside}\
         <address type='pci' bus='0x00' slot='0x{index:02x}' function='0'/></controller>"
    )
}

#[test]
fn a_port_is_free_when_nothing_is_on_its_bus() {
    let full = Room::None { add: "<controller type='pci' model='pcie-root-port'/>".into() };
    let (one, two) = (port(1, "pcie-root-port", ""), port(2, "pcie-root-port", ""));
    let fixed = port(2, "pcie-root-port", "<target hotplug='off'/>");
    let down = port(2, "pcie-switch-downstream-port", "");
    for (devices, expected) in [
        (format!("{ROOT}{one}{two}"), Room::Free(2)),
        (format!("{ROOT}{one}{two}{PLUGGED}"), Room::Free(1)),
        (format!("{ROOT}{one}{down}{PLUGGED}"), Room::Free(1)),
        (format!("{ROOT}{one}{PLUGGED}"), full.clone()),
        (format!("{ROOT}{one}{fixed}{PLUGGED}"), full.clone()),
        (ROOT.into(), full),
        (format!("{ROOT}{one}<interface type='bridge'/>"), Room::Unknown),
        (String::new(), Room::Unknown),
    ] {
        assert_eq!(room(&devices), expected, "{devices}");
    }
}

#[test]
fn pci_has_slots_that_nothing_has() {
    let root = "<controller type='pci' index='0' model='pci-root'/>";
    assert_eq!(room(root), Room::Free(30));
    let video = "<video><address type='pci' bus='0x00' slot='0x02' function='0x0'/></video>";
    let usb =
        "<controller type='usb'><address type='pci' bus='0' slot='1' function='2'/></controller>";
    assert_eq!(room(&format!("{root}{video}{usb}")), Room::Free(29));
    let all: String = (2..32)
        .map(|n| format!("<disk><address type='pci' bus='0' slot='{n}' function='0'/></disk>"))
        .collect();
    let full = Room::None { add: "<controller type='pci' model='pci-bridge'/>".into() };
    assert_eq!(room(&format!("{root}{all}")), full);
}
