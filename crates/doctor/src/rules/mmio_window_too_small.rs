//! Did the kernel find memory for the VFs' BARs?

use virtfn_host::{Function, Host, Resource};
use virtfn_predict::{Cause, NoMemory, Question, room};

use crate::advice;
use crate::evidence::{at, flags};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "mmio-window-too-small",
    label: "VF memory",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Requirement,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("mmio_window_too_small.md"),
};

/// Lines of `resource` that are the VFs' BARs.
const VF_LINES: std::ops::Range<usize> = 7..13;

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some((room, pf)) = room(host, function).zip(function.pf()) else {
        return Opinion::not_applicable("makes no VFs");
    };
    let path = at(function, "resource");
    match room.about(Question::Memory) {
        (Some(limit), _) => {
            let opinion = Opinion::fail(format!("no VF can be made: {}", limit.cause));
            let opinion = opinion.saw(path, "VF BARs (lines 7 to 12): not all placed");
            let opinion = logged(host, function)
                .into_iter()
                .fold(opinion, |opinion, line| opinion.saw("kernel.log", line));
            match &limit.cause {
                Cause::Memory(memory) => opinion.fixes(remedies(host, memory)),
                _ => opinion,
            }
        }
        (None, Some(unseen)) => {
            Opinion::unknown("whether there is memory for its VFs could not be seen")
                .could_not_see(&unseen.unreadable)
        }
        (None, None) if !pf.vfs.is_empty() => {
            Opinion::pass(format!("its {} VFs have their memory", pf.vfs.len()))
                .saw(at(function, "virtfn0"), "a link")
        }
        (None, None) => Opinion::pass(format!("{} placed", size(placed(function))))
            .saw(path, format!("VF BARs (lines 7 to 12): {} in all", size(placed(function)))),
    }
}

fn placed(function: &Function) -> u64 {
    let lines = function.resources.known().map_or(&[][..], |lines| lines.as_slice());
    let own = lines.iter().take(VF_LINES.end).skip(VF_LINES.start);
    own.map(|line: &Resource| line.size()).fold(0, u64::saturating_add)
}

fn size(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

/// The kernel's own lines on the VF BARs that it could not place.
fn logged(host: &Host, function: &Function) -> Vec<String> {
    let own = format!("{}: ", function.address);
    let tells = |line: &&String| {
        let speaks = line.contains(&own) && line.contains("BAR");
        speaks && ["can't assign", "failed to assign", "no space"].iter().any(|w| line.contains(w))
    };
    let lines = host.kernel.log.known().into_iter().flatten();
    lines.filter(tells).take(4).cloned().collect()
}

fn remedies(host: &Host, memory: &NoMemory) -> Vec<String> {
    let mut fixes = Vec::new();
    let off = flags(host).into_iter().find(|flag| flag.contains("realloc=off"));
    if let Some(flag) = off {
        fixes.extend(advice::command_line(&format!("remove {flag}")));
    }
    fixes.push(
        "in the firmware's setup switch on Above 4G Decoding (MMIO above 4G, MMIO High Size) and \
         SR-IOV support"
            .into(),
    );
    if off.is_none() {
        fixes.extend(advice::command_line("add pci=realloc"));
    }
    match memory.would_fit {
        Some(0) | None => fixes.push("lower the number of VFs in the card's own firmware".into()),
        Some(count) => fixes.push(format!(
            "lower the number of VFs in the card's own firmware, to {count} or less"
        )),
    }
    fixes.push("put the card in another slot, or take other cards off its bridge".into());
    fixes
}
