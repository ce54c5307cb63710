//! Programs of the host that the lab runs.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The oldest QEMU with the emulated 82576 (`igb`).
pub const OLDEST_QEMU: QemuVersion = QemuVersion { major: 8, minor: 1 };

/// The emulator's program name.
pub const QEMU: &str = "qemu-system-x86_64";

/// A QEMU release, as far as the lab cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QemuVersion {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl fmt::Display for QemuVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl QemuVersion {
    /// Reads a version such as `10.0.2`, with or without a Debian epoch (`1:7.2+dfsg-7`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split_once(':').map_or(text, |(_epoch, rest)| rest);
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        Some(Self { major: numbers.next()?.parse().ok()?, minor: numbers.next()?.parse().ok()? })
    }
}

/// Finds a program on `PATH` and in the administrator's directories, which an ordinary user's
/// `PATH` often lacks.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// Finds a program that the lab cannot do without.
///
/// # Errors
/// When it is not installed: says that `cargo xtask setup` looks after it.
pub fn need(program: &str) -> Result<PathBuf> {
    find(program)
        .with_context(|| format!("{program} is not installed; `cargo xtask setup` gets it"))
}

/// The QEMU of this host and its version.
///
/// # Errors
/// When there is none, it does not run, or it is older than [`OLDEST_QEMU`].
pub fn qemu() -> Result<(PathBuf, QemuVersion)> {
    let program = need(QEMU)?;
    let version = qemu_version(&program)?;
    if version < OLDEST_QEMU {
        bail!(
            "{} is version {version}; the lab needs {OLDEST_QEMU} or later, which has igb",
            program.display()
        );
    }
    Ok((program, version))
}

/// Asks a QEMU for its version.
///
/// # Errors
/// When it does not run or prints something else.
pub fn qemu_version(program: &Path) -> Result<QemuVersion> {
    let answer = stdout_of(Command::new(program).arg("--version"))?;
    answer
        .split_once("version ")
        .and_then(|(_, rest)| QemuVersion::parse(rest))
        .with_context(|| format!("{} --version printed {answer:?}", program.display()))
}

/// Runs a command to its end and returns what it printed.
///
/// # Errors
/// When it cannot be started or does not exit with status 0; the error carries its standard error.
pub fn stdout_of(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
        bail!(
            "`{name} {}`: {}: {}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("{name} printed no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_and_without_an_epoch() {
        for (text, major, minor) in
            [("10.0.2 (Debian 1:10.0.2)", 10, 0), ("1:7.2+dfsg-7+deb12u18", 7, 2), ("8.1", 8, 1)]
        {
            assert_eq!(QemuVersion::parse(text), Some(QemuVersion { major, minor }), "{text}");
        }
        assert_eq!(QemuVersion::parse("unknown"), None);
    }

    #[test]
    fn ten_is_newer_than_eight() {
        assert!(QemuVersion { major: 10, minor: 0 } > OLDEST_QEMU);
        assert!(QemuVersion { major: 7, minor: 2 } < OLDEST_QEMU);
    }

    #[test]
    fn a_failing_command_says_what_it_said() {
        let failure =
            stdout_of(Command::new("sh").args(["-c", "echo so bad >&2; exit 3"])).unwrap_err();
        assert!(failure.to_string().contains("so bad"), "{failure}");
    }
}
