//! The store on real files.

mod opening;
mod outbox;
mod records;

use jiff::Timestamp;

use super::*;
use crate::core::model::CommitId;
use crate::core::model::Redactor;
use crate::core::model::Revision;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::run::EventBuilder;
use crate::core::run::EventDraft;
use crate::core::run::EventType;
use crate::core::run::Initiator;
use crate::core::run::ObjectRef;
use crate::core::run::StackId;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn stack(name: &str) -> StackId {
    StackId::new(SourceName::new("homelab").expect("a name"), StackName::new(name).expect("a name"))
}

fn revision(digit: char) -> Revision {
    Revision::of("main", CommitId::parse(&digit.to_string().repeat(40)).expect("an id"))
}

fn draft(kind: EventType, name: &str) -> EventDraft {
    EventBuilder::new(kind, ObjectRef::stack(&stack(name)), "text").finish(&Redactor::default())
}

fn start(name: &str) -> RunStart {
    RunStart {
        stack: stack(name),
        revision: revision('b'),
        previous: Some(revision('a')),
        initiator: Initiator::Poll,
        plan: "~ service/web\n".into(),
    }
}

fn memory_store() -> Store {
    Store::in_memory("nas").expect("a store")
}

fn open(path: &std::path::Path) -> Opened {
    Store::open(path, "nas", at(0)).expect("a store")
}
