//! Are processors set apart for packets?

use virtfn_host::{Host, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "cpu-not-prepared",
    label: "processors",
    about: About::Host,
    matters_for: Uses::DPDK,
    weight: Weight::Preparation,
    follows: &[],
    judge: Judge::Host(judge),
    page: include_str!("cpu_not_prepared.md"),
};

const ISOLATED: &str = "sys/devices/system/cpu/isolated";
const GOVERNOR: &str = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";

fn judge(host: &Host) -> Opinion {
    let (isolated, governor) = (&host.platform.isolated_cpus, &host.platform.governor);
    let Seen::Known(cpus) = isolated else {
        return Opinion::unknown("which processors are set apart could not be seen")
            .missed(ISOLATED, isolated);
    };
    let slow = governor.known().filter(|name| name.as_str() != "performance");
    let opinion = match (cpus.is_empty(), slow) {
        (false, None) => Opinion::pass(format!("processors {cpus} are set apart")),
        (true, _) => Opinion::warn("no processor is set apart: other work costs packets")
            .fix("isolcpus=2-7 nohz_full=2-7 on the kernel's command line, with processors near the card"),
        (false, Some(name)) => Opinion::warn(format!("processors slow down when idle ({name})")),
    };
    let opinion = opinion.saw(ISOLATED, if cpus.is_empty() { "none" } else { cpus });
    match slow {
        Some(name) => {
            opinion.saw(GOVERNOR, name.as_str()).fix("cpupower frequency-set -g performance")
        }
        None => opinion,
    }
}
