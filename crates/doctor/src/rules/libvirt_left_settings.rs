//! Did libvirt leave settings of a guest that is gone?

use virtfn_host::{Function, Guest, Holder, Host, SavedVf, Seen, VfId, VlanId};

use crate::evidence::{at, record};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::ip_link;

pub(crate) const RULE: Rule = Rule {
    id: "libvirt-left-settings",
    label: "libvirt",
    about: About::EachVf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("libvirt_left_settings.md"),
};

const FOLDER: &str = "run/libvirt/hostdevmgr";

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some(id) = function.vf() else {
        return Opinion::not_applicable("is no VF");
    };
    let files = match &host.platform.upkeep.hostdevs {
        Seen::Known(files) => files,
        seen => {
            return Opinion::unknown("what libvirt keeps of it could not be seen")
                .missed(FOLDER, seen);
        }
    };
    let pf = host.functions.get(&id.pf);
    let names = pf.map_or(&[][..], |pf| pf.netdevs.as_slice());
    let kept = names.iter().map(|name| format!("{name}_vf{}", id.index));
    let Some(file) = kept.into_iter().find(|file| files.contains(file)) else {
        return Opinion::pass("libvirt owes it nothing").saw(FOLDER, "no file of it");
    };
    let path = format!("{FOLDER}/{file}");
    match use_of(host, function) {
        Use::Guest(guest) => {
            return Opinion::pass("libvirt keeps what it was, while a guest has it")
                .saw(path, "there")
                .saw(record(guest), guest.to_string());
        }
        Use::Process(holder) => {
            return Opinion::pass("libvirt keeps what it was, while it is in use")
                .saw(path, "there")
                .saw("proc/*/fd", holder.to_string());
        }
        Use::Unseen => {
            return Opinion::unknown("libvirt keeps what it was, and nobody can tell for whom")
                .saw(path, "there")
                .missed("run/libvirt/qemu", &host.guests)
                .missed("proc/*/fd", &function.holders);
        }
        Use::None => {}
    }
    let driver = function.driver.as_deref().unwrap_or("none");
    let opinion =
        Opinion::warn("libvirt gave it a guest's address and VLAN and did not take them back")
            .saw(path.as_str(), "there")
            .saw(at(function, "driver"), driver)
            .fix(format!(
                "see what it has: {}",
                ip_link(host, function).replace("ip link set", "ip link show")
            ));
    let opinion = match host.platform.upkeep.saved.get(&file) {
        Some(saved) => opinion.fix(format!("give it back what it had: {}", give_back(id, saved))),
        None => opinion.fix(format!("set it as it shall be: virtfn set {id} --mac auto --vlan 0")),
    };
    opinion.fix(format!("then rm /{path}"))
}

/// Who uses a VF that libvirt keeps something of.
enum Use<'h> {
    Guest(&'h Guest),
    Process(&'h Holder),
    Unseen,
    None,
}

fn use_of<'h>(host: &'h Host, function: &'h Function) -> Use<'h> {
    let all = host.guests.known().map_or(&[][..], |guests| guests.found.as_slice());
    let has = |guest: &&Guest| guest.state.is_live() && guest.devices.contains(&function.address);
    if let Some(guest) = all.iter().find(has) {
        return Use::Guest(guest);
    }
    if !function.is_passed_through() {
        return Use::None;
    }
    match &function.holders {
        Seen::Known(holders) => holders.first().map_or(Use::None, Use::Process),
        Seen::Absent | Seen::Unreadable(_) => Use::Unseen,
    }
}

/// The command that does what libvirt would have done.
fn give_back(vf: VfId, saved: &SavedVf) -> String {
    let mac = saved.admin_mac.map(|mac| format!(" --mac {mac}")).unwrap_or_default();
    let vlan = saved.vlan.map_or(0, VlanId::value);
    format!("virtfn set {vf}{mac} --vlan {vlan}")
}
