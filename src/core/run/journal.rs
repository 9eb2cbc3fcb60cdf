//! A run's journal: its events, and the state that they add up to. The state is a function of the events alone, and an
//! event that cannot follow is an error.

use std::collections::BTreeMap;

use serde::Serialize;

use super::vocabulary::vocabulary;

vocabulary! {
    /// What came of a run.
    Verdict {
        /// What runs was as wanted already.
        NothingToDo = "nothing_to_do",
        /// All was done and the gate passed.
        Succeeded = "succeeded",
        /// Something could not be done, and what ran before was not put back (or was never touched).
        Failed = "failed",
        /// Something could not be done, and what ran before runs again.
        RolledBack = "rolled_back",
        /// Something could not be done, and what ran before could not be put back.
        RollbackFailed = "rollback_failed",
        /// A newer revision took this one's place.
        Superseded = "superseded",
        /// It was not begun: a check, a policy or a guard said no.
        Refused = "refused",
        /// It was not begun: the stack is suspended.
        Suspended = "suspended",
    }
}

impl Verdict {
    /// Returns true if what git says runs, and works.
    pub fn is_good(self) -> bool {
        matches!(self, Self::NothingToDo | Self::Succeeded)
    }
}

vocabulary! {
    /// What happened to a step.
    StepChange {
        /// It is about to be done. Written before the engine is called.
        Started = "started",
        /// It was done.
        Succeeded = "succeeded",
        /// It could not be done.
        Failed = "failed",
        /// It will not be done, because something before it failed.
        Skipped = "skipped",
    }
}

vocabulary! {
    /// How far a step is.
    StepState {
        /// It began and has not ended.
        Running = "running",
        /// It was done.
        Succeeded = "succeeded",
        /// It could not be done.
        Failed = "failed",
        /// It was not done, because something before it failed.
        Skipped = "skipped",
        /// It began and the run ended before it: nothing is known of its effect.
        Unknown = "unknown",
    }
}

impl StepState {
    /// Returns the state after a change; `before` is `None` for a step that nothing is known of.
    ///
    /// # Errors
    /// Fails if a step starts twice, ends without a start, or changes after its end.
    pub fn after(before: Option<Self>, change: StepChange) -> Result<Self, IllegalTransition> {
        match (before, change) {
            (None, StepChange::Started) => Ok(Self::Running),
            (None, StepChange::Skipped) => Ok(Self::Skipped),
            (Some(Self::Running), StepChange::Succeeded) => Ok(Self::Succeeded),
            (Some(Self::Running), StepChange::Failed) => Ok(Self::Failed),
            (Some(before), _) => Err(IllegalTransition { was: before.as_str(), event: change.as_str() }),
            (None, _) => Err(IllegalTransition { was: "not started", event: change.as_str() }),
        }
    }
}

/// One entry of a run's journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEvent {
    /// The run began.
    Started,
    /// Something happened to a step.
    Step {
        /// The step's place in the plan.
        index: usize,
        /// What happened.
        change: StepChange,
    },
    /// The process that did the run is gone.
    Interrupted,
    /// The run came to its end.
    Finished(Verdict),
}

impl RunEvent {
    fn name(self) -> &'static str {
        match self {
            Self::Started => "run started",
            Self::Step { change, .. } => change.as_str(),
            Self::Interrupted => "run interrupted",
            Self::Finished(_) => "run finished",
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub enum RunPhase {
    /// It goes on, or the process that did it was killed and nobody has looked yet.
    Running,
    /// The process that did it is gone.
    Interrupted,
    /// It came to its end.
    Finished(Verdict),
}

impl RunPhase {
    /// Returns the stable text: `running`, `interrupted` or the verdict's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Finished(verdict) => verdict.as_str(),
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "running" => Some(Self::Running),
            "interrupted" => Some(Self::Interrupted),
            text => Verdict::parse(text).map(Self::Finished),
        }
    }
}

impl From<RunPhase> for &'static str {
    fn from(phase: RunPhase) -> Self {
        phase.as_str()
    }
}

/// An event that cannot follow on what was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot follow on `{was}`")]
pub struct IllegalTransition {
    was: &'static str,
    event: &'static str,
}

/// What a run's events add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    /// How far the run is.
    pub phase: RunPhase,
    /// How far its steps are.
    pub steps: BTreeMap<usize, StepState>,
}

/// Adds up a run's events.
///
/// # Errors
/// Fails if the first event is not [`RunEvent::Started`], if anything follows on the end, or if a step's events are in
/// an order that [`StepState::after`] refuses. A run without an end is no error: it is running.
pub fn fold(events: impl IntoIterator<Item = RunEvent>) -> Result<RunState, IllegalTransition> {
    let mut events = events.into_iter();
    match events.next() {
        Some(RunEvent::Started) => {}
        Some(event) => return Err(IllegalTransition { was: "not started", event: event.name() }),
        None => return Err(IllegalTransition { was: "not started", event: "nothing" }),
    }
    let mut state = RunState { phase: RunPhase::Running, steps: BTreeMap::new() };
    for event in events {
        state.apply(event)?;
    }
    Ok(state)
}

impl RunState {
    fn apply(&mut self, event: RunEvent) -> Result<(), IllegalTransition> {
        if self.phase != RunPhase::Running {
            return Err(IllegalTransition { was: self.phase.as_str(), event: event.name() });
        }
        match event {
            RunEvent::Started => Err(IllegalTransition { was: "running", event: event.name() }),
            RunEvent::Step { index, change } => {
                let state = StepState::after(self.steps.get(&index).copied(), change)?;
                self.steps.insert(index, state);
                Ok(())
            }
            RunEvent::Interrupted => {
                self.end(RunPhase::Interrupted);
                Ok(())
            }
            RunEvent::Finished(verdict) => {
                self.end(RunPhase::Finished(verdict));
                Ok(())
            }
        }
    }

    fn end(&mut self, phase: RunPhase) {
        self.phase = phase;
        for state in self.steps.values_mut().filter(|state| **state == StepState::Running) {
            *state = StepState::Unknown;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn step(index: usize, change: StepChange) -> RunEvent {
        RunEvent::Step { index, change }
    }

    #[test]
    fn a_run_without_an_end_is_running() {
        let state = fold([RunEvent::Started, step(0, StepChange::Started)]).expect("legal");
        assert_eq!(state.phase, RunPhase::Running);
        assert_eq!(state.steps[&0], StepState::Running);
    }

    #[test]
    fn of_a_step_that_the_end_cut_off_nothing_is_known() {
        let events = [
            RunEvent::Started,
            step(0, StepChange::Started),
            step(0, StepChange::Succeeded),
            step(1, StepChange::Started),
            RunEvent::Interrupted,
        ];
        let state = fold(events).expect("legal");
        assert_eq!(state.phase, RunPhase::Interrupted);
        assert_eq!(state.steps, BTreeMap::from([(0, StepState::Succeeded), (1, StepState::Unknown)]));
    }

    #[test]
    fn what_cannot_follow_is_an_error() {
        let started = RunEvent::Started;
        let finished = RunEvent::Finished(Verdict::Succeeded);
        for events in [
            vec![],
            vec![finished],
            vec![started, started],
            vec![started, finished, step(0, StepChange::Started)],
            vec![started, finished, RunEvent::Interrupted],
            vec![started, step(0, StepChange::Succeeded)],
            vec![started, step(0, StepChange::Started), step(0, StepChange::Started)],
            vec![started, step(0, StepChange::Skipped), step(0, StepChange::Started)],
        ] {
            assert!(fold(events.clone()).is_err(), "{events:?} should be refused");
        }
    }

    #[test]
    fn the_texts_of_verdicts_are_stable() {
        let texts: Vec<&str> = Verdict::ALL.iter().map(|verdict| verdict.as_str()).collect();
        assert_eq!(
            texts,
            [
                "nothing_to_do",
                "succeeded",
                "failed",
                "rolled_back",
                "rollback_failed",
                "superseded",
                "refused",
                "suspended"
            ]
        );
        for text in texts {
            assert_eq!(RunPhase::parse(text).map(RunPhase::as_str), Some(text));
        }
    }

    proptest! {
        #[test]
        fn an_ended_run_has_no_running_step(changes in prop::collection::vec((0usize..4, 0usize..4), 0..20)) {
            let mut legal = vec![RunEvent::Started];
            for (index, change) in changes {
                legal.push(step(index, StepChange::ALL[change]));
                if fold(legal.clone()).is_err() {
                    legal.pop();
                }
            }
            legal.push(RunEvent::Finished(Verdict::Failed));
            let state = fold(legal).expect("only legal events were kept");
            prop_assert!(!state.steps.values().any(|state| *state == StepState::Running));
        }
    }
}
