//! Are there huge pages for DPDK?

use std::collections::BTreeSet;

use virtfn_host::{Host, HugePool, Seen};

use crate::evidence::list;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "hugepages-none",
    label: "huge pages",
    about: About::Host,
    matters_for: Uses::DPDK,
    weight: Weight::Preparation,
    follows: &[],
    judge: Judge::Host(judge),
    page: include_str!("hugepages_none.md"),
};

const FOLDER: &str = "sys/kernel/mm/hugepages";

fn judge(host: &Host) -> Opinion {
    let pools = match &host.platform.hugepages {
        Seen::Known(pools) => pools,
        seen => {
            return Opinion::unknown("which huge pages there are could not be seen")
                .missed(FOLDER, seen);
        }
    };
    let free = |pool: &&HugePool| pool.free.known().is_some_and(|free| *free > 0);
    let whole: Vec<&HugePool> = pools.iter().filter(|pool| pool.node.is_none()).collect();
    if whole.iter().any(|pool| pool.free.unreadable().is_some()) {
        return Opinion::unknown("how many huge pages are free could not be seen")
            .saw(FOLDER, "not to be read");
    }
    let Some(pool) = whole.iter().copied().find(free) else {
        return none_free(&whole);
    };
    let far = nodes_without(host, pools);
    let told = format!("{} free of {} KiB", pool.free.known().copied().unwrap_or(0), pool.page_kib);
    if !far.is_empty() {
        return Opinion::warn(format!(
            "no huge page is free on NUMA node {}, where cards are",
            list(far)
        ))
        .saw("sys/devices/system/node/*/hugepages", told)
        .fix("echo 512 > /sys/devices/system/node/nodeN/hugepages/hugepages-2048kB/nr_hugepages");
    }
    mounted(host, Opinion::pass(told.as_str()).saw(path(pool), told))
}

fn path(pool: &HugePool) -> String {
    format!("{FOLDER}/hugepages-{}kB/free_hugepages", pool.page_kib)
}

fn none_free(whole: &[&HugePool]) -> Opinion {
    let reserved = whole.iter().any(|pool| pool.total.known().is_some_and(|total| *total > 0));
    let summary = if reserved { "all huge pages are in use" } else { "no huge pages are reserved" };
    let opinion = Opinion::warn(format!("{summary}: a DPDK program will not start"))
        .fix("now: echo 1024 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
        .fix("from the boot on: default_hugepagesz=1G hugepagesz=1G hugepages=16 on the kernel's command line");
    if whole.is_empty() {
        return opinion.saw(FOLDER, "empty");
    }
    whole.iter().fold(opinion, |opinion, pool| {
        let total = pool.total.known().copied().unwrap_or(0);
        opinion.saw(path(pool), format!("0 of {total}"))
    })
}

/// The nodes of PFs and VFs on which no huge page is free.
fn nodes_without(host: &Host, pools: &[HugePool]) -> Vec<String> {
    let ours = host.functions.values().filter(|one| one.pf().is_some() || one.vf().is_some());
    let nodes: BTreeSet<u32> = ours.filter_map(|one| one.numa_node).collect();
    let has = |node: &u32| {
        let of_node = pools.iter().filter(|pool| pool.node == Some(*node));
        let mut known = of_node.filter_map(|pool| pool.free.known()).peekable();
        known.peek().is_none() || known.any(|free| *free > 0)
    };
    nodes.into_iter().filter(|node| !has(node)).map(|node| node.to_string()).collect()
}

fn mounted(host: &Host, opinion: Opinion) -> Opinion {
    match &host.platform.hugetlbfs {
        Seen::Known(places) if places.is_empty() => Opinion::warn("no hugetlbfs is mounted")
            .saw("proc/mounts", "no hugetlbfs")
            .fix("mount -t hugetlbfs none /dev/hugepages, or dpdk --in-memory"),
        Seen::Known(places) => opinion.saw("proc/mounts", places.join(" ")),
        Seen::Absent | Seen::Unreadable(_) => opinion,
    }
}
