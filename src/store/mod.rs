//! SQLite: the memory of revisions, history, what was told, and the outbox. A journal and a memory, never the truth:
//! losing it costs nothing but history, so a damaged database is moved aside and made anew.
//!
//! Each change of state and the events that tell of it are one transaction. All calls block, for a few milliseconds
//! at most; from async code use [`Store::call`]. SQL never leaves this module, and nothing here decides.

mod change;
mod conditions;
mod error;
mod events;
mod journal;
mod memory;
mod open;
mod outbox;
mod row;
mod runs;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::Transaction;
use rusqlite::TransactionBehavior;
use tokio::sync::watch;

use crate::core::run::RunRecord;

pub use change::Change;
pub use change::ConditionChange;
pub use change::Recorded;
pub use change::SourceChange;
pub use change::StatusChange;
pub use conditions::Condition;
pub use error::StoreError;
pub use events::EventQuery;
pub use journal::RunJournal;
pub use memory::SourceMemory;
pub use outbox::DeadLetter;
pub use outbox::ProviderBacklog;
pub use outbox::Route;
pub use runs::RunQuery;
pub use runs::RunStart;
pub use runs::StepEntry;

/// How much history is kept. Events that a provider has yet to get are kept beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The newest events.
    pub events: u32,
    /// The newest runs.
    pub runs: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { events: 10_000, runs: 1_000 }
    }
}

/// Writes that must succeed after a failure until the database counts as well again.
const CALM_WRITES: u32 = 10;

/// What opening the store gave.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Set if a damaged database was moved aside: what happened and where it is now, for people.
    pub recovered: Option<String>,
    /// Runs that another process began and did not end. They are marked as interrupted.
    pub interrupted: Vec<RunRecord>,
}

struct Database {
    connection: Mutex<Connection>,
    _lock: Option<File>,
}

impl Database {
    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic in the middle of a transaction rolled it back: the connection is as good as before.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the store. A cheap handle.
#[derive(Clone)]
pub struct Reader {
    database: Arc<Database>,
}

impl Reader {
    /// Opens a database that another process may be writing to. Nothing can be changed through this.
    ///
    /// # Errors
    /// Fails if there is no database, or if another version of Evenkeel wrote it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::over(open::readable(path)?, None))
    }

    fn over(connection: Connection, lock: Option<File>) -> Self {
        Self { database: Arc::new(Database { connection: Mutex::new(connection), _lock: lock }) }
    }

    /// Reads several things as they are at one moment.
    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut connection = self.database.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        work(&transaction)
    }
}

/// Reads and writes the store. A cheap handle; one process at a time has it.
#[derive(Clone)]
pub struct Store {
    reader: Reader,
    instance: Arc<str>,
    retention: Retention,
    appended: watch::Sender<u64>,
    /// An outage was said to have begun: so many more writes must succeed, one after the other, until it is over.
    outage: Arc<AtomicU32>,
}

impl Store {
    /// Opens the database at a path, makes it if it is not there, and marks unfinished runs as interrupted. A damaged
    /// database is moved aside and made anew. `instance` is what events name as their reporting instance.
    ///
    /// # Errors
    /// Fails if another process has it, if a newer version wrote it, if the disk is full, or if the folder does not
    /// allow it. Does *not* fail for a damaged database.
    pub fn open(path: &Path, instance: &str, now: Timestamp) -> Result<Opened, StoreError> {
        let open::Writable { connection, lock, recovered } = open::writable(path, now)?;
        let store = Self::over(Reader::over(connection, Some(lock)), instance);
        let interrupted = store.mark_interrupted(now)?;
        Ok(Opened { store, recovered, interrupted })
    }

    /// Opens a store that is gone with its last handle: for tests, and for commands that keep no state.
    ///
    /// # Errors
    /// Fails if there is no memory for it.
    pub fn in_memory(instance: &str) -> Result<Self, StoreError> {
        Ok(Self::over(Reader::over(open::in_memory()?, None), instance))
    }

    fn over(reader: Reader, instance: &str) -> Self {
        let (appended, _) = watch::channel(0);
        let retention = Retention::default();
        Self { reader, instance: instance.into(), retention, appended, outage: Arc::default() }
    }

    /// Keeps this much history from now on.
    #[must_use]
    pub fn with_retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Returns the reading side.
    pub fn read(&self) -> &Reader {
        &self.reader
    }

    /// Does blocking work with the store on a thread that may block.
    ///
    /// # Errors
    /// Fails as the work does, or if the runtime is shutting down.
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(StoreError::Stopping),
            },
        }
    }

    /// Does all of the work, durably, or none of it.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = transact(&mut self.reader.database.lock(), work);
        self.watch_for_outages(&result);
        result
    }

    /// Does all of the work or none of it. A killed process loses nothing of it; a loss of power may, until the next
    /// durable write. For the steps of a run: they are many, and none of them is needed to recover.
    fn write_soon<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.reader.database.lock();
        connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        let result = transact(&mut connection, work);
        connection.execute_batch("PRAGMA synchronous = FULL")?;
        self.watch_for_outages(&result);
        result
    }

    /// Says once that writing fails, and once that it does not any more. On a disk that is nearly full, small writes
    /// succeed between large ones that do not.
    fn watch_for_outages<T>(&self, result: &Result<T, StoreError>) {
        match result {
            Ok(_) => {
                let one_less = |left: u32| left.checked_sub(1);
                let left = self.outage.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
                if left == Ok(1) {
                    tracing::info!("the state database can be written again");
                }
            }
            Err(error) if error.is_outage() && self.outage.swap(CALM_WRITES, Ordering::Relaxed) == 0 => {
                tracing::error!("{error}; until then history and notifications have gaps");
            }
            Err(_) => {}
        }
    }
}

fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

#[cfg(test)]
mod tests;
