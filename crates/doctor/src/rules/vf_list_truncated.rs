//! Did the kernel tell of all VFs?

use virtfn_host::{Function, Host, Reason, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::is_network;

pub(crate) const RULE: Rule = Rule {
    id: "vf-list-truncated",
    label: "list of VFs",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("vf_list_truncated.md"),
};

fn judge(_: &Host, function: &Function) -> Opinion {
    let Some(pf) = function.pf().filter(|pf| is_network(function) && !pf.vfs.is_empty()) else {
        return Opinion::not_applicable("has no VFs with settings");
    };
    let name = function.netdevs.first().map_or("?", String::as_str);
    let (path, made) = (format!("netlink {name}"), pf.vfs.len());
    let links = |opinion: Opinion| opinion.saw(at(function, "virtfn*"), format!("{made} links"));
    let short = |told: String| {
        links(Opinion::warn("the kernel does not tell the settings of all its VFs").saw(path.clone(), told))
            .fix("nothing is wrong with the VFs: their settings are only not to be read back")
            .fix("other programs that read them (ip link, neutron's agent) are cut short in the same way")
    };
    match &pf.admin {
        Seen::Known(told) => {
            match pf.vfs.keys().filter(|index| !told.contains_key(index)).count() {
                0 => links(
                    Opinion::pass("the kernel tells of all its VFs")
                        .saw(path, format!("{made} VFs")),
                ),
                missing => short(format!("{} of {made} VFs", made - missing)),
            }
        }
        Seen::Unreadable(unreadable) if unreadable.why == Reason::CutShort => {
            short("cut short".into())
        }
        Seen::Unreadable(unreadable) => {
            Opinion::unknown("what the kernel tells of its VFs could not be seen")
                .could_not_see(unreadable)
        }
        Seen::Absent => {
            Opinion::unknown("its driver reports nothing of its VFs").saw(path, "not reported")
        }
    }
}
