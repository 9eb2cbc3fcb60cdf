//! One round: all stacks of a source at one revision, those that others depend on first, and then what left git.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::definition::Site;
use super::pass::Job;
use super::pass::Reconciler;
use super::pass::Report;
use super::stack::StackSpec;
use super::tell_source::SourceTeller;
use crate::core::diag::Diagnostic;
use crate::core::model::Revision;
use crate::core::model::StackName;
use crate::core::observed::Focus;
use crate::core::run::Initiator;
use crate::core::run::Verdict;
use crate::git::GitSource;

/// How many stacks are worked on at a time.
const STACKS_AT_A_TIME: usize = 4;

/// A round to be done.
pub(super) struct Batch {
    pub(super) site: Arc<Site>,
    pub(super) git: Arc<GitSource>,
    pub(super) path: String,
    pub(super) suspend: bool,
    pub(super) reconciler: Reconciler,
    pub(super) revision: Revision,
    pub(super) initiator: Initiator,
}

/// What came of a round.
#[derive(Debug, Clone, Default)]
pub struct BatchReport {
    /// The verdict of each stack.
    pub verdicts: BTreeMap<StackName, Verdict>,
    /// A later try with the same input may go better.
    pub retry: bool,
    /// Changing calls that the engine took.
    pub calls: usize,
    /// The source could be read.
    pub readable: bool,
}

impl BatchReport {
    /// Returns true if all stacks are as git says, and well.
    pub fn is_good(&self) -> bool {
        self.readable
            && self.verdicts.values().all(|verdict| verdict.is_good() || *verdict == Verdict::Suspended)
    }

    /// Returns true if all stacks that this one depends on are as git says, and well.
    fn allows(&self, stack: &StackSpec) -> bool {
        let well = |verdict: &Verdict| verdict.is_good() || *verdict == Verdict::Suspended;
        stack.depends_on.iter().all(|name| self.verdicts.get(name).is_none_or(well))
    }

    /// A stack has to wait for another.
    fn put_off(&mut self, stack: StackName) {
        self.retry = true;
        self.verdicts.insert(stack, Verdict::Refused);
    }

    fn add(&mut self, stack: StackName, report: &Report) {
        self.retry |= report.retry;
        self.calls += report.calls;
        self.verdicts.insert(stack, report.verdict);
    }
}

/// Returns a number from 0 up to 1, for jitter.
pub(super) fn random() -> f64 {
    let bits = getrandom::u32().unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

/// Does a round.
pub(super) async fn run(batch: Batch, cancel: CancellationToken) -> BatchReport {
    let teller = SourceTeller::new(&batch.reconciler, &batch.site.source);
    let stacks = match batch.stacks().await {
        Ok(stacks) => stacks,
        Err(problems) => {
            teller.unreadable(&batch.revision, &problems).await;
            return BatchReport::default();
        }
    };
    teller.readable(&batch.revision).await;
    let mut report = BatchReport { readable: true, ..BatchReport::default() };
    let commit = batch.commit().await;
    for wave in waves(&stacks) {
        for part in wave.chunks(STACKS_AT_A_TIME) {
            let (ready, waiting): (Vec<_>, Vec<_>) = part.iter().partition(|stack| report.allows(stack));
            for stack in waiting {
                teller.waits(&batch.revision, stack).await;
                report.put_off(stack.name.clone());
            }
            let passes = ready.into_iter().map(|stack| {
                let job = batch.job(stack, commit.clone());
                let reconciler = batch.reconciler.clone();
                let cancel = cancel.clone();
                async move { (job.stack.name.clone(), reconciler.pass(&job, &cancel).await) }
            });
            for (name, passed) in futures_util::future::join_all(passes).await {
                report.add(name, &passed);
            }
        }
        if cancel.is_cancelled() {
            return report;
        }
    }
    batch.prune(&stacks, &teller, &cancel, &mut report).await;
    report
}

impl Batch {
    async fn stacks(&self) -> Result<Vec<StackSpec>, Vec<Diagnostic>> {
        let (git, revision) = (Arc::clone(&self.git), self.revision.clone());
        let (path, source, suspend) = (self.path.clone(), self.site.source.clone(), self.suspend);
        let found = tokio::task::spawn_blocking(move || {
            let mut stacks = super::repository::stacks(&git, &revision, &path, &source)?;
            for stack in &mut stacks {
                stack.suspend |= suspend;
            }
            Ok(stacks)
        });
        found
            .await
            .unwrap_or_else(|_| Err(vec![Diagnostic::error("ended", "reading the repository was ended")]))
    }

    async fn commit(&self) -> Option<(String, String)> {
        let (git, commit) = (Arc::clone(&self.git), self.revision.commit.clone()?);
        let info = tokio::task::spawn_blocking(move || git.info(&commit)).await.ok()?.ok()?;
        Some((info.author, info.subject))
    }

    fn job(&self, stack: &StackSpec, commit: Option<(String, String)>) -> Job {
        Job {
            site: Arc::clone(&self.site),
            stack: stack.clone(),
            revision: self.revision.clone(),
            commit,
            initiator: self.initiator,
        }
    }

    /// Removes stacks that left git. Not if git holds none at all: that looks like a mistake.
    async fn prune(
        &self,
        stacks: &[StackSpec],
        teller: &SourceTeller<'_>,
        cancel: &CancellationToken,
        report: &mut BatchReport,
    ) {
        let Ok(observed) = self.reconciler.engine.observe_for(&Focus::default()).await else { return };
        let known: BTreeSet<&StackName> = stacks.iter().map(|stack| &stack.name).collect();
        let containers = observed.containers.iter().filter_map(|found| found.own.as_ref());
        let networks = observed.networks.iter().filter_map(|found| found.own.as_ref());
        let left: BTreeSet<StackName> = containers
            .chain(networks)
            .filter(|own| own.owner.instance == self.site.instance && own.owner.source == self.site.source)
            .map(|own| own.owner.stack.clone())
            .chain(self.site.adoptions().stacks())
            .filter(|name| !known.contains(name))
            .collect();
        if left.is_empty() {
            return teller.prune_is_fine().await;
        }
        if stacks.is_empty() || !self.site.defaults.prune || self.suspend {
            return teller.prune_refused(&self.revision, &left, stacks.is_empty()).await;
        }
        for name in left {
            let spec = StackSpec::of_folder(name.clone(), "");
            let passed = self.reconciler.remove(&self.job(&spec, None), cancel).await;
            report.add(name, &passed);
        }
    }
}

/// Sorts stacks so that each comes after those that it depends on. What depends on itself comes last.
fn waves(stacks: &[StackSpec]) -> Vec<Vec<StackSpec>> {
    let mut left: Vec<&StackSpec> = stacks.iter().collect();
    let mut waves = Vec::new();
    while !left.is_empty() {
        let names: BTreeSet<&StackName> = left.iter().map(|stack| &stack.name).collect();
        let free = |stack: &&&StackSpec| !stack.depends_on.iter().any(|name| names.contains(name));
        let mut wave: Vec<&StackSpec> = left.iter().filter(free).copied().collect();
        if wave.is_empty() {
            wave.clone_from(&left);
        }
        left.retain(|stack| !wave.iter().any(|done| done.name == stack.name));
        waves.push(wave.into_iter().cloned().collect());
    }
    waves
}
