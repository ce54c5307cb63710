//! What a guest reaches beside config space and memory, as far as this host shows it.

use virtfn_doctor::{Finding, Object, Uses, Verdict};
use virtfn_host::{Function, Host, Role};
use virtfn_predict::{Judgement, isolation};

use super::Note;

/// Doctor's rules that tell, and what each is about here.
const TOLD: [(&str, &str); 4] = [
    ("device-not-translated", "DMA"),
    ("interrupt-remapping-off", "interrupts"),
    ("ats-past-iommu", "ATS"),
    ("no-flr", "reset"),
];

pub(super) fn notes(host: &Host, function: &Function) -> Vec<Note> {
    let findings = virtfn_doctor::judge(host, Uses::VM, &[function.address]);
    let about = [Object::Host, Object::Function(function.address)];
    let told = TOLD.iter().filter_map(|(rule, word)| {
        let mut all = findings.iter().filter(|one| one.rule == *rule);
        let finding = all.find(|one| about.contains(&one.object))?;
        Some(note(word, finding))
    });
    told.chain(Some(peers(host, function))).chain(standing(function)).collect()
}

fn note(about: &'static str, finding: &Finding) -> Note {
    let because = finding.because.map(|rule| format!(" (see {rule})")).unwrap_or_default();
    // What another rule's failure explains is no less wrong here.
    let verdict = if finding.because.is_some() { Verdict::Fail } else { finding.verdict };
    let summary = match (about, verdict) {
        ("DMA", Verdict::Pass) => {
            format!("reaches the guest's own memory alone: {}", finding.summary)
        }
        _ => finding.summary.clone(),
    };
    Note { about, verdict: Some(verdict), summary: format!("{summary}{because}") }
}

/// May it reach other devices without passing the IOMMU?
fn peers(host: &Host, function: &Function) -> Note {
    let (verdict, summary) = match isolation(host, function).judgement() {
        Judgement::Isolated => (
            Verdict::Pass,
            "none is reached past the IOMMU: every port on the way redirects".into(),
        ),
        Judgement::Broken(at) => {
            (Verdict::Fail, format!("others may be reached past the IOMMU: {at}"))
        }
        Judgement::Unknown(what) => (
            Verdict::Unknown,
            format!("whether it reaches others could not be seen: {}", what.unreadable),
        ),
    };
    Note { about: "peers", verdict: Some(verdict), summary }
}

/// What is so on every host, by what the function is.
fn standing(function: &Function) -> Vec<Note> {
    let standing =
        |about, summary: &str| Note { about, verdict: None, summary: summary.to_owned() };
    if matches!(function.role, Role::Vf(_) | Role::Leaving { .. }) {
        return vec![standing(
            "device",
            "what its BARs and messages to the PF can do is limited by the card and the PF's driver \
             alone: nobody else looks on",
        )];
    }
    let mut notes = vec![standing(
        "device",
        "all of it: firmware, flash and EEPROM are written through BARs or vendor registers, where \
         nobody looks on; what is written there outlives the guest",
    )];
    if function.pf().is_some() {
        notes.push(standing(
            "VFs",
            "the guest sees the SR-IOV capability and cannot switch it on; the card's settings for \
             VFs (MAC, VLAN, spoof check, rates) are the guest's",
        ));
    }
    notes
}
