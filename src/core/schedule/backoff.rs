//! The wait before a retry: exponential, with full jitter.

use std::time::Duration;

use super::scale;
use super::unit;

/// How long to wait before trying again.
///
/// The upper bound doubles with each attempt up to a cap, and the wait is anywhere between zero and the bound.
/// This "full jitter" spreads those that failed together better than any other does, for the least work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// Returns a backoff whose bound is `base` before the first retry and never more than `cap`.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap }
    }

    /// Returns the same backoff with a lower cap: `cap`, or `base` if that is longer.
    #[must_use]
    pub fn at_most(self, cap: Duration) -> Self {
        Self { cap: self.cap.min(cap.max(self.base)), ..self }
    }

    /// Returns the longest wait after `failures` failures in a row; zero and one are the same.
    pub fn bound(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.base.checked_mul(factor).unwrap_or(Duration::MAX).min(self.cap)
    }

    /// Returns the wait after `failures` failures in a row, with `random` in `0..1`.
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        scale(self.bound(failures), unit(random)).min(self.bound(failures))
    }
}
