//! Rules that judge a machine: is it ready to hand functions over, and if not, what mends it?
//!
//! [`judge()`] lays every [`Rule`] of [`RULES`] over a [`Host`](virtfn_host::Host) and gives
//! [`Finding`]s; [`summary()`] says in one line what they come to; [`explain()`] gives a rule's page.
//! Pure: no I/O, no clock.
//!
//! Three promises hold for every rule. What could not be seen is [`Verdict::Unknown`], never a
//! pass. Every finding shows the files and values that prove it, and every failure what mends it.
//! One cause is one failure: a rule that only fails because another does is
//! [`Verdict::NotApplicable`] and names it.
//!
//! To add a rule: one file in `rules/`, its page beside it, one line in [`RULES`].

mod advice;
mod claimed;
mod evidence;
mod explain;
mod finding;
mod judge;
mod obstacle;
mod opinion;
mod provoked;
mod rule;
mod rules;
mod summary;
mod symptom;
mod uses;
mod vfs;

pub use explain::explain;
pub use finding::{Evidence, Finding, Object, SCHEMA, Verdict};
pub use judge::judge;
pub use obstacle::{Obstacle, obstacles};
pub use opinion::Opinion;
pub use provoked::Provoked;
pub use rule::{About, Judge, Rule, Weight};
pub use rules::{RULES, module_option_traces};
pub use summary::{Readiness, Summary, summary};
pub use uses::{UnknownUse, Uses};
