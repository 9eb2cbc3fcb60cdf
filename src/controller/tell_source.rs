//! What is told of a source: news, and problems once when they begin, change and end.

use std::collections::BTreeSet;

use super::pass::Reconciler;
use super::stack::StackSpec;
use crate::core::diag::Diagnostic;
use crate::core::model::Redactor;
use crate::core::model::Revision;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::run::EventBuilder;
use crate::core::run::EventDraft;
use crate::core::run::EventType;
use crate::core::run::HealthState;
use crate::core::run::ObjectRef;
use crate::core::run::StackId;
use crate::core::run::Sync;
use crate::git::GitError;
use crate::git::News;
use crate::git::Poll;
use crate::git::Repair;
use crate::store::Change;
use crate::store::ConditionChange;
use crate::store::SourceChange;
use crate::store::StatusChange;

pub(super) struct SourceTeller<'a> {
    reconciler: &'a Reconciler,
    source: &'a SourceName,
}

impl<'a> SourceTeller<'a> {
    pub(super) fn new(reconciler: &'a Reconciler, source: &'a SourceName) -> Self {
        Self { reconciler, source }
    }

    fn key(&self, what: &str) -> String {
        format!("source/{}/{what}", self.source)
    }

    fn event(&self, kind: EventType, message: impl Into<String>) -> EventBuilder {
        EventBuilder::new(kind, ObjectRef::source(self.source), message)
    }

    fn change(&self) -> Change {
        Change::at(self.reconciler.clock.now())
    }

    async fn record(&self, change: Change) -> Vec<bool> {
        let recorded = self.reconciler.store.call(move |store| store.record(change)).await;
        match recorded {
            Ok(recorded) => recorded.told,
            Err(error) => {
                error.log("what happened could not be written down");
                Vec::new()
            }
        }
    }

    fn raise(&self, what: &str, fingerprint: String, event: EventBuilder) -> ConditionChange {
        ConditionChange::Raise { key: self.key(what), fingerprint, events: vec![done(event)] }
    }

    /// The source was read.
    pub(super) async fn fetched(&self, polled: &Poll) {
        let (revision, at) = (polled.revision(), self.reconciler.clock.now());
        self.reconciler.metrics.fetched(self.source, at);
        let back = self.event(EventType::SourceFetched, "it can be read again").reason("Recovered");
        let mut change = self
            .change()
            .source(SourceChange::fetched(self.source.clone(), revision.clone(), at))
            .condition(ConditionChange::Clear { key: self.key("fetch"), events: vec![done(back)] });
        match &polled.news {
            News::Updated { from, to, .. } => {
                let message = match from {
                    Some(from) => format!("{} → {}", from.short(), to.short()),
                    None => format!("at {}", to.short()),
                };
                tracing::info!("{}: {message} ({})", self.source, revision.reference);
                let previous = from.clone().map(|from| Revision::of(revision.reference.clone(), from));
                let event = self.event(EventType::SourceFetched, message).revision(revision, previous);
                let over = ConditionChange::Clear { key: self.key("fast-forward"), events: Vec::new() };
                change = change.event(done(event)).condition(over);
            }
            News::Refused { held, offered } => {
                let message = format!(
                    "history was rewritten: {} does not descend from {}, which stays; push it back, or set \
                     `allowForcePush` for this source",
                    offered.short(),
                    held.short()
                );
                let event = self
                    .event(EventType::SourceNotFastForward, message)
                    .revision(Revision::of(polled.reference.clone(), offered.clone()), Some(revision));
                change = change.condition(self.raise("fast-forward", offered.to_string(), event));
            }
            News::Unchanged { .. } => {
                let over = ConditionChange::Clear { key: self.key("fast-forward"), events: Vec::new() };
                change = change.condition(over);
            }
        }
        if let Some(repair) = &polled.repair {
            let message = match repair {
                Repair::StaleLocks { files } => {
                    format!("removed locks left by a killed process: {}", files.join(", "))
                }
                Repair::MadeAnew { reason } => format!("the mirror was damaged and is made anew: {reason}"),
            };
            tracing::warn!("{}: {message}", self.source);
            change =
                change.event(done(self.event(EventType::SourceFetched, message).reason("MirrorRepaired")));
        }
        if self.record(change).await.first() == Some(&true) {
            tracing::info!("{}: it can be read again", self.source);
        }
    }

    /// The source could not be read.
    pub(super) async fn not_fetched(&self, error: &GitError) {
        self.reconciler.metrics.fetch_failed(self.source);
        let message = format!("{error} (hint: {})", error.hint());
        let event = self.event(EventType::SourceFetchFailed, &message);
        let told = self.record(self.change().condition(self.raise("fetch", error.to_string(), event))).await;
        if told.first() == Some(&true) {
            tracing::error!("{}: {message}", self.source);
        }
    }

    /// The repository was read, and its stacks cannot be told apart.
    pub(super) async fn unreadable(&self, revision: &Revision, problems: &[Diagnostic]) {
        let message = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let event = self.event(EventType::SourceFetchFailed, &message).reason("RepositoryInvalid");
        let raised = self.raise("repository", message.clone(), event.revision(revision.clone(), None));
        if self.record(self.change().condition(raised)).await.first() == Some(&true) {
            tracing::error!("{} at {}: {message}", self.source, revision.short());
        }
    }

    /// The repository can be read.
    pub(super) async fn readable(&self, revision: &Revision) {
        let event = self.event(EventType::SourceFetched, "its stacks can be read again").reason("Recovered");
        let events = vec![done(event.revision(revision.clone(), None))];
        let over = ConditionChange::Clear { key: self.key("repository"), events };
        if self.record(self.change().condition(over)).await.first() == Some(&true) {
            tracing::info!("{}: its stacks can be read again", self.source);
        }
    }

    /// A stack is left as it is, because one that it depends on is not well.
    pub(super) async fn waits(&self, revision: &Revision, stack: &StackSpec) {
        let names = stack.depends_on.iter().map(StackName::as_str).collect::<Vec<_>>().join(", ");
        let message = format!("{} waits for {names} to be well at this revision", stack.name);
        tracing::debug!("{} at {}: {message}", self.source, revision.short());
        let id = StackId::new(self.source.clone(), stack.name.clone());
        let status = StatusChange { stack: id, sync: Sync::OutOfSync, health: HealthState::Unknown, message };
        self.record(self.change().status(status)).await;
    }

    /// Stacks left git and are kept all the same.
    pub(super) async fn prune_refused(&self, revision: &Revision, left: &BTreeSet<StackName>, empty: bool) {
        let names = left.iter().map(StackName::as_str).collect::<Vec<_>>().join(", ");
        let why = match empty {
            true => "the repository holds no stack at all, which looks like a mistake",
            false => "pruning is off",
        };
        let message = format!("{names}: no longer in git, and kept: {why}");
        let event = self.event(EventType::PruneRefused, &message).revision(revision.clone(), None);
        let told = self.record(self.change().condition(self.raise("prune", message.clone(), event))).await;
        if told.first() == Some(&true) {
            tracing::warn!("{}: {message}", self.source);
        }
    }

    /// Nothing that left git is kept.
    pub(super) async fn prune_is_fine(&self) {
        let over = ConditionChange::Clear { key: self.key("prune"), events: Vec::new() };
        self.record(self.change().condition(over)).await;
    }
}

fn done(event: EventBuilder) -> EventDraft {
    event.finish(&Redactor::new([]))
}
