//! A change of state and what is told of it, in one transaction.

use jiff::Timestamp;
use rusqlite::Transaction;

use super::Store;
use super::error::StoreError;
use crate::core::model::Revision;
use crate::core::model::SourceName;
use crate::core::run::Event;
use crate::core::run::EventDraft;
use crate::core::run::HealthState;
use crate::core::run::MemoryChange;
use crate::core::run::RunId;
use crate::core::run::StackId;
use crate::core::run::Sync;

/// How a stack stands. Its revisions are not given: they are read from its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// The stack.
    pub stack: StackId,
    /// Whether it matches git.
    pub sync: Sync,
    /// Whether it works.
    pub health: HealthState,
    /// One line for people, without secrets; may be empty.
    pub message: String,
}

/// What was seen of a source. What is not named stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceChange {
    /// The source.
    pub source: SourceName,
    /// The revision that it is at.
    pub seen: Option<Revision>,
    /// When it was last read.
    pub fetched_at: Option<Timestamp>,
    /// The moment of its schedule that was last acted on.
    pub scheduled_at: Option<Timestamp>,
}

impl SourceChange {
    /// Returns that a source was read and is at a revision.
    pub fn fetched(source: SourceName, revision: Revision, at: Timestamp) -> Self {
        Self { source, seen: Some(revision), fetched_at: Some(at), scheduled_at: None }
    }
}

/// Something that is told when it begins, when it changes and when it ends, and not in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConditionChange {
    /// It is so. The events are told only if it was not, or if its fingerprint was another.
    Raise {
        /// What, such as `source/homelab/fetch`.
        key: String,
        /// What is told apart: stable texts only, no durations and counts.
        fingerprint: String,
        /// What to tell.
        events: Vec<EventDraft>,
    },
    /// It is not so. The events are told only if it was.
    Clear {
        /// What.
        key: String,
        /// What to tell.
        events: Vec<EventDraft>,
    },
}

/// A change of state and what is told of it. All of it is recorded, or nothing is.
#[derive(Debug, Clone)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// What is remembered of stacks.
    pub memory: Vec<(StackId, MemoryChange)>,
    /// How stacks stand.
    pub statuses: Vec<StatusChange>,
    /// Stacks that are no longer in their source. Of their memory the images stay, for when they come back.
    pub gone: Vec<StackId>,
    /// What was seen of sources.
    pub sources: Vec<SourceChange>,
    /// What began or ended.
    pub conditions: Vec<ConditionChange>,
    /// What is told in any case.
    pub events: Vec<EventDraft>,
}

impl Change {
    /// Returns a change of nothing.
    pub fn at(at: Timestamp) -> Self {
        Self {
            at,
            memory: Vec::new(),
            statuses: Vec::new(),
            gone: Vec::new(),
            sources: Vec::new(),
            conditions: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Adds what is remembered of a stack.
    #[must_use]
    pub fn memory(mut self, stack: StackId, change: MemoryChange) -> Self {
        self.memory.push((stack, change));
        self
    }

    /// Adds how a stack stands.
    #[must_use]
    pub fn status(mut self, status: StatusChange) -> Self {
        self.statuses.push(status);
        self
    }

    /// Adds what was seen of a source.
    #[must_use]
    pub fn source(mut self, source: SourceChange) -> Self {
        self.sources.push(source);
        self
    }

    /// Adds what began or ended.
    #[must_use]
    pub fn condition(mut self, condition: ConditionChange) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Adds what is told in any case.
    #[must_use]
    pub fn event(mut self, event: EventDraft) -> Self {
        self.events.push(event);
        self
    }
}

/// What came of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The events that were recorded, conditions' first.
    pub events: Vec<Event>,
    /// For each condition of the change: whether it was new, changed or ended, so that it was told.
    pub told: Vec<bool>,
}

impl Store {
    /// Records a change that belongs to no run.
    ///
    /// # Errors
    /// Fails if the database does. Then nothing of it is recorded.
    pub fn record(&self, change: Change) -> Result<Recorded, StoreError> {
        let recorded = self.write(|tx| self.apply(tx, change, None))?;
        self.announce(&recorded.events);
        Ok(recorded)
    }

    /// Records that something is so, with what to tell if that is news. Returns whether it is.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn raise(
        &self,
        key: &str,
        fingerprint: &str,
        events: Vec<EventDraft>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = ConditionChange::Raise { key: key.into(), fingerprint: fingerprint.into(), events };
        Ok(self.record(Change::at(at).condition(change))?.told == [true])
    }

    /// Records that something is no longer so, with what to tell if that is news. Returns whether it is.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn clear(&self, key: &str, events: Vec<EventDraft>, at: Timestamp) -> Result<bool, StoreError> {
        let change = ConditionChange::Clear { key: key.into(), events };
        Ok(self.record(Change::at(at).condition(change))?.told == [true])
    }

    /// Makes the change within a transaction.
    pub(super) fn apply(
        &self,
        tx: &Transaction<'_>,
        change: Change,
        run: Option<&RunId>,
    ) -> Result<Recorded, StoreError> {
        for (stack, memory) in change.memory {
            super::memory::remember(tx, &stack, memory)?;
        }
        for status in &change.statuses {
            super::memory::set_status(tx, status, change.at)?;
        }
        for stack in &change.gone {
            super::memory::unset_status(tx, stack)?;
        }
        for source in &change.sources {
            super::memory::set_source(tx, source)?;
        }
        let mut drafts = Vec::new();
        let mut told = Vec::new();
        for condition in change.conditions {
            let (news, events) = super::conditions::set(tx, condition, change.at)?;
            told.push(news);
            drafts.extend(events.into_iter().filter(|_| news));
        }
        drafts.extend(change.events);
        let events = self.append(tx, drafts, change.at, run)?;
        Ok(Recorded { events, told })
    }
}
