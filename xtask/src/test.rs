//! `cargo xtask test`: units and fixtures first, then the lab.

use anyhow::Result;
use virtfn_lab::programs;

use crate::lab::{self, TestArguments};
use crate::progress::step;
use crate::workspace::{cargo, run};

/// Runs every test.
///
/// # Errors
/// When one fails.
pub(crate) fn all(lab: &TestArguments) -> Result<()> {
    units()?;
    lab::test(lab)
}

/// Runs what needs no machine: units, fixtures, examples in the documentation.
///
/// # Errors
/// When one fails.
pub(crate) fn units() -> Result<()> {
    step("Units and fixtures", || {
        let mut command = cargo();
        match programs::find("cargo-nextest") {
            Some(_) => command.args(["nextest", "run", "--workspace", "--no-fail-fast"]),
            None => command.args(["test", "--quiet", "--workspace", "--lib", "--bins", "--tests"]),
        };
        run(&mut command)
    })?;
    step("Examples in the documentation", || {
        run(cargo().args(["test", "--quiet", "--workspace", "--doc"]))
    })
}
