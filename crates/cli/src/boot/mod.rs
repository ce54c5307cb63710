//! What keeps the VFs over reboots: the files that have the machine's own start run `virtfn apply`.
//!
//! docs/boot.md says how they are ordered, and why.

pub mod kernel_args;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use virtfn_apply::files::{Content, MARK, OwnFile};

const SERVICE: &str = include_str!("files/virtfn.service");
const PF_SERVICE: &str = include_str!("files/virtfn-pf@.service");
const RULES: &str = include_str!("files/systemd.rules");
const PLAIN_RULES: &str = include_str!("files/plain.rules");
const OPENRC: &str = include_str!("files/openrc");
const SYSV: &str = include_str!("files/sysv");
const INITRAMFS_HOOK: &str = include_str!("files/initramfs-hook");
const INITRAMFS_SCRIPT: &str = include_str!("files/initramfs-script");
const DRACUT: &str = include_str!("files/dracut");
const DRACUT_HOOK: &str = include_str!("files/dracut-hook");

const RULES_PATH: &str = "etc/udev/rules.d/80-virtfn.rules";
const WANTS_PATH: &str = "etc/systemd/system/sysinit.target.wants/virtfn.service";
/// Where a package has the units and the rule.
const PACKAGED: [(&str, &str, &str); 3] = [
    ("etc/systemd/system/virtfn.service", "usr/lib/systemd/system/virtfn.service", SERVICE),
    (
        "etc/systemd/system/virtfn-pf@.service",
        "usr/lib/systemd/system/virtfn-pf@.service",
        PF_SERVICE,
    ),
    (RULES_PATH, "usr/lib/udev/rules.d/80-virtfn.rules", RULES),
];

/// Where the files below have the program.
const PROGRAM: &str = "/usr/bin/virtfn";
/// Folders that need not be there, or not with the same content, when a start comes to the unit.
const PASSING: [&str; 5] = ["/tmp/", "/var/tmp/", "/run/", "/home/", "/dev/"];

/// The program that a start shall run, in the system below `root`: a package's, or else the one that
/// runs now.
///
/// # Errors
/// With its path, when it lies where it may be gone at the next start.
pub fn program(root: &Path) -> Result<PathBuf, PathBuf> {
    let packaged = PathBuf::from(PROGRAM);
    if root != Path::new("/") || packaged.exists() {
        return Ok(packaged);
    }
    let here = std::env::current_exe().unwrap_or(packaged);
    if PASSING.iter().any(|passing| here.starts_with(passing)) { Err(here) } else { Ok(here) }
}

/// What starts the machine's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Init {
    /// systemd
    Systemd,
    /// OpenRC
    Openrc,
    /// Scripts in /etc/init.d
    Sysv,
}

impl Init {
    /// What the system below `root` has.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        let has = |paths: &[&str]| paths.iter().any(|path| root.join(path).exists());
        if has(&["run/systemd/system"]) {
            Self::Systemd
        } else if has(&["run/openrc", "sbin/openrc-run", "usr/sbin/openrc-run"]) {
            Self::Openrc
        } else if has(&["usr/lib/systemd/systemd", "lib/systemd/systemd"]) {
            Self::Systemd
        } else {
            Self::Sysv
        }
    }

    /// Its files, those that others name last.
    #[must_use]
    pub fn files(self, root: &Path, program: &Path) -> Vec<OwnFile> {
        let text = |path, body| text(path, &running(body, program));
        let script = |path, body| script(path, &running(body, program));
        match self {
            Self::Systemd => systemd(root, program),
            Self::Openrc => vec![
                text(RULES_PATH, PLAIN_RULES),
                script("etc/init.d/virtfn", OPENRC),
                link("etc/runlevels/boot/virtfn", "/etc/init.d/virtfn"),
            ],
            Self::Sysv => vec![
                text(RULES_PATH, PLAIN_RULES),
                script("etc/init.d/virtfn", SYSV),
                link("etc/rcS.d/S11virtfn", "../init.d/virtfn"),
            ],
        }
    }

    /// What has those that run now read them.
    #[must_use]
    pub fn reload(self, root: &Path) -> Vec<&'static [&'static str]> {
        let mut commands: Vec<&[&str]> = Vec::new();
        if self == Self::Systemd && root.join("run/systemd/system").exists() {
            commands.push(&["systemctl", "daemon-reload"]);
        }
        if root.join("run/udev/control").exists() {
            commands.push(&["udevadm", "control", "--reload"]);
        }
        commands
    }
}

/// A file as it is when the program lies there.
fn running<'a>(body: &'a str, program: &Path) -> Cow<'a, str> {
    if program == Path::new(PROGRAM) {
        Cow::Borrowed(body)
    } else {
        Cow::Owned(body.replace(PROGRAM, &program.display().to_string()))
    }
}

fn systemd(root: &Path, program: &Path) -> Vec<OwnFile> {
    let is_packaged = |packaged: &str, body: &str| {
        std::fs::read_to_string(root.join(packaged)).is_ok_and(|there| there == body)
    };
    let mut files = Vec::new();
    for (path, packaged, body) in PACKAGED {
        let body = running(body, program);
        if !is_packaged(packaged, &body) {
            files.push(text(path, &body));
        }
    }
    let (path, packaged, body) = PACKAGED[0];
    let is_packaged = is_packaged(packaged, &running(body, program));
    let target = if is_packaged { packaged } else { path };
    files.push(link(WANTS_PATH, &format!("/{target}")));
    files
}

/// The files for the initial RAM disk, for those builders of it that are there.
#[must_use]
pub fn initramfs(root: &Path, program: &Path) -> Vec<OwnFile> {
    let script = |path, body| script(path, &running(body, program));
    let mut files = Vec::new();
    if root.join("etc/initramfs-tools").is_dir() {
        files.push(script("etc/initramfs-tools/hooks/virtfn", INITRAMFS_HOOK));
        files.push(script("etc/initramfs-tools/scripts/init-premount/virtfn", INITRAMFS_SCRIPT));
    }
    if root.join("usr/lib/dracut/modules.d").is_dir() {
        files.push(script("usr/lib/dracut/modules.d/90virtfn/virtfn.sh", DRACUT_HOOK));
        files.push(script("usr/lib/dracut/modules.d/90virtfn/module-setup.sh", DRACUT));
    }
    if !files.is_empty() {
        let body = format!("# {MARK} --initramfs: the image is built with its files\n");
        files.insert(0, text(INITRAMFS_RECORD, &body));
    }
    files
}

/// What builds that image anew.
#[must_use]
pub fn build_initramfs(root: &Path) -> Vec<&'static [&'static str]> {
    let builders: [(&str, &[&str]); 2] = [
        ("etc/initramfs-tools", &["update-initramfs", "-u"]),
        ("usr/lib/dracut/modules.d", &["dracut", "--force"]),
    ];
    let here = builders.into_iter().filter(|(folder, _)| root.join(folder).is_dir());
    here.map(|(_, command)| command).collect()
}

/// What lies here says that something beside the files was built with them. It goes last of all, once
/// that was built without them: a run that was killed in between is made good by the next.
pub const RECORDS: [&str; 2] = [kernel_args::RECORD, INITRAMFS_RECORD];
/// See [`RECORDS`].
pub const INITRAMFS_RECORD: &str = "var/lib/virtfn/initramfs";

/// Every other place where a file of ours can be, in the order in which they go: what names others first.
pub const ALL: [&str; 12] = [
    WANTS_PATH,
    "etc/runlevels/boot/virtfn",
    "etc/rcS.d/S11virtfn",
    RULES_PATH,
    "etc/systemd/system/virtfn-pf@.service",
    "etc/systemd/system/virtfn.service",
    "etc/init.d/virtfn",
    "etc/initramfs-tools/scripts/init-premount/virtfn",
    "etc/initramfs-tools/hooks/virtfn",
    "usr/lib/dracut/modules.d/90virtfn/module-setup.sh",
    "usr/lib/dracut/modules.d/90virtfn/virtfn.sh",
    kernel_args::GRUB,
];

fn text(path: &str, body: &str) -> OwnFile {
    OwnFile { path: path.into(), content: Content::Text(body.into()) }
}

fn script(path: &str, body: &str) -> OwnFile {
    OwnFile { path: path.into(), content: Content::Script(body.into()) }
}

fn link(path: &str, target: &str) -> OwnFile {
    OwnFile { path: path.into(), content: Content::Link(target.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_comes_can_go_and_bears_the_mark() {
        let nowhere = Path::new("/nonexistent");
        let elsewhere = Path::new("/opt/virtfn");
        for init in [Init::Systemd, Init::Openrc, Init::Sysv] {
            for file in init.files(nowhere, elsewhere) {
                assert!(ALL.contains(&file.path.as_str()), "{}", file.path);
                match &file.content {
                    Content::Link(_) => {}
                    Content::Text(text) | Content::Script(text) | Content::Shared(text) => {
                        assert!(text.contains(MARK), "{}", file.path);
                        assert!(!text.contains(PROGRAM), "{text}");
                    }
                }
            }
        }
    }
}
