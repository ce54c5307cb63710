//! Has this kernel a known fault of SR-IOV?

use virtfn_host::{Host, Seen};

use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "known-bad-kernel",
    label: "kernel faults",
    about: About::Host,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &[],
    judge: Judge::Host(judge),
    page: include_str!("known_bad_kernel.md"),
};

const PATH: &str = "proc/sys/kernel/osrelease";

/// A fault, the release of its series that is the first without it, and the driver it is in.
struct Fault {
    series: (u32, u32),
    fixed: u32,
    driver: Option<&'static str>,
    what: &'static str,
}

/// From the change logs of the stable series. A fault is told of its own series alone: which later
/// ones never had it, and which older ones were mended too, a version cannot tell.
const FAULTS: [Fault; 7] = [
    fault((5, 18), 3, None, "a deadlock of sriov_numvfs with a reset"),
    fault((5, 18), 6, Some("iavf"), "the MAC of a VF shown as zero"),
    fault((5, 18), 15, Some("ixgbe"), "a panic when the VFs are removed"),
    fault((6, 0), 7, Some("i40e"), "a VF that hangs when another one is reset"),
    fault((6, 5), 4, Some("igb"), "faults when VFs cannot be made"),
    fault((6, 5), 8, Some("ixgbe"), "a crash over VFs' macvlans"),
    fault((6, 8), 10, None, "VLAN lists of VFs taken unchecked"),
];

const fn fault(
    series: (u32, u32),
    fixed: u32,
    driver: Option<&'static str>,
    what: &'static str,
) -> Fault {
    Fault { series, fixed, driver, what }
}

fn judge(host: &Host) -> Opinion {
    let Seen::Known(release) = &host.kernel.release else {
        return Opinion::unknown("which kernel runs could not be seen")
            .missed(PATH, &host.kernel.release);
    };
    let Some((series, patch)) = version(release) else {
        return Opinion::unknown("the kernel's release reads as no version")
            .saw(PATH, release.as_str());
    };
    let driven = |name: &str| {
        host.functions.values().any(|function| function.driver.as_deref() == Some(name))
    };
    let hit: Vec<&Fault> = FAULTS
        .iter()
        .filter(|fault| fault.series == series && patch < fault.fixed)
        .filter(|fault| fault.driver.is_none_or(driven))
        .collect();
    let Some(first) = hit.first() else {
        return Opinion::pass("no fault of SR-IOV known of this release")
            .saw(PATH, release.as_str());
    };
    let all: Vec<&str> = hit.iter().map(|fault| fault.what).collect();
    Opinion::warn(format!("may have {}, unless its maker mended it", all.join("; ")))
        .saw(PATH, release.as_str())
        .fix(format!(
            "update the kernel: {}.{}.{} on is without it",
            first.series.0,
            first.series.1,
            hit.iter().map(|fault| fault.fixed).max().unwrap_or(first.fixed)
        ))
}

/// `6.8.0-45-generic` is release 0 of series 6.8.
fn version(release: &str) -> Option<((u32, u32), u32)> {
    let numbers = release.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = numbers.split('.').map(str::parse::<u32>);
    let series = (parts.next()?.ok()?, parts.next()?.ok()?);
    Some((series, parts.next().and_then(Result::ok).unwrap_or(0)))
}
