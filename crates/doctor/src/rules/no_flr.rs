//! Can the device be wiped between two owners?

use virtfn_host::{Function, Host, Seen};
use virtfn_pci::Looked;

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "no-flr",
    label: "reset",
    about: About::EachGuest,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Requirement,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("no_flr.md"),
};

/// Ways that reset one function and leave its neighbours alone.
const CLEAN: [&str; 4] = ["flr", "af_flr", "device_specific", "acpi"];

fn judge(host: &Host, function: &Function) -> Opinion {
    let path = at(function, "reset_method");
    match &function.reset_methods {
        Seen::Known(methods) if methods.iter().any(|method| CLEAN.contains(&method.as_str())) => {
            let words = methods.join(" ");
            Opinion::pass(format!("can be reset: {words}")).saw(path, words)
        }
        Seen::Known(methods) if methods.is_empty() => impossible(function).saw(path, "empty"),
        Seen::Known(methods) => {
            let words = methods.join(" ");
            Opinion::warn(format!("no reset of its own (FLR), only {words}"))
                .saw(path, words)
                .fix("update the card's firmware")
                .fix("end every VM that has it before another gets it")
        }
        Seen::Absent if says_methods(host) => impossible(function).saw(path, "not there"),
        Seen::Absent => by_register(function),
        seen => Opinion::unknown("how it can be reset could not be seen").missed(&path, seen),
    }
}

/// Does this kernel have the list (5.15 on) for anybody?
fn says_methods(host: &Host) -> bool {
    host.functions.values().any(|one| one.reset_methods.known().is_some())
}

fn impossible(function: &Function) -> Opinion {
    Opinion::fail("cannot be reset: its next owner finds what the last one left")
        .fix(format!(
            "if somebody switched its resets off: echo default > /sys/bus/pci/devices/{}/reset_method",
            function.address
        ))
        .fix("update the card's firmware: without function level reset (FLR) it is not fit for VMs")
        .fix("a newer kernel may know a reset of this device's own")
}

/// A kernel without the list: the device's own word, which other ways may still do without.
fn by_register(function: &Function) -> Opinion {
    let unseen = Opinion::unknown("how it can be reset could not be seen");
    let path = at(function, "config");
    let Some(config) = function.config.known() else {
        return unseen.missed(&path, &function.config);
    };
    match config.capabilities().express() {
        Looked::Found(express) if express.has_function_level_reset() => {
            Opinion::pass("can be reset (FLR)").saw(path, "Device Capabilities: FLR")
        }
        Looked::Found(_) | Looked::Absent => unseen.saw(path, "no FLR, and no list of other ways"),
        Looked::NotVisible(_) => unseen
            .saw(path, "not permitted (run as root to see it)")
            .fix("run virtfn doctor as root"),
    }
}
