//! The next time something is due: intervals with jitter, cron, and the waits between retries.
//!
//! Pure: the time and the random number come in as values, so that a test can run through years in no time. It
//! starts nothing and remembers nothing; whoever asks keeps the time of the last run.

mod backoff;
mod cron;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;

pub use backoff::Backoff;
pub use cron::Cron;
pub use cron::CronError;

/// When something is due again.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// So long after the last run.
    Every {
        /// The mean time between two runs.
        interval: Duration,
        /// How far a single wait may be off, as a fraction of the interval: `0.05` is ±5 %.
        jitter_fraction: f64,
    },
    /// At times of day in a named time zone.
    Cron(Cron),
}

impl Schedule {
    /// The jitter of [`Schedule::every`]. It keeps sources with one interval from being polled in step.
    pub const JITTER: f64 = 0.05;

    /// Returns a schedule that is due at each interval, ±5 %.
    pub fn every(interval: Duration) -> Self {
        Self::Every { interval, jitter_fraction: Self::JITTER }
    }

    /// Returns when to run next: never before `now`, and `now` itself if that is overdue. However many runs were
    /// missed while nobody asked, one is due.
    ///
    /// `last` is when the previous run began, and `None` if there was none; then an interval is due at once and a
    /// cron schedule at its next time. `random` is in `0..1`; ask once per wait and keep the answer, because
    /// another number gives another time.
    ///
    /// A clock that was set back repeats no cron run and makes no interval longer. If there is no next time, the
    /// answer is [`Timestamp::MAX`].
    pub fn next_due(&self, last: Option<Timestamp>, now: Timestamp, random: f64) -> Timestamp {
        let due = match (self, last) {
            (Self::Every { .. }, None) => now,
            (Self::Every { interval, jitter_fraction }, Some(last)) => {
                let spread = 1.0 + jitter_fraction * (2.0 * unit(random) - 1.0);
                later(last.min(now), scale(*interval, spread))
            }
            (Self::Cron(cron), last) => cron.after(last.unwrap_or(now)),
        };
        due.max(now)
    }
}

/// Returns the number if it is in `0..=1`, else the nearer end; zero for what is no number.
fn unit(random: f64) -> f64 {
    if random.is_nan() { 0.0 } else { random.clamp(0.0, 1.0) }
}

/// Returns the duration times a factor, which may not be negative, and the longest duration if that is too long.
fn scale(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor.max(0.0)).unwrap_or(Duration::MAX)
}

/// Returns the time so much later, or the end of time.
fn later(time: Timestamp, wait: Duration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}
