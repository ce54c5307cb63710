//! Did the PF's driver refuse a VF something, or take its traffic?

use virtfn_host::{Function, Host, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;
use crate::vfs::is_network;

pub(crate) const RULE: Rule = Rule {
    id: "vf-refused-by-pf",
    label: "refusals",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("vf_refused_by_pf.md"),
};

/// What drivers of PFs log of their VFs (igb, ixgbe, i40e and ice of Linux 7.3), and what helps.
const SAYINGS: [(&str, &str); 14] = [
    ("Spoof event(s) detected on VF", SPOOF),
    ("Spoofed packets detected", SPOOF),
    ("attempted to override administratively set MAC", ADDRESS),
    ("attempting to override administratively set MAC", ADDRESS),
    ("VF is not trusted", TRUST),
    ("is not trusted", TRUST),
    ("Unprivileged VF", TRUST),
    ("Malicious Driver Detection event", MALICIOUS),
    ("still in reset. Try again", RESET),
    ("VF Transmit rate is disabled", RATE),
    ("would cause oversubscription", PROMISE),
    ("VF min Tx rate limiting not allowed", PROMISE),
    ("VF promisc requires PF in promisc", PROMISC),
    ("VF max_frame", FRAME),
];
const SPOOF: &str =
    "a guest that bridges or has guests of its own: ip link set PF vf N spoofchk off";
const ADDRESS: &str =
    "a guest that changes its address: ip link set PF vf N trust on, or give it none";
const TRUST: &str =
    "a guest that needs many addresses or all packets: ip link set PF vf N trust on";
const MALICIOUS: &str =
    "the card cut the VF off: give it to its guest again, and update the guest's driver";
const RESET: &str = "the VF was busy: set it again";
const RATE: &str = "the port's speed changed and its VFs' rates went: set them again";
const PROMISE: &str =
    "promise the VFs less than the link has (virtfn set VF --min-rate M), and switch DCB off";
const PROMISC: &str =
    "a guest that listens to all groups: ip link set PF promisc on, and trust on for the VF";
const FRAME: &str = "raise the port's MTU, or lower the guest's";

/// No opinion quotes more lines than this.
const MAX_QUOTED: usize = 4;

fn judge(host: &Host, function: &Function) -> Opinion {
    if !is_network(function) || function.pf().is_none_or(|pf| pf.vfs.is_empty()) {
        return Opinion::not_applicable("has no VFs to refuse anything");
    }
    let Seen::Known(log) = &host.kernel.log else {
        return Opinion::unknown("whether it refused its VFs anything could not be seen")
            .missed("kernel.log", &host.kernel.log);
    };
    let address = function.address.to_string();
    let about = log.iter().filter(|line| line.contains(&address));
    let remedy = |line: &String| {
        // igb says so whenever a VF with an address set for it starts, even with that very address.
        let idle = |remedy: &&str| *remedy != ADDRESS || function.driver.as_deref() != Some("igb");
        remedy(line).filter(idle)
    };
    let told: Vec<(&String, &str)> = about.filter_map(|line| Some((line, remedy(line)?))).collect();
    if told.is_empty() {
        let whole = log.iter().take(3).any(|line| line.contains("Linux version"));
        return if whole {
            Opinion::pass("refused its VFs nothing").saw("kernel.log", "whole, no word of it")
        } else {
            Opinion::unknown(
                "the log's beginning was pushed out: it may have refused its VFs something",
            )
            .saw("kernel.log", "no word of it in what is left")
        };
    }
    let summary = "refused its VFs something, or took their traffic, since the start";
    let opinion = Opinion::warn(summary).fixes(told.iter().map(|(_, remedy)| (*remedy).to_owned()));
    let last = told.iter().rev().take(MAX_QUOTED).rev();
    last.fold(opinion, |opinion, (line, _)| opinion.saw("kernel.log", line.as_str()))
}

fn remedy(line: &str) -> Option<&'static str> {
    SAYINGS.iter().find(|(saying, _)| line.contains(saying)).map(|(_, remedy)| *remedy)
}
