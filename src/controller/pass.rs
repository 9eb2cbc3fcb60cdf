//! One pass for one stack: look at the world as it is, plan, apply, and say what came of it.
//!
//! Every trigger runs this same pass. It never trusts what it remembers having done: memory only spares it a second
//! try of what is known to be bad, and pulls on the way back.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::definition::Rendered;
use super::definition::Site;
use super::files::StackFiles;
use super::stack::StackSpec;
use super::tell::Teller;
use crate::apply;
use crate::apply::Hands;
use crate::apply::OnFailure;
use crate::apply::Outcome;
use crate::core::diag::Diagnostic;
use crate::core::model::Revision;
use crate::core::observed::Adoption;
use crate::core::observed::Observed;
use crate::core::plan;
use crate::core::plan::Plan;
use crate::core::run::Initiator;
use crate::core::run::Memory;
use crate::core::run::RunId;
use crate::core::run::StackId;
use crate::core::run::Verdict;
use crate::ports::Clock;
use crate::ports::Engine;
use crate::ports::EngineError;
use crate::ports::Publish as _;
use crate::store::Store;
use crate::telemetry::Metrics;

mod deploy;
mod settle;
mod stages;

pub(super) use deploy::changes;
pub(super) use settle::problem_text;

/// What an engine is taken for until it has said what it is, so that nothing is refused for its age.
const NEWEST_API: (u32, u32) = (1, u32::MAX);

/// What passes need of the world.
#[derive(Clone)]
pub struct Reconciler {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Journal, memory and outbox.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// One stack to be brought to one revision.
#[derive(Clone)]
pub struct Job {
    /// Where it comes from.
    pub site: Arc<Site>,
    /// Which stack.
    pub stack: StackSpec,
    /// To which revision.
    pub revision: Revision,
    /// Who wrote the commit, and its first line.
    pub commit: Option<(String, String)>,
    /// What made it happen.
    pub initiator: Initiator,
}

/// What came of a pass.
#[derive(Debug, Clone)]
pub struct Report {
    /// In one word.
    pub verdict: Verdict,
    /// In one line.
    pub message: String,
    /// A later try with the same input may go better.
    pub retry: bool,
    /// Changing calls that the engine took.
    pub calls: usize,
}

/// Why there is no plan.
#[derive(Debug)]
pub enum PlanError {
    /// The definition has mistakes.
    Definition(Vec<Diagnostic>),
    /// The engine cannot be looked at.
    Engine(EngineError),
    /// The published files cannot be looked at.
    Files(String),
    /// What was remembered cannot be read.
    Store(String),
}

/// A plan and what it was made from.
pub struct Planned {
    /// The definition.
    pub rendered: Arc<Rendered>,
    /// The world.
    pub observed: Observed,
    /// The plan.
    pub plan: Plan,
}

impl Job {
    /// Returns the stack's id across sources.
    pub fn id(&self) -> StackId {
        StackId::new(self.site.source.clone(), self.stack.name.clone())
    }
}

impl Reconciler {
    /// Plans a stack without changing anything.
    ///
    /// # Errors
    /// Fails if the definition has mistakes or the world cannot be looked at.
    pub async fn plan(&self, job: &Job, memory: &Memory) -> Result<Planned, PlanError> {
        let rendered = self.render(job, &job.revision).await?;
        self.plan_rendered(job, rendered, memory, &BTreeMap::new(), false).await
    }

    /// Plans a stack as if it had taken over a project that Docker Compose runs. Changes nothing.
    ///
    /// What its containers mounted counts as what the repository has now, if all that is published is on the host
    /// already; if not, whatever mounts repository files has to be replaced. What their images were built from counts as
    /// what the repository has now.
    ///
    /// # Errors
    /// Fails if the definition has mistakes, if the world cannot be looked at, or if a file of the project's folder
    /// differs from the repository's.
    pub async fn plan_adoption(&self, job: &Job, adoption: Adoption) -> Result<Planned, PlanError> {
        let api = self.engine.info().await.map_err(PlanError::Engine)?.api;
        let (site, stack, revision) = (Arc::clone(&job.site), job.stack.clone(), job.revision.clone());
        let read = move || site.render_adopted(&stack, &revision, api, Some(adoption));
        let rendered = tokio::task::spawn_blocking(read).await;
        let mut rendered = rendered
            .map_err(|_| PlanError::Files("reading the definition was ended".into()))?
            .map_err(PlanError::Definition)?;
        let root = job.site.publish_root(&job.stack, rendered.adoption.as_ref());
        let stale = StackFiles::stale_below(root, &rendered.files).map_err(PlanError::Files)?;
        if let Some(adoption) = &mut rendered.adoption {
            let mounted = rendered.desired.services.values();
            let known = mounted.filter(|service| stale.is_empty() || service.mounts_nothing());
            adoption.digests = known.map(|service| (service.name.clone(), service.digest.clone())).collect();
        }
        self.plan_rendered(job, Arc::new(rendered), &Memory::default(), &BTreeMap::new(), false).await
    }

    /// Takes the project over that a plan of [`Self::plan_adoption`] was made for. No container is touched: from now on
    /// they are looked after like the stack's own.
    ///
    /// # Errors
    /// Fails if it cannot be written down; then nothing is taken over.
    pub async fn take_over(&self, job: &Job, planned: &Planned) -> Result<(), String> {
        let Some(adoption) = &planned.rendered.adoption else { return Ok(()) };
        job.site.adoptions().put(&job.stack.name, adoption).map_err(|error| error.to_string())?;
        let files = Self::files(job, &planned.rendered);
        if files.stale().await?.is_empty() {
            // They are as they should be: this only writes down that they are ours to change.
            files.publish().await?;
        }
        Ok(())
    }

    /// Brings a stack to its revision, or back to what ran before.
    pub async fn pass(&self, job: &Job, cancel: &CancellationToken) -> Report {
        let begun = self.clock.now();
        let report = match self.attempt(job, cancel).await {
            Ok(report) => report,
            Err(problem) => self.teller(job).cannot_plan(job, problem).await,
        };
        let took = self.clock.now().duration_since(begun);
        self.metrics.pass(&job.id(), report.verdict, std::time::Duration::try_from(took).unwrap_or_default());
        report
    }

    /// Removes a stack that left git. Its volumes stay.
    pub async fn remove(&self, job: &Job, cancel: &CancellationToken) -> Report {
        let report = match self.attempt_removal(job, cancel).await {
            Ok(report) => report,
            Err(problem) => self.teller(job).cannot_plan(job, problem).await,
        };
        if report.verdict.is_good() {
            self.teller(job).gone().await;
            if let Err(error) = job.site.adoptions().remove(&job.stack.name) {
                tracing::warn!("{}: the record of its adoption cannot be removed: {error}", job.id());
            }
        }
        report
    }

    async fn attempt_removal(&self, job: &Job, cancel: &CancellationToken) -> Result<Report, PlanError> {
        let memory = Memory { last_stable: None, bad: None, ..self.memory(job).await? };
        let adoption = job.site.adoptions().get(&job.stack.name).map_err(PlanError::Files)?;
        let owner = job.site.owner(&job.stack);
        let rendered = Arc::new(Rendered::nothing(owner, job.revision.clone(), adoption));
        self.deploy(job, rendered, &memory, false, cancel).await
    }

    async fn attempt(&self, job: &Job, cancel: &CancellationToken) -> Result<Report, PlanError> {
        let memory = self.memory(job).await?;
        let rendered = self.render(job, &job.revision).await?;
        self.teller(job).can_read(job).await;
        if rendered.desired.settings.suspend || memory.suspension.is_some() {
            return self.suspended(job, &rendered).await;
        }
        let fingerprint = deploy::fingerprint(&rendered.desired);
        if let Some(bad) = memory.bad.clone().filter(|bad| bad.fingerprint == fingerprint) {
            return self.hold(job, rendered, &memory, &bad, cancel).await;
        }
        self.deploy(job, rendered, &memory, false, cancel).await
    }

    pub(super) async fn render(&self, job: &Job, revision: &Revision) -> Result<Arc<Rendered>, PlanError> {
        let api = self.engine.last_info().map_or(NEWEST_API, |info| info.api);
        self.render_for(job, revision, api).await
    }

    async fn render_for(
        &self,
        job: &Job,
        revision: &Revision,
        api: (u32, u32),
    ) -> Result<Arc<Rendered>, PlanError> {
        let (site, stack, revision) = (Arc::clone(&job.site), job.stack.clone(), revision.clone());
        let rendered = tokio::task::spawn_blocking(move || site.render(&stack, &revision, api)).await;
        match rendered {
            Ok(Ok(rendered)) => Ok(Arc::new(rendered)),
            Ok(Err(problems)) => Err(PlanError::Definition(problems)),
            Err(_) => Err(PlanError::Files("reading the definition was ended".into())),
        }
    }

    /// Returns what is remembered of a stack.
    ///
    /// # Errors
    /// Fails if the store does.
    pub async fn memory(&self, job: &Job) -> Result<Memory, PlanError> {
        let id = job.id();
        let memory = self.store.call(move |store| store.read().memory(&id)).await;
        memory.map_err(|error| PlanError::Store(error.to_string()))
    }

    async fn plan_rendered(
        &self,
        job: &Job,
        mut rendered: Arc<Rendered>,
        memory: &Memory,
        pulled: &BTreeMap<String, String>,
        undo: bool,
    ) -> Result<Planned, PlanError> {
        let mut observed = rendered.observe(self.engine.as_ref()).await.map_err(PlanError::Engine)?;
        if rendered.api.is_some_and(|api| api != observed.engine.api) {
            // It had not yet said what it is, or was upgraded since.
            rendered = self.render_for(job, &rendered.desired.revision, observed.engine.api).await?;
        }
        observed.taken_at = Some(self.clock.now());
        let asked = plan::ports_to_probe(&rendered.desired, &observed);
        observed.held_ports = self.engine.held_ports(&asked).await;
        let stale = Self::files(job, &rendered).stale().await.map_err(PlanError::Files)?;
        let pins = memory.pins.iter();
        let known = plan::Memory {
            pins: pins
                .map(|pin| ((pin.service.clone(), pin.fingerprint.clone()), pin.image.clone()))
                .collect(),
            unproven: memory.last_stable.as_ref() != Some(&rendered.desired.revision),
        };
        let asked = plan::images_to_probe(&rendered.desired, &observed, &known, undo);
        observed.images.extend(self.engine.images_named(&asked).await.map_err(PlanError::Engine)?);
        let plan = plan::plan(plan::Inputs {
            desired: &rendered.desired,
            observed: &observed,
            memory: &known,
            stale_files: &stale,
            pulled,
            undo,
        });
        Ok(Planned { rendered, observed, plan })
    }

    /// Plans for the first time in a pass: from here on it is known that the engine answers.
    async fn first_plan(
        &self,
        job: &Job,
        rendered: Arc<Rendered>,
        memory: &Memory,
        undo: bool,
    ) -> Result<Planned, PlanError> {
        let planned = self.plan_rendered(job, rendered, memory, &BTreeMap::new(), undo).await?;
        self.teller(job).can_plan(job).await;
        Ok(planned)
    }

    fn files(job: &Job, rendered: &Arc<Rendered>) -> StackFiles {
        // A project that was taken over and is to be gone leaves its files: the folder is its owner's.
        let is_to_be_gone = rendered.desired.services.is_empty();
        let adoption = rendered.adoption.as_ref().filter(|_| !is_to_be_gone);
        StackFiles::new(job.site.publish_root(&job.stack, adoption), Arc::clone(rendered))
    }

    fn teller(&self, job: &Job) -> Teller {
        Teller::new(self.store.clone(), Arc::clone(&self.clock), job.id())
    }

    async fn walk(
        &self,
        plan: &Plan,
        run: &RunId,
        rendered: &Rendered,
        files: StackFiles,
        on_failure: OnFailure,
        cancel: &CancellationToken,
    ) -> Result<Outcome, PlanError> {
        let (id, redactor, clock) = (run.clone(), rendered.redactor.clone(), Arc::clone(&self.clock));
        let journal = self.store.call(move |store| store.journal(&id, redactor, clock)).await;
        let journal = Arc::new(journal.map_err(|error| PlanError::Store(error.to_string()))?);
        let hands = Hands { engine: Arc::clone(&self.engine), journal, publish: Arc::new(files) };
        Ok(apply::walk(plan, &hands, on_failure, cancel).await)
    }
}
