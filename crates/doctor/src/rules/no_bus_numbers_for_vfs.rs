//! Do the VFs' routing IDs lie on buses that the bridge above has?

use virtfn_host::{Function, Host};
use virtfn_predict::{Cause, Limit, NoBuses, Question, room};

use crate::advice;
use crate::evidence::{at, flags};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "no-bus-numbers-for-vfs",
    label: "VF buses",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Requirement,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("no_bus_numbers_for_vfs.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some(room) = room(host, function) else {
        return Opinion::not_applicable("makes no VFs");
    };
    match room.about(Question::Buses) {
        (Some(limit), _) => match &limit.cause {
            Cause::Buses(buses) => short(host, function, limit, buses),
            _ => Opinion::not_applicable("has no word on its buses"),
        },
        (None, Some(unseen)) => {
            Opinion::unknown("whether there are bus numbers for its VFs could not be seen")
                .could_not_see(&unseen.unreadable)
        }
        (None, None) => {
            let pf = function.pf();
            let total = pf.map_or(0, |pf| pf.total_vfs);
            let placement = pf.map_or_else(String::new, |pf| {
                let number = |seen: &virtfn_host::Seen<u16>| {
                    seen.known().map_or_else(|| "as config says".to_owned(), u16::to_string)
                };
                format!("offset {}, stride {}", number(&pf.vf_offset), number(&pf.vf_stride))
            });
            Opinion::pass(format!("numbers for all {total} VFs"))
                .saw(at(function, "sriov_offset"), placement)
        }
    }
}

/// Some VFs are better than none: then it only warns.
fn short(host: &Host, function: &Function, limit: &Limit, buses: &NoBuses) -> Opinion {
    let opinion = match limit.most {
        0 => Opinion::fail(format!("no VF can be made: {}", limit.cause)),
        most => Opinion::warn(format!("only {most} VFs can be made: {}", limit.cause)),
    };
    let opinion = opinion.saw(
        at(function, "sriov_offset"),
        format!("offset {}, stride {}", buses.offset, buses.stride),
    );
    let opinion = match buses.port {
        Some(port) => opinion.saw(
            format!("sys/bus/pci/devices/{port}/config"),
            format!("subordinate bus {:02x}", buses.last_bus),
        ),
        None => opinion.saw("kernel.log", format!("root bus resource {}", buses.range())),
    };
    opinion.fixes(remedies(host, limit.most, buses))
}

fn remedies(host: &Host, most: u16, buses: &NoBuses) -> Vec<String> {
    let mut fixes = Vec::new();
    let off = flags(host).into_iter().find(|flag| flag.contains("noari"));
    if let Some(flag) = off {
        fixes.extend(advice::command_line(&format!("remove {flag}")));
    }
    if buses.ari != Some(true) {
        if buses.port_forwards_ari == Some(false) {
            fixes.push(
                "put the card in a slot whose port forwards ARI (lspci -vv: DevCap2 ARIFwd+): its \
                 VFs then lie nearer to it"
                    .into(),
            );
        }
        fixes.push("switch on ARI in the firmware's setup (ARI Support), if it is there".into());
    }
    fixes.extend(advice::command_line("add pci=assign-busses (x86)"));
    if most > 0 {
        fixes.push(format!("virtfn create {} --vfs {most}", buses.pf.short()));
    }
    fixes
}
