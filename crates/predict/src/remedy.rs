//! What would part the functions that a break in isolation joins, best first.

use std::collections::BTreeSet;

use virtfn_host::{Function, Host};
use virtfn_pci::Address;

use crate::acs::{self, Acs, Lack};
use crate::isolation::{Break, parents};
use crate::kind::Kind;

/// No remedy names more slots than this.
const MOST_SLOTS: usize = 3;

/// Something that would part functions, or seem to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What to do.
    pub text: String,
    /// It makes smaller groups and leaves the functions able to reach each other.
    pub lowers_security: bool,
}

fn sound(text: impl Into<String>) -> Remedy {
    Remedy { text: text.into(), lowers_security: false }
}

/// What would mend a break, best first.
#[must_use]
pub fn remedies(host: &Host, at: &Break) -> Vec<Remedy> {
    match at.lack {
        Lack::SwitchedOff => switch_on(host, at),
        Lack::NoCapability | Lack::Quirk(_) => by_slot_or_firmware(host, at),
        Lack::SharedDevice => vec![
            sound(
                "pass all functions of the device to the same VM: they are one piece of hardware",
            ),
            sound("try a newer kernel, which may know that this device keeps its functions apart"),
            pretence("multifunction"),
        ],
        Lack::Conventional => {
            let mut all = vec![sound("put the card in a slot that is PCI Express all the way up")];
            all.extend(other_slots(host, at));
            all
        }
        Lack::BehindController => vec![sound(
            "switch off VMD in the firmware's setup (Intel VMD, Volume Management Device, RAID mode): \
             then its drives are devices of their own",
        )],
        Lack::EventCollector => {
            vec![sound("pass all functions of the group to the same VM: nothing parts them")]
        }
    }
}

fn by_slot_or_firmware(host: &Host, at: &Break) -> Vec<Remedy> {
    let mut all: Vec<Remedy> = other_slots(host, at).into_iter().collect();
    let none_shows = all.is_empty();
    if at.kind == Some(Kind::DownstreamPort) {
        all.push(sound("a switch whose downstream ports have ACS"));
    }
    all.push(sound(
        "switch on ACS in the firmware's setup, if it is there (PCIe ACS, ACS Enable; on AMD beside \
         AER)",
    ));
    if none_shows {
        all.push(sound(
            "try another slot: firmware may hide root ports that have nothing below them",
        ));
    }
    all.push(sound("try a newer kernel, which may know this port to isolate"));
    all.push(pretence("downstream"));
    all
}

/// `pcie_acs_override` is a patch that some kernels carry; it changes what the kernel believes.
fn pretence(what: &str) -> Remedy {
    Remedy {
        text: format!("pcie_acs_override={what} makes smaller groups and isolates nothing"),
        lowers_security: true,
    }
}

/// The port can do it, and somebody switched it off.
fn switch_on(host: &Host, at: &Break) -> Vec<Remedy> {
    let line = host.kernel.command_line.known().map_or("", String::as_str);
    let guilty = line.split_whitespace().find(|flag| {
        flag.starts_with("pci=")
            && (flag.contains("disable_acs_redir") || flag.contains("config_acs"))
    });
    let mut all = Vec::new();
    if let Some(flag) = guilty {
        all.push(sound(format!("remove {flag} from the kernel's command line, then reboot")));
    }
    all.push(sound("switch on ACS in the firmware's setup"));
    all.push(sound(format!(
        "add pci=config_acs=xx111x1@{} to the kernel's command line (Linux 6.11 on), then reboot",
        at.address
    )));
    all
}

/// Another slot: the root ports that isolate, those with nothing below them first.
fn other_slots(host: &Host, at: &Break) -> Option<Remedy> {
    let breaking: BTreeSet<Address> = std::iter::once(at.address)
        .chain(
            host.functions
                .get(&at.address)
                .into_iter()
                .flat_map(|function| parents(host, function).map(|bridge| bridge.address)),
        )
        .collect();
    let is_other = |port: &&Function| !breaking.contains(&port.address) && is_good_port(host, port);
    let ports: Vec<Address> =
        host.functions.values().filter(is_other).map(|port| port.address).collect();
    let taken: BTreeSet<Address> =
        host.functions.values().filter_map(|function| function.parent).collect();
    let free: Vec<Address> = ports.iter().copied().filter(|port| !taken.contains(port)).collect();
    let ports = match (free.as_slice(), ports.as_slice()) {
        ([], []) => return None,
        ([], [one]) => format!("{} isolates", one.short()),
        ([], some) => format!("{} isolate", named(some)),
        ([one], _) => format!("{} is free", one.short()),
        (free, _) => format!("{} are free", named(free)),
    };
    Some(sound(format!("put one of the cards in a slot that hangs on another root port ({ports})")))
}

/// A root port on whose word nothing below it is joined with others.
fn is_good_port(host: &Host, function: &Function) -> bool {
    let kind = function.config.known().map(|config| Kind::of(function, &config.capabilities()));
    matches!(kind, Some(Ok(Kind::RootPort)))
        && matches!(acs::judge(host, function), Acs::Isolates(_))
}

fn named(ports: &[Address]) -> String {
    let shown: Vec<String> = ports.iter().take(MOST_SLOTS).map(|port| port.short()).collect();
    shown.join(", ")
}
