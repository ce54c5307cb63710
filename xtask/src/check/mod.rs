//! `cargo xtask check`: all that needs no machine, in the order of what fails soonest.

mod dependencies;
mod files;
mod layers;
mod licence;
pub(crate) mod metadata;
mod provoked;

use anyhow::Result;

use self::metadata::Metadata;
use crate::progress::step;
use crate::workspace::{cargo, run};
use crate::{build, dist, test};

/// Runs every check. `before_tests` leaves out what a run of all tests does next: the units, and a
/// build to be shipped, where the lab's own does.
///
/// # Errors
/// At the first that fails.
pub(crate) fn check(before_tests: bool) -> Result<()> {
    let metadata = Metadata::read()?;
    step("Lock file of the fuzz targets", || {
        run(cargo().args(["fetch", "--quiet", "--locked", "--manifest-path", "fuzz/Cargo.toml"]))
    })?;
    step("Formatting", || run(cargo().args(["fmt", "--all", "--check"])))?;
    step("Rooms, file lengths", || layers::check(&metadata).and_then(|()| files::check()))?;
    step("Licences, sources, duplicates", || dependencies::check(&metadata))?;
    step("Lints", || {
        let all = ["clippy", "--quiet", "--workspace", "--all-targets"];
        run(cargo().args(all).args(["--features", "virtfn-lab/lab", "--", "-D", "warnings"]))
    })?;
    step("Documentation", || {
        let all = ["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"];
        run(cargo().env("RUSTDOCFLAGS", "-D warnings").args(all))
    })?;
    if before_tests {
        return provoked::print(&build::for_the_lab(None)?.virtfn);
    }
    test::units()?;
    let program = dist::build()?;
    let bytes = std::fs::metadata(&program)?.len();
    let shipped = metadata.shipped_in("virtfn-cli").len();
    provoked::print(&program)?;
    println!("virtfn: {:.2} MB static, {shipped} foreign crates in it", megabytes(bytes));
    Ok(())
}

/// Bytes as decimal megabytes, for a person.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    #[allow(clippy::cast_precision_loss)] // Sizes here are far below 2^52.
    let bytes = bytes as f64;
    bytes / 1e6
}
