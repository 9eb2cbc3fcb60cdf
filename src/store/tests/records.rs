use std::collections::BTreeSet;

use super::*;
use crate::core::model::Secret;
use crate::core::model::ServiceName;
use crate::core::plan::Action;
use crate::core::plan::Node;
use crate::core::plan::Object;
use crate::core::run::BadRevision;
use crate::core::run::EventFilter;
use crate::core::run::HealthState;
use crate::core::run::ImagePin;
use crate::core::run::Memory;
use crate::core::run::MemoryChange;
use crate::core::run::RunPhase;
use crate::core::run::StepChange;
use crate::core::run::StepState;
use crate::core::run::Suspension;
use crate::core::run::Sync;
use crate::core::run::Update;
use crate::core::run::Verdict;
use crate::ports::Journal;
use crate::ports::SystemClock;

fn entry(index: usize, change: StepChange) -> StepEntry {
    StepEntry {
        index,
        change,
        object: format!("service/{index}"),
        action: "StartContainer".into(),
        message: if change == StepChange::Failed { "port taken".into() } else { String::new() },
    }
}

fn pin(fingerprint: &str, second: i64) -> ImagePin {
    ImagePin {
        service: ServiceName::new("web").expect("a name"),
        fingerprint: fingerprint.into(),
        image: format!("sha256:{fingerprint}"),
        stable_at: at(second),
    }
}

#[test]
fn a_run_is_told_step_by_step() {
    let store = memory_store();
    let begin = Change::at(at(1)).event(draft(EventType::DeployStarted, "media"));
    let (run, recorded) = store.begin_run(start("media"), begin).expect("a run");
    assert_eq!(recorded.events[0].metadata.run_id, Some(run.clone()));
    assert_eq!(store.read().memory(&stack("media")).expect("memory").last_attempted, Some(revision('b')));
    for (index, change, second) in [
        (0, StepChange::Started, 2),
        (1, StepChange::Started, 3),
        (0, StepChange::Succeeded, 4),
        (1, StepChange::Failed, 5),
        (2, StepChange::Skipped, 5),
    ] {
        store.record_step(&run, &entry(index, change), at(second)).expect("a step");
    }
    let bad = BadRevision {
        revision: revision('b'),
        fingerprint: "f".into(),
        reason: "port taken".into(),
        since: at(6),
    };
    let end = Change::at(at(6)).memory(stack("media"), MemoryChange::bad(bad.clone()));
    store.finish_run(&run, Verdict::RolledBack, "port taken", end).expect("the end");

    let detail = store.read().run(&run).expect("a read").expect("the run");
    assert_eq!(detail.run.phase, RunPhase::Finished(Verdict::RolledBack));
    assert_eq!(detail.plan, "~ service/web\n");
    let states: Vec<StepState> = detail.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Succeeded, StepState::Failed, StepState::Skipped]);
    assert_eq!(detail.steps[1].message, "port taken");
    assert_eq!((detail.steps[1].started_at, detail.steps[1].finished_at), (at(3), Some(at(5))));
    let memory = store.read().memory(&stack("media")).expect("memory");
    assert_eq!((memory.bad, memory.last_applied), (Some(bad), None));
}

#[test]
fn a_second_plan_of_a_run_goes_on_in_its_journal() {
    let store = memory_store();
    let (run, _) = store.begin_run(start("media"), Change::at(at(1))).expect("a run");
    let node = Node {
        id: 1,
        action: Action::PublishFiles,
        object: Object::Files,
        cause: String::new(),
        after: BTreeSet::new(),
        after_any: BTreeSet::new(),
        optional: false,
    };
    for _ in 0..2 {
        let redactor = Redactor::new([Secret::new("hunter22")]);
        let journal = store.journal(&run, redactor, Arc::new(SystemClock)).expect("a journal");
        journal.step(&node, StepChange::Started, "");
        journal.step(&node, StepChange::Failed, "hunter22 was refused");
    }
    let detail = store.read().run(&run).expect("a read").expect("the run");
    let steps: Vec<(usize, &str, &str)> =
        detail.steps.iter().map(|step| (step.index, step.action.as_str(), step.message.as_str())).collect();
    assert_eq!(
        steps,
        [(1, "PublishFiles", "[redacted] was refused"), (2, "PublishFiles", "[redacted] was refused")]
    );
}

#[test]
fn a_step_that_cannot_follow_is_refused() {
    let store = memory_store();
    let (run, _) = store.begin_run(start("media"), Change::at(at(1))).expect("a run");
    let error = store.record_step(&run, &entry(0, StepChange::Succeeded), at(2)).expect_err("never started");
    assert!(matches!(error, StoreError::IllegalStep { index: 0, .. }), "{error}");
    store.finish_run(&run, Verdict::Failed, "", Change::at(at(3))).expect("the end");
    let error = store.record_step(&run, &entry(0, StepChange::Started), at(4)).expect_err("it ended");
    assert!(matches!(error, StoreError::RunEnded(_)), "{error}");
    let error = store.finish_run(&run, Verdict::Succeeded, "", Change::at(at(4))).expect_err("it ended");
    assert!(matches!(error, StoreError::RunEnded(_)), "{error}");
}

#[test]
fn a_rolled_back_run_cannot_make_its_revision_stable() {
    let store = memory_store();
    let (run, _) = store.begin_run(start("media"), Change::at(at(1))).expect("a run");
    let end = Change::at(at(2)).memory(stack("media"), MemoryChange::stable(revision('b'), Vec::new()));
    let error = store.finish_run(&run, Verdict::RolledBack, "", end).expect_err("a contradiction");
    assert!(matches!(error, StoreError::Contradiction(_)), "{error}");
    assert_eq!(store.read().memory(&stack("media")).expect("memory").last_stable, None);
    assert_eq!(store.read().run(&run).expect("a read").expect("the run").run.phase, RunPhase::Running);
}

#[test]
fn a_change_that_fails_leaves_nothing_of_it() {
    let store = memory_store();
    store.set_providers(&[Route::new("ops", EventFilter::default())]).expect("providers");
    let ended = store.begin_run(start("media"), Change::at(at(1))).expect("a run").0;
    store.finish_run(&ended, Verdict::Succeeded, "", Change::at(at(2))).expect("the end");
    let change = Change::at(at(3))
        .memory(stack("media"), MemoryChange::stable(revision('c'), Vec::new()))
        .event(draft(EventType::DeploySucceeded, "media"));
    store.finish_run(&ended, Verdict::Succeeded, "", change).expect_err("it ended");
    assert!(store.read().events(&EventQuery::newest(10)).expect("events").is_empty());
    assert_eq!(store.read().memory(&stack("media")).expect("memory").last_stable, None);
    assert_eq!(store.due("ops", at(9)).expect("a read"), crate::ports::Due::Nothing);
}

#[test]
fn history_is_newest_first_and_can_be_narrowed() {
    let store = memory_store();
    for name in ["media", "web", "media"] {
        let (run, _) = store.begin_run(start(name), Change::at(at(1))).expect("a run");
        store.finish_run(&run, Verdict::Succeeded, name, Change::at(at(2))).expect("the end");
    }
    let query = |stack: Option<&str>, limit| RunQuery {
        stack: stack.map(|name| StackName::new(name).expect("a name")),
        limit,
        ..RunQuery::default()
    };
    let names = |query: RunQuery| -> Vec<String> {
        let runs = store.read().history(&query).expect("history");
        runs.into_iter().map(|run| run.stack.stack.to_string()).collect()
    };
    assert_eq!(names(query(None, 2)), ["media", "web"]);
    assert_eq!(names(query(Some("media"), 9)), ["media", "media"]);
}

#[test]
fn old_runs_are_forgotten_and_a_running_one_is_not() {
    let store = memory_store().with_retention(Retention { events: 10, runs: 3 });
    let (first, _) = store.begin_run(start("slow"), Change::at(at(1))).expect("a run");
    for _ in 0..6 {
        let (run, _) = store.begin_run(start("media"), Change::at(at(1))).expect("a run");
        store.finish_run(&run, Verdict::Succeeded, "", Change::at(at(2))).expect("the end");
    }
    let runs = store.read().history(&RunQuery { limit: 99, ..RunQuery::default() }).expect("history");
    assert_eq!(runs.len(), 4);
    assert_eq!(runs[3].id, first);
}

#[test]
fn the_images_of_the_newest_ten_stable_states_are_kept() {
    let store = memory_store();
    for number in 0..12 {
        let change = MemoryChange::stable(revision('a'), vec![pin(&format!("f{number}"), number)]);
        store.record(Change::at(at(number)).memory(stack("media"), change)).expect("recorded");
    }
    let again =
        MemoryChange::stable(revision('a'), vec![ImagePin { image: "sha256:new".into(), ..pin("f5", 50) }]);
    store.record(Change::at(at(50)).memory(stack("media"), again)).expect("recorded");
    let memory = store.read().memory(&stack("media")).expect("memory");
    let web = ServiceName::new("web").expect("a name");
    assert_eq!(memory.pins.len(), 10);
    assert_eq!(memory.pinned(&web, "f5"), Some("sha256:new"));
    assert_eq!(memory.pinned(&web, "f1"), None);
    assert_eq!(memory.pinned(&web, "f2"), Some("sha256:f2"));
}

#[test]
fn memory_changes_only_where_it_is_told_to() {
    let store = memory_store();
    let record = |change| store.record(Change::at(at(1)).memory(stack("media"), change)).expect("recorded");
    let suspension = Suspension { reason: "holiday".into(), since: at(1), until: Some(at(99)) };
    record(MemoryChange::stable(revision('a'), vec![pin("f", 1)]));
    record(MemoryChange { suspension: Update::Set(suspension.clone()), ..MemoryChange::default() });
    record(MemoryChange::attempted(revision('b')));
    let memory = store.read().memory(&stack("media")).expect("memory");
    assert_eq!(memory.last_attempted, Some(revision('b')));
    assert_eq!(memory.last_stable, Some(revision('a')));
    assert_eq!(memory.suspension, Some(suspension));
    record(MemoryChange { suspension: Update::Clear, ..MemoryChange::default() });
    assert_eq!(store.read().memory(&stack("media")).expect("memory").suspension, None);
    assert_eq!(store.read().memory(&stack("other")).expect("memory"), Memory::default());
}

#[test]
fn a_status_has_the_revisions_of_its_memory() {
    let store = memory_store();
    let status = StatusChange {
        stack: stack("media"),
        sync: Sync::OutOfSync,
        health: HealthState::Healthy,
        message: "waiting".into(),
    };
    store.record(Change::at(at(1)).status(status)).expect("recorded");
    store
        .record(Change::at(at(2)).memory(stack("media"), MemoryChange::stable(revision('a'), Vec::new())))
        .expect("recorded");
    let statuses = store.read().statuses().expect("statuses");
    assert_eq!(statuses.len(), 1);
    assert_eq!((statuses[0].sync, statuses[0].updated_at), (Sync::OutOfSync, at(1)));
    assert_eq!(statuses[0].last_stable, Some(revision('a')));
    let mut gone = Change::at(at(3));
    gone.gone.push(stack("media"));
    store.record(gone).expect("recorded");
    assert!(store.read().statuses().expect("statuses").is_empty());
    // Should it come back, there is nothing to go back to.
    assert_eq!(store.read().memory(&stack("media")).expect("memory").last_stable, None);
}

#[test]
fn a_source_is_remembered() {
    let store = memory_store();
    let source = SourceName::new("homelab").expect("a name");
    let fetched = SourceChange::fetched(source.clone(), revision('a'), at(1));
    store.record(Change::at(at(1)).source(fetched)).expect("recorded");
    let scheduled =
        SourceChange { source: source.clone(), seen: None, fetched_at: None, scheduled_at: Some(at(2)) };
    store.record(Change::at(at(2)).source(scheduled)).expect("recorded");
    let memory = store.read().source(&source).expect("a read");
    assert_eq!((memory.last_seen, memory.last_fetch), (Some(revision('a')), Some(at(1))));
    assert_eq!(memory.last_scheduled, Some(at(2)));
}

#[test]
fn a_condition_is_told_when_it_begins_changes_and_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let tell = |store: &Store, fingerprint: &str| {
        let event = draft(EventType::SourceFetchFailed, "media");
        store.raise("source/homelab", fingerprint, vec![event], at(1)).expect("recorded")
    };
    let store = open(&path).store;
    assert!(tell(&store, "timeout"));
    assert!(!tell(&store, "timeout"));
    drop(store);
    let store = open(&path).store;
    assert!(!tell(&store, "timeout"), "a restart is no news");
    assert!(tell(&store, "refused"));
    let recovered = || vec![draft(EventType::SourceFetched, "media")];
    assert!(store.clear("source/homelab", recovered(), at(2)).expect("recorded"));
    assert!(!store.clear("source/homelab", recovered(), at(3)).expect("recorded"));
    let events = store.read().events(&EventQuery::newest(10)).expect("events");
    let kinds: Vec<EventType> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventType::SourceFetchFailed, EventType::SourceFetchFailed, EventType::SourceFetched]);
}

#[test]
fn events_are_numbered_per_object_and_listed_by_query() {
    let store = memory_store();
    for (second, name) in [(1, "media"), (2, "web"), (3, "media")] {
        store
            .record(Change::at(at(second)).event(draft(EventType::DeploySucceeded, name)))
            .expect("recorded");
    }
    store.record(Change::at(at(4)).event(draft(EventType::DriftDetected, "web"))).expect("recorded");
    let list = |query: &EventQuery| store.read().events(query).expect("events");
    let all = list(&EventQuery::newest(99));
    let numbers: Vec<(String, u64)> =
        all.iter().map(|event| (event.involved_object.name.clone(), event.sequence)).collect();
    assert_eq!(numbers, [("media".into(), 1), ("web".into(), 1), ("media".into(), 2), ("web".into(), 2)]);
    assert_eq!(list(&EventQuery::newest(1)), all[3..]);
    let media = EventQuery { stack: Some(stack("media").stack), ..EventQuery::newest(99) };
    assert_eq!(list(&media), [all[0].clone(), all[2].clone()]);
    let after = EventQuery { after: Some(all[0].id.clone()), ..EventQuery::newest(2) };
    assert_eq!(list(&after), all[1..3]);
    let since = EventQuery { since: Some(at(3)), ..EventQuery::newest(99) };
    assert_eq!(list(&since), all[2..]);
    let drift = EventFilter::new(["drift.*"]).expect("a pattern");
    assert_eq!(list(&EventQuery { filter: drift, ..EventQuery::newest(99) }), all[3..]);
}
