//! What is told of a run, from its begin to each of its endings.

use super::Teller;
use super::refusals;
use crate::apply::Outcome;
use crate::controller::pass::Job;
use crate::controller::pass::PlanError;
use crate::controller::pass::Planned;
use crate::controller::pass::Report;
use crate::controller::pass::changes;
use crate::core::model::Redactor;
use crate::core::model::Revision;
use crate::core::observed::Observed;
use crate::core::plan::Verb;
use crate::core::run::BadRevision;
use crate::core::run::EventBuilder;
use crate::core::run::EventDraft;
use crate::core::run::EventType;
use crate::core::run::HealthReport;
use crate::core::run::HealthState;
use crate::core::run::Memory;
use crate::core::run::MemoryChange;
use crate::core::run::RunId;
use crate::core::run::Sync;
use crate::core::run::Update;
use crate::core::run::Verdict;
use crate::store::Change;
use crate::store::ConditionChange;
use crate::store::RunStart;

/// A run that has begun.
pub(in crate::controller) struct Deploy {
    /// Its id.
    pub(in crate::controller) run: RunId,
    job: Job,
    redactor: Redactor,
    previous: Option<Revision>,
    is_drift: bool,
    /// How what stood before did.
    health: HealthState,
}

impl Teller {
    /// A run begins.
    pub(in crate::controller) async fn begin(
        &self,
        job: &Job,
        planned: &Planned,
        memory: &Memory,
        is_drift: bool,
    ) -> Result<Deploy, PlanError> {
        let redactor = planned.rendered.redactor.clone();
        let previous = memory.last_applied.clone();
        let text = redactor.redact(&planned.plan.to_text());
        let standing = self.last_health().await;
        let resumed = self.event(job, EventType::StackResumed, "it is looked after again");
        let resumed = resumed.revision(job.revision.clone(), None).finish(&redactor);
        let mut change = self
            .change()
            .status(self.status(
                if is_drift { Sync::Drifted } else { Sync::OutOfSync },
                HealthState::Progressing,
                planned.plan.summary(),
            ))
            .condition(self.clear("preflight", Vec::new()))
            .condition(self.clear("suspended", vec![resumed]));
        let plan = |kind, message: String| {
            let event = self.event(job, kind, message).changes(changes(&planned.plan));
            event.revision(job.revision.clone(), previous.clone()).finish(&redactor)
        };
        // A run that is tried again is told of once, as long as it has the same to do.
        change = if is_drift {
            let detected = plan(EventType::DriftDetected, text.clone());
            change.condition(self.raise("drift", &text, vec![detected]))
        } else {
            let started = self
                .event(job, EventType::DeployStarted, planned.plan.summary())
                .revision(job.revision.clone(), previous.clone())
                .finish(&redactor);
            let events = vec![plan(EventType::PlanCreated, text.clone()), started];
            change.condition(self.raise("attempt", &format!("{} {text}", job.revision), events))
        };
        let start = RunStart {
            stack: self.id.clone(),
            revision: job.revision.clone(),
            previous: previous.clone(),
            initiator: job.initiator,
            plan: text.clone(),
        };
        let begun = self.store.call(move |store| store.begin_run(start, change)).await;
        let (run, recorded) = begun.map_err(|error| PlanError::Store(error.to_string()))?;
        // The last condition is the run's own: a run that is tried again is no news.
        if recorded.told.last() == Some(&true) {
            tracing::info!("{}: {}", self.id, planned.plan.summary());
            for line in text.lines().filter(|line| !line.starts_with("Plan:")) {
                tracing::info!("{}: {line}", self.id);
            }
        }
        Ok(Deploy { run, job: job.clone(), redactor, previous, is_drift, health: standing })
    }

    async fn finish(&self, deploy: &Deploy, verdict: Verdict, message: &str, change: Change) {
        let (run, message) = (deploy.run.clone(), deploy.redactor.redact(message));
        let text = message.clone();
        let result = self.store.call(move |store| store.finish_run(&run, verdict, &text, change)).await;
        let is_news = result.as_ref().map_or(true, |recorded| !recorded.events.is_empty());
        if let Err(error) = result {
            error.log("the end of a run could not be written down");
        }
        let line = format!("{} at {}: {verdict}: {message}", self.id, deploy.job.revision.short());
        match verdict {
            Verdict::Superseded => tracing::info!("{line}"),
            verdict if verdict.is_good() => tracing::info!("{line}"),
            _ if is_news => tracing::warn!("{line}"),
            _ => tracing::debug!("{line}"),
        }
    }

    fn of_deploy(&self, deploy: &Deploy, kind: EventType, message: impl Into<String>) -> EventBuilder {
        let revision = deploy.job.revision.clone();
        self.event(&deploy.job, kind, message).revision(revision, deploy.previous.clone())
    }

    /// Everything was done and is well.
    pub(in crate::controller) async fn succeeded(
        &self,
        deploy: &Deploy,
        planned: &Planned,
        observed: &Observed,
        memory: MemoryChange,
        outcome: &Outcome,
    ) -> Report {
        let kind = if deploy.is_drift { EventType::DriftCorrected } else { EventType::DeploySucceeded };
        let mut message = planned.plan.summary().replacen("Plan: ", "done: ", 1);
        if !outcome.notes.is_empty() {
            message = format!("{message} ({})", outcome.notes.join("; "));
        }
        let event = self.of_deploy(deploy, kind, &message).changes(changes(&planned.plan));
        let is_held = matches!(memory.bad, Update::Keep);
        let (rendered, change) = (&planned.rendered, self.change().memory(self.id.clone(), memory));
        let mut change = self
            .with_health(change, &deploy.job, rendered, observed, Sync::Synced, "")
            .event(event.finish(&deploy.redactor));
        change.conditions.extend(self.all_over(is_held));
        let removed: Vec<_> =
            changes(&planned.plan).into_iter().filter(|c| c.action == Verb::Remove.word()).collect();
        if !removed.is_empty() {
            let names: Vec<String> = removed.iter().map(|change| change.object.clone()).collect();
            let event =
                self.of_deploy(deploy, EventType::PruneDone, format!("removed: {}", names.join(", ")));
            change = change.event(event.changes(removed).finish(&deploy.redactor));
        }
        self.finish(deploy, Verdict::Succeeded, &message, change).await;
        Report { verdict: Verdict::Succeeded, message, retry: false, calls: 0 }
    }

    /// Images could not be pulled or built. What runs was not touched. It is told again only for another definition or
    /// another failure: what a builder wrote before is never quite the same.
    pub(in crate::controller) async fn not_pulled(
        &self,
        deploy: &Deploy,
        outcome: &Outcome,
        definition: &str,
    ) -> Report {
        let why: Vec<String> = outcome.failures.iter().map(ToString::to_string).collect();
        let first_lines: Vec<&str> = why.iter().filter_map(|text| text.lines().next()).collect();
        let trouble = deploy.redactor.redact(&format!("{definition} {}", first_lines.join("; ")));
        let message = deploy.redactor.redact(&format!("nothing was changed: {}", why.join("; ")));
        let is_built = outcome.failures.iter().all(|failure| failure.action == "BuildImage");
        let (reason, hint) = if is_built {
            (
                "BuildFailed",
                "build it by hand with `DOCKER_BUILDKIT=0 docker build`, which asks the same builder",
            )
        } else {
            (
                "PullFailed",
                "check the image's name and tag, and that the registry can be reached; if the image is private, \
                 `docker login` as the user that runs Evenkeel",
            )
        };
        let event = self
            .of_deploy(deploy, EventType::DeployFailed, format!("{message}\nhint: {hint}"))
            .reason(reason)
            .finish(&deploy.redactor);
        let status = self.status(Sync::OutOfSync, deploy.health, message.clone());
        let change = self.change().condition(self.raise("pull", &trouble, vec![event])).status(status);
        self.finish(deploy, Verdict::Failed, &message, change).await;
        Report { verdict: Verdict::Failed, message, retry: true, calls: 0 }
    }

    /// What was pulled showed that the plan must not be applied.
    pub(in crate::controller) async fn refused_after_pull(
        &self,
        deploy: &Deploy,
        planned: &Planned,
    ) -> Report {
        let message = refusals(planned);
        let event =
            self.of_deploy(deploy, EventType::DeployFailed, format!("nothing was changed: {message}"));
        let event = event.reason("PreflightFailed").finish(&deploy.redactor);
        let status = self.status(Sync::OutOfSync, deploy.health, deploy.redactor.redact(&message));
        let change = self.change().condition(self.raise("preflight", &message, vec![event])).status(status);
        self.finish(deploy, Verdict::Refused, &message, change).await;
        Report { verdict: Verdict::Refused, message, retry: true, calls: 0 }
    }

    /// A newer revision took this one's place, or the controller is told to end.
    pub(in crate::controller) async fn superseded(&self, deploy: &Deploy, planned: &Planned) -> Report {
        let message = "ended before its gate passed: something newer is to be done".to_owned();
        let event =
            self.of_deploy(deploy, EventType::DeploySuperseded, &message).finish(&planned.rendered.redactor);
        let memory = MemoryChange::attempted(deploy.job.revision.clone());
        let change = self.change().memory(self.id.clone(), memory).event(event);
        let change = change.condition(self.clear("attempt", Vec::new()));
        self.finish(deploy, Verdict::Superseded, &message, change).await;
        Report { verdict: Verdict::Superseded, message, retry: false, calls: 0 }
    }

    /// The engine went away in the middle. The next pass looks where things stand.
    pub(in crate::controller) async fn engine_lost(&self, deploy: &Deploy, reason: &str) -> Report {
        let message = format!("the engine went away: {reason}");
        let event = self.of_deploy(deploy, EventType::DeployStalled, &message).reason("EngineUnreachable");
        let change = self
            .change()
            .condition(self.raise("engine", "EngineUnreachable", vec![event.finish(&deploy.redactor)]))
            .status(self.status(Sync::Unknown, HealthState::Unknown, &message));
        self.finish(deploy, Verdict::Failed, &message, change).await;
        Report { verdict: Verdict::Failed, message, retry: true, calls: 0 }
    }

    /// What git says runs and has proven itself; something beside it could not be done. The next pass tries again.
    pub(in crate::controller) async fn untidy(&self, deploy: &Deploy, reason: &str) -> Report {
        let message = format!("{reason} (what runs is well; it is tried again)");
        let event = self.of_deploy(deploy, EventType::DeployFailed, &message).reason("Untidy");
        let change = self
            .change()
            .memory(self.id.clone(), MemoryChange::attempted(deploy.job.revision.clone()))
            .condition(self.raise("repair", &message, vec![event.finish(&deploy.redactor)]))
            .status(self.status(Sync::OutOfSync, HealthState::Healthy, &message));
        self.finish(deploy, Verdict::Failed, &message, change).await;
        Report { verdict: Verdict::Failed, message, retry: true, calls: 0 }
    }

    /// Tells a failure: once for each bad revision, and once for one that is tried again and again.
    pub(super) fn tell_failure(
        &self,
        bad: Option<&BadRevision>,
        message: &str,
        events: Vec<EventDraft>,
    ) -> ConditionChange {
        match bad {
            Some(bad) => self.raise("failed", &bad.fingerprint, events),
            None => self.raise("repair", message, events),
        }
    }

    /// A revision is not to be tried again.
    pub(in crate::controller) async fn is_bad(&self, bad: Option<BadRevision>) {
        if let Some(bad) = bad {
            self.record(self.change().memory(self.id.clone(), MemoryChange::bad(bad))).await;
        }
    }

    fn failed_event(&self, deploy: &Deploy, reason: &str, log: Vec<String>) -> EventDraft {
        let health =
            HealthReport { object: self.id.to_string(), state: HealthState::Degraded.as_str().into(), log };
        let event =
            self.of_deploy(deploy, EventType::DeployFailed, reason).reason("GateFailed").health(health);
        event.finish(&deploy.redactor)
    }

    /// It failed, and there is no way back or none is wanted.
    pub(in crate::controller) async fn failed(
        &self,
        deploy: &Deploy,
        planned: &Planned,
        reason: &str,
        log: Vec<String>,
        bad: Option<BadRevision>,
    ) -> Report {
        let reverts = planned.rendered.desired.settings.auto_revert;
        let why = if reverts { "there is no stable revision to go back to" } else { "`autoRevert` is off" };
        let message = format!("{reason} (not taken back: {why})");
        let retry = bad.is_none();
        let event = self.failed_event(deploy, &message, log);
        let told = self.tell_failure(bad.as_ref(), &message, vec![event]);
        let memory = MemoryChange {
            attempted: Some(deploy.job.revision.clone()),
            applied: Some(deploy.job.revision.clone()),
            bad: bad.map_or(Update::Keep, Update::Set),
            ..MemoryChange::default()
        };
        let status = self.status(Sync::OutOfSync, HealthState::Degraded, &message);
        let change = self.change().memory(self.id.clone(), memory).status(status).condition(told);
        self.finish(deploy, Verdict::Failed, &message, change).await;
        Report { verdict: Verdict::Failed, message, retry, calls: 0 }
    }

    /// It failed, and what ran before runs again. If it was no fault of the revision, it is tried again.
    pub(in crate::controller) async fn rolled_back(
        &self,
        deploy: &Deploy,
        planned: &Planned,
        reason: &str,
        log: Vec<String>,
        bad: Option<BadRevision>,
        stable: &Revision,
    ) -> Report {
        let message = format!("{reason}; {} runs again", stable.short());
        let retry = bad.is_none();
        let failed = self.failed_event(deploy, reason, log);
        let told = self.tell_failure(bad.as_ref(), &message, vec![failed]);
        let memory =
            bad.map_or_else(|| MemoryChange::attempted(deploy.job.revision.clone()), MemoryChange::bad);
        let back = self
            .of_deploy(deploy, EventType::DeployRolledBack, &message)
            .changes(changes(&planned.plan))
            .finish(&deploy.redactor);
        let change = self
            .change()
            .memory(self.id.clone(), memory)
            .status(self.status(Sync::OutOfSync, HealthState::Healthy, &message))
            .condition(told)
            .condition(self.raise("rolled-back", &deploy.job.revision.to_string(), vec![back]));
        self.finish(deploy, Verdict::RolledBack, &message, change).await;
        Report { verdict: Verdict::RolledBack, message, retry, calls: 0 }
    }

    /// It failed, and so did the way back. The next pass tries the way back again.
    pub(in crate::controller) async fn not_rolled_back(
        &self,
        deploy: &Deploy,
        planned: &Planned,
        reason: &str,
        why: &str,
        log: Vec<String>,
        bad: Option<BadRevision>,
    ) -> Report {
        let message = format!("{reason}; and the way back failed: {why}");
        let event =
            self.of_deploy(deploy, EventType::DeployRollbackFailed, &message).changes(changes(&planned.plan));
        let failed = self.failed_event(deploy, reason, log);
        let told = self.tell_failure(bad.as_ref(), reason, vec![failed]);
        let memory =
            bad.map_or_else(|| MemoryChange::attempted(deploy.job.revision.clone()), MemoryChange::bad);
        let change = self
            .change()
            .memory(self.id.clone(), memory)
            .status(self.status(Sync::OutOfSync, HealthState::Degraded, &message))
            .condition(told)
            .event(event.finish(&deploy.redactor));
        self.finish(deploy, Verdict::RollbackFailed, &message, change).await;
        Report { verdict: Verdict::RollbackFailed, message, retry: true, calls: 0 }
    }
}
