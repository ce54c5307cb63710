//! Is the function given to more than one guest?

use virtfn_host::{Claim, Demand, Function, Guest, Host};

use crate::claimed::{Claimed, saw};
use crate::evidence::{list, record};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "vf-in-two-domains",
    label: "guests",
    about: About::EachGuest,
    matters_for: Uses::VM,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("vf_in_two_domains.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let claimed = match Claimed::of(host, function, |claim| matches!(claim.what, Demand::Guest(_)))
    {
        Ok(claimed) => claimed,
        Err(unseen) => return unseen,
    };
    let certain: Vec<&Claim> = claimed.certain().collect();
    let running: Vec<&Guest> = running(host, function).collect();
    let mut names: Vec<String> = certain.iter().filter_map(|claim| guest(claim)).collect();
    names.extend(running.iter().map(|guest| format!("{} of {}", guest.name, guest.managed_by)));
    names.sort();
    names.dedup();
    match names.as_slice() {
        [] => claimed
            .pass("no guest is given it")
            .saw("etc/libvirt/qemu", "no guest with it")
            .saw("etc/pve/qemu-server", "no guest with it"),
        [one] => saw(claimed.pass(format!("{one} alone is given it")), certain.iter().copied()),
        many => {
            let summary = format!("{} are given it: only one can run", list(many.to_vec()));
            let opinion = saw(Opinion::warn(summary), certain.iter().copied());
            let has =
                |opinion: Opinion, guest: &&Guest| opinion.saw(record(guest), guest.to_string());
            running
                .iter()
                .fold(opinion, has)
                .fix("give each guest a VF of its own: virtfn list shows which are free")
        }
    }
}

/// The guests that have it now: one may run without a definition, or with another.
fn running<'h>(host: &'h Host, function: &Function) -> impl Iterator<Item = &'h Guest> {
    let address = function.address;
    let all = host.guests.known().map_or(&[][..], |guests| guests.found.as_slice());
    all.iter().filter(move |guest| guest.state.is_live() && guest.devices.contains(&address))
}

fn guest(claim: &Claim) -> Option<String> {
    match &claim.what {
        Demand::Guest(name) => Some(format!("{} of {}", name, claim.owner)),
        Demand::Vfs(_) | Demand::Settings | Demand::Driver(_) | Demand::Apply => None,
    }
}
