//! Whether a running guest moves to another host with it.

use virtfn_host::{Capability, Seen, Switch};

use super::Mark;
use super::cell::{Answer, Answers};
use super::facts::{Column, Facts, at};

const TABLE: &str = "lib/modules/*/modules.alias";

pub(super) fn live(facts: &Facts<'_>) -> Answers {
    let device = facts.device;
    let whole = by_driver(facts, &device.variants).saw_modalias(facts);
    let virtio = if facts.is_drive() {
        Answer::partly("yes, its data copied or shared")
    } else {
        Answer::yes("yes")
    };
    [whole, vf(facts), Answer::yes("yes, to an interface of the same name"), virtio]
}

/// A VF moves with a VFIO driver that was made for it, and in switchdev mode once the card is told.
fn vf(facts: &Facts<'_>) -> Answer {
    let Some(pf) = facts.pf() else { return Answer::none() };
    let variants = match facts.made() {
        Some(vf) if vf.variants.known().is_some() => &vf.variants,
        _ => &pf.vf_variants,
    };
    let answer = by_driver(facts, variants).saw_modalias(facts);
    let (Column::Asked(index, _) | Column::Made(index, _)) = facts.vf else { return answer };
    let port = pf.ports.known().and_then(|ports| ports.vfs.get(&index));
    let told = port.and_then(|port| port.capabilities.get(&Capability::Migratable));
    match told {
        Some(on) => {
            let text = match on {
                Switch::On => answer.text.clone(),
                Switch::Off => format!("{}, once its port is migratable", answer.text),
            };
            answer
                .reworded(text)
                .saw(format!("devlink port of VF {index}"), format!("migratable {on}"))
        }
        None => answer,
    }
}

fn by_driver(facts: &Facts<'_>, variants: &Seen<Vec<String>>) -> Answer {
    match variants {
        Seen::Known(variants) => match variants.first() {
            Some(best) => Answer::partly(format!("with {best}, if it can")),
            None if facts.is_ethernet() => {
                Answer::no("no VFIO driver of its own: only as a failover pair with virtio")
            }
            None => Answer::no("no VFIO driver of its own"),
        },
        Seen::Absent | Seen::Unreadable(_) => {
            Answer::unknown("which VFIO drivers fit was not seen")
        }
    }
}

impl Answer {
    /// The table that tells which drivers fit, or the device's own word for itself.
    fn saw_modalias(self, facts: &Facts<'_>) -> Self {
        match self.mark {
            Some(Mark::Unknown) => {
                self.saw(at(facts.device, "modalias"), "no table to hold it against")
            }
            Some(Mark::No) => self.saw(TABLE, "no line vfio_pci: fits"),
            _ => self.saw(TABLE, "a line vfio_pci: fits"),
        }
    }
}
