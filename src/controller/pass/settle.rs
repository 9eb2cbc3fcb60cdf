//! The quiet ends of a pass: nothing to do, held back, suspended; and what is remembered after success.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Job;
use super::PlanError;
use super::Planned;
use super::Reconciler;
use super::Report;
use crate::apply::Outcome;
use crate::controller::definition::Rendered;
use crate::controller::tell::Deploy;
use crate::core::observed::Observed;
use crate::core::plan;
use crate::core::run::BadRevision;
use crate::core::run::HealthState;
use crate::core::run::ImagePin;
use crate::core::run::Memory;
use crate::core::run::MemoryChange;
use crate::core::run::Verdict;
use crate::core::run::health;

impl Reconciler {
    /// Nothing had to be done.
    pub(super) async fn settled(&self, job: &Job, planned: &Planned, memory: &Memory) -> Report {
        let pins = match memory.last_stable.as_ref() == Some(&job.revision) {
            true => Vec::new(),
            false => self.pins(&planned.rendered, &planned.observed),
        };
        self.teller(job).settled(job, planned, memory, pins).await
    }

    /// Everything was done and is well.
    pub(super) async fn succeeded(
        &self,
        job: &Job,
        deploy: &Deploy,
        planned: &Planned,
        outcome: &Outcome,
        memory: &Memory,
    ) -> Report {
        let observed = planned.rendered.observe(self.engine.as_ref()).await;
        let observed = observed.unwrap_or_else(|_| planned.observed.clone());
        let change = MemoryChange::stable(job.revision.clone(), self.pins(&planned.rendered, &observed));
        let change = if memory.holds_back_for(&job.revision) { change.keeping_bad() } else { change };
        self.teller(job).succeeded(deploy, planned, &observed, change, outcome).await
    }

    /// The revision is known to be bad: what was stable stays. It is brought back if it is not what runs, whatever is
    /// to be done about drift, because the way back may have been cut off. Without `autoRevert` what failed stays, to
    /// be looked at.
    pub(super) async fn hold(
        &self,
        job: &Job,
        wanted: Arc<Rendered>,
        memory: &Memory,
        bad: &BadRevision,
        cancel: &CancellationToken,
    ) -> Result<Report, PlanError> {
        let teller = self.teller(job);
        let stable = memory.last_stable.clone().filter(|_| wanted.desired.settings.auto_revert);
        let Some(stable) = stable else {
            let planned = self.first_plan(job, wanted, memory, false).await?;
            let (state, _) = health(&planned.rendered.desired, &planned.observed);
            if planned.plan.is_empty() && state == HealthState::Healthy {
                // It took its time, and is well now.
                return Ok(self.settled(job, &planned, memory).await);
            }
            return Ok(teller.held(job, bad, None).await);
        };
        let rendered = self.render(job, &stable).await?;
        let look = || self.first_plan(job, Arc::clone(&rendered), memory, true);
        let planned = look().await?;
        if planned.plan.is_empty() {
            return Ok(teller.held(job, bad, Some(&planned)).await);
        }
        let back = Job { revision: stable, commit: None, ..job.clone() };
        let report = Box::pin(self.deploy(&back, Arc::clone(&rendered), memory, true, cancel)).await?;
        if !report.verdict.is_good() {
            return Ok(Report { retry: true, ..report });
        }
        let held = teller.held(job, bad, Some(&look().await?)).await;
        // What git says does not run, so that this is no success.
        Ok(Report { verdict: Verdict::RolledBack, calls: report.calls, ..held })
    }

    /// The stack is left alone on purpose.
    pub(super) async fn suspended(&self, job: &Job, rendered: &Arc<Rendered>) -> Result<Report, PlanError> {
        self.teller(job).suspended(job, rendered).await;
        let message = format!("{} is suspended", job.id());
        Ok(Report { verdict: Verdict::Suspended, message, retry: false, calls: 0 })
    }

    /// The images that the stack runs with, for a way back without a pull.
    fn pins(&self, rendered: &Rendered, observed: &Observed) -> Vec<ImagePin> {
        let stable_at = self.clock.now();
        let mut pins = Vec::new();
        for service in rendered.desired.services.values() {
            let found = observed.of(&rendered.desired.owner).find(|found| {
                service.containers.iter().any(|wanted| wanted.name == found.name)
                    && !found.image_id.is_empty()
            });
            if let Some(found) = found {
                pins.push(ImagePin {
                    service: service.name.clone(),
                    fingerprint: plan::fingerprint(service),
                    image: found.image_id.clone(),
                    stable_at,
                });
            }
        }
        pins
    }
}

/// Returns a problem as one text, a finding a line.
pub(crate) fn problem_text(problem: &PlanError) -> String {
    match problem {
        PlanError::Definition(problems) => {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        PlanError::Engine(error) => error.to_string(),
        PlanError::Files(why) | PlanError::Store(why) => why.clone(),
    }
}
