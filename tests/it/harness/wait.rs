//! Waiting for the world. Never for a time alone: for a condition with a deadline, or for one to last.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

use std::time::Duration;
use std::time::Instant;

/// How long anything may take. Far more than it should, because test machines are slow.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(50);

/// Looks until there is something to see.
///
/// # Panics
/// Panics if there is nothing to see after [`DEADLINE`].
#[track_caller]
pub(crate) fn until_some<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    match within(DEADLINE, look) {
        Some(seen) => seen,
        None => panic!("waited {}s in vain until {what}", DEADLINE.as_secs()),
    }
}

/// Looks until the condition holds.
///
/// # Panics
/// Panics if it does not hold after [`DEADLINE`].
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    until_some(what, || holds().then_some(()));
}

/// Looks until there is something to see, for some time at most.
pub(crate) fn within<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if begun.elapsed() > deadline {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Watches a condition that must hold all the time.
///
/// # Panics
/// Panics as soon as it does not hold.
#[track_caller]
pub(crate) fn always_for(time: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        assert!(holds(), "after {:?} it no longer held that {what}", begun.elapsed());
        std::thread::sleep(PAUSE);
    }
}

/// Returns how long something took, with what it gave.
pub(crate) fn timed<T>(act: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let result = act();
    (begun.elapsed(), result)
}
