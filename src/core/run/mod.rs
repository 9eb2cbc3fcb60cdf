//! What happened and how things stand: the events of a run folded to its state, what is remembered of a stack, its
//! status, and the events that others are told. What history stores and what notifications say come from here.
//!
//! Pure: times and random bytes come in as values, and nothing here writes or sends.

mod dedupe;
mod event;
mod health;
mod journal;
mod kind;
mod memory;
mod record;
mod status;
mod ulid;
mod vocabulary;

pub use event::Event;
pub use event::EventBuilder;
pub use event::EventDraft;
pub use event::HealthReport;
pub use event::Metadata;
pub use event::ObjectChange;
pub use event::ObjectKind;
pub use event::ObjectRef;
pub use event::Severity;
pub use event::Stamp;
pub use health::health;
pub use journal::IllegalTransition;
pub use journal::RunEvent;
pub use journal::RunPhase;
pub use journal::RunState;
pub use journal::StepChange;
pub use journal::StepState;
pub use journal::Verdict;
pub use journal::fold;
pub use kind::EventFilter;
pub use kind::EventType;
pub use kind::PatternError;
pub use memory::BadRevision;
pub use memory::Contradiction;
pub use memory::ImagePin;
pub use memory::Memory;
pub use memory::MemoryChange;
pub use memory::StackId;
pub use memory::Suspension;
pub use memory::Update;
pub use record::Initiator;
pub use record::RunDetail;
pub use record::RunId;
pub use record::RunRecord;
pub use record::StepRecord;
pub use status::HealthState;
pub use status::StackStatus;
pub use status::Sync;
pub use ulid::Ulid;
