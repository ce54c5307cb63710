//! Did libvirt leave settings of a guest that is gone?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::at;
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
    if function.is_passed_through() {
        return Opinion::pass("libvirt keeps what it was, while a guest has it").saw(path, "there");
    }
    let driver = function.driver.as_deref().unwrap_or("none");
    Opinion::warn("libvirt gave it a guest's address and VLAN and did not take them back")
        .saw(path.as_str(), "there")
        .saw(at(function, "driver"), driver)
        .fix(format!(
            "see what it has: {}",
            ip_link(host, function).replace("ip link set", "ip link show")
        ))
        .fix("set it as it shall be: virtfn set VF --mac auto --vlan 0")
        .fix(format!("then rm /{path}"))
}
