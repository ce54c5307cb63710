//! Is there a better VFIO driver for its VFs?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::{at, list};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "migration-driver-missing",
    label: "live migration",
    about: About::EachPf,
    matters_for: Uses::VM,
    weight: Weight::Advice,
    follows: &["pf-driver-missing", "sriov-missing"],
    judge: Judge::Each(judge),
    page: include_str!("migration_driver_missing.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some(pf) = function.pf() else {
        return Opinion::not_applicable("makes no VFs");
    };
    let variants = match &pf.vf_variants {
        Seen::Known(variants) => variants,
        seen => {
            return Opinion::unknown("which VFIO drivers fit its VFs could not be seen")
                .missed(&at(function, "modalias"), seen);
        }
    };
    const TABLE: &str = "lib/modules/*/modules.alias";
    let Some(best) = variants.first() else {
        return Opinion::pass("its VFs have no VFIO driver of their own: vfio-pci it is")
            .saw(TABLE, "no line vfio_pci: fits them");
    };
    let vfs = pf.vfs.values().filter_map(|address| host.functions.get(address));
    let plain: Vec<&Function> =
        vfs.filter(|vf| vf.driver.as_deref() == Some("vfio-pci")).take(4).collect();
    if plain.is_empty() {
        return Opinion::pass(format!("{best} fits its VFs")).saw(TABLE, best.as_str());
    }
    let names = list(plain.iter().map(|vf| vf.address.short()));
    let opinion = Opinion::warn(format!("{names} cannot move to another host live: {best} could"))
        .saw(TABLE, best.as_str())
        .fix(format!("modprobe {best}, then virtfn bind VF with its name below /sys/bus/pci/drivers"))
        .fix("mlx5: devlink port function set … migratable enable, in switchdev mode, while the VF has no driver");
    plain.iter().fold(opinion, |opinion, vf| opinion.saw(at(vf, "driver"), "vfio-pci"))
}
