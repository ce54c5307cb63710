//! How chores tell what they do: one line a step, on standard error.

use std::time::Instant;

use anyhow::Result;

/// Runs one step, saying what it is before and how long it took after, when that was noticeable.
///
/// # Errors
/// Whatever the step fails with.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("{what} …");
    let start = Instant::now();
    let outcome = work();
    let seconds = start.elapsed().as_secs_f64();
    if outcome.is_ok() && seconds >= 1.0 {
        eprintln!("{what}: {seconds:.0} s");
    }
    outcome
}

/// Says something that is neither a step nor a failure.
pub(crate) fn note(what: &str) {
    eprintln!("note: {what}");
}
