//! Can the function make VFs, and if not, why not?

use virtfn_host::{Function, Host, Role, Seen};
use virtfn_pci::Looked;

use crate::evidence::{at, is_guest};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "sriov-missing",
    label: "SR-IOV",
    about: About::EachSriovDevice,
    matters_for: Uses::ALL,
    weight: Weight::Requirement,
    follows: &[],
    judge: Judge::EachOrNone(judge, none),
    page: include_str!("sriov_missing.md"),
};

const TOTAL: &str = "sriov_totalvfs";

fn judge(host: &Host, function: &Function) -> Opinion {
    match &function.role {
        Role::Pf(pf) if pf.total_vfs == 0 => {
            Opinion::fail("its driver allows no VF").saw(at(function, TOTAL), "0").fixes(firmware())
        }
        Role::Pf(pf) => {
            let (made, total) = (pf.vfs.len(), pf.total_vfs);
            Opinion::pass(format!("{made} of {total} VFs"))
                .saw(at(function, TOTAL), total.to_string())
        }
        Role::Vf(_) | Role::Leaving { .. } => Opinion::not_applicable("is a VF itself"),
        Role::Plain => plain(host, function),
    }
}

/// The kernel shows no SR-IOV: what does the card say?
fn plain(host: &Host, function: &Function) -> Opinion {
    let missing = |opinion: Opinion| opinion.saw(at(function, TOTAL), "not there");
    let walk = match &function.config {
        Seen::Known(config) => config.capabilities(),
        seen => {
            return missing(Opinion::unknown("makes no VFs; why could not be seen"))
                .missed(&at(function, "config"), seen);
        }
    };
    match walk.sriov() {
        Looked::Found(sriov) if sriov.total_vfs == 0 => {
            missing(Opinion::fail("its own firmware allows no VF"))
                .saw(at(function, "config"), "SR-IOV capability, TotalVFs 0")
                .fixes(firmware())
        }
        Looked::Found(sriov) => {
            let said = format!("SR-IOV capability, TotalVFs {}", sriov.total_vfs);
            missing(Opinion::fail("could make VFs, but the kernel did not take its SR-IOV up"))
                .saw(at(function, "config"), said)
                .fix("use a kernel built with CONFIG_PCI_IOV")
                .fix("dmesg says if its VF BARs or page sizes did not fit")
        }
        Looked::Absent => missing(Opinion::fail("has no SR-IOV capability"))
            .saw(at(function, "config"), "no SR-IOV capability")
            .fixes(no_capability(host)),
        Looked::NotVisible(_) => missing(Opinion::unknown("makes no VFs; why could not be seen"))
            .saw(at(function, "config"), format!("{} bytes readable", readable(function)))
            .fix("run virtfn doctor as root"),
    }
}

fn readable(function: &Function) -> usize {
    function.config.known().map_or(0, virtfn_pci::ConfigSpace::len)
}

fn firmware() -> Vec<String> {
    vec![
        "raise the number of VFs in the card's firmware (NVIDIA: mstconfig -d ADDRESS set \
         SRIOV_EN=1 NUM_OF_VFS=8; Intel: bootutil or the setup program; Broadcom: niccli), then \
         power off and on"
            .into(),
        "switch on SR-IOV in the firmware's setup".into(),
    ]
}

fn no_capability(host: &Host) -> Vec<String> {
    let mut fixes = Vec::new();
    if is_guest(host) {
        fixes.push(
            "this is a virtual machine, and a function passed to it shows no SR-IOV: make VFs on \
             its host"
                .into(),
        );
    }
    fixes.push("switch on SR-IOV in the card's firmware and in the firmware's setup".into());
    fixes.push("the card may have none: virtfn list shows the functions that can make VFs".into());
    fixes
}

/// No function of the host is known to have SR-IOV.
fn none(host: &Host) -> Opinion {
    let unseen = host.functions.values().find(|function| match &function.config {
        Seen::Known(config) => matches!(config.capabilities().sriov(), Looked::NotVisible(_)),
        Seen::Absent | Seen::Unreadable(_) => true,
    });
    let count = host.functions.len();
    let opinion = Opinion::fail("no device here makes VFs")
        .saw("sys/bus/pci/devices/*/sriov_totalvfs", format!("not there, of {count} functions"));
    let opinion = match unseen {
        Some(function) => match function.config.unreadable() {
            Some(unreadable) => opinion.could_not_see(unreadable),
            None => opinion
                .saw(at(function, "config"), "not readable to its end")
                .fix("run virtfn doctor as root"),
        },
        None => opinion,
    };
    opinion.fixes(no_capability(host))
}
