//! Changes the machine: the only crate that does.
//!
//! [`run()`] takes a wish (an edit of the policy that the machine has), and goes one way: lock the PFs,
//! look, plan, prove that nobody loses anything, run the steps through the one door, read all of it
//! back. What it must put back is in a journal before it is taken away: killed anywhere, the next
//! run ends in the wanted state.

mod adopted;
mod error;
mod execute;
pub mod files;
mod give;
mod given;
mod guard;
mod journal;
mod live;
mod lock;
mod machine;
mod place;
mod record;
mod run;
mod steps;

pub use adopted::{FileChange, change_files};
pub use error::{ApplyError, Cause, FailedStep};
pub use give::{Hands, HandsError, Steps, Taker, hand_over, take_back};
pub use given::Given;
pub use live::Live;
pub use machine::{Machine, Sight};
pub use run::{Ended, InUse, OnFailure, Options, Outcome, Progress, dry_run, run};
