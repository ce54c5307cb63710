//! Did a module option make the VFs?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::flags;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "vfs-from-module-option",
    label: "VF origin",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("vfs_from_module_option.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let Some(driver) = function.driver.as_deref() else {
        return Opinion::not_applicable("has no driver");
    };
    let made = function.pf().map_or(0, |pf| pf.vfs.len());
    let traces = traces(host, function);
    if traces.is_empty() {
        return without_trace(host, made);
    }
    let summary = match made {
        0 => format!("a module option would make VFs when {driver} is loaded"),
        _ => format!("the {driver} driver's module option max_vfs made its {made} VFs"),
    };
    let opinion = Opinion::warn(summary)
        .fix(format!("remove max_vfs for {driver} from /etc/modprobe.d and the command line"))
        .fix("rebuild the initramfs if it holds the option (update-initramfs -u, dracut -f)")
        .fix(format!("virtfn create {} --vfs {}", function.address.short(), made.max(1)));
    traces.into_iter().fold(opinion, |opinion, (path, text)| opinion.saw(path, text))
}

/// Where a PF's driver was told by a module option to make VFs: files, the command line, and what
/// the driver logged, each with its text. None without a driver.
#[must_use]
pub fn traces(host: &Host, function: &Function) -> Vec<(String, String)> {
    let mut traces = Vec::new();
    let Some(driver) = function.driver.as_deref() else { return traces };
    let options = host.kernel.module_options.known().into_iter().flatten();
    let of_driver = |line: &str| {
        line.contains("max_vfs=")
            && line.split_whitespace().nth(1).is_some_and(|name| alike(name, driver))
    };
    traces.extend(options.filter(|(_, line)| of_driver(line)).cloned());
    let on_line = |flag: &&str| {
        let option = flag.split_once('=').filter(|(_, value)| *value != "0");
        let name = option.and_then(|(name, _)| name.strip_suffix(".max_vfs"));
        name.is_some_and(|name| alike(name, driver))
    };
    traces.extend(
        flags(host)
            .iter()
            .filter(|flag| on_line(flag))
            .map(|flag| ("proc/cmdline".into(), (*flag).into())),
    );
    let made = function.pf().is_some_and(|pf| !pf.vfs.is_empty());
    traces.extend(logged(host, function).filter(|_| made).map(|line| ("kernel.log".into(), line)));
    traces
}

/// Module names are the same with `-` and `_`.
fn alike(a: &str, b: &str) -> bool {
    a.replace('-', "_") == b.replace('-', "_")
}

/// The driver's line on VFs that it made by itself, unless those VFs are gone since.
fn logged(host: &Host, function: &Function) -> impl Iterator<Item = String> {
    let address = function.address.to_string();
    let lines = host.kernel.log.known().into_iter().flatten();
    let about = lines.filter(move |line| line.contains(&address));
    let last =
        about.fold(None, |last, line| if is_end(line) { None } else { telling(line).or(last) });
    last.cloned().into_iter()
}

/// What igb, ixgbe and their kin say when a module option makes VFs, or keeps those there are.
fn telling(line: &String) -> Option<&String> {
    let by_option =
        line.contains("parameter is deprecated") || line.contains("override max_vfs setting");
    by_option.then_some(line)
}

/// igb's word when VFs go.
fn is_end(line: &str) -> bool {
    line.ends_with("IOV Disabled")
}

/// No trace. The files prove that none will come; what made the VFs that there are, only a log that
/// is whole can tell.
fn without_trace(host: &Host, made: usize) -> Opinion {
    let (line, options) = (&host.kernel.command_line, &host.kernel.module_options);
    if line.known().is_none() || options.known().is_none() {
        return Opinion::unknown("whether a module option makes VFs could not be seen")
            .missed("proc/cmdline", line)
            .missed("etc/modprobe.d", options);
    }
    let whole = |lines: &[String]| lines.iter().take(3).any(|line| line.contains("Linux version"));
    let (summary, log) = match &host.kernel.log {
        _ if made == 0 => ("no module option is set", None),
        Seen::Known(lines) if whole(lines) => {
            ("not by a module option", Some("whole, no word of max_vfs".to_owned()))
        }
        Seen::Known(_) => ("no module option is set", Some("its beginning was pushed out".into())),
        Seen::Absent => ("no module option is set", None),
        Seen::Unreadable(unreadable) => {
            ("no module option is set", Some(unreadable.why.to_string()))
        }
    };
    let opinion = Opinion::pass(summary)
        .saw("proc/cmdline", "no max_vfs")
        .saw("etc/modprobe.d", "no max_vfs");
    log.into_iter().fold(opinion, |opinion, log| opinion.saw("kernel.log", log))
}
