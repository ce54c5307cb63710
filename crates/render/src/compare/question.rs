//! What is asked of every way, in the order of the rows.

use super::cell::Answers;
use super::facts::Facts;
use super::{card, control, guests, migration, reach, switching};

/// A question.
pub(super) struct Question {
    /// Its name in documents.
    pub(super) id: &'static str,
    /// What starts its row.
    pub(super) label: &'static str,
    /// The whole of it, for who meets it the first time.
    pub(super) asks: &'static str,
    pub(super) answer: fn(&Facts<'_>) -> Answers,
}

/// The first questions of the parts in which a person reads them.
pub(super) const PARTS: [&str; 4] = ["mac", "switched", "migrates", "memory"];

const fn ask(
    id: &'static str,
    label: &'static str,
    asks: &'static str,
    answer: fn(&Facts<'_>) -> Answers,
) -> Question {
    Question { id, label, asks, answer }
}

/// Every question but the first, which is whether it can be done today.
pub(super) const ALL: [Question; 16] = [
    ask("guests", "guests", "How many guests can share it?", guests::share),
    ask("mac", "MAC", "Does the host decide on a guest's MAC address?", control::mac),
    ask("vlan", "VLAN", "Does the host decide on a guest's VLAN?", control::vlan),
    ask(
        "spoof-check",
        "spoof check",
        "Is a guest kept from sending under other addresses?",
        control::spoof_check,
    ),
    ask(
        "trust",
        "trust",
        "Can the host keep a guest from other addresses' packets?",
        control::trust,
    ),
    ask("rate", "rate", "Can the host limit what a guest sends?", control::rate),
    ask("link", "link", "Can the host take a guest's link down?", control::link),
    ask("switched", "switched", "Where are packets switched?", switching::place),
    ask("features", "features", "What does that switch do?", switching::features),
    ask("path", "path", "What does a packet cost the host?", card::path),
    ask(
        "migrates",
        "migrates",
        "Does a running guest move to another host with it?",
        migration::live,
    ),
    ask("memory", "memory", "What memory does the device reach for the guest?", reach::memory),
    ask(
        "registers",
        "registers",
        "Which registers of the device does the guest reach?",
        reach::registers,
    ),
    ask("peers", "peers", "Are other devices out of its reach?", reach::peers),
    ask("reset", "reset", "Is it wiped between two guests?", card::reset),
    ask(
        "interrupts",
        "interrupts",
        "How many interrupts and queues does a guest get?",
        card::interrupts,
    ),
];
