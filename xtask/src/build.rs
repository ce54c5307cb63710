//! Static builds of the project's programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use virtfn_lab::image::Binaries;

use crate::{dist, progress, workspace};

/// The target is named so that build scripts and macros are not built with the static flags.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds `virtfn` and `lab-guest` as the lab runs them, and packs the first; a `virtfn` that is
/// given is not built.
///
/// # Errors
/// When the build fails.
pub(crate) fn for_the_lab(given: Option<&Path>) -> Result<Binaries> {
    let packages: &[&str] = match given {
        Some(_) => &["virtfn-lab-guest"],
        None => &["virtfn-cli", "virtfn-lab-guest"],
    };
    let built = build("lab", packages)?;
    let virtfn = given.map_or_else(|| built.join("virtfn"), Path::to_path_buf);
    let (package, _) = dist::pack(&virtfn, &built)?;
    Ok(Binaries { virtfn, lab_guest: built.join("lab-guest"), package: Some(package) })
}

/// Builds packages statically and returns the directory of their programs.
///
/// # Errors
/// When the build fails.
pub(crate) fn build(profile: &str, packages: &[&str]) -> Result<PathBuf> {
    let directory = workspace::target().join("static");
    progress::step(&format!("Building {} ({profile})", packages.join(", ")), || {
        workspace::run(command(profile, packages).arg("--target-dir").arg(&directory))
    })?;
    Ok(directory.join(TARGET).join(profile))
}

/// What is shipped names no folder of the machine that built it.
fn flags(profile: &str) -> String {
    let mut flags = "-C target-feature=+crt-static".to_owned();
    if profile == "release" {
        flags += &format!(" --remap-path-prefix={}=/virtfn", workspace::root().display());
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
        let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home);
        flags += &cargo.map_or_else(String::new, |cargo| {
            format!(" --remap-path-prefix={}=/cargo", cargo.display())
        });
    }
    flags
}

fn command(profile: &str, packages: &[&str]) -> Command {
    let mut command = workspace::cargo();
    command.args(["build", "--quiet", "--target", TARGET, "--profile", profile]);
    command.env("RUSTFLAGS", flags(profile));
    for package in packages {
        command.args(["--package", package]);
    }
    command
}
