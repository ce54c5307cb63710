//! May a VF send requests past the IOMMU by its own word?

use virtfn_host::{Function, Host};
use virtfn_pci::{AcsFlags, Looked};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "ats-past-iommu",
    label: "ATS",
    about: About::EachVf,
    matters_for: Uses::VM,
    weight: Weight::Advice,
    follows: &["iommu-absent-in-firmware", "iommu-off-in-kernel", "device-not-translated"],
    judge: Judge::Each(judge),
    page: include_str!("ats_past_iommu.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let path = at(function, "config");
    let unseen = || {
        Opinion::unknown("whether it translates addresses by itself could not be seen")
            .missed(&path, &function.config)
    };
    let Some(config) = function.config.known() else { return unseen() };
    let enabled = match config.capabilities().ats() {
        Looked::Found(ats) => ats.enabled,
        Looked::Absent => {
            return Opinion::pass("translates no addresses by itself").saw(path, "no ATS");
        }
        Looked::NotVisible(_) => {
            return unseen()
                .saw(path.as_str(), "not permitted (run as root to see it)")
                .fix("run virtfn doctor as root");
        }
    };
    if !enabled {
        return Opinion::pass("translates no addresses by itself").saw(path, "ATSCtl: Enable-");
    }
    let Some((port, blocking)) = port_above(host, function) else {
        return Opinion::unknown(
            "whether the port above lets its translated requests pass could not be seen",
        )
        .saw(path, "ATSCtl: Enable+");
    };
    if blocking {
        return Opinion::pass("the port above stops requests that it calls translated")
            .saw(at(port, "config"), "ACSCtl: TransBlk+");
    }
    Opinion::warn("translates addresses by itself, and the port above believes it: the card's firmware is trusted with all memory")
        .saw(path, "ATSCtl: Enable+")
        .saw(at(port, "config"), "ACSCtl: TransBlk-")
        .fix("nothing, where you trust the card's maker: cards with ATS are meant to work so")
        .fix("else pci=noats on the kernel's command line, then reboot")
}

/// The port that the function, or its PF, hangs on, and whether it blocks translated requests. None:
/// it could not be seen.
fn port_above<'h>(host: &'h Host, function: &Function) -> Option<(&'h Function, bool)> {
    let pf = function.vf().and_then(|vf| host.functions.get(&vf.pf));
    let parent = pf.and_then(|pf| pf.parent).or(function.parent)?;
    let port = host.functions.get(&parent)?;
    let walk = port.config.known()?.capabilities();
    match walk.acs() {
        Looked::Found(acs) => Some((port, acs.control.has(AcsFlags::TRANSLATION_BLOCKING))),
        Looked::Absent => Some((port, false)),
        Looked::NotVisible(_) => None,
    }
}
