//! Waiting for conditions.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

/// How long a condition may take. Long, because machines that run tests are busy; it costs nothing when all is well.
const DEADLINE: Duration = Duration::from_secs(30);

/// Looks again and again until what is seen satisfies the condition, and returns that.
///
/// # Panics
/// After the deadline, with what was seen last.
pub(crate) async fn eventually<T, F>(
    what: &str,
    mut look: impl FnMut() -> F,
    condition: impl Fn(&T) -> bool,
) -> T
where
    T: Debug,
    F: Future<Output = T>,
{
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        let seen = look().await;
        if condition(&seen) {
            return seen;
        }
        assert!(tokio::time::Instant::now() < end, "{what}: still {seen:?}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
