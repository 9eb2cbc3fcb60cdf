use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::core::run::MemoryChange;
use crate::core::run::RunPhase;
use crate::core::run::StepChange;
use crate::core::run::StepState;

#[test]
fn what_was_recorded_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep/state.db");
    let opened = open(&path);
    assert_eq!(opened.recovered, None);
    let change = MemoryChange::stable(revision('a'), Vec::new());
    opened.store.record(Change::at(at(1)).memory(stack("media"), change)).expect("recorded");
    drop(opened);
    let memory = open(&path).store.read().memory(&stack("media")).expect("memory");
    assert_eq!(memory.last_stable, Some(revision('a')));
    assert_eq!(memory.last_applied, Some(revision('a')));
}

#[test]
fn nobody_else_may_read_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data/state.db");
    let opened = open(&path);
    opened.store.raise("key", "a", Vec::new(), at(1)).expect("recorded");
    for file in std::fs::read_dir(folder.path().join("data")).expect("a folder") {
        let file = file.expect("a file");
        let mode = file.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

#[test]
fn a_run_that_was_cut_off_is_marked_as_interrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let store = open(&path).store;
    let (run, _) = store.begin_run(start("media"), Change::at(at(1))).expect("a run");
    let entry = StepEntry {
        index: 0,
        change: StepChange::Started,
        object: "service/web".into(),
        action: "CreateContainer".into(),
        message: String::new(),
    };
    store.record_step(&run, &entry, at(2)).expect("a step");
    drop(store);

    let opened = Store::open(&path, "nas", at(9)).expect("a store");
    let [interrupted] = opened.interrupted.as_slice() else { panic!("{:?}", opened.interrupted) };
    assert_eq!((&interrupted.id, interrupted.phase), (&run, RunPhase::Interrupted));
    let detail = opened.store.read().run(&run).expect("a read").expect("the run");
    assert_eq!(detail.run.finished_at, Some(at(9)));
    assert_eq!(detail.steps[0].state, StepState::Unknown);
    drop(opened);
    assert!(open(&path).interrupted.is_empty());
}

#[test]
fn a_file_that_is_no_database_is_moved_aside_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    std::fs::write(&path, "this is not a database, and long enough to be looked at".repeat(100))
        .expect("written");
    let opened = open(&path);
    let told = opened.recovered.expect("it is told");
    let aside = folder.path().join("state.db.broken-20270115T080000Z");
    assert!(told.contains(&aside.display().to_string()), "{told}");
    assert!(std::fs::read_to_string(aside).expect("kept").starts_with("this is not"));
    assert!(opened.store.read().statuses().expect("an empty store").is_empty());
}

#[test]
fn a_damaged_page_is_found_and_the_database_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let store = open(&path).store;
    for number in 0..500 {
        store.raise(&format!("key/{number}"), &"x".repeat(200), Vec::new(), at(1)).expect("recorded");
    }
    drop(store);
    let mut bytes = std::fs::read(&path).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xAA);
    std::fs::write(&path, bytes).expect("written");
    let opened = open(&path);
    assert!(opened.recovered.is_some());
    assert!(opened.store.raise("key/1", "y", Vec::new(), at(2)).expect("it works"));
}

#[test]
fn a_database_with_other_tables_than_its_version_promises_is_moved_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let other = rusqlite::Connection::open(&path).expect("a database");
    other.execute_batch("CREATE TABLE runs (x)").expect("a table");
    drop(other);
    assert!(open(&path).recovered.is_some());
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    drop(open(&path));
    let other = rusqlite::Connection::open(&path).expect("a database");
    other.pragma_update(None, "user_version", 99).expect("a version");
    drop(other);
    let error = Store::open(&path, "nas", at(0)).err().expect("refused");
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert!(matches!(Reader::open(&path).err(), Some(StoreError::Newer { .. })));
    assert_eq!(
        std::fs::read_dir(folder.path())
            .expect("a folder")
            .filter(|file| {
                file.as_ref().is_ok_and(|file| file.file_name().to_string_lossy().contains("broken"))
            })
            .count(),
        0
    );
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let opened = open(&path);
    assert!(matches!(Store::open(&path, "nas", at(0)).err(), Some(StoreError::InUse { .. })));
    let reader = Reader::open(&path).expect("a reader");
    opened.store.raise("key", "a", Vec::new(), at(1)).expect("recorded");
    assert_eq!(reader.conditions().expect("a read").len(), 1);
}

#[test]
fn reading_where_nothing_is_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Reader::open(&folder.path().join("state.db")).err().expect("nothing is there");
    assert!(error.to_string().contains("start `evenkeel run`"), "{error}");
}

#[test]
fn a_folder_in_the_way_is_an_error_and_nothing_is_moved() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    std::fs::create_dir(&path).expect("a folder");
    assert!(matches!(Store::open(&path, "nas", at(0)).err(), Some(StoreError::Unopenable { .. })));
    assert!(path.is_dir());
}

#[test]
fn a_full_disk_is_told_apart_and_changes_nothing() {
    let store = memory_store();
    store.raise("before", "a", Vec::new(), at(1)).expect("recorded");
    {
        let connection = store.reader.database.lock();
        let pages: i64 =
            connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("a count");
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).expect("a limit");
    }
    let error = store.raise("big", &"x".repeat(100_000), Vec::new(), at(2)).expect_err("no space");
    assert!(matches!(error, StoreError::DiskFull), "{error}");
    assert_eq!(store.read().conditions().expect("a read").len(), 1);
}
