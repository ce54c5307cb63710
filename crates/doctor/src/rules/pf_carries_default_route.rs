//! Would making VFs cut this machine off?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::list;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "pf-carries-default-route",
    label: "PF in use",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("pf_carries_default_route.md"),
};

const ROUTES: &str = "proc/net/route";

fn judge(host: &Host, function: &Function) -> Opinion {
    let routes = match &host.platform.default_routes {
        Seen::Known(routes) => routes,
        seen => {
            return Opinion::unknown("where the default route goes could not be seen")
                .missed(ROUTES, seen);
        }
    };
    let carrying: Vec<&String> =
        function.netdevs.iter().filter(|netdev| routes.contains(*netdev)).collect();
    if carrying.is_empty() {
        let through =
            if routes.is_empty() { "none".to_owned() } else { list(routes.iter().cloned()) };
        return Opinion::pass("the default route does not go through it")
            .saw(ROUTES, format!("default route through {through}"));
    }
    let names = list(carrying.into_iter().cloned());
    Opinion::warn(format!(
        "the default route goes through {names}: making or removing VFs interrupts it for seconds"
    ))
    .saw(ROUTES, format!("default route through {names}"))
    .fix("make the VFs when the machine boots, before the network comes up (virtfn explain vfs-not-kept)")
    .fix("or from a console that needs no network")
}
