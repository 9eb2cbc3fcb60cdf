//! The health gate: when does a container count as well, and when as failed? Decided on what was seen over time,
//! never on one sample: a crash loop looks well most of the time.

use std::time::Duration;

use super::Gate;
use super::Want;
use crate::core::observed::Container;
use crate::core::observed::Health;
use crate::core::observed::State;

/// What has been seen of a container since the wait began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Since when it has been well without a break, measured from the wait's begin.
    well_since: Option<Duration>,
    /// The engine's restart count and start time at the first look.
    first_run: Option<Run>,
    /// And at the last one: a change is a restart.
    last_run: Option<Run>,
}

type Run = (u64, Option<jiff::Timestamp>);

/// So many restarts are a crash loop. Fewer may be an app that gives up until its database answers.
const CRASH_LOOP: u64 = 5;

/// What a look decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Look again.
    Waiting,
    /// It reached what was wanted.
    Passed,
    /// It did not and will not, or not in time. The text says why.
    Failed(String),
}

impl Progress {
    /// Takes in one look at the container, `elapsed` after the wait began.
    pub fn look(&mut self, gate: &Gate, found: Option<&Container>, elapsed: Duration) -> Verdict {
        let Some(found) = found else {
            return Verdict::Failed("it was removed while it was waited for".into());
        };
        let run = (found.restart_count, found.started_at);
        let first = *self.first_run.get_or_insert(run);
        let restarts = found.restart_count.saturating_sub(first.0);
        if restarts >= CRASH_LOOP {
            return Verdict::Failed(format!(
                "it crashes: restarted {restarts} times (exit code {})",
                found.exit_code
            ));
        }
        if self.last_run != Some(run) {
            self.last_run = Some(run);
            self.well_since = None;
        }
        match wellness(gate.want, found) {
            Wellness::Ended(why) => Verdict::Failed(why),
            Wellness::Done => Verdict::Passed,
            Wellness::Well => {
                let since = *self.well_since.get_or_insert(elapsed);
                let long_enough =
                    gate.want == Want::Healthy || elapsed.saturating_sub(since) >= gate.min_healthy_time;
                if long_enough { Verdict::Passed } else { in_time(gate, found, elapsed) }
            }
            Wellness::NotYet => {
                self.well_since = None;
                in_time(gate, found, elapsed)
            }
        }
    }
}

fn in_time(gate: &Gate, found: &Container, elapsed: Duration) -> Verdict {
    if elapsed < gate.deadline {
        return Verdict::Waiting;
    }
    let state = match found.health {
        Some(Health::Starting) => "its health check has not decided yet",
        Some(Health::Unhealthy) => "its health check fails",
        Some(Health::Healthy) => "it is healthy, but not for long enough",
        None => found.state.word(),
    };
    Verdict::Failed(format!("it was not ready within {}s: {state}", gate.deadline.as_secs()))
}

enum Wellness {
    Well,
    NotYet,
    Done,
    Ended(String),
}

fn wellness(want: Want, found: &Container) -> Wellness {
    match (&found.state, want) {
        (State::Exited | State::Dead, Want::Completed | Want::Stable)
            if found.exit_code == 0 && ends_well(found, want) =>
        {
            Wellness::Done
        }
        (State::Exited | State::Dead, _) => {
            Wellness::Ended(format!("it ended with exit code {}", found.exit_code))
        }
        (State::Running, Want::Completed) => Wellness::NotYet,
        (State::Running, want) => match found.health {
            Some(Health::Starting) => Wellness::NotYet,
            Some(Health::Unhealthy) => Wellness::Ended("its health check fails".into()),
            None if want == Want::Healthy => Wellness::Ended("it has no health check to wait for".into()),
            Some(Health::Healthy) | None => Wellness::Well,
        },
        (State::Created, _) if !found.error.is_empty() => Wellness::Ended(found.error.clone()),
        _ => Wellness::NotYet,
    }
}

/// A service that the engine would restart has not "completed" by ending.
fn ends_well(found: &Container, want: Want) -> bool {
    want == Want::Completed || matches!(found.restart_policy.name.as_str(), "" | "no" | "on-failure")
}

#[cfg(test)]
mod tests {
    use super::super::tests::container;
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn gate(want: Want) -> Gate {
        Gate { container: "c".into(), want, min_healthy_time: seconds(10), deadline: seconds(60) }
    }

    #[test]
    fn running_counts_only_after_the_whole_minimum_time() {
        let (gate, mut progress, up) =
            (gate(Want::Stable), Progress::default(), container("c", State::Running));
        assert_eq!(progress.look(&gate, Some(&up), seconds(0)), Verdict::Waiting);
        assert_eq!(progress.look(&gate, Some(&up), seconds(9)), Verdict::Waiting);
        assert_eq!(progress.look(&gate, Some(&up), seconds(10)), Verdict::Passed);
    }

    #[test]
    fn a_crash_loop_fails_although_each_look_finds_it_running() {
        let (gate, mut progress, mut up) =
            (gate(Want::Stable), Progress::default(), container("c", State::Running));
        assert_eq!(progress.look(&gate, Some(&up), seconds(0)), Verdict::Waiting);
        for n in 1..5 {
            up.restart_count = n;
            assert_eq!(progress.look(&gate, Some(&up), seconds(n)), Verdict::Waiting);
        }
        up.restart_count = 5;
        assert!(matches!(progress.look(&gate, Some(&up), seconds(5)), Verdict::Failed(_)));
    }

    #[test]
    fn a_restart_starts_the_time_anew() {
        let (gate, mut progress, mut up) =
            (gate(Want::Stable), Progress::default(), container("c", State::Running));
        assert_eq!(progress.look(&gate, Some(&up), seconds(0)), Verdict::Waiting);
        up.restart_count = 1;
        assert_eq!(progress.look(&gate, Some(&up), seconds(9)), Verdict::Waiting);
        assert_eq!(progress.look(&gate, Some(&up), seconds(18)), Verdict::Waiting);
        assert_eq!(progress.look(&gate, Some(&up), seconds(19)), Verdict::Passed);
    }

    #[test]
    fn a_flapping_health_check_starts_the_time_anew() {
        let (gate, mut progress, mut up) =
            (gate(Want::Stable), Progress::default(), container("c", State::Running));
        up.health = Some(Health::Healthy);
        assert_eq!(progress.look(&gate, Some(&up), seconds(0)), Verdict::Waiting);
        up.health = Some(Health::Starting);
        assert_eq!(progress.look(&gate, Some(&up), seconds(6)), Verdict::Waiting);
        up.health = Some(Health::Healthy);
        assert_eq!(progress.look(&gate, Some(&up), seconds(12)), Verdict::Waiting);
        assert_eq!(progress.look(&gate, Some(&up), seconds(22)), Verdict::Passed);
    }

    #[test]
    fn an_unhealthy_container_fails_at_once_and_a_slow_one_at_the_deadline() {
        let (gate, mut progress, mut up) =
            (gate(Want::Stable), Progress::default(), container("c", State::Running));
        up.health = Some(Health::Starting);
        assert_eq!(progress.look(&gate, Some(&up), seconds(59)), Verdict::Waiting);
        assert!(
            matches!(progress.look(&gate, Some(&up), seconds(60)), Verdict::Failed(why) if why.contains("60s"))
        );
        up.health = Some(Health::Unhealthy);
        assert!(matches!(Progress::default().look(&gate, Some(&up), seconds(1)), Verdict::Failed(_)));
    }

    #[test]
    fn a_one_shot_passes_by_ending_well_and_fails_by_ending_badly() {
        let (gate, mut job) = (gate(Want::Stable), container("c", State::Exited));
        job.restart_policy.name = "no".into();
        assert_eq!(Progress::default().look(&gate, Some(&job), seconds(0)), Verdict::Passed);
        job.exit_code = 3;
        assert_eq!(
            Progress::default().look(&gate, Some(&job), seconds(0)),
            Verdict::Failed("it ended with exit code 3".into())
        );
        job.exit_code = 0;
        job.restart_policy.name = "always".into();
        assert!(matches!(Progress::default().look(&gate, Some(&job), seconds(0)), Verdict::Failed(_)));
    }

    #[test]
    fn a_container_that_somebody_removed_fails() {
        assert!(matches!(
            Progress::default().look(&gate(Want::Stable), None, seconds(0)),
            Verdict::Failed(_)
        ));
    }
}
