//! The line that a person reads first.

use super::facts::{Facts, list};
use super::today::Standing;
use super::{Mark, Way};

/// Which ways can be gone today, and what stands in the others.
pub(super) fn line(facts: &Facts<'_>, standings: &[Standing; 4]) -> String {
    let name = facts.device.address.short();
    let at = |mark| {
        Way::ALL.into_iter().zip(standings).filter(move |(_, standing)| standing.mark == mark)
    };
    let clear: Vec<Way> = at(Mark::Yes).map(|(way, _)| way).collect();
    let mut line = match clear.as_slice() {
        [] if at(Mark::Partly).next().is_none() && at(Mark::Unknown).next().is_none() => {
            format!("Today {name} cannot go to a guest in any way.")
        }
        [] => format!("Today no way of {name} to a guest is known to be clear."),
        ways => format!("Today {name} can go to guests {}.", phrases(ways.iter().copied())),
    };
    for (mark, word) in
        [(Mark::Partly, "With a catch,"), (Mark::No, "Not"), (Mark::Unknown, "Not sure,")]
    {
        for (ways, why) in by_reason(at(mark)) {
            line.push_str(&format!(" {word} {}: {why}.", phrases(ways.into_iter())));
        }
    }
    line
}

fn phrases(ways: impl Iterator<Item = Way>) -> String {
    list(ways.map(|way| way.phrase().to_owned()))
}

/// Ways that have the same first reason are told in one sentence.
fn by_reason<'s>(ways: impl Iterator<Item = (Way, &'s Standing)>) -> Vec<(Vec<Way>, String)> {
    let mut told: Vec<(Vec<Way>, String)> = Vec::new();
    for (way, standing) in ways {
        let Some(first) = standing.reasons.first() else { continue };
        let rule = first.rule.map(|rule| format!(" ({rule})")).unwrap_or_default();
        let more = match standing.reasons.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more below"),
        };
        let why = format!("{}{rule}{more}", first.summary);
        match told.iter_mut().find(|(_, known)| *known == why) {
            Some((ways, _)) => ways.push(way),
            None => told.push((vec![way], why)),
        }
    }
    told
}
