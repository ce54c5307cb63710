//! Has the VF interrupts for more than one queue?

use virtfn_host::{Function, Host};
use virtfn_pci::Looked;

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::is_network;

pub(crate) const RULE: Rule = Rule {
    id: "vf-few-vectors",
    label: "interrupts",
    about: About::EachVf,
    matters_for: Uses::VM.and(Uses::CONTAINER),
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("vf_few_vectors.md"),
};

/// One for a pair of queues, one for messages of the PF: with fewer the two share.
const ENOUGH: u16 = 2;

fn judge(_: &Host, function: &Function) -> Opinion {
    if !is_network(function) {
        return Opinion::not_applicable("is no network function");
    }
    let path = at(function, "config");
    let unseen = || {
        Opinion::unknown("how many interrupts it has could not be seen")
            .missed(&path, &function.config)
    };
    let Some(config) = function.config.known() else { return unseen() };
    let count = match config.capabilities().msi_x() {
        Looked::Found(table) => table.count,
        Looked::Absent => 0,
        Looked::NotVisible(_) => {
            return unseen()
                .saw(path.as_str(), "not permitted (run as root to see it)")
                .fix("run virtfn doctor as root");
        }
    };
    let said = format!("MSI-X: Count={count}");
    if count >= ENOUGH {
        return Opinion::pass(format!("{count} interrupts of its own")).saw(path, said);
    }
    Opinion::warn(format!("has {count} interrupts of its own: its guest gets one queue at most"))
        .saw(path, said)
        .fix(format!(
            "mlx5 and ice, while it has no driver: echo 4 > /{}",
            at(function, "sriov_vf_msix_count")
        ))
        .fix("make fewer VFs: most cards share their interrupts out among them")
        .fix("raise the number of vectors for a VF in the card's firmware settings")
}
