//! Would the device and its driver make VFs in their present state?

use virtfn_host::{Function, Host};
use virtfn_predict::{Cause, Question, Room, room};

use crate::advice;
use crate::evidence::{at, flags};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "pf-cannot-make-vfs",
    label: "PF's state",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Requirement,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("pf_cannot_make_vfs.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some(room) = room(host, function) else {
        return Opinion::not_applicable("makes no VFs");
    };
    let made = function.pf().map_or(0, |pf| pf.vfs.len());
    if made > 0 {
        return Opinion::pass(format!("made {made} VFs")).saw(at(function, "virtfn0"), "a link");
    }
    let answers = [Question::Driver, Question::Registers].map(|question| room.about(question));
    if let Some(limit) = answers.iter().find_map(|(limit, _)| *limit) {
        return refused(host, function, &room, &limit.cause);
    }
    match answers.iter().find_map(|(_, unseen)| *unseen) {
        Some(unseen) => Opinion::unknown("whether it can make VFs now could not be seen")
            .could_not_see(&unseen.unreadable),
        None => Opinion::pass("its registers agree, and its driver is able")
            .saw(at(function, "config"), "InitialVFs equals TotalVFs")
            .saw(at(function, "driver"), function.driver.as_deref().unwrap_or("not there")),
    }
}

fn refused(host: &Host, function: &Function, room: &Room, cause: &Cause) -> Opinion {
    let (name, words) = cause.errno().names();
    let errno = match name {
        "" => "the write to sriov_numvfs would succeed all the same".to_owned(),
        name => format!("a write to sriov_numvfs would fail with {name} ({words})"),
    };
    let opinion = Opinion::fail(format!("no VF can be made: {cause}"))
        .saw(at(function, "sriov_numvfs"), format!("{errno}; {} would be made", room.fits()));
    match cause {
        Cause::NoMsiX { capable: true, .. } => {
            let guilty = flags(host).into_iter().find(|flag| flag.contains("nomsi"));
            let opinion = opinion
                .saw(at(function, "config"), "MSI-X capability, not enabled")
                .saw("proc/cmdline", guilty.unwrap_or("pci=nomsi"));
            opinion
                .fixes(advice::command_line(&format!("remove {}", guilty.unwrap_or("pci=nomsi"))))
        }
        Cause::NoMsiX { .. } => opinion
            .saw(at(function, "config"), "no MSI-X capability")
            .fix("give the device MSI-X: in a virtual machine its host decides that"),
        Cause::Down { netdev, .. } => opinion
            .saw(at(function, &format!("net/{netdev}/flags")), "down")
            .fix(format!("ip link set dev {netdev} up")),
        Cause::Registers(_) => opinion
            .saw(at(function, "config"), "SR-IOV capability")
            .fix("update the card's own firmware, then power off and on")
            .fix("the card may be broken: try another"),
        Cause::Driver { .. } | Cause::Memory(_) | Cause::Buses(_) => opinion,
    }
}
