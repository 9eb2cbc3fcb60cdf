//! Events as others see them: JSON, a superset of Flux's. An event is built, cleaned of secrets, and only then can it
//! be given an id and a number, stored and sent.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use super::dedupe::dedupe_key;
use super::kind::EventType;
use super::memory::StackId;
use super::record::Initiator;
use super::record::RunId;
use super::ulid::Ulid;
use super::vocabulary::vocabulary;
use crate::core::model::Redactor;
use crate::core::model::Revision;
use crate::core::model::SourceName;

/// The version of this JSON.
const API_VERSION: &str = "evenkeel.dev/v1";

/// A log in an event keeps this many lines, the newest.
const LOG_LINES: usize = 20;

/// A text in an event keeps this many characters.
const TEXT_CHARS: usize = 4_000;

vocabulary! {
    /// How much an event matters.
    Severity {
        /// Good to know.
        Info = "info",
        /// Somebody should look.
        Error = "error",
    }
}

vocabulary! {
    /// What kind of thing an event is about.
    ObjectKind {
        /// A Compose project.
        Stack = "Stack",
        /// A git repository and its ref.
        Source = "Source",
        /// A place where notifications go.
        Provider = "Provider",
        /// Evenkeel itself.
        Controller = "Controller",
    }
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The kind.
    pub kind: ObjectKind,
    /// The name.
    pub name: String,
    /// The source that it belongs to; empty for what belongs to none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

impl ObjectRef {
    /// Names a stack.
    pub fn stack(id: &StackId) -> Self {
        Self { kind: ObjectKind::Stack, name: id.stack.to_string(), source: id.source.to_string() }
    }

    /// Names a source.
    pub fn source(name: &SourceName) -> Self {
        Self { kind: ObjectKind::Source, name: name.to_string(), source: name.to_string() }
    }

    /// Names something that belongs to no source.
    pub fn other(kind: ObjectKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), source: String::new() }
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.source, self.name)
    }
}

/// Where an event belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The revision that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// The revision before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_revision: Option<Revision>,
    /// Who wrote the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_author: Option<String>,
    /// The first line of the commit's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_subject: Option<String>,
    /// What made the pass happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<Initiator>,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
}

/// What was, or would be, done to one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectChange {
    /// The object, such as `service/web`.
    pub object: String,
    /// `create`, `replace`, `remove`, ….
    pub action: String,
    /// Why, in one line.
    pub cause: String,
    /// The fields that differ. Names only, never values of secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// How an object is, and what it wrote last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// The object, such as `service/web`.
    pub object: String,
    /// `unhealthy`, `exited (1)`, ….
    pub state: String,
    /// Its last lines, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}

/// An event as it is stored and sent. It comes from [`EventDraft::stamp`] or is read back from JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The version of this JSON.
    pub api_version: String,
    /// The event's own id; a delivery that is tried again has the same.
    pub id: Ulid,
    /// When it happened.
    pub timestamp: Timestamp,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Why, in one word such as `HealthCheckFailed`.
    pub reason: String,
    /// The same for people.
    pub message: String,
    /// The object that it is about.
    pub involved_object: ObjectRef,
    /// Where it belongs.
    pub metadata: Metadata,
    /// What was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ObjectChange>,
    /// How it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthReport>,
    /// The event's number among those of the same object, from 1, without gaps.
    pub sequence: u64,
    /// The same for every telling of the same state change. Holds no durations and no message.
    pub dedupe_key: String,
    /// Always `evenkeel`.
    pub reporting_controller: String,
    /// Which installation.
    pub reporting_instance: String,
}

/// What the store adds to a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The event's id.
    pub id: Ulid,
    /// When it happened.
    pub at: Timestamp,
    /// Its number among those of the same object.
    pub sequence: u64,
    /// The run that it belongs to, if the draft names none.
    pub run: Option<RunId>,
    /// Which installation tells it.
    pub instance: String,
}

/// An event without id and number, already cleaned of secrets. Only [`EventBuilder::finish`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    severity: Severity,
    kind: EventType,
    reason: String,
    message: String,
    object: ObjectRef,
    metadata: Metadata,
    changes: Vec<ObjectChange>,
    health: Option<HealthReport>,
    occurrence: Option<String>,
}

impl EventDraft {
    /// Returns the type.
    pub fn kind(&self) -> EventType {
        self.kind
    }

    /// Returns what it is about.
    pub fn object(&self) -> &ObjectRef {
        &self.object
    }

    /// Returns the event.
    pub fn stamp(self, stamp: Stamp) -> Event {
        let metadata = Metadata { run_id: self.metadata.run_id.or(stamp.run), ..self.metadata };
        let occurrence = match self.occurrence {
            Some(occurrence) => Some(occurrence),
            None if self.kind.once_per_revision() && metadata.revision.is_some() => None,
            None => Some(metadata.run_id.as_ref().unwrap_or(&stamp.id).to_string()),
        };
        let revision = metadata.revision.as_ref().map(ToString::to_string);
        Event {
            api_version: API_VERSION.into(),
            dedupe_key: dedupe_key(&[
                &stamp.instance,
                &self.object.to_string(),
                self.kind.as_str(),
                &self.reason,
                revision.as_deref().unwrap_or_default(),
                occurrence.as_deref().unwrap_or_default(),
            ]),
            id: stamp.id,
            timestamp: stamp.at,
            severity: self.severity,
            kind: self.kind,
            reason: self.reason,
            message: self.message,
            involved_object: self.object,
            metadata,
            changes: self.changes,
            health: self.health,
            sequence: stamp.sequence,
            reporting_controller: "evenkeel".into(),
            reporting_instance: stamp.instance,
        }
    }
}

/// Builds an event. Texts may hold secrets until [`EventBuilder::finish`].
#[derive(Clone)]
pub struct EventBuilder {
    draft: EventDraft,
}

impl EventBuilder {
    /// Begins an event with its type's severity and reason.
    pub fn new(kind: EventType, object: ObjectRef, message: impl Into<String>) -> Self {
        Self {
            draft: EventDraft {
                severity: kind.severity(),
                kind,
                reason: kind.reason(),
                message: message.into(),
                object,
                metadata: Metadata::default(),
                changes: Vec::new(),
                health: None,
                occurrence: None,
            },
        }
    }

    /// Says how much it matters.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.draft.severity = severity;
        self
    }

    /// Says why, in one CamelCase word.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.draft.reason = reason.into();
        self
    }

    /// Says which revision it is about, and which was before.
    #[must_use]
    pub fn revision(mut self, revision: Revision, previous: Option<Revision>) -> Self {
        self.draft.metadata.revision = Some(revision);
        self.draft.metadata.previous_revision = previous;
        self
    }

    /// Says who wrote the commit and what its message's first line is.
    #[must_use]
    pub fn commit(mut self, author: impl Into<String>, subject: impl Into<String>) -> Self {
        self.draft.metadata.commit_author = Some(author.into());
        self.draft.metadata.commit_subject = Some(subject.into());
        self
    }

    /// Says what made the pass happen.
    #[must_use]
    pub fn initiator(mut self, initiator: Initiator) -> Self {
        self.draft.metadata.initiator = Some(initiator);
        self
    }

    /// Says which run it belongs to. Events that the store records with a run get its id without this.
    #[must_use]
    pub fn run(mut self, run: RunId) -> Self {
        self.draft.metadata.run_id = Some(run);
        self
    }

    /// Adds what was done to objects.
    #[must_use]
    pub fn changes(mut self, changes: impl IntoIterator<Item = ObjectChange>) -> Self {
        self.draft.changes.extend(changes);
        self
    }

    /// Says how an object is.
    #[must_use]
    pub fn health(mut self, health: HealthReport) -> Self {
        self.draft.health = Some(health);
        self
    }

    /// Names the occurrence, for what can happen more than once to an object at a revision. Tellings with the same
    /// name have the same dedupe key. Without it, it is the run's id, or else the event's own.
    #[must_use]
    pub fn occurrence(mut self, occurrence: impl Into<String>) -> Self {
        self.draft.occurrence = Some(occurrence.into());
        self
    }

    /// Ends the event: secrets are replaced in every text, and texts are cut to a decent length.
    pub fn finish(self, redactor: &Redactor) -> EventDraft {
        let clean = |text: String| shorten(redactor.redact(&text));
        let mut draft = self.draft;
        draft.message = clean(draft.message);
        draft.metadata.commit_author = draft.metadata.commit_author.map(clean);
        draft.metadata.commit_subject = draft.metadata.commit_subject.map(clean);
        for change in &mut draft.changes {
            change.object = clean(std::mem::take(&mut change.object));
            change.cause = clean(std::mem::take(&mut change.cause));
            change.fields = std::mem::take(&mut change.fields).into_iter().map(clean).collect();
        }
        if let Some(health) = &mut draft.health {
            health.object = clean(std::mem::take(&mut health.object));
            health.state = clean(std::mem::take(&mut health.state));
            let skipped = health.log.len().saturating_sub(LOG_LINES);
            health.log = std::mem::take(&mut health.log).into_iter().skip(skipped).map(clean).collect();
        }
        draft
    }
}

/// Returns the text, cut to [`TEXT_CHARS`].
fn shorten(text: String) -> String {
    match text.char_indices().nth(TEXT_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
