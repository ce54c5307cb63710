//! Running apt, with root's rights only where they are needed.

use std::process::Command;

use anyhow::{Result, bail};
use virtfn_lab::programs;

use crate::workspace;

/// An apt program that only reads.
pub(super) fn read_only(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C.UTF-8");
    command
}

/// Fetches the package lists anew.
///
/// # Errors
/// When it fails, or this user can neither be root nor use sudo.
pub(super) fn update() -> Result<()> {
    workspace::run(as_root("apt-get")?.args(["update", "--quiet"]))
}

/// Installs packages, from `suite` where one is given.
///
/// # Errors
/// When it fails, or this user can neither be root nor use sudo.
pub(super) fn install(packages: &[&str], suite: Option<&str>) -> Result<()> {
    let mut command = as_root("apt-get")?;
    command.args(["install", "--quiet", "--yes", "--no-install-recommends"]);
    if let Some(suite) = suite {
        command.args(["--target-release", suite]);
    }
    workspace::run(command.args(packages))
}

/// A command that runs as root, without questions from the package system.
///
/// # Errors
/// When this is not root and there is no sudo.
pub(super) fn as_root(program: &str) -> Result<Command> {
    let environment = ["DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"];
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("env")
    } else if programs::find("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    } else {
        bail!("installing packages needs root, and there is no sudo: run this as root once");
    };
    command.args(environment).arg(program);
    Ok(command)
}
