//! What of a device's XML is understood, so that nothing of a person's file is dropped unsaid.

use roxmltree::Node;

use super::document::{Xml, elements};
use crate::fault::Fault;

/// An element: its name, its attributes, and the elements in it.
type Known = (&'static str, &'static [&'static str], &'static [&'static str]);

const KNOWN: [Known; 14] = [
    ("interface", &["type", "managed"], &[]),
    ("hostdev", &["mode", "type", "managed"], &[]),
    ("mac", &["address"], &[]),
    ("driver", &["name", "model"], &[]),
    ("source", &["network"], &["address"]),
    ("address", &["type", "domain", "bus", "slot", "function", "multifunction"], &[]),
    ("vlan", &["trunk"], &["tag"]),
    ("tag", &["id"], &[]),
    ("virtualport", &["type"], &["parameters"]),
    ("parameters", &["profileid"], &[]),
    ("teaming", &["type", "persistent"], &[]),
    ("boot", &["order"], &[]),
    ("rom", &["enabled", "bar", "file"], &[]),
    ("alias", &["name"], &[]),
];

/// Refuses what would be lost: attributes, and elements in elements, that are not understood.
/// Elements right in the device that are not are kept whole.
///
/// # Errors
/// At the first.
pub(super) fn refuse_what_is_lost(xml: &Xml<'_>, device: Node<'_, '_>) -> Result<(), Fault> {
    attributes(xml, device)?;
    for element in elements(device).filter(|element| known(*element).is_some()) {
        attributes(xml, element)?;
        let Some((name, _, inside)) = known(element) else { continue };
        for child in elements(element) {
            let child_name = child.tag_name().name();
            if !inside.contains(&child_name) {
                return Err(lost(xml.fault_of(child, format!("<{child_name}> in <{name}>{LOST}"))));
            }
            attributes(xml, child)?;
        }
    }
    Ok(())
}

const LOST: &str = " is not understood here, and would be lost";

fn attributes(xml: &Xml<'_>, element: Node<'_, '_>) -> Result<(), Fault> {
    let Some((name, known, _)) = known(element) else { return Ok(()) };
    let stranger = element.attributes().find(|attribute| !known.contains(&attribute.name()));
    match stranger {
        Some(attribute) => {
            let why = format!("`{}` of <{name}>{LOST}", attribute.name());
            Err(lost(xml.fault(attribute.range(), why)))
        }
        None => Ok(()),
    }
}

fn lost(fault: Fault) -> Fault {
    fault.hint(Some("leave it out, or give the file to virsh attach-device".into()))
}

fn known(element: Node<'_, '_>) -> Option<&'static Known> {
    KNOWN.iter().find(|(name, ..)| element.tag_name().name() == *name)
}
