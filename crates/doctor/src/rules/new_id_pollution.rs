//! Does vfio-pci take VFs that nobody gave it?

use virtfn_host::{Function, Host, Seen, is_vfio_driver};

use super::vfio_ids_capture_vfs::claims;
use crate::evidence::{at, list};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "new-id-pollution",
    label: "VFIO claims",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("new_id_pollution.md"),
};

/// As many VFs are named.
const MAX_NAMED: usize = 4;

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some(pf) = function.pf() else {
        return Opinion::not_applicable("makes no VFs");
    };
    let vfs = pf.vfs.values().filter_map(|address| host.functions.get(address));
    let taken: Vec<&Function> =
        vfs.filter(|vf| vf.driver.as_deref().is_some_and(is_vfio_driver)).collect();
    if pf.vfs.is_empty() {
        return Opinion::not_applicable("has no VFs");
    }
    if let Some(vf) = taken.iter().find(|vf| vf.driver_override.unreadable().is_some()) {
        return Opinion::unknown("whether somebody gave its VFs to VFIO could not be seen")
            .missed(&at(vf, "driver_override"), &vf.driver_override);
    }
    let unasked: Vec<&&Function> =
        taken.iter().filter(|vf| vf.driver_override == Seen::Absent).collect();
    let told = claims(host, function).next().is_some() || function.is_passed_through();
    if unasked.is_empty() || told {
        let opinion =
            Opinion::pass(format!("{} of {} VFs on VFIO, all ordered", taken.len(), pf.vfs.len()));
        let vfs = pf.vfs.values().filter_map(|address| host.functions.get(address));
        return vfs.take(MAX_NAMED).fold(opinion, |opinion, vf| {
            opinion.saw(at(vf, "driver"), vf.driver.as_deref().unwrap_or("not there"))
        });
    }
    polluted(function, &unasked)
}

fn polluted(function: &Function, unasked: &[&&Function]) -> Opinion {
    let names = list(unasked.iter().take(MAX_NAMED).map(|vf| vf.address.short()));
    let more = unasked.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let opinion = Opinion::warn(format!(
        "vfio-pci has {names}{more} and nobody ordered it: an id in new_id takes every VF of the kind"
    ));
    let opinion = unasked.iter().take(MAX_NAMED).fold(opinion, |opinion, vf| {
        opinion
            .saw(at(vf, "driver"), vf.driver.clone().unwrap_or_default())
            .saw(at(vf, "driver_override"), "(null)")
    });
    let device = function.pf().and_then(|pf| pf.vf_device.known());
    let id = device.map(|device| format!("{:04x} {device:04x}", function.ids.vendor));
    let id = id.unwrap_or_else(|| "VENDOR DEVICE".into());
    opinion
        .fix(format!("echo {id} > /sys/bus/pci/drivers/vfio-pci/remove_id"))
        .fix("virtfn bind VF vfio-pci for those that are meant, virtfn bind VF --default for the others")
        .fix("keep tools that write new_id (driverctl before 0.122) from VFs; dpdk-devbind leaves the same trace when it clears its order")
}
