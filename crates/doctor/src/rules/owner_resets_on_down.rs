//! Does an owner remove the VFs when its connection goes down?

use virtfn_host::{Claim, Function, Host, Quirk};

use crate::claimed::{Claimed, is_count, saw};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "owner-resets-on-down",
    label: "going down",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("owner_resets_on_down.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let resets = |claim: &Claim| is_count(claim) && claim.quirks.contains(&Quirk::GivesBackOnDown);
    let claimed = match Claimed::of(host, function, resets) {
        Ok(claimed) => claimed,
        Err(unseen) => return unseen,
    };
    let certain: Vec<&Claim> = claimed.certain().collect();
    let Some(first) = certain.first() else {
        return claimed
            .pass("its VFs stay when it goes down")
            .saw("etc/NetworkManager", "no connection that takes its VFs back");
    };
    let name = function.netdevs.first().map_or("PF", String::as_str);
    let summary = format!("{} removes its VFs when its connection goes down", first.owner);
    saw(Opinion::warn(summary), certain.iter().copied())
        .fix(format!("preserve-on-down=1 below [sriov] in /{} (NetworkManager 1.54)", first.path))
        .fix(format!("until then never: nmcli connection down, nmcli device disconnect {name}"))
}
