//! The refusals that people meet, as sentences.

mod known;

use virtfn_pci::Address;

/// A refusal that is known: what is behind it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Why, in a sentence.
    pub why: String,
    /// What to type or do next, the best first.
    pub hints: Vec<String>,
}

/// A refusal as data. Where `says` has `{name}`, the message's words are taken, and stand for
/// `{name}` in the sentence and the hints; `{device}` is there always.
struct Known {
    says: &'static str,
    why: &'static str,
    hints: &'static [&'static str],
}

/// What is behind a refusal of QEMU's or libvirt's; `None` where its words are not known ones.
#[must_use]
pub fn explain(message: &str) -> Option<Explained> {
    known::REFUSALS.iter().find_map(|known| {
        let mut words = matched(known.says, message)?;
        words.push(("device", device(message)));
        let why = fill(known.why, &words);
        words.iter_mut().for_each(|(_, word)| *word = quoted(word));
        let hints = known.hints.iter().map(|hint| fill(hint, &words)).collect();
        Some(Explained { why, hints })
    })
}

/// The words of `message` for each `{name}` of `pattern`, if all the rest of it is in there, in
/// order. A name at the end takes the rest of the line.
fn matched<'a>(pattern: &'a str, message: &str) -> Option<Vec<(&'a str, String)>> {
    let mut words = Vec::new();
    let (first, holes) = split_holes(pattern);
    let mut rest = &message[message.find(first)? + first.len()..];
    for (name, literal) in holes {
        let end = if literal.is_empty() {
            rest.find('\n').unwrap_or(rest.len())
        } else {
            rest.find(literal)?
        };
        words.push((name, rest[..end].trim().trim_matches(['\'', '"']).to_owned()));
        rest = &rest[end + literal.len()..];
    }
    Some(words)
}

/// The text before the first hole, and each hole's name with the text after it.
fn split_holes(pattern: &str) -> (&str, Vec<(&str, &str)>) {
    let mut parts = pattern.split('{');
    let first = parts.next().unwrap_or_default();
    (first, parts.filter_map(|part| part.split_once('}')).collect())
}

fn fill(template: &str, words: &[(&str, String)]) -> String {
    words
        .iter()
        .fold(template.to_owned(), |text, (name, word)| text.replace(&format!("{{{name}}}"), word))
}

/// A word as a shell takes it: names of domains are anybody's, and hints are pasted.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:,=@+%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The first PCI address in the message, or a word for the reader to replace.
fn device(message: &str) -> String {
    let marks = |letter: char| !(letter.is_ascii_hexdigit() || matches!(letter, ':' | '.'));
    let address = |word: &str| word.trim_matches([':', '.']).parse::<Address>().ok();
    message.split(marks).find_map(address).map_or_else(|| "DEVICE".into(), Address::short)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Messages as people met them, with a part of what is said about each.
    const MET: &[(&str, &str)] = &[
        ("vfio 0000:0b:10.0: group 16 is not viable", "device of IOMMU group 16 has a driver"),
        (
            "Please ensure all devices within the iommu_group are bound to their vfio bus driver.",
            "same IOMMU group",
        ),
        (
            "vfio 0000:00:05.0: no iommu_group found: No such file or directory",
            "no IOMMU translates",
        ),
        ("vfio 0000:01:00.1: group 1 used in multiple address spaces", "of IOMMU group 1 are"),
        (
            "vfio 0000:0b:10.0: Could not open '/dev/vfio/16': Device or resource busy",
            "has IOMMU group 16 open",
        ),
        (
            "vfio 0000:0b:10.0: failed to open /dev/vfio/16: Device or resource busy",
            "has IOMMU group 16 open",
        ),
        (
            "vfio 0000:44:00.0: failed to open /dev/vfio/47: No such file or directory",
            "is bound to",
        ),
        ("vfio 0000:0b:10.0: Could not open '/dev/vfio/16': Permission denied", "QEMU's user"),
        ("vfio: error opening /dev/vfio/1: Operation not permitted", "cgroup"),
        (
            "vfio 0000:0b:10.0: error getting device from group 16: No such device\nVerify all \
             devices in group 16 are bound to vfio-<bus> or pci-stub and not already in use",
            "not bound to vfio-pci",
        ),
        (
            "vfio 0000:0b:10.0: failed to setup container for group 16: memory listener \
             initialization failed: Region pc.ram: vfio_container_dma_map(0x55c8, 0x0, \
             0x80000000, 0x7f52) = -12 (Cannot allocate memory)",
            "lock as much memory",
        ),
        ("kvm: VFIO_MAP_DMA failed: Cannot allocate memory", "lock as much memory"),
        (
            "vfio_dma_map(0x5e043daea2f0, 0x380010000000, 0x2000000, 0x771a6ce00000) = -22 \
             (Invalid argument)",
            "cannot translate",
        ),
        ("kvm: VFIO_MAP_DMA failed: Invalid argument", "cannot translate"),
        (
            "cannot limit locked memory of process 812 to 3221225472: Operation not permitted",
            "may not raise the limit",
        ),
        (
            "vfio /sys/bus/pci/devices/0000:99:00.0: no such host device: No such file or directory",
            "no device at this address",
        ),
        (
            "Requested operation is not valid: PCI device 0000:0b:10.0 is in use by driver QEMU, \
             domain MyGuest",
            "the VM MyGuest has it",
        ),
        (
            "PCI device 0000:0b:10.0 allocated from network pool is already in use by domain d1",
            "network pool gave it",
        ),
        ("PCI device 0000:41:00.0 is in use", "a disk of one"),
        (
            "Unmanaged PCI device 0000:0b:10.0 must be manually detached from the host",
            "managed='no'",
        ),
        (
            "Device 0000:0c:00.0 is behind a switch lacking ACS and cannot be assigned",
            "past the IOMMU",
        ),
        (
            "Requested operation is not valid: PCI device 0000:0c:00.0 is not assignable",
            "no isolated way",
        ),
        ("Non-endpoint PCI devices cannot be assigned to guests", "a bridge"),
        (
            "unsupported configuration: host doesn't support passthrough of host PCI devices",
            "neither an IOMMU",
        ),
        (
            "unsupported configuration: host doesn't support VFIO PCI passthrough",
            "no VFIO on this host",
        ),
        (
            "vfio: Cannot reset device 0000:01:00.1, depends on group 7 which is not owned.",
            "device of IOMMU group 7",
        ),
        (
            "vfio: Cannot reset device 0000:01:00.1, depends on device 0000:01:00.0 which is not \
             owned.",
            "together with 0000:01:00.0",
        ),
        (
            "vfio: Cannot reset device 0000:01:00.1, no available reset mechanism.",
            "no reset of its own",
        ),
        (
            "internal error: Unable to configure VF 3 of PF 'eth0' because the PF is not online. \
             Please change host network config to put the PF online.",
            "only while its PF is up",
        ),
        (
            "unsupported configuration: Interface type hostdev is currently supported on SR-IOV \
             Virtual Functions only",
            "it is no VF",
        ),
        (
            "virtualport type 802.1Qbg is currently not supported on interfaces of type hostdev",
            "only 802.1Qbh",
        ),
        (
            "direct setting of the vlan tag is not allowed for hostdev devices using 802.1Qbh mode",
            "the switch sets the VLAN",
        ),
        ("Bus 'pcie.0' does not support hotplugging", "bus pcie.0 takes devices only before"),
        ("internal error: No more available PCI slots", "no free port"),
        ("PCI: no slot/function available for vfio-pci, all in use or reserved", "the bus is full"),
        (
            "PCI: slot 0 function 0 not available for vfio-pci, in use by virtio-rng-pci,id=rng0",
            "virtio-rng-pci is in this place",
        ),
        (
            "PCI: slot 0 function 0 already occupied by virtio-rng-pci, new func vfio-pci cannot \
             be exposed to guest.",
            "virtio-rng-pci is in this place",
        ),
        (
            "PCI: slot 3 is not valid for vfio-pci, parent device only allows plugging into slot 0.",
            "place for one device",
        ),
        ("Bus 'rp7' not found", "no port of this name"),
        ("Duplicate device ID 'vf0'", "with this id already"),
        (
            "unsupported configuration: non unique alias detected: ua-vf0",
            "the alias ua-vf0 already",
        ),
        (
            "Requested operation is not valid: device is already in the domain configuration",
            "saved definition has this device",
        ),
        (
            "operation failed: Hostdev already exists in the domain configuration",
            "the VM has this device already",
        ),
        ("Requested operation is not valid: domain is not running", "no running machine"),
        (
            "device not found: no device found at address '0000:0b:10.0' matching MAC address \
             '52:54:00:6d:90:02' and alias '(<null>)'",
            "no such interface",
        ),
        ("device not found: no matching RNG device was found", "no such device"),
        ("Device vf0 is already in the process of unplug", "asked for it before"),
        ("internal error: unplug of device was rejected by the guest", "the guest keeps it"),
        (
            "Timed out during operation: cannot acquire state change lock (held by \
             monitor=remoteDispatchDomainAttachDeviceFlags)",
            "busy with another change",
        ),
        ("'pci-assign' is not a valid device model name", "before VFIO"),
        ("'vfio-pci' is not a valid device model name", "without VFIO"),
        ("'e1001' is not a valid device model name", "no device e1001"),
        ("failed to find romfile \"efi-e1000e.rom\"", "boot ROM"),
        (
            "XML error: Invalid value for attribute 'id' in element 'tag': '4x'. Expected \
             non-negative integer value",
            "does not take it: Invalid value for attribute 'id'",
        ),
    ];

    #[test]
    fn what_people_met_is_explained() {
        for (message, part) in MET {
            let explained = explain(message).unwrap_or_else(|| panic!("unknown: {message}"));
            assert!(explained.why.contains(part), "{message}: {}", explained.why);
            let said = [vec![explained.why], explained.hints].concat().concat();
            assert!(!said.contains(['{', '}']), "{message}: a hole was left in {said}");
        }
    }

    #[test]
    fn each_line_of_the_table_is_reached() {
        for (line, known) in known::REFUSALS.iter().enumerate() {
            let first = |message: &str| {
                known::REFUSALS.iter().position(|known| matched(known.says, message).is_some())
            };
            let reached = MET.iter().any(|(message, _)| first(message) == Some(line));
            assert!(reached, "no message meets `{}` first", known.says);
        }
    }

    #[test]
    fn hints_name_what_the_message_named() {
        let hints = |message| explain(message).unwrap().hints;
        assert_eq!(
            hints("PCI device 0000:0b:10.0 is in use by driver QEMU, domain My Guest"),
            ["virtfn detach 'My Guest' 0b:10.0"]
        );
        assert_eq!(
            hints("PCI device 0000:0b:10.0 is in use by driver QEMU, domain $(it's)"),
            [r"virtfn detach '$(it'\''s)' 0b:10.0"]
        );
        assert_eq!(hints("vfio 0000:0b:10.0: group 16 is not viable"), ["virtfn groups 0b:10.0"]);
        assert_eq!(hints("group 16 is not viable"), ["virtfn groups DEVICE"]);
    }

    #[test]
    fn words_that_are_not_known_are_left_alone() {
        for message in ["", "operation failed", "group 16 is viable", "{device}", "Bus '"] {
            assert_eq!(explain(message), None, "{message}");
        }
    }

    proptest! {
        #[test]
        fn any_words_are_read_without_a_panic(message: String) {
            let _ = explain(&message);
        }
    }
}
