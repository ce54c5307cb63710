//! May whoever asks open the VF's VFIO node?

use virtfn_host::{Function, Host, Seen, is_vfio_driver};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "vfio-node-not-permitted",
    label: "VFIO node",
    about: About::EachGuest,
    matters_for: Uses::DPDK,
    weight: Weight::Preparation,
    follows: &["device-not-translated"],
    judge: Judge::Each(judge),
    page: include_str!("vfio_node_not_permitted.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    if !function.driver.as_deref().is_some_and(is_vfio_driver) {
        return Opinion::not_applicable("is not with VFIO");
    }
    let Some(group) = function.iommu_group else {
        return Opinion::not_applicable("has no group, and so no node");
    };
    let path = format!("dev/vfio/{group}");
    let nodes = match &host.platform.upkeep.vfio_nodes {
        Seen::Known(nodes) => nodes,
        seen => {
            return Opinion::unknown("who may open its VFIO node could not be seen")
                .missed(&path, seen);
        }
    };
    let Some(may) = nodes.get(&path) else {
        return Opinion::unknown("its VFIO node is not there").saw(path, "not there");
    };
    if *may {
        return Opinion::pass("whoever asked may open its VFIO node")
            .saw(path, "may be read and written");
    }
    Opinion::warn("whoever asked may not open its VFIO node")
        .saw(path.as_str(), "may not be read and written")
        .fix(format!("chown USER /{path}, until the next boot"))
        .fix("for good: a file in /etc/udev/rules.d with SUBSYSTEM==\"vfio\", OWNER=\"USER\"; the group's number may change, the rule need not name it")
        .fix("what libvirt starts needs neither: libvirt hands the node over itself")
}
