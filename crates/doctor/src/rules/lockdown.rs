//! Is the kernel locked against changes by root?

use virtfn_host::{Host, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "lockdown",
    label: "lockdown",
    about: About::Host,
    matters_for: Uses::DPDK,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(judge),
    page: include_str!("lockdown.md"),
};

const PATH: &str = "sys/kernel/security/lockdown";

fn judge(host: &Host) -> Opinion {
    let text = match &host.platform.lockdown {
        Seen::Known(text) => text,
        seen => {
            return Opinion::unknown("whether the kernel is locked down could not be seen")
                .missed(PATH, seen);
        }
    };
    let mode = text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    match mode {
        Some("none") => Opinion::pass("not locked down").saw(PATH, text.as_str()),
        Some(mode) => Opinion::warn(format!(
            "locked down ({mode}): no UIO, no setpci, no mstconfig; VFIO works"
        ))
        .saw(PATH, text.as_str())
        .fix(
            "use vfio-pci, which lockdown allows, and set cards up from the firmware or by devlink",
        )
        .fix("or switch Secure Boot off in the firmware's setup"),
        None => Opinion::unknown("the kernel's lockdown reads as nothing known")
            .saw(PATH, text.as_str()),
    }
}
