//! Where a change goes: into the machine that runs, into the definition that lasts, or both.

use crate::{Affect, DomainState};

/// What a person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: what makes sense.
    Nothing,
    /// `--live`.
    Live,
    /// `--config`.
    Config,
    /// Both.
    Both,
}

/// A place, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Place {
    /// It does not run.
    #[error("it does not run, so there is nothing to change now")]
    NotRunning,
    /// It has no definition that lasts.
    #[error("it is transient: nothing of it is left when it stops, so there is nothing to keep")]
    Transient,
}

/// Where a change of a domain goes. With nothing asked: into all that there is, so that what runs and what
/// lasts do not part.
///
/// # Errors
/// When what was asked for is not there.
pub fn place(asked: Asked, state: DomainState, persistent: bool) -> Result<Affect, Place> {
    match (asked, state.has_devices(), persistent) {
        (Asked::Live | Asked::Both, false, _) => Err(Place::NotRunning),
        (Asked::Config | Asked::Both, _, false) => Err(Place::Transient),
        (Asked::Live, true, _) | (Asked::Nothing, true, false) => Ok(Affect::Live),
        (Asked::Config, _, true) | (Asked::Nothing, false, _) => Ok(Affect::Config),
        (Asked::Nothing | Asked::Both, true, true) => Ok(Affect::Both),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_sense_follows_the_domains_state() {
        use DomainState::{Paused, Running, ShutOff};
        for (asked, state, persistent, expected) in [
            (Asked::Nothing, Running, true, Ok(Affect::Both)),
            (Asked::Nothing, Paused, true, Ok(Affect::Both)),
            (Asked::Nothing, Running, false, Ok(Affect::Live)),
            (Asked::Nothing, ShutOff, true, Ok(Affect::Config)),
            (Asked::Live, Running, true, Ok(Affect::Live)),
            (Asked::Live, ShutOff, true, Err(Place::NotRunning)),
            (Asked::Config, Running, true, Ok(Affect::Config)),
            (Asked::Config, Running, false, Err(Place::Transient)),
            (Asked::Both, ShutOff, true, Err(Place::NotRunning)),
            (Asked::Both, Running, true, Ok(Affect::Both)),
        ] {
            assert_eq!(place(asked, state, persistent), expected, "{asked:?} {state} {persistent}");
        }
    }
}
