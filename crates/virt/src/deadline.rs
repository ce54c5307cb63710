//! A time limit that several waits share.

use std::time::{Duration, Instant};

/// The instant at which waiting ends, and the limit it came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    began: Instant,
    limit: Duration,
}

impl Deadline {
    /// `limit` from now on.
    pub(crate) fn after(limit: Duration) -> Self {
        Self { began: Instant::now(), limit }
    }

    /// The whole limit, for the error that says so.
    pub(crate) fn limit(self) -> Duration {
        self.limit
    }

    /// What is left of it; `None` once it has passed.
    pub(crate) fn left(self) -> Option<Duration> {
        self.limit.checked_sub(self.began.elapsed()).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_nothing_has_passed_and_a_long_one_has_not() {
        assert_eq!(Deadline::after(Duration::ZERO).left(), None);
        let long = Deadline::after(Duration::from_secs(60));
        assert!(long.left().is_some_and(|left| left <= long.limit()));
    }
}
