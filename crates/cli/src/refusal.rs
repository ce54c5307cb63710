//! A change that was refused or failed: what to say, and what to type next.

use std::borrow::Cow;
use std::ffi::OsString;

use virtfn_apply::{ApplyError, Cause, FailedStep};
use virtfn_host::{Holder, ManagedBy, Vm};
use virtfn_plan::{Action, Interrupted, PlanError, Subject, Use};
use virtfn_predict::Cause as Lack;
use virtfn_render::plan::in_use;
use virtfn_virt::VirtError;

use crate::error::explained;
use crate::exit::Exit;

/// More users than this are counted, not named.
const NAMED: usize = 8;

/// `OBJECT: WHAT FAILED: WHY`.
pub(crate) fn headline(object: &str, stays: &str, error: &ApplyError) -> String {
    match error {
        ApplyError::InUse(hit) => format!("{object}: {stays}: {}", users(hit)),
        ApplyError::Steps { failed, steps } => failures(failed, *steps),
        ApplyError::Devices { failed } => {
            let each =
                |(about, error): &(Subject, ApplyError)| headline(&about.short(), stays, error);
            failed.iter().map(each).collect::<Vec<_>>().join("\n")
        }
        ApplyError::Drift { .. } => format!("{object}: not as it should be: {error}"),
        ApplyError::State { source, .. } => format!("{error}: {source}"),
        ApplyError::Hands { function, source } => match source.downcast_ref::<VirtError>() {
            Some(source) => format!("{}: {}", function.short(), explained(source)),
            None => error.to_string(),
        },
        ApplyError::NotPutBack { because, left } => {
            format!(
                "{}\nand {object} could not be put back: {left}",
                headline(object, stays, because)
            )
        }
        other => other.to_string(),
    }
}

fn users(hit: &[Interrupted]) -> String {
    let mut named: Vec<String> = hit.iter().take(NAMED).map(in_use).collect();
    if hit.len() > NAMED {
        named.push(format!("and {} more", hit.len() - NAMED));
    }
    named.join("; ")
}

/// Every failure of every step, the first in the first line.
fn failures(failed: &[FailedStep], steps: usize) -> String {
    let mut lines: Vec<String> = failed.iter().map(failure).collect();
    if steps > 1 {
        lines.push(format!(
            "{} of {steps} steps failed; the list shows what is there now",
            failed.len()
        ));
    }
    lines.join("\n")
}

fn failure(failed: &FailedStep) -> String {
    let mut text = format!("{}: {}", failed.action, failed.cause);
    if let Some(meaning) = failed.meaning() {
        text += &format!(": {meaning}");
    }
    for line in &failed.log {
        text += &format!("\n  kernel log: {line}");
    }
    text
}

/// What to type next, the best first.
pub(crate) fn hints(object: &str, error: &ApplyError) -> Vec<String> {
    match error {
        ApplyError::InUse(hit) => in_use_hints(hit, &forced(std::env::args_os())),
        ApplyError::Plan(error) => plan_hints(error),
        ApplyError::Steps { failed, .. } => {
            let mut hints: Vec<String> =
                failed.iter().flat_map(|failed| step_hints(object, failed)).collect();
            hints.dedup();
            hints
        }
        ApplyError::Devices { failed } => {
            let each = |(about, error): &(Subject, ApplyError)| hints(&about.short(), error);
            let mut hints: Vec<String> = failed.iter().flat_map(each).collect();
            hints.dedup();
            hints
        }
        ApplyError::Stuck { pf } => vec![
            format!("virtfn list shows who uses the VFs of {}", pf.short()),
            "end that program, or detach the VF from its VM: the write then goes on".into(),
        ],
        ApplyError::Locked { .. } => vec!["wait for it, or end it".into()],
        ApplyError::State { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            vec!["changing a device needs root: sudo virtfn …".into()]
        }
        ApplyError::State { .. } | ApplyError::Observe(_) => Vec::new(),
        ApplyError::Drift { .. } => vec![format!("virtfn show {object}"), "dmesg | tail".into()],
        ApplyError::NotPutBack { because, .. } => hints(object, because),
        ApplyError::Hands { source, .. } => match source.downcast_ref::<VirtError>() {
            Some(error @ (VirtError::TimedOut { .. } | VirtError::GuestRefused { .. })) => {
                let more = error.hints();
                more.into_iter().chain(unplug_hints()).collect()
            }
            Some(error) => error.hints(),
            None => Vec::new(),
        },
    }
}

/// A guest lets go of a device when its kernel handles the request, or when it stops.
fn unplug_hints() -> Vec<String> {
    vec![
        "the same command again, with a longer --wait: the request stands until the guest answers it".into(),
        "a guest that is still starting, or whose kernel has no PCI hot-plug, answers never: stop it, then the same command".into(),
    ]
}

fn in_use_hints(hit: &[Interrupted], command: &str) -> Vec<String> {
    let known: Vec<(&Interrupted, &Holder)> = hit
        .iter()
        .filter_map(|hit| match &hit.by {
            Use::Holder(holder) => Some((hit, holder)),
            Use::Unknown(_) => None,
        })
        .collect();
    if known.is_empty() {
        return vec![
            "run it as root, so that its users can be seen".into(),
            format!("to go on without knowing: {command}"),
        ];
    }
    let mut hints = once(known.iter().map(|(hit, holder)| release(hit, holder)));
    let names = once(known.iter().map(|(_, holder)| called(holder))).join(", ");
    let guests = known.iter().all(|(hit, holder)| holder.vm.is_some() && hit.network);
    hints.push(if guests {
        format!("to cut {names} off from its network: {command}")
    } else {
        format!("to take it away from {names} all the same: {command}")
    });
    hints
}

/// How its user gives a function up.
fn release(hit: &Interrupted, holder: &Holder) -> String {
    match &holder.vm {
        Some(Vm { name, managed_by: ManagedBy::Libvirt }) => {
            format!("virtfn detach {} {}", shell_word(name), hit.function.short())
        }
        Some(Vm { name, managed_by: ManagedBy::Proxmox }) => {
            format!("qm shutdown {}", shell_word(name))
        }
        Some(Vm { name, .. }) => format!("let VM {name} give it up first"),
        None => format!("let {} give it up first", holder.name),
    }
}

fn called(holder: &Holder) -> &str {
    holder.vm.as_ref().map_or(holder.name.as_str(), |vm| vm.name.as_str())
}

/// The command that was refused, with the flag that forces it.
fn forced(words: impl Iterator<Item = OsString>) -> String {
    let words: Option<Vec<String>> =
        words.map(|word| word.to_str().map(|word| shell_word(word).into_owned())).collect();
    match words {
        Some(words) if words.len() > 1 => format!("virtfn {} --force", words[1..].join(" ")),
        _ => "the same command with --force".into(),
    }
}

/// A word as a shell takes it for one.
fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
    }
}

/// As many as are named, each once.
fn once<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for one in all {
        if kept.len() < NAMED && !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

fn plan_hints(error: &PlanError) -> Vec<String> {
    match error {
        PlanError::TooManyVfs { pf, total, .. } => {
            vec![format!("virtfn create {} --vfs {total}", pf.short())]
        }
        PlanError::NoRoom { pf, fits, cause, .. } => no_room_hints(&pf.short(), *fits, cause),
        PlanError::NoSuchVf { vf, .. } => {
            vec![format!("virtfn list shows the VFs of {}", vf.pf.short())]
        }
        PlanError::GroupMac { .. } => vec!["the first octet of a MAC must be even".into()],
        PlanError::PfHasVfs { pf, .. } => vec![format!("virtfn destroy {}", pf.short())],
        PlanError::Unseen { device, .. } => {
            vec![format!(
                "a writer may be stuck behind a VF in use: virtfn list shows who uses the VFs of {}",
                device.short()
            )]
        }
        PlanError::NoSuchPages { size, .. } if size.kib() >= 1 << 20 => {
            vec!["pages of 1G want a processor that has them (pdpe1gb in /proc/cpuinfo)".into()]
        }
        PlanError::AwaitsReset { pf, total, .. } => vec![
            "restart the host, and apply it again".into(),
            format!("virtfn create {} --vfs {total}", pf.short()),
        ],
        PlanError::NoPort { vf: virtfn_host::VfId { pf, .. }, .. } | PlanError::NoGroups { pf } => {
            vec![
                "where its driver knows the mode, the policy says so: eswitch: switchdev".into(),
                format!("virtfn show {} has its mode", pf.short()),
            ]
        }
        PlanError::NoGroup { vf, group } => vec![
            format!("the policy makes it: rate_groups: {{ {group}: {{ max_rate: 10000 }} }}"),
            format!("virtfn show {} has its groups", vf.pf.short()),
        ],
        PlanError::HostUnseen(_) => vec!["as root, more is to be seen".into()],
        PlanError::NoSuchDevice(_)
        | PlanError::NoSuchPages { .. }
        | PlanError::PagesBeyondMemory { .. }
        | PlanError::RatesCross { .. }
        | PlanError::NoRates { .. }
        | PlanError::NoNetdev { .. }
        | PlanError::NoEswitch { .. }
        | PlanError::NoFirmwareLimit { .. }
        | PlanError::IsBridge { .. } => Vec::new(),
    }
}

/// As many as do fit, then what mends it.
fn no_room_hints(pf: &str, fits: u16, cause: &Lack) -> Vec<String> {
    let fewer = (fits > 0).then(|| format!("virtfn create {pf} --vfs {fits}"));
    let mend = match cause {
        Lack::Down { netdev, .. } => format!("ip link set dev {netdev} up"),
        _ => format!("virtfn doctor {pf} says what mends it"),
    };
    fewer.into_iter().chain([mend]).collect()
}

fn step_hints(object: &str, failed: &FailedStep) -> Vec<String> {
    use rustix::io::Errno;
    let Cause::Write(error) = &failed.cause else {
        return match &failed.action {
            Action::Probe { .. } => vec!["dmesg | tail says why the driver did not take it".into()],
            _ => Vec::new(),
        };
    };
    match (&failed.action, error.errno()) {
        (_, Some(Errno::PERM | Errno::ACCESS)) => {
            vec!["changing a device needs root: sudo virtfn …".into()]
        }
        (Action::SetNumVfs { .. }, _) => {
            vec![format!("virtfn doctor {object} says what stands in the way")]
        }
        (Action::SetVf { vf, .. }, Some(Errno::INVAL)) => {
            vec![format!(
                "if the PF's link is down: ip link set dev $(ls /sys/bus/pci/devices/{}/net) up",
                vf.pf
            )]
        }
        (Action::SetMsix { vf, .. }, Some(Errno::OPNOTSUPP | Errno::NOENT)) => {
            vec![format!(
                "the driver of {} gives its VFs no vectors (mlx5 and ice do)",
                vf.pf.short()
            )]
        }
        (Action::LoadModule { module }, _) => {
            vec![format!(
                "modinfo {module} says whether this kernel has it; ls /sys/bus/pci/drivers lists the drivers that are there"
            )]
        }
        _ => Vec::new(),
    }
}

/// The exit code: 3 when somebody was spared, else 1.
pub(crate) const fn exit(error: &ApplyError) -> Exit {
    match error {
        ApplyError::InUse(_) => Exit::Refused,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use virtfn_host::HolderKind;

    const COMMAND: &str = "virtfn destroy 0b:00.0 --force";

    fn hit(function: &str, name: &str, vm: Option<(&str, ManagedBy)>) -> Interrupted {
        let vm = vm.map(|(name, managed_by)| Vm { name: name.into(), managed_by });
        let holder = Holder {
            kind: HolderKind::Process,
            name: name.into(),
            pid: Some(812),
            through: "/dev/vfio/16".into(),
            vm,
        };
        let function = function.parse().unwrap();
        Interrupted { function, vf: None, network: true, by: Use::Holder(holder) }
    }

    #[test]
    fn each_user_is_told_in_its_own_way_to_let_go() {
        let libvirt = hit("0b:10.0", "qemu", Some(("MyGuest", ManagedBy::Libvirt)));
        assert_eq!(
            in_use_hints(std::slice::from_ref(&libvirt), COMMAND),
            [
                "virtfn detach MyGuest 0b:10.0",
                "to cut MyGuest off from its network: virtfn destroy 0b:00.0 --force"
            ]
        );
        let proxmox = hit("0b:10.2", "kvm", Some(("100", ManagedBy::Proxmox)));
        let by_hand = hit("0b:10.4", "qemu", Some(("a b", ManagedBy::Qemu)));
        let program = hit("0b:10.6", "dpdk-testpmd", None);
        assert_eq!(
            in_use_hints(&[libvirt, proxmox, by_hand, program], COMMAND),
            [
                "virtfn detach MyGuest 0b:10.0",
                "qm shutdown 100",
                "let VM a b give it up first",
                "let dpdk-testpmd give it up first",
                "to take it away from MyGuest, 100, a b, dpdk-testpmd all the same: virtfn destroy 0b:00.0 --force"
            ]
        );
    }

    #[test]
    fn a_hint_can_be_pasted() {
        for (word, written) in [
            ("0b:00.0", "0b:00.0"),
            ("My Guest", "'My Guest'"),
            ("a'b", r"'a'\''b'"),
            ("$(reboot)", "'$(reboot)'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(word), written);
        }
        let words = |words: &[&str]| forced(words.iter().map(OsString::from));
        assert_eq!(words(&["/usr/bin/virtfn", "destroy", "0b:00.0"]), COMMAND);
        assert_eq!(words(&["virtfn"]), "the same command with --force");
    }
}
