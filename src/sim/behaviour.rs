//! What a container's process does once it is started: how long it runs, how it ends, and what its health check says
//! when. Pure functions of the time since the start.

use std::time::Duration;

use crate::core::desired::request::HealthConfig;
use crate::core::observed::Health;

/// What the containers of an image do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// How the process ends; `None` if it runs until it is stopped.
    pub exits: Option<Exit>,
    /// What a health check finds, if there is one.
    pub health: HealthScript,
    /// The image brings a health check of its own.
    pub checked: bool,
    /// What it writes at each start, line by line.
    pub output: Vec<String>,
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// From the start.
    pub after: Duration,
    /// The exit code.
    pub code: i64,
}

/// What a health check finds over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthScript {
    /// Failure until then, success afterwards.
    HealthyAfter(Duration),
    /// Failure.
    Never,
    /// Success and failure in turn, each for that long, after a first success at that time.
    Flaps(Duration),
}

impl Default for Behaviour {
    /// Runs for ever and is healthy soon.
    fn default() -> Self {
        Self {
            exits: None,
            health: HealthScript::HealthyAfter(Duration::from_millis(500)),
            checked: false,
            output: Vec::new(),
        }
    }
}

impl Behaviour {
    /// Runs for ever; has a health check that passes after that time.
    pub fn healthy_after(time: Duration) -> Self {
        Self { health: HealthScript::HealthyAfter(time), checked: true, ..Self::default() }
    }

    /// Runs for ever; has a health check that never passes.
    pub fn never_healthy() -> Self {
        Self { health: HealthScript::Never, checked: true, ..Self::default() }
    }

    /// Runs for ever; has a health check that passes and fails in turn.
    pub fn flapping(period: Duration) -> Self {
        Self { health: HealthScript::Flaps(period), checked: true, ..Self::default() }
    }

    /// Ends by itself.
    pub fn exiting(after: Duration, code: i64) -> Self {
        Self { exits: Some(Exit { after, code }), ..Self::default() }
    }
}

/// When a health check gives up, from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// The time of the first check.
    pub(super) first: Duration,
    /// The time of the check that makes a container unhealthy if none passed before.
    pub(super) last: Duration,
}

impl Patience {
    /// An image's own check: it looks each second, and is patient enough for an image that will be healthy.
    pub(super) fn of_image(script: HealthScript) -> Self {
        let second = Duration::from_secs(1);
        let needed = match script {
            HealthScript::HealthyAfter(time) => time,
            HealthScript::Never | HealthScript::Flaps(_) => second,
        };
        Self { first: second, last: needed + second }
    }

    /// Reads a configuration, with the engine's defaults for zeros.
    pub(super) fn of(check: &HealthConfig) -> Self {
        const INTERVAL: Duration = Duration::from_secs(30);
        let or = |nanoseconds: i64, default: Duration| match u64::try_from(nanoseconds) {
            Ok(0) | Err(_) => default,
            Ok(nanoseconds) => Duration::from_nanos(nanoseconds),
        };
        let interval = or(check.interval, INTERVAL);
        let retries = u32::try_from(check.retries).ok().filter(|retries| *retries > 0).unwrap_or(3);
        Self { first: interval, last: or(check.start_period, Duration::ZERO) + interval * retries }
    }
}

impl HealthScript {
    /// Returns what the engine says so long after the start, and when it may say something else.
    pub(super) fn at(self, elapsed: Duration, patience: Patience) -> (Health, Option<Duration>) {
        match self {
            Self::HealthyAfter(time) if elapsed >= time => (Health::Healthy, None),
            Self::HealthyAfter(time) if elapsed >= patience.last => (Health::Unhealthy, Some(time)),
            Self::HealthyAfter(time) => (Health::Starting, Some(time.min(patience.last))),
            Self::Never if elapsed >= patience.last => (Health::Unhealthy, None),
            Self::Never => (Health::Starting, Some(patience.last)),
            Self::Flaps(period) => {
                let period = period.max(Duration::from_millis(1));
                let turn = elapsed.as_millis() / period.as_millis();
                let next = period * u32::try_from(turn + 1).unwrap_or(u32::MAX);
                let health = match turn {
                    0 => Health::Starting,
                    turn if turn % 2 == 1 => Health::Healthy,
                    _ => Health::Unhealthy,
                };
                (health, Some(next))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(interval: i64, retries: i64) -> HealthConfig {
        HealthConfig { interval, retries, ..HealthConfig::default() }
    }

    #[test]
    fn a_check_that_always_fails_gives_up_after_its_retries() {
        let patience = Patience::of(&check(1_000_000_000, 2));
        let at = |millis| HealthScript::Never.at(Duration::from_millis(millis), patience).0;
        assert_eq!((at(200), at(1_999), at(2_000)), (Health::Starting, Health::Starting, Health::Unhealthy));
    }

    #[test]
    fn a_slow_start_is_unhealthy_before_it_is_healthy() {
        let patience = Patience::of(&check(1_000_000_000, 2));
        let script = HealthScript::HealthyAfter(Duration::from_secs(5));
        assert_eq!(
            script.at(Duration::from_secs(3), patience),
            (Health::Unhealthy, Some(Duration::from_secs(5)))
        );
        assert_eq!(script.at(Duration::from_secs(5), patience), (Health::Healthy, None));
    }

    #[test]
    fn a_flapping_service_says_both_in_turn() {
        let script = HealthScript::Flaps(Duration::from_secs(1));
        let patience = Patience::of_image(script);
        let word = |seconds| script.at(Duration::from_secs(seconds), patience).0;
        assert_eq!(
            (word(0), word(1), word(2), word(3)),
            (Health::Starting, Health::Healthy, Health::Unhealthy, Health::Healthy)
        );
    }
}
