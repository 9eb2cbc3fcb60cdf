//! Bringing a stack to a revision: pull, plan again with what was pulled, walk, and take back what fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::Digest;
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use super::Job;
use super::PlanError;
use super::Planned;
use super::Reconciler;
use super::Report;
use super::stages::Towards;
use crate::apply::OnFailure;
use crate::apply::Outcome;
use crate::apply::Reason;
use crate::controller::definition::Rendered;
use crate::controller::tell::Deploy;
use crate::core::desired::Desired;
use crate::core::desired::label;
use crate::core::model::Revision;
use crate::core::observed::Container;
use crate::core::plan;
use crate::core::plan::Plan;
use crate::core::run::BadRevision;
use crate::core::run::Memory;
use crate::core::run::RunId;
use crate::ports::EngineErrorKind;

/// Returns what a definition comes to: differs as soon as a new try of a bad revision is worth it.
pub(super) fn fingerprint(desired: &Desired) -> String {
    let mut hash = Sha256::new();
    for service in desired.services.values() {
        let containers = service.containers.len();
        hash.update(format!("{}={}*{containers}\n", service.name, plan::fingerprint(service)));
    }
    let settings = &desired.settings;
    hash.update(format!("{:?} {:?}\n", settings.min_healthy_time, settings.healthy_deadline));
    let hash_of = |labels: &BTreeMap<String, String>| labels.get(label::compose::CONFIG_HASH).cloned();
    for (key, network) in &desired.networks {
        let definition = network.create.as_ref().and_then(|request| hash_of(&request.labels));
        hash.update(format!("{key}={}\n", definition.unwrap_or_default()));
    }
    for (key, volume) in &desired.volumes {
        let definition = volume.create.as_ref().and_then(|request| hash_of(&request.labels));
        hash.update(format!("{key}={}\n", definition.unwrap_or_default()));
    }
    hex::encode(hash.finalize())
}

impl Reconciler {
    /// Brings the stack to the rendered definition. `undo` says that this is the way back from a bad revision.
    pub(super) async fn deploy(
        &self,
        job: &Job,
        rendered: Arc<Rendered>,
        memory: &Memory,
        undo: bool,
        cancel: &CancellationToken,
    ) -> Result<Report, PlanError> {
        let mut planned = self.first_plan(job, Arc::clone(&rendered), memory, undo).await?;
        let teller = self.teller(job);
        if !planned.plan.refusals.is_empty() {
            return Ok(teller.refused(job, &planned, memory).await);
        }
        if planned.plan.nodes.is_empty() {
            return Ok(self.settled(job, &planned, memory).await);
        }
        let is_bad = memory.bad.as_ref().is_some_and(|bad| bad.revision == job.revision);
        let is_drift = memory.last_applied.as_ref() == Some(&job.revision) && !is_bad;
        if is_drift && !undo && rendered.desired.settings.drift != crate::core::desired::DriftMode::Correct {
            return Ok(teller.drift_left(job, &planned).await);
        }
        let deploy = teller.begin(job, &planned, memory, is_drift).await?;
        let mut calls = 0;
        let mut pulled = BTreeMap::new();
        if let Some(pulls) = planned.plan.pulls() {
            let files = Self::files(job, &rendered);
            let outcome =
                self.walk(&pulls, &deploy.run, &rendered, files, OnFailure::Continue, cancel).await?;
            calls += outcome.calls;
            if !outcome.failures.is_empty() {
                return Ok(teller.not_pulled(&deploy, &outcome, &fingerprint(&rendered.desired)).await);
            }
            if outcome.cancelled {
                return Ok(teller.superseded(&deploy, &planned).await);
            }
            pulled.extend(outcome.pulled);
            planned = self.plan_rendered(job, Arc::clone(&rendered), memory, &pulled, undo).await?;
            if !planned.plan.refusals.is_empty() {
                return Ok(teller.refused_after_pull(&deploy, &planned).await);
            }
        }
        let way_back = way_back(job, &planned, memory);
        let on_failure = if way_back.is_some() { OnFailure::Halt } else { OnFailure::Continue };
        let towards = Towards { job, memory, pulled, undo, run: &deploy.run };
        let outcome = self.create_in_stages(&towards, &mut planned, on_failure, cancel).await?;
        calls += outcome.calls;
        if !outcome.is_complete() {
            let mut report = self.verdict(job, &deploy, &planned, outcome, way_back, memory).await;
            report.calls += calls;
            return Ok(report);
        }
        if !planned.plan.refusals.is_empty() {
            return Ok(teller.refused_after_pull(&deploy, &planned).await);
        }
        let files = Self::files(job, &rendered);
        let outcome = self.walk(&planned.plan, &deploy.run, &rendered, files, on_failure, cancel).await?;
        calls += outcome.calls;
        let mut report = self.verdict(job, &deploy, &planned, outcome, way_back, memory).await;
        report.calls += calls;
        Ok(report)
    }

    async fn verdict(
        &self,
        job: &Job,
        deploy: &Deploy,
        planned: &Planned,
        outcome: Outcome,
        way_back: Option<Revision>,
        memory: &Memory,
    ) -> Report {
        let teller = self.teller(job);
        if outcome.is_complete() {
            return self.succeeded(job, deploy, planned, &outcome, memory).await;
        }
        if outcome.failures.is_empty() {
            return teller.superseded(deploy, planned).await;
        }
        let reason = first_words(&outcome, &planned.rendered);
        if outcome.failures.iter().any(is_engine_away) {
            return teller.engine_lost(deploy, &reason).await;
        }
        if outcome.proven {
            return teller.untidy(deploy, &reason).await;
        }
        let log = self.last_words(&outcome, &planned.rendered).await;
        let known_good = memory.last_stable.as_ref() == Some(&job.revision);
        let may_pass = outcome.failures.iter().all(|failure| passes_by(failure, way_back.is_some()));
        let bad = (!known_good && !may_pass).then(|| BadRevision {
            revision: job.revision.clone(),
            fingerprint: fingerprint(&planned.rendered.desired),
            reason: reason.clone(),
            since: self.clock.now(),
        });
        let Some(stable) = way_back else {
            return teller.failed(deploy, planned, &reason, log, bad).await;
        };
        // Known to be bad before anything is taken back: a crash on the way must not try it again.
        teller.is_bad(bad.clone()).await;
        tracing::warn!("{}: {reason}; going back to {}", job.id(), stable.short());
        match self.undo(job, &stable, memory, &deploy.run).await {
            Ok(None) => teller.rolled_back(deploy, planned, &reason, log, bad, &stable).await,
            Ok(Some(why)) => teller.not_rolled_back(deploy, planned, &reason, &why, log, bad).await,
            Err(problem) => {
                let why = super::settle::problem_text(&problem);
                teller.not_rolled_back(deploy, planned, &reason, &why, log, bad).await
            }
        }
    }

    /// Goes back to a revision: the plan towards it, like any other. Returns what failed.
    async fn undo(
        &self,
        job: &Job,
        stable: &Revision,
        memory: &Memory,
        run: &RunId,
    ) -> Result<Option<String>, PlanError> {
        let rendered = self.render(job, stable).await?;
        let mut planned =
            self.plan_rendered(job, Arc::clone(&rendered), memory, &BTreeMap::new(), true).await?;
        let never = CancellationToken::new();
        if planned.plan.refusals.is_empty() {
            let towards = Towards { job, memory, pulled: BTreeMap::new(), undo: true, run };
            let outcome = self.create_in_stages(&towards, &mut planned, OnFailure::Continue, &never).await?;
            if !outcome.is_complete() {
                return Ok(Some(first_words(&outcome, &rendered)));
            }
        }
        if let Some(refusal) = planned.plan.refusals.first() {
            return Ok(Some(refusal.message.clone()));
        }
        let files = Self::files(job, &rendered);
        let outcome = self.walk(&planned.plan, run, &rendered, files, OnFailure::Continue, &never).await?;
        Ok((!outcome.is_complete()).then(|| first_words(&outcome, &rendered)))
    }

    /// The last lines of the containers that failed: what a person would look at first.
    async fn last_words(&self, outcome: &Outcome, rendered: &Rendered) -> Vec<String> {
        const LINES: usize = 10;
        let Some(container) = outcome.failures.iter().find_map(|failure| failure.container.as_ref()) else {
            return Vec::new();
        };
        let lines = self.engine.logs(container, LINES).await.unwrap_or_default();
        lines.iter().map(|line| rendered.redactor.redact(line)).collect()
    }
}

/// The revision to go back to if the deploy fails; `None` if there is none or it is not wanted. Where memory was lost,
/// it is read from the containers.
fn way_back(job: &Job, planned: &Planned, memory: &Memory) -> Option<Revision> {
    let stable = memory.last_stable.clone().or_else(|| standing(job, planned))?;
    (planned.rendered.desired.settings.auto_revert && stable != job.revision).then_some(stable)
}

/// What the newest of the containers that stand was made for; or, if that is the revision at hand, what the newest of
/// those was made for that are being replaced by it.
fn standing(job: &Job, planned: &Planned) -> Option<Revision> {
    let made_for = |found: &Container| Revision::parse(&found.own.as_ref()?.revision);
    let place =
        |found: &Container| Some((found.compose.as_ref()?.service.clone(), found.compose.as_ref()?.number));
    let ours = || planned.observed.of(&planned.rendered.desired.owner);
    let is_new = |found: &&Container| made_for(found).as_ref() == Some(&job.revision);
    let newest =
        ours().filter(|found| !found.name.ends_with(plan::NEXT)).max_by_key(|found| found.created_at)?;
    if !is_new(&newest) {
        return made_for(newest);
    }
    let replaced =
        ours().filter(|old| !is_new(old) && ours().filter(is_new).any(|new| place(new) == place(old)));
    made_for(replaced.max_by_key(|found| found.created_at)?)
}

fn first_words(outcome: &Outcome, rendered: &Rendered) -> String {
    let texts: Vec<String> = outcome.failures.iter().take(3).map(ToString::to_string).collect();
    rendered.redactor.redact(&texts.join("; "))
}

/// The engine's absence is not the service's failure: nothing is taken back for it, and the next pass looks again.
fn is_engine_away(failure: &crate::apply::Failure) -> bool {
    use EngineErrorKind as K;
    matches!(&failure.reason, Reason::Engine(error) if matches!(error.kind, K::Unreachable | K::TimedOut | K::Unreadable))
}

/// Returns true for failures that say nothing of the revision, and that a later try may not meet. A port that somebody
/// else holds is none of them where something runs, nor is a network that somebody else has joined: each try would take
/// that down for a while.
fn passes_by(failure: &crate::apply::Failure, something_runs: bool) -> bool {
    match &failure.reason {
        Reason::Engine(error) => {
            let is_held = error.kind == EngineErrorKind::Conflict && failure.action == "RemoveNetwork";
            let is_in_the_way = is_held || error.kind == EngineErrorKind::PortTaken;
            error.is_transient() && !(something_runs && is_in_the_way)
        }
        Reason::Gate(_) | Reason::Files(_) => false,
    }
}

/// Returns what a plan changes, as events quote it.
pub(crate) fn changes(plan: &Plan) -> Vec<crate::core::run::ObjectChange> {
    plan.changes
        .iter()
        .map(|change| crate::core::run::ObjectChange {
            object: change.object.to_string(),
            action: change.verb.word().to_owned(),
            cause: change.causes.first().cloned().unwrap_or_default(),
            fields: change.causes.clone(),
        })
        .collect()
}
