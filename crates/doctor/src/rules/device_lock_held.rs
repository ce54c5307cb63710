//! Does somebody hold the device's lock in the kernel?

use virtfn_host::{Function, Host, Reason, Seen};

use crate::evidence::at;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "device-lock-held",
    label: "device's lock",
    about: About::EachDevice,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Each(judge),
    page: include_str!("device_lock_held.md"),
};

fn judge(_: &Host, function: &Function) -> Opinion {
    let path = at(function, "driver_override");
    match &function.driver_override {
        Seen::Known(driver) => {
            Opinion::pass("the kernel answers about it").saw(path, driver.as_str())
        }
        Seen::Absent => Opinion::pass("the kernel answers about it").saw(path, "(null)"),
        Seen::Unreadable(unreadable) if unreadable.why == Reason::TimedOut => {
            Opinion::warn("somebody holds its lock: whoever changes it or its VFs waits")
                .could_not_see(unreadable)
                .fix(
                    "see who waits: grep -l sriov /proc/*/stack, and the tasks in state D of ps ax",
                )
                .fix("end the guest or program that has the device: virtfn list names it")
                .fix("what hangs in the kernel for good goes with a reboot alone")
        }
        Seen::Unreadable(unreadable) => {
            Opinion::unknown("whether somebody holds its lock could not be seen")
                .could_not_see(unreadable)
        }
    }
}
