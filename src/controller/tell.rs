//! What a pass remembers and tells: each ending of a pass is one transaction of memory, status and events.
//!
//! It decides nothing about what is done. Problems that keep a pass from beginning are told once, when they begin or
//! change, and once more when they are over.

use std::sync::Arc;

use super::definition::Rendered;
use super::pass::Job;
use super::pass::PlanError;
use super::pass::Planned;
use super::pass::Report;
use super::pass::changes;
use super::pass::problem_text;
use crate::core::model::Redactor;
use crate::core::observed::Observed;
use crate::core::run::BadRevision;
use crate::core::run::EventBuilder;
use crate::core::run::EventDraft;
use crate::core::run::EventType;
use crate::core::run::HealthReport;
use crate::core::run::HealthState;
use crate::core::run::ImagePin;
use crate::core::run::Initiator;
use crate::core::run::Memory;
use crate::core::run::MemoryChange;
use crate::core::run::ObjectRef;
use crate::core::run::StackId;
use crate::core::run::Sync;
use crate::core::run::Verdict;
use crate::core::run::health;
use crate::ports::Clock;
use crate::store::Change;
use crate::store::ConditionChange;
use crate::store::StatusChange;
use crate::store::Store;

mod deploy;

pub(super) use deploy::Deploy;

/// Tells what happens to one stack.
pub(super) struct Teller {
    store: Store,
    clock: Arc<dyn Clock>,
    id: StackId,
}

impl Teller {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>, id: StackId) -> Self {
        Self { store, clock, id }
    }

    fn key(&self, what: &str) -> String {
        format!("stack/{}/{}/{what}", self.id.source, self.id.stack)
    }

    fn change(&self) -> Change {
        Change::at(self.clock.now())
    }

    fn event(&self, job: &Job, kind: EventType, message: impl Into<String>) -> EventBuilder {
        let event = EventBuilder::new(kind, ObjectRef::stack(&self.id), message).initiator(job.initiator);
        match &job.commit {
            Some((author, subject)) => event.commit(author.clone(), subject.clone()),
            None => event,
        }
    }

    fn status(&self, sync: Sync, state: HealthState, message: impl Into<String>) -> StatusChange {
        StatusChange { stack: self.id.clone(), sync, health: state, message: message.into() }
    }

    /// Records a change. Returns, for each condition of it, whether it was told.
    async fn record(&self, change: Change) -> Vec<bool> {
        match self.store.call(move |store| store.record(change)).await {
            Ok(recorded) => recorded.told,
            Err(error) => {
                error.log("what happened could not be written down");
                Vec::new()
            }
        }
    }

    fn raise(&self, what: &str, fingerprint: &str, events: Vec<EventDraft>) -> ConditionChange {
        ConditionChange::Raise { key: self.key(what), fingerprint: fingerprint.into(), events }
    }

    fn clear(&self, what: &str, events: Vec<EventDraft>) -> ConditionChange {
        ConditionChange::Clear { key: self.key(what), events }
    }

    /// What is over once a stack is at its revision. What is held back stays so.
    fn all_over(&self, is_held: bool) -> impl Iterator<Item = ConditionChange> {
        let held: &[&str] = if is_held { &[] } else { &["rolled-back", "failed"] };
        let over = ["pull", "engine", "drift", "attempt", "repair"].iter().chain(held);
        over.map(|what| self.clear(what, Vec::new()))
    }

    /// The pass could not even plan.
    pub(super) async fn cannot_plan(&self, job: &Job, problem: PlanError) -> Report {
        let text = problem_text(&problem);
        let (what, kind, reason, retry) = match &problem {
            PlanError::Definition(_) => ("definition", EventType::DeployFailed, "DefinitionInvalid", false),
            PlanError::Engine(_) => ("engine", EventType::DeployStalled, "EngineUnreachable", true),
            PlanError::Files(_) => ("files", EventType::DeployFailed, "FilesUnusable", true),
            PlanError::Store(_) => ("store", EventType::DeployStalled, "StateUnreadable", true),
        };
        let message = match &problem {
            PlanError::Engine(_) => format!("{text}; nothing is changed until the engine answers"),
            _ => format!("nothing was changed: {text}"),
        };
        let revision = job.revision.clone();
        let event = self.event(job, kind, &message).reason(reason).revision(revision, None);
        let event = event.finish(&Redactor::new([]));
        // How a connection breaks differs from try to try.
        let fingerprint = match &problem {
            PlanError::Engine(_) => reason.to_owned(),
            _ => format!("{reason}: {text}"),
        };
        let told = self.store.call({
            let (key, at) = (self.key(what), self.clock.now());
            move |store| store.raise(&key, &fingerprint, vec![event], at)
        });
        if told.await.unwrap_or(false) {
            tracing::error!("{} at {}: {message}", self.id, job.revision.short());
        }
        let health = if what == "engine" { HealthState::Unknown } else { self.last_health().await };
        let sync = if what == "definition" { Sync::OutOfSync } else { Sync::Unknown };
        self.record(self.change().status(self.status(sync, health, first_line(&message)))).await;
        let verdict = if what == "definition" { Verdict::Refused } else { Verdict::Failed };
        Report { verdict, message, retry, calls: 0 }
    }

    /// The pass could read its definition: problems of that kind are over.
    pub(super) async fn can_read(&self, job: &Job) {
        let again = [
            ("store", "what is remembered can be read again"),
            ("definition", "the definition can be read again"),
        ];
        self.is_over(job, again).await;
    }

    /// The engine and the published files could be looked at.
    pub(super) async fn can_plan(&self, job: &Job) {
        let again =
            [("engine", "the engine answers again"), ("files", "the published files can be looked at again")];
        self.is_over(job, again).await;
    }

    async fn is_over(&self, job: &Job, over: [(&str, &str); 2]) {
        let mut change = self.change();
        for (what, text) in over {
            let event = self.event(job, EventType::HealthRecovered, text).reason("ProblemGone");
            let event = event.revision(job.revision.clone(), None).finish(&Redactor::new([]));
            change = change.condition(self.clear(what, vec![event]));
        }
        for ((_, text), _) in over.iter().zip(self.record(change).await).filter(|(_, told)| *told) {
            tracing::info!("{}: {text}", self.id);
        }
    }

    async fn last_health(&self) -> HealthState {
        let id = self.id.clone();
        let statuses = self.store.call(|store| store.read().statuses()).await.unwrap_or_default();
        let last = statuses.iter().find(|status| status.id == id).map(|status| status.health);
        // What was on its way has been left where it was.
        last.filter(|health| *health != HealthState::Progressing).unwrap_or(HealthState::Unknown)
    }

    /// The plan must not be applied.
    pub(super) async fn refused(&self, job: &Job, planned: &Planned, memory: &Memory) -> Report {
        let message = refusals(planned);
        let event = self
            .event(job, EventType::DeployFailed, format!("nothing was changed: {message}"))
            .reason("PreflightFailed")
            .revision(job.revision.clone(), memory.last_applied.clone())
            .finish(&planned.rendered.redactor);
        let told = self.store.call({
            let (key, fingerprint, at) = (self.key("preflight"), message.clone(), self.clock.now());
            move |store| store.raise(&key, &fingerprint, vec![event], at)
        });
        if told.await.unwrap_or(false) {
            tracing::error!("{} at {}: nothing was changed: {message}", self.id, job.revision.short());
        }
        // What stands is not what was wanted, so that it is not measured by it.
        let state = match memory.last_applied.as_ref().is_some_and(|applied| *applied != job.revision) {
            true => self.last_health().await,
            false => health(&planned.rendered.desired, &planned.observed).0,
        };
        self.record(self.change().status(self.status(Sync::OutOfSync, state, first_line(&message)))).await;
        Report { verdict: Verdict::Refused, message, retry: true, calls: 0 }
    }

    /// Nothing had to be done.
    pub(super) async fn settled(
        &self,
        job: &Job,
        planned: &Planned,
        memory: &Memory,
        pins: Vec<ImagePin>,
    ) -> Report {
        let mut change = self.change();
        let is_held = memory.holds_back_for(&job.revision);
        if memory.last_stable.as_ref() != Some(&job.revision) || (memory.bad.is_some() && !is_held) {
            change = change.memory(self.id.clone(), MemoryChange::stable(job.revision.clone(), pins));
        }
        // The way out of a failed deploy by a revert: what it says runs already. Or a run did everything and was cut
        // off before it could say so.
        if (memory.bad.is_some() && !is_held) || memory.was_cut_off(&job.revision) {
            let event = self.event(job, EventType::DeploySucceeded, "nothing to change: this is what runs");
            let event = event.revision(job.revision.clone(), memory.last_attempted.clone());
            change = change.event(event.finish(&planned.rendered.redactor));
        }
        change = self.with_health(change, job, &planned.rendered, &planned.observed, Sync::Synced, "");
        let well = self.event(job, EventType::DeploySucceeded, "what keeps it from being deployed is gone");
        let well = well.reason("ProblemGone").revision(job.revision.clone(), None).finish(&Redactor::new([]));
        let resumed = self.event(job, EventType::StackResumed, "it is looked after again");
        let resumed = resumed.revision(job.revision.clone(), None).finish(&Redactor::new([]));
        change = change
            .condition(self.clear("preflight", vec![well]))
            .condition(self.clear("suspended", vec![resumed]));
        change.conditions.extend(self.all_over(is_held));
        self.record(change).await;
        let is_news =
            job.initiator == Initiator::Startup || memory.last_stable.as_ref() != Some(&job.revision);
        match is_news {
            true => tracing::info!("{} at {}: nothing to do", self.id, job.revision.short()),
            false => tracing::debug!("{} at {}: nothing to do", self.id, job.revision.short()),
        }
        let message = format!("{} is at {}: nothing to do", self.id, job.revision.short());
        Report { verdict: Verdict::NothingToDo, message, retry: false, calls: 0 }
    }

    /// Adds how the stack does, and tells when that begins or ceases to be bad.
    fn with_health(
        &self,
        change: Change,
        job: &Job,
        rendered: &Rendered,
        observed: &Observed,
        sync: Sync,
        message: &str,
    ) -> Change {
        let (state, problems) = health(&rendered.desired, observed);
        let text = if message.is_empty() { problems.join("; ") } else { message.to_owned() };
        let report =
            HealthReport { object: self.id.to_string(), state: state.as_str().into(), log: problems.clone() };
        let event = |kind, text: String| {
            let event = self.event(job, kind, text).revision(job.revision.clone(), None);
            vec![event.health(report.clone()).finish(&rendered.redactor)]
        };
        let change = change.status(self.status(sync, state, rendered.redactor.redact(&text)));
        match state {
            HealthState::Degraded | HealthState::Missing => {
                let events = event(EventType::HealthDegraded, problems.join("; "));
                change.condition(self.raise("health", &problems.join("; "), events))
            }
            HealthState::Healthy => {
                let events = event(EventType::HealthRecovered, "it is well again".into());
                change.condition(self.clear("health", events))
            }
            _ => change,
        }
    }

    /// The revision is known to be bad and what was stable stands. If that came about by a way back that was cut off,
    /// it is told now.
    pub(super) async fn held(&self, job: &Job, bad: &BadRevision, standing: Option<&Planned>) -> Report {
        let message = format!("{} is held back: {}", bad.revision.short(), bad.reason);
        let change = match standing {
            Some(planned) => {
                let (rendered, observed) = (&planned.rendered, &planned.observed);
                let event = |kind, reason: &str, message: String| {
                    let event = self.event(job, kind, message).reason(reason);
                    let event = event.revision(bad.revision.clone(), None);
                    event.finish(&rendered.redactor)
                };
                let stable = rendered.desired.revision.short();
                let back = format!("{}; {stable} runs again", bad.reason);
                let failed = event(EventType::DeployFailed, "GateFailed", bad.reason.clone());
                let back = event(EventType::DeployRolledBack, "RolledBack", back);
                self.with_health(self.change(), job, rendered, observed, Sync::OutOfSync, &message)
                    .condition(self.tell_failure(Some(bad), &message, vec![failed]))
                    .condition(self.raise("rolled-back", &bad.revision.to_string(), vec![back]))
            }
            None => {
                // Told already, unless the process was killed before it could.
                let failed = self.event(job, EventType::DeployFailed, &bad.reason).reason("GateFailed");
                let failed = failed.revision(bad.revision.clone(), None).finish(&Redactor::new([]));
                let status = self.status(Sync::OutOfSync, HealthState::Degraded, &message);
                self.change().status(status).condition(self.tell_failure(Some(bad), &message, vec![failed]))
            }
        };
        self.record(change).await;
        tracing::debug!("{}: {message}", self.id);
        Report { verdict: Verdict::Failed, message, retry: false, calls: 0 }
    }

    /// The stack is left alone on purpose.
    pub(super) async fn suspended(&self, job: &Job, rendered: &Rendered) {
        let event = self.event(job, EventType::StackSuspended, "it is suspended: nothing is changed");
        let event = event.revision(job.revision.clone(), None).finish(&rendered.redactor);
        let change = self
            .change()
            .condition(self.raise("suspended", "suspended", vec![event]))
            .status(self.status(Sync::Unknown, HealthState::Suspended, "suspended"));
        self.record(change).await;
    }

    /// Something changed what runs, and it is not to be put right.
    pub(super) async fn drift_left(&self, job: &Job, planned: &Planned) -> Report {
        let message = format!("drift: {}", planned.plan.summary());
        let mut change = self.change().status(self.status(Sync::Drifted, HealthState::Unknown, &message));
        if planned.rendered.desired.settings.drift == crate::core::desired::DriftMode::Warn {
            let event = self.event(job, EventType::DriftDetected, &message).changes(changes(&planned.plan));
            let event = event.revision(job.revision.clone(), None).finish(&planned.rendered.redactor);
            change = change.condition(self.raise("drift", &planned.plan.to_text(), vec![event]));
        }
        self.record(change).await;
        Report { verdict: Verdict::Refused, message, retry: false, calls: 0 }
    }

    /// The stack is no longer in its source, and nothing of it is left.
    pub(super) async fn gone(&self) {
        let mut change = self.change();
        change.gone.push(self.id.clone());
        self.record(change).await;
    }
}

pub(super) fn refusals(planned: &Planned) -> String {
    let texts =
        planned.plan.refusals.iter().map(|refusal| format!("{} (hint: {})", refusal.message, refusal.hint));
    texts.collect::<Vec<_>>().join("; ")
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}
