//! How many guests can share the device.

use virtfn_host::{Function, Pf, Seen};
use virtfn_pci::Looked;
use virtfn_predict::{Cause, Filters, known, room};

use super::cell::{Answer, Answers};
use super::facts::{Column, Facts, at, walk};

pub(super) fn share(facts: &Facts<'_>) -> Answers {
    [Answer::fact("1"), vfs(facts), macvtaps(facts), virtio(facts)]
}

fn vfs(facts: &Facts<'_>) -> Answer {
    let Some(pf) = facts.pf() else { return Answer::none() };
    let users = users(facts, pf);
    let mut text = match facts.vf {
        Column::Asked(..) => format!("1 on this VF; {} of {} made", pf.vfs.len(), pf.total_vfs),
        _ => format!("{}: {} made", pf.total_vfs, pf.vfs.len()),
    };
    text.push_str(&match users {
        _ if pf.vfs.is_empty() => String::new(),
        Users { unseen: 0, free } => format!(", {free} free"),
        Users { free: 0, .. } => ", users not seen".into(),
        Users { free, unseen } => format!(", {free} free, {unseen} not seen"),
    });
    if let Some(most) = limit(facts, pf) {
        text.push_str(&most);
    }
    let unseen = users.unseen > 0 && !pf.vfs.is_empty();
    let answer = if unseen { Answer::unknown(text) } else { Answer::fact(text) };
    proved(facts, pf, answer)
}

struct Users {
    free: usize,
    unseen: usize,
}

/// How many VFs nobody uses, and of how many that could not be seen.
fn users(facts: &Facts<'_>, pf: &Pf) -> Users {
    let vfs = pf.vfs.values().filter_map(|address| facts.host.functions.get(address));
    let mut users = Users { free: 0, unseen: 0 };
    for vf in vfs {
        match &vf.holders {
            Seen::Known(holders) if holders.is_empty() => users.free += 1,
            Seen::Known(_) => {}
            Seen::Absent | Seen::Unreadable(_) => users.unseen += 1,
        }
    }
    users
}

/// What lets fewer be made than the driver allows.
fn limit(facts: &Facts<'_>, pf: &Pf) -> Option<String> {
    let room = room(facts.host, facts.device)?;
    let tightest = room.limits.iter().min_by_key(|limit| limit.most)?;
    let less = tightest.most < pf.total_vfs && !matches!(tightest.cause, Cause::Driver { .. });
    less.then(|| format!("; room for {}", tightest.most))
}

fn proved(facts: &Facts<'_>, pf: &Pf, answer: Answer) -> Answer {
    let device = facts.device;
    let answer = answer.saw(at(device, "sriov_totalvfs"), pf.total_vfs.to_string());
    let answer = match total(device) {
        Some(card) => {
            answer.saw(at(device, "config"), format!("SR-IOV capability, TotalVFs {card}"))
        }
        None => answer,
    };
    let limits = room(facts.host, device).map(|room| room.limits).unwrap_or_default();
    limits.iter().filter(|limit| limit.cause.question().is_some()).fold(answer, |answer, limit| {
        answer.saw(at(device, "resource"), format!("{} VFs: {}", limit.most, limit.cause))
    })
}

/// How many VFs the card itself has.
fn total(device: &Function) -> Option<u16> {
    match walk(device)?.sriov() {
        Looked::Found(sriov) => Some(sriov.total_vfs),
        Looked::Absent | Looked::NotVisible(_) => None,
    }
}

/// No number limits them: the card takes in all addresses once its filters are full.
fn macvtaps(facts: &Facts<'_>) -> Answer {
    let known = known(facts.device);
    match known.map(|known| known.filters) {
        Some(Filters::Shared { card, .. }) => Answer::fact(format!(
            "no limit: each takes one of the card's {card} filters, then it takes in all"
        ))
        .saw(at(facts.device, "driver"), facts.device.driver.clone().unwrap_or_default()),
        _ => Answer::fact("no limit: each takes an address filter of the card, while it has any"),
    }
}

fn virtio(facts: &Facts<'_>) -> Answer {
    if facts.is_drive() {
        return Answer::fact("no limit: one for each partition, volume or file");
    }
    Answer::fact("no limit by the card")
}
