//! Creating what others refer to before the plan is made whole: requests that hold the id of a container can be made
//! only once that container stands. Nothing is stopped meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Job;
use super::PlanError;
use super::Planned;
use super::Reconciler;
use crate::apply::Failure;
use crate::apply::OnFailure;
use crate::apply::Outcome;
use crate::apply::Reason;
use crate::core::run::Memory;
use crate::core::run::RunId;

/// What a plan is made for, again after each stage.
pub(super) struct Towards<'a> {
    pub(super) job: &'a Job,
    pub(super) memory: &'a Memory,
    pub(super) pulled: BTreeMap<String, String>,
    pub(super) undo: bool,
    pub(super) run: &'a RunId,
}

impl Reconciler {
    /// Does the first part of a partial plan and plans again, until the plan is whole or must not be applied. What it
    /// says to people stays what was announced.
    pub(super) async fn create_in_stages(
        &self,
        towards: &Towards<'_>,
        planned: &mut Planned,
        on_failure: OnFailure,
        cancel: &CancellationToken,
    ) -> Result<Outcome, PlanError> {
        let Towards { job, memory, pulled, undo, run } = towards;
        let announced = planned.plan.changes.clone();
        let mut all = Outcome::default();
        // Each stage creates at least one container that others wait for.
        for _ in 0..=planned.rendered.desired.services.len() {
            if !planned.plan.is_partial() || !planned.plan.refusals.is_empty() {
                return Ok(all);
            }
            let rendered = Arc::clone(&planned.rendered);
            let files = Self::files(job, &rendered);
            let outcome = self.walk(&planned.plan, run, &rendered, files, on_failure, cancel).await?;
            all.calls += outcome.calls;
            if !outcome.is_complete() {
                // A part without a gate proves nothing.
                return Ok(Outcome { calls: all.calls, proven: false, ..outcome });
            }
            *planned = self.plan_rendered(job, rendered, memory, pulled, *undo).await?;
            planned.plan.changes.clone_from(&announced);
        }
        all.failures.extend(planned.plan.unresolved.iter().map(|service| Failure {
            object: format!("service {service}"),
            container: None,
            action: "CreateContainer",
            reason: Reason::Gate(
                "the container that it shares something with was created and is not there".into(),
            ),
        }));
        Ok(all)
    }
}
