//! Does the host set up many VFs that nobody uses there?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::is_network;

pub(crate) const RULE: Rule = Rule {
    id: "many-vfs-probed",
    label: "boot time",
    about: About::EachPf,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &["pf-driver-missing", "sriov-missing"],
    judge: Judge::Each(judge),
    page: include_str!("many_vfs_probed.md"),
};

/// From so many on the time is felt: 32 VFs of an 82599 take about three seconds.
const MANY: usize = 32;

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some(pf) = function.pf().filter(|_| is_network(function)) else {
        return Opinion::not_applicable("makes no network VFs");
    };
    let vfs = pf.vfs.values().filter_map(|address| host.functions.get(address));
    let on_host = |vf: &&Function| vf.driver.is_some() && !vf.is_passed_through();
    let probed: Vec<&Function> = vfs.filter(on_host).collect();
    let path = at(function, "virtfn*");
    let said =
        format!("{} VFs, {} of them with a driver of the host's", pf.vfs.len(), probed.len());
    if probed.len() < MANY {
        return Opinion::pass("few VFs of it are set up on this host").saw(path, said);
    }
    if let Some(vf) = probed.iter().find(|vf| vf.holders.known().is_none()) {
        return Opinion::unknown("whether this host uses its VFs could not be seen")
            .saw(path, said)
            .missed("proc", &vf.holders);
    }
    let idle = probed.iter().filter(|vf| vf.holders.known().is_some_and(Vec::is_empty)).count();
    if idle < MANY {
        return Opinion::pass("the VFs that this host sets up are in use").saw(path, said);
    }
    let autoprobe = match &pf.autoprobe {
        Seen::Known(true) => "1",
        Seen::Known(false) => "0",
        Seen::Absent | Seen::Unreadable(_) => "not seen",
    };
    Opinion::warn(format!("this host sets up {idle} VFs that nobody uses: its start takes that much longer"))
        .saw(path, said)
        .saw(at(function, "sriov_drivers_autoprobe"), autoprobe)
        .fix("let VFs for VMs come without a driver, and bind each when it is wanted: virtfn bind VF vfio-pci")
        .fix(format!("for VFs to come: echo 0 > /{}", at(function, "sriov_drivers_autoprobe")))
        .fix("make no more VFs than are used")
}
