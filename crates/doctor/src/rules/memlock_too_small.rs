//! May a program that is started from here lock a VM's memory?

use virtfn_host::{Host, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "memlock-too-small",
    label: "memory lock",
    about: About::Host,
    matters_for: Uses::VM.and(Uses::DPDK),
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(judge),
    page: include_str!("memlock_too_small.md"),
};

const LIMITS: &str = "proc/self/limits";
const STATUS: &str = "proc/self/status";
/// The smallest VM of any use, and the GiB that comes on top for its devices.
const LEAST_BYTES: u64 = 2 << 30;

fn judge(host: &Host) -> Opinion {
    let memlock = match &host.platform.memlock {
        Seen::Known(memlock) => memlock,
        seen => {
            return Opinion::unknown("how much memory may be locked could not be seen")
                .missed(LIMITS, seen);
        }
    };
    let limit = memlock
        .limit_bytes
        .map_or_else(|| "unlimited".to_owned(), |bytes| format!("Max locked memory {bytes} bytes"));
    match memlock.limit_bytes {
        _ if memlock.exempt => Opinion::pass("programs of this user may lock all memory")
            .saw(STATUS, "CAP_IPC_LOCK")
            .saw(LIMITS, limit),
        Some(bytes) if bytes < LEAST_BYTES => Opinion::warn(format!(
            "a program of this user may lock {} MiB, less than any VM with a device needs",
            bytes >> 20
        ))
        .saw(LIMITS, limit)
        .fix("raise memlock to the VM's memory and 1 GiB: LimitMEMLOCK= in the unit that starts it, or /etc/security/limits.d")
        .fix("or let libvirt start it, which raises it by itself"),
        _ => Opinion::pass("enough memory may be locked").saw(LIMITS, limit),
    }
}
