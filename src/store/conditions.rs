//! What is so at the moment and was told: told once when it begins, once when it ends.

use jiff::Timestamp;
use rusqlite::OptionalExtension as _;
use rusqlite::Transaction;
use rusqlite::params;

use super::Reader;
use super::change::ConditionChange;
use super::error::StoreError;
use super::row;
use crate::core::run::EventDraft;

/// Something that is so and was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What.
    pub key: String,
    /// What it was told apart by.
    pub fingerprint: String,
    /// Since when, with this fingerprint.
    pub since: Timestamp,
}

/// Makes a condition so or not so. Returns whether that is news, and the events that would tell it.
pub(super) fn set(
    tx: &Transaction<'_>,
    change: ConditionChange,
    at: Timestamp,
) -> Result<(bool, Vec<EventDraft>), StoreError> {
    match change {
        ConditionChange::Raise { key, fingerprint, events } => {
            let known: Option<String> = tx
                .query_row("SELECT fingerprint FROM conditions WHERE key = ?1", [&key], |row| row.get(0))
                .optional()?;
            if known.as_ref() == Some(&fingerprint) {
                return Ok((false, events));
            }
            tx.execute(
                "INSERT INTO conditions (key, fingerprint, since) VALUES (?1, ?2, ?3)
                 ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, since = excluded.since",
                params![key, fingerprint, at.as_millisecond()],
            )?;
            Ok((true, events))
        }
        ConditionChange::Clear { key, events } => {
            let ended = tx.execute("DELETE FROM conditions WHERE key = ?1", [&key])?;
            Ok((ended > 0, events))
        }
    }
}

impl Reader {
    /// Returns what is so at the moment, by key.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn conditions(&self) -> Result<Vec<Condition>, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached("SELECT * FROM conditions ORDER BY key")?;
            let rows = statement.query_and_then([], |row| {
                Ok(Condition {
                    key: row.get("key")?,
                    fingerprint: row.get("fingerprint")?,
                    since: row::time(row, "since")?,
                })
            })?;
            rows.collect()
        })
    }
}
