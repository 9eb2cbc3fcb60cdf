//! Opens the database file: locks it, checks it, moves it aside if it is damaged, and brings it up to date.

use std::ffi::OsString;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::ErrorCode;
use rusqlite::OpenFlags;

use super::error::StoreError;

/// The format's steps, from an empty database to today's. A step that was released is never changed.
const MIGRATIONS: &[&str] = &[include_str!("migrations/1.sql")];

/// How long a statement waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that writes, and what came of opening it.
pub(super) struct Writable {
    pub(super) connection: Connection,
    /// Held as long as the connection is: one process writes.
    pub(super) lock: File,
    /// Set if a damaged database was moved aside.
    pub(super) recovered: Option<String>,
}

/// Opens the database to write, and makes it if it is not there.
pub(super) fn writable(path: &Path, now: Timestamp) -> Result<Writable, StoreError> {
    let lock = take_lock(path)?;
    let (connection, recovered) = match connect(path) {
        Err(StoreError::Corrupt { reason }) => {
            let aside = move_aside(path, now)?;
            let told = format!(
                "the state database was damaged ({reason}) and is now {}; history and notifications not yet sent \
                 are lost, nothing that runs is touched",
                aside.display()
            );
            (connect(path)?, Some(told))
        }
        opened => (opened?, None),
    };
    Ok(Writable { connection, lock, recovered })
}

/// Opens a database in memory, which is gone with the connection.
pub(super) fn in_memory() -> Result<Connection, StoreError> {
    let mut connection = Connection::open_in_memory()?;
    connection.execute_batch("PRAGMA foreign_keys = ON;")?;
    migrate(&mut connection, Path::new(":memory:"))?;
    Ok(connection)
}

/// Opens an existing database to read, while another process may write to it.
pub(super) fn readable(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing { path: path.into() });
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|error| unopenable(path, error))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let found = version(&connection).map_err(|error| unopenable(path, error))?;
    match found.cmp(&known()) {
        std::cmp::Ordering::Less => Err(StoreError::Older { path: path.into() }),
        std::cmp::Ordering::Equal => Ok(connection),
        std::cmp::Ordering::Greater => Err(StoreError::Newer { path: path.into(), found, known: known() }),
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    create(path, path)?;
    let mut connection = Connection::open(path).map_err(|error| unopenable(path, error))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
    )?;
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(StoreError::Corrupt { reason: found });
    }
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Brings the database to today's format, each step in a transaction of its own.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found = version(connection)?;
    if found > known() {
        return Err(StoreError::Newer { path: path.into(), found, known: known() });
    }
    for (target, step) in (1_i64..).zip(MIGRATIONS).filter(|(target, _)| *target > found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step).map_err(not_ours)?;
        transaction.pragma_update(None, "user_version", target)?;
        transaction.commit()?;
    }
    Ok(())
}

/// A migration that does not fit means that the tables are not those that the version promises.
fn not_ours(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::Unknown) | None => StoreError::Corrupt { reason: error.to_string() },
        Some(_) => error.into(),
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Takes the lock beside the database, which the system gives back however the process ends.
fn take_lock(path: &Path) -> Result<File, StoreError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| unopenable(path, error))?;
    }
    let lock = create(&with_suffix(path, ".lock"), path)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.into() }),
        Err(TryLockError::Error(error)) => Err(unopenable(path, error)),
    }
}

/// Opens a file, and makes it for our eyes only if it is not there. SQLite gives its side files the same mode.
fn create(file: &Path, database: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file)
        .map_err(|error| unopenable(database, error))
}

/// Renames the database and its side files, so that somebody can look at them.
fn move_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let aside = with_suffix(path, &format!(".broken-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    for side in ["-wal", "-shm", ""] {
        let from = with_suffix(path, side);
        if from.exists() {
            std::fs::rename(&from, with_suffix(&aside, side)).map_err(|error| unopenable(path, error))?;
        }
    }
    Ok(aside)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn unopenable(path: &Path, error: impl std::fmt::Display) -> StoreError {
    StoreError::Unopenable { path: path.into(), reason: error.to_string() }
}
