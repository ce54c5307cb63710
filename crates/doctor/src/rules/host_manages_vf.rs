//! Does a network manager of the host configure the VF?

use virtfn_host::{Function, Host, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::{Interfaces, is_network};

pub(crate) const RULE: Rule = Rule {
    id: "host-manages-vf",
    label: "host's network",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Together(judge),
    page: include_str!("host_manages_vf.md"),
};

fn judge(host: &Host, functions: &[&Function]) -> Vec<Opinion> {
    let interfaces = Interfaces::of(host);
    functions.iter().map(|function| judge_one(host, &interfaces, function)).collect()
}

fn judge_one(host: &Host, interfaces: &Interfaces<'_>, function: &Function) -> Opinion {
    if !is_network(function) {
        return Opinion::not_applicable("is no network function");
    }
    if host.netdevs.known().is_none() {
        return Opinion::unknown("whether the host has an interface of it could not be seen")
            .missed("virtfn/links", &host.netdevs);
    }
    let Some(own) = interfaces.at(function.address) else {
        return Opinion::not_applicable("has no interface on this host");
    };
    let managers = match &host.platform.upkeep.managers {
        Seen::Known(managers) => managers,
        seen => {
            return Opinion::unknown("whether a network manager configures it could not be seen")
                .missed("run/NetworkManager/devices", seen);
        }
    };
    let network_manager = format!("run/NetworkManager/devices/{}", own.ifindex);
    let networkd = format!("run/systemd/netif/links/{}", own.ifindex);
    let Some(manager) = managers.get(&own.name) else {
        return Opinion::pass("no network manager configures its interface")
            .saw(network_manager, "not managed")
            .saw(networkd, "not managed");
    };
    let path = if manager == "NetworkManager" { network_manager } else { networkd };
    Opinion::warn(format!("{manager} configures its interface {} on the host", own.name))
        .saw(path, manager.as_str())
        .fix("nothing, where the host itself shall use this VF")
        .fix("NetworkManager: unmanaged-devices=interface-name:NAME below [keyfile] in a file of /etc/NetworkManager/conf.d")
        .fix("systemd-networkd: Unmanaged=yes below [Link] in a .network file that matches VFs, before the one named")
        .fix("or let VFs come without an interface: sriov_drivers_autoprobe 0")
}
