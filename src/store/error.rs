//! Why the store failed.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::core::run::Contradiction;
use crate::core::run::IllegalTransition;
use crate::core::run::RunId;

/// Why the store could not do what it was asked to. Nothing was changed in any of these cases.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database at the path, and it was to be read only.
    #[error("there is no state at {}: start `evenkeel run` with this data folder first", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Another process writes to the database.
    #[error("{} is used by another evenkeel: stop it, or give this one its own data folder", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The database comes from a newer Evenkeel.
    #[error(
        "{} was written by a newer evenkeel (format {found}, this one knows {known}): use that version, or move the \
         file away to start without history",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that this binary knows.
        known: i64,
    },
    /// The database comes from an older Evenkeel, and it was to be read only.
    #[error("{} was written by an older evenkeel: start `evenkeel run` once to bring it up to date", path.display())]
    Older {
        /// The database.
        path: PathBuf,
    },
    /// The database or its folder cannot be opened, made or moved.
    #[error("{} cannot be opened: {reason}: check the data folder's owner and permissions", path.display())]
    Unopenable {
        /// The database.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// No space is left.
    #[error("no space is left for the state database: free some, and it is tried again")]
    DiskFull,
    /// Another process holds the database for longer than a writer waits.
    #[error("the state database is locked by another process: is a backup or a database tool using it?")]
    Locked,
    /// The file is damaged, or not a database at all.
    #[error(
        "the state database is damaged ({reason}): restart evenkeel, and it is moved aside and made anew"
    )]
    Corrupt {
        /// What SQLite said.
        reason: String,
    },
    /// A stored value is not one that this binary writes.
    #[error("the state database holds `{value}` where {column} is kept: was it changed by hand?")]
    Unreadable {
        /// The column.
        column: String,
        /// What it holds.
        value: String,
    },
    /// No run has this id.
    #[error("there is no run {0}: see `evenkeel history`")]
    NoSuchRun(RunId),
    /// The run has ended already.
    #[error("run {0} has ended, nothing can be added to it")]
    RunEnded(RunId),
    /// A step cannot get there from where it is.
    #[error("step {index} of run {run}: {source}")]
    IllegalStep {
        /// The run.
        run: RunId,
        /// The step.
        index: usize,
        /// What could not follow on what.
        source: IllegalTransition,
    },
    /// A verdict and a memory that cannot both be true.
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    /// The process is ending.
    #[error("the state database is not used any more: evenkeel is stopping")]
    Stopping,
    /// Anything else that SQLite reported.
    #[error("the state database failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// Returns true if the database as a whole is at fault, not what was asked of it. The store itself says when that
    /// begins and when it is over.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::DiskFull | Self::Locked | Self::Corrupt { .. } | Self::Failed(_))
    }

    /// Logs that something was not written down; not loudly if that follows from what the store has said already.
    pub fn log(&self, what: &str) {
        match self.is_outage() {
            true => tracing::debug!("{what}: {self}"),
            false => tracing::error!("{what}: {self}"),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { reason: error.to_string() }
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}
