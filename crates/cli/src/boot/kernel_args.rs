//! The IOMMU's flags on the kernel's command line, where this host's boot loader takes them.

use std::path::Path;

use virtfn_apply::files::{Content, MARK, OwnFile};

/// GRUB's drop-in, read by Debian's `update-grub`.
pub const GRUB: &str = "etc/default/grub.d/virtfn.cfg";
/// Which flags were added to a file that is not ours alone, so that those alone go again.
pub const RECORD: &str = "var/lib/virtfn/kernel-args";
const CMDLINE: &str = "etc/kernel/cmdline";

/// What writes the boot loader's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loader {
    /// GRUB with drop-ins in /etc/default/grub.d.
    Grub,
    /// systemd's `kernel-install`.
    KernelInstall,
    /// Proxmox VE's own tool.
    Proxmox,
}

impl Loader {
    /// What the system below `root` has, if it is one that is known here.
    #[must_use]
    pub fn of(root: &Path) -> Option<Self> {
        let has = |path: &str| root.join(path).exists();
        if has("etc/kernel/proxmox-boot-uuids") && has(CMDLINE) {
            Some(Self::Proxmox)
        } else if has("etc/default/grub")
            && (has("usr/sbin/update-grub") || has("sbin/update-grub"))
        {
            Some(Self::Grub)
        } else if has(CMDLINE) && (has("usr/bin/kernel-install") || has("bin/kernel-install")) {
            Some(Self::KernelInstall)
        } else {
            None
        }
    }

    /// What has it written anew.
    #[must_use]
    pub fn update(self) -> &'static [&'static str] {
        match self {
            Self::Grub => &["update-grub"],
            Self::KernelInstall => {
                &["sh", "-c", "r=$(uname -r); exec kernel-install add \"$r\" \"/boot/vmlinuz-$r\""]
            }
            Self::Proxmox => &["proxmox-boot-tool", "refresh"],
        }
    }

    /// The files with `flags` added.
    ///
    /// # Errors
    /// When the command line's file cannot be read.
    pub fn files(self, root: &Path, flags: &[&str]) -> std::io::Result<Vec<OwnFile>> {
        let record = |text| OwnFile { path: RECORD.into(), content: Content::Text(text) };
        if self == Self::Grub {
            let body = format!(
                "# {MARK} --kernel-args; `virtfn uninstall` takes it away.\n\
                 GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX {}\"\n",
                flags.join(" ")
            );
            let whole = OwnFile { path: GRUB.into(), content: Content::Text(body) };
            return Ok(vec![record(format!("# {MARK}: flags in /{GRUB}\n")), whole]);
        }
        let line = std::fs::read_to_string(root.join(CMDLINE))?;
        Ok(vec![
            record(format!("# {MARK}: flags in /{CMDLINE}\n{}\n", flags.join(" "))),
            OwnFile { path: CMDLINE.into(), content: Content::Shared(added(&line, flags)) },
        ])
    }
}

/// The IOMMU's flags for this processor that the running kernel was not given.
#[must_use]
pub fn missing(cpuinfo: &str, cmdline: &str) -> Vec<&'static str> {
    // A system in a folder does not say on which processor it will run. Intel's flag is read on
    // Intel's alone, so that it is no harm elsewhere.
    let wanted: &[&str] = if cpuinfo.contains("AuthenticAMD") {
        &["iommu=pt"]
    } else {
        &["intel_iommu=on", "iommu=pt"]
    };
    let has = |flag: &&str| cmdline.split_whitespace().any(|word| word == *flag);
    wanted.iter().copied().filter(|flag| !has(flag)).collect()
}

/// The command line's file without the flags that were added to it; nothing when none were.
///
/// # Errors
/// When it cannot be read.
pub fn without(root: &Path) -> std::io::Result<Option<OwnFile>> {
    let Ok(record) = std::fs::read_to_string(root.join(RECORD)) else { return Ok(None) };
    let flags: Vec<&str> = record
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect();
    if flags.is_empty() {
        return Ok(None);
    }
    let line = std::fs::read_to_string(root.join(CMDLINE))?;
    let kept = removed(&line, &flags);
    Ok(Some(OwnFile { path: CMDLINE.into(), content: Content::Shared(kept) }))
}

fn added(line: &str, flags: &[&str]) -> String {
    let missing = flags.iter().filter(|flag| !line.split_whitespace().any(|word| word == **flag));
    let new: String = missing.map(|flag| format!(" {flag}")).collect();
    let end = if line.ends_with('\n') { "\n" } else { "" };
    format!("{}{new}{end}", line.trim_end_matches('\n'))
}

fn removed(line: &str, flags: &[&str]) -> String {
    let mut line = line.to_owned();
    for flag in flags {
        let found = line.find(&format!(" {flag}")).filter(|at| {
            line[at + 1 + flag.len()..].chars().next().is_none_or(char::is_whitespace)
        });
        if let Some(at) = found {
            line.replace_range(at..at + 1 + flag.len(), "");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_goes_again_to_the_byte() {
        for line in ["root=ZFS=rpool quiet\n", "quiet", "a  b\n"] {
            let flags = ["intel_iommu=on", "iommu=pt"];
            let with = added(line, &flags);
            assert!(with.contains(" intel_iommu=on iommu=pt"), "{with}");
            assert_eq!(removed(&with, &flags), line);
            assert_eq!(added(&with, &flags), with);
        }
    }

    #[test]
    fn flags_are_those_of_the_processor_that_are_not_there() {
        assert_eq!(missing("vendor_id : GenuineIntel", "quiet iommu=pt"), ["intel_iommu=on"]);
        assert_eq!(missing("vendor_id : AuthenticAMD", "quiet"), ["iommu=pt"]);
        assert_eq!(missing("", ""), ["intel_iommu=on", "iommu=pt"]);
        assert!(missing("GenuineIntel", "intel_iommu=on iommu=pt").is_empty());
    }
}
