//! Is it known which processors are near the card?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "numa-node-unknown",
    label: "NUMA",
    about: About::EachPf,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("numa_node_unknown.md"),
};

const NODES: &str = "sys/devices/system/node";

fn judge(host: &Host, function: &Function) -> Opinion {
    let path = at(function, "numa_node");
    if let Some(node) = function.numa_node {
        return Opinion::pass(format!("on NUMA node {node}")).saw(path, node.to_string());
    }
    match &host.platform.numa_nodes {
        Seen::Known(nodes) if nodes.len() <= 1 => Opinion::pass("all memory is equally near")
            .saw(NODES, format!("{} node", nodes.len().max(1))),
        Seen::Known(nodes) => {
            Opinion::warn("the firmware does not say which processors are near it")
                .saw(path, "-1")
                .saw(NODES, format!("{} nodes", nodes.len()))
                .fix("update the firmware")
                .fix("find it in the mainboard's manual, and pin VMs and DPDK to that node by hand")
        }
        // A kernel without NUMA has no such folder.
        Seen::Absent => Opinion::pass("all memory is equally near").saw(NODES, "not there"),
        seen => {
            Opinion::unknown("how many NUMA nodes there are could not be seen").missed(NODES, seen)
        }
    }
}
