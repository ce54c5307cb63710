//! What the device's own registers give a guest: resets, interrupts, and the way of its data.

use virtfn_host::{Function, Seen};
use virtfn_pci::Looked;
use virtfn_predict::known;

use super::cell::{Answer, Answers};
use super::facts::{Facts, Module, at, walk};

/// Resets of one function that leave its neighbours alone.
const CLEAN: [&str; 4] = ["flr", "af_flr", "device_specific", "acpi"];

pub(super) fn reset(facts: &Facts<'_>) -> Answers {
    let vf = match facts.made() {
        Some(vf) => reset_of(facts, vf),
        // PCIe 6.0 §9.2.2.2.
        None => Answer::yes("FLR, which every VF must have"),
    };
    let new = || Answer::yes("each guest has a new one");
    [reset_of(facts, facts.device), vf, new(), new()]
}

pub(super) fn reset_of(facts: &Facts<'_>, function: &Function) -> Answer {
    let path = at(function, "reset_method");
    match &function.reset_methods {
        Seen::Known(methods) if methods.is_empty() => {
            Answer::no("none: the next guest finds what this one left").saw(path, "empty")
        }
        Seen::Known(methods) => {
            let words = methods.join(" ");
            let clean = methods.iter().any(|method| CLEAN.contains(&method.as_str()));
            let answer = if clean {
                Answer::yes(words.clone())
            } else {
                Answer::partly(format!("only {words}, none of its own"))
            };
            answer.saw(path, words)
        }
        Seen::Absent if lists_methods(facts) => {
            Answer::no("none: the next guest finds what this one left").saw(path, "not there")
        }
        Seen::Absent => by_register(function),
        Seen::Unreadable(unseen) => {
            Answer::unknown("not seen").saw(unseen.path.clone(), unseen.why.to_string())
        }
    }
}

/// Does this kernel have the list (5.15 on) for anybody?
fn lists_methods(facts: &Facts<'_>) -> bool {
    facts.host.functions.values().any(|one| one.reset_methods.known().is_some())
}

fn by_register(function: &Function) -> Answer {
    let path = at(function, "config");
    match walk(function).map(|walk| walk.express().map(|pcie| pcie.has_function_level_reset())) {
        Some(Looked::Found(true)) => Answer::yes("FLR").saw(path, "Device Capabilities: FLR"),
        _ => Answer::unknown("not seen").saw(at(function, "reset_method"), "not there"),
    }
}

pub(super) fn interrupts(facts: &Facts<'_>) -> Answers {
    let vf = match facts.made() {
        Some(vf) => with_queues(facts, vectors(vf)),
        None => with_queues(facts, Answer::unknown("shows once a VF is there")),
    };
    let software = if facts.is_drive() {
        Answer::fact("one a queue, as QEMU is told")
    } else {
        Answer::fact("two a pair of queues, as QEMU is told")
    };
    [vectors(facts.device), vf, software.clone(), software]
}

fn vectors(function: &Function) -> Answer {
    let path = at(function, "config");
    let Some(walk) = walk(function) else {
        return Answer::unknown("not seen").saw(path, "not readable");
    };
    match (walk.msi_x(), walk.msi()) {
        (Looked::Found(msix), _) => Answer::fact(format!("{} MSI-X", msix.count))
            .saw(path, format!("MSI-X capability, {} vectors", msix.count)),
        (Looked::NotVisible(cut), _) | (_, Looked::NotVisible(cut)) => {
            Answer::unknown("not seen").saw(path, cut.to_string())
        }
        (Looked::Absent, Looked::Found(msi)) => {
            Answer::fact(format!("{} MSI", msi.messages_capable))
                .saw(path, format!("MSI capability, {} messages", msi.messages_capable))
        }
        (Looked::Absent, Looked::Absent) => {
            Answer::partly("a line of its slot, no MSI").saw(path, "neither MSI nor MSI-X")
        }
    }
}

/// What the PF's driver leaves to a VF.
fn with_queues(facts: &Facts<'_>, vectors: Answer) -> Answer {
    let Some((known, queues)) = known(facts.device).and_then(|known| Some((known, known.queues?)))
    else {
        return vectors;
    };
    let text = format!("{}; up to {queues} queue pairs", vectors.text);
    vectors.reworded(text).saw(at(facts.device, "driver"), known.driver)
}

pub(super) fn path(facts: &Facts<'_>) -> Answers {
    let straight = Answer::fact("none: DMA straight to the guest, no copy");
    if !facts.is_network() {
        let disk = Answer::fact("through QEMU and the host's block layer");
        return [straight.clone(), straight, Answer::none(), disk];
    }
    let vf = Answer::fact("none: DMA straight to the guest, the card switches");
    let copy = match facts.module("vhost_net") {
        Module::There => "a CPU of the host copies it once (vhost)",
        Module::Missing => "QEMU copies it: no vhost_net here",
        Module::NotSeen(_) => "a CPU of the host copies it",
    };
    [straight, vf, Answer::fact(copy), Answer::fact(format!("{copy}, and bridges it"))]
}
