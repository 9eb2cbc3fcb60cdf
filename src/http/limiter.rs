//! A token bucket.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

/// Lets so many through at once, and then one per interval.
pub(super) struct Limiter {
    burst: u32,
    interval: Duration,
    /// The moment at which the bucket is, or was, full.
    full_at: Mutex<Instant>,
}

impl Limiter {
    pub(super) fn new(burst: u32, interval: Duration) -> Self {
        Self { burst, interval, full_at: Mutex::new(Instant::now()) }
    }

    /// Takes a token. Returns false if there is none.
    pub(super) fn allow(&self) -> bool {
        let now = Instant::now();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let next = (*full_at).max(now) + self.interval;
        let allowed = next <= now + self.interval * self.burst;
        if allowed {
            *full_at = next;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_one_per_interval() {
        let limiter = Limiter::new(3, Duration::from_secs(10));
        let passed = |tries: usize| (0..tries).filter(|_| limiter.allow()).count();
        assert_eq!(passed(9), 3);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(passed(9), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(passed(9), 1);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(passed(9), 3);
    }
}
