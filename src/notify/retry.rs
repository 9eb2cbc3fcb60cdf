//! Whether and when a delivery is tried again. Pure.

use jiff::SignedDuration;
use jiff::Timestamp;

use super::post::PostError;
use crate::core::schedule::Backoff;
use crate::ports::Delivery;
use crate::ports::NextTry;

/// An event older than this is given up…
const GIVE_UP_AGE: SignedDuration = SignedDuration::from_hours(72);

/// …if it was tried this often. A receiver that comes back a little later than we do still gets what happened before
/// a long power cut.
const GIVE_UP_ATTEMPTS: u32 = 10;

/// A provider that asks to be left alone is left alone for so long at most.
const LONGEST_REQUEST: SignedDuration = SignedDuration::from_mins(15);

/// Returns what is next for a delivery that failed at `now`; `random` is in `0..1`.
pub(super) fn next_try(
    delivery: &Delivery,
    error: &PostError,
    backoff: Backoff,
    now: Timestamp,
    random: f64,
) -> NextTry {
    let failures = delivery.attempts.saturating_add(1);
    if failures >= GIVE_UP_ATTEMPTS && now.duration_since(delivery.event.timestamp) >= GIVE_UP_AGE {
        return NextTry::Never;
    }
    let delay = SignedDuration::try_from(backoff.delay(failures, random)).unwrap_or(SignedDuration::MAX);
    let asked = error.retry_after().unwrap_or_default().min(LONGEST_REQUEST);
    let at = now.saturating_add(delay.max(asked)).unwrap_or(Timestamp::MAX);
    NextTry::At { at, provider_down: error.provider_down() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::StatusCode;

    use super::*;
    use crate::core::model::Redactor;
    use crate::core::run::EventBuilder;
    use crate::core::run::EventType;
    use crate::core::run::ObjectKind;
    use crate::core::run::ObjectRef;
    use crate::core::run::Stamp;
    use crate::core::run::Ulid;

    const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(15));

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    fn delivery(attempts: u32) -> Delivery {
        let stamp = Stamp {
            id: Ulid::new(at(0), [0; 10]),
            at: at(0),
            sequence: 1,
            run: None,
            instance: "nas".into(),
        };
        let object = ObjectRef::other(ObjectKind::Controller, "nas");
        let event = EventBuilder::new(EventType::DeployFailed, object, "text").finish(&Redactor::default());
        Delivery { number: 1, event: event.stamp(stamp), body: String::new(), attempts }
    }

    fn status(code: u16, retry_after: Option<i64>) -> PostError {
        PostError::Status {
            shown: "http://host".into(),
            status: StatusCode::from_u16(code).expect("a status"),
            retry_after: retry_after.map(SignedDuration::from_secs),
        }
    }

    fn next(attempts: u32, error: &PostError, now: i64, random: f64) -> NextTry {
        next_try(&delivery(attempts), error, BACKOFF, at(now), random)
    }

    #[test]
    fn waits_grow_to_a_quarter_of_an_hour() {
        let wait = |attempts| next(attempts, &status(500, None), 0, 0.5);
        let down =
            |seconds| NextTry::At { at: at(0) + SignedDuration::from_millis(seconds), provider_down: true };
        assert_eq!(
            [wait(0), wait(1), wait(4), wait(40)],
            [down(500), down(1_000), down(8_000), down(450_000)]
        );
    }

    #[test]
    fn a_provider_that_asks_for_peace_gets_it_for_a_while() {
        let wait = |seconds| next(0, &status(429, Some(seconds)), 0, 0.5);
        assert_eq!(wait(60), NextTry::At { at: at(60), provider_down: true });
        assert_eq!(wait(86_400), NextTry::At { at: at(900), provider_down: true });
    }

    #[test]
    fn only_a_refusal_of_the_body_is_the_events_own_fault() {
        let down =
            |code| matches!(next(0, &status(code, None), 0, 0.5), NextTry::At { provider_down: true, .. });
        assert_eq!([400, 413, 422].map(down), [false; 3]);
        assert_eq!([301, 401, 404, 429, 500, 503].map(down), [true; 6]);
    }

    #[test]
    fn an_event_is_given_up_after_three_days_and_ten_tries() {
        let three_days = 3 * 24 * 3600;
        assert_eq!(next(9, &status(500, None), three_days, 0.5), NextTry::Never);
        assert_ne!(next(9, &status(500, None), three_days - 1, 0.5), NextTry::Never);
        assert_ne!(next(3, &status(500, None), three_days, 0.5), NextTry::Never);
    }
}
