//! Does the driver allow as many VFs as the card has?

use virtfn_host::{Function, Host, Pf};
use virtfn_pci::Looked;
use virtfn_predict::known;

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "driver-limits-vfs",
    label: "VF limit",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("driver_limits_vfs.md"),
};

const TOTAL: &str = "sriov_totalvfs";

fn judge(_: &Host, function: &Function) -> Opinion {
    let Some(pf) = function.pf() else {
        return Opinion::not_applicable("makes no VFs");
    };
    let allowed = pf.total_vfs;
    let walk = function.config.known().map(|config| config.capabilities());
    let card = match walk.as_ref().map(|walk| walk.sriov()) {
        Some(Looked::Found(sriov)) => sriov.total_vfs,
        Some(Looked::Absent | Looked::NotVisible(_)) => {
            return Opinion::unknown("how many VFs the card itself has could not be seen")
                .saw(at(function, TOTAL), allowed.to_string())
                .saw(at(function, "config"), "not permitted beyond its header")
                .fix("run virtfn doctor as root");
        }
        None => {
            return Opinion::unknown("how many VFs the card itself has could not be seen")
                .saw(at(function, TOTAL), allowed.to_string())
                .missed(&at(function, "config"), &function.config);
        }
    };
    let opinion = limited(function, pf, card);
    opinion
        .saw(at(function, TOTAL), allowed.to_string())
        .saw(at(function, "config"), format!("SR-IOV capability, TotalVFs {card}"))
}

/// A driver that keeps some for itself is as it should be, if it is known to.
fn limited(function: &Function, pf: &Pf, card: u16) -> Opinion {
    let allowed = pf.total_vfs;
    let driver = function.driver.as_deref().unwrap_or("no driver");
    let known = known(function);
    let share = known.map(|known| known.share(allowed)).filter(|share| !share.is_empty());
    let each = share.map(|share| format!(", each {share}")).unwrap_or_default();
    let usual = known.and_then(|known| known.most_vfs).map_or(card, |most| most.min(card));
    if allowed >= usual {
        return Opinion::pass(format!("{driver} allows {allowed} of the card's {card} VFs{each}"));
    }
    Opinion::warn(format!("{driver} allows {allowed} VFs, of {card} that the card has{each}"))
        .fix("its options and its log say why: traffic classes (DCB), offloads and partitions cost VFs")
        .fix(format!("dmesg | grep {}", function.address))
        .fix("a newer driver may allow more")
}
