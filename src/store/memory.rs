//! What is remembered of stacks and sources, and how stacks stand.

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::Transaction;
use rusqlite::params;

use super::Reader;
use super::change::SourceChange;
use super::change::StatusChange;
use super::error::StoreError;
use super::row;
use crate::core::model::Revision;
use crate::core::model::SourceName;
use crate::core::run::BadRevision;
use crate::core::run::HealthState;
use crate::core::run::ImagePin;
use crate::core::run::Memory;
use crate::core::run::MemoryChange;
use crate::core::run::StackId;
use crate::core::run::StackStatus;
use crate::core::run::Suspension;
use crate::core::run::Sync;

/// For each service, the images of this many of its newest stable states are kept.
const PINS_PER_SERVICE: i64 = 10;

/// What is remembered of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceMemory {
    /// The revision that was last seen.
    pub last_seen: Option<Revision>,
    /// When it was last read.
    pub last_fetch: Option<Timestamp>,
    /// The moment of its schedule that was last acted on.
    pub last_scheduled: Option<Timestamp>,
}

impl Reader {
    /// Returns all that is remembered of a stack; of an unknown one that is nothing.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn memory(&self, stack: &StackId) -> Result<Memory, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached("SELECT * FROM stacks WHERE source = ?1 AND stack = ?2")?;
            let mut rows = statement.query(key(stack))?;
            let mut memory = match rows.next()? {
                Some(row) => read_memory(row)?,
                None => return Ok(Memory::default()),
            };
            let mut statement = tx.prepare_cached(
                "SELECT * FROM pins WHERE source = ?1 AND stack = ?2 ORDER BY service, stable_at DESC, fingerprint",
            )?;
            let pins = statement.query_and_then(key(stack), |row| {
                Ok::<_, StoreError>(ImagePin {
                    service: row::text(row, "service")?,
                    fingerprint: row.get("fingerprint")?,
                    image: row.get("image")?,
                    stable_at: row::time(row, "stable_at")?,
                })
            })?;
            memory.pins = pins.collect::<Result<_, _>>()?;
            Ok(memory)
        })
    }

    /// Returns how the stacks stand, by source and name.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn statuses(&self) -> Result<Vec<StackStatus>, StoreError> {
        self.read(|tx| {
            let mut statement =
                tx.prepare_cached("SELECT * FROM stacks WHERE sync IS NOT NULL ORDER BY source, stack")?;
            let rows = statement.query_and_then([], |row| {
                Ok(StackStatus {
                    id: StackId { source: row::text(row, "source")?, stack: row::text(row, "stack")? },
                    sync: row::word(row, "sync", Sync::parse)?,
                    health: row::word(row, "health", HealthState::parse)?,
                    message: row.get("message")?,
                    last_attempted: row::optional(row, "last_attempted")?,
                    last_applied: row::optional(row, "last_applied")?,
                    last_stable: row::optional(row, "last_stable")?,
                    updated_at: row::time(row, "updated_at")?,
                })
            })?;
            rows.collect()
        })
    }

    /// Returns what is remembered of a source; of an unknown one that is nothing.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn source(&self, source: &SourceName) -> Result<SourceMemory, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached("SELECT * FROM sources WHERE name = ?1")?;
            let mut rows = statement.query([source.as_str()])?;
            match rows.next()? {
                Some(row) => Ok(SourceMemory {
                    last_seen: row::optional(row, "last_seen")?,
                    last_fetch: row::optional_time(row, "last_fetch")?,
                    last_scheduled: row::optional_time(row, "last_scheduled")?,
                }),
                None => Ok(SourceMemory::default()),
            }
        })
    }
}

fn key(stack: &StackId) -> [&str; 2] {
    [stack.source.as_str(), stack.stack.as_str()]
}

fn read_memory(row: &Row<'_>) -> Result<Memory, StoreError> {
    let bad = match row::optional(row, "bad_revision")? {
        Some(revision) => Some(BadRevision {
            revision,
            fingerprint: row.get("bad_fingerprint")?,
            reason: row.get("bad_reason")?,
            since: row::time(row, "bad_since")?,
        }),
        None => None,
    };
    let suspension = match row::optional_time(row, "suspended_since")? {
        Some(since) => Some(Suspension {
            reason: row.get("suspend_reason")?,
            since,
            until: row::optional_time(row, "suspended_until")?,
        }),
        None => None,
    };
    Ok(Memory {
        last_attempted: row::optional(row, "last_attempted")?,
        last_applied: row::optional(row, "last_applied")?,
        last_stable: row::optional(row, "last_stable")?,
        bad,
        pins: Vec::new(),
        suspension,
    })
}

/// Changes what is remembered of a stack.
pub(super) fn remember(
    tx: &Transaction<'_>,
    stack: &StackId,
    change: MemoryChange,
) -> Result<(), StoreError> {
    let [source, name] = key(stack);
    know(tx, stack)?;
    let revision = |revision: &Option<Revision>| revision.as_ref().map(ToString::to_string);
    tx.execute(
        "UPDATE stacks SET last_attempted = coalesce(?3, last_attempted), last_applied = coalesce(?4, last_applied),
         last_stable = coalesce(?5, last_stable) WHERE source = ?1 AND stack = ?2",
        params![source, name, revision(&change.attempted), revision(&change.applied), revision(&change.stable)],
    )?;
    if !change.bad.is_keep() {
        let bad = change.bad.value();
        tx.execute(
            "UPDATE stacks SET bad_revision = ?3, bad_fingerprint = ?4, bad_reason = ?5, bad_since = ?6
             WHERE source = ?1 AND stack = ?2",
            params![
                source,
                name,
                bad.as_ref().map(|bad| bad.revision.to_string()),
                bad.as_ref().map(|bad| &bad.fingerprint),
                bad.as_ref().map(|bad| &bad.reason),
                bad.as_ref().map(|bad| bad.since.as_millisecond()),
            ],
        )?;
    }
    if !change.suspension.is_keep() {
        let suspension = change.suspension.value();
        tx.execute(
            "UPDATE stacks SET suspend_reason = ?3, suspended_since = ?4, suspended_until = ?5
             WHERE source = ?1 AND stack = ?2",
            params![
                source,
                name,
                suspension.as_ref().map(|suspension| &suspension.reason),
                suspension.as_ref().map(|suspension| suspension.since.as_millisecond()),
                suspension.as_ref().and_then(|suspension| suspension.until).map(Timestamp::as_millisecond),
            ],
        )?;
    }
    change.pins.iter().try_for_each(|pin| keep(tx, stack, pin))
}

/// Keeps an image, and forgets those of the service that are too old.
fn keep(tx: &Transaction<'_>, stack: &StackId, pin: &ImagePin) -> Result<(), StoreError> {
    let [source, name] = key(stack);
    tx.prepare_cached(
        "INSERT INTO pins (source, stack, service, fingerprint, image, stable_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET image = excluded.image, stable_at = excluded.stable_at",
    )?
    .execute(params![
        source,
        name,
        pin.service.as_str(),
        pin.fingerprint,
        pin.image,
        pin.stable_at.as_millisecond()
    ])?;
    tx.prepare_cached(
        "DELETE FROM pins WHERE source = ?1 AND stack = ?2 AND service = ?3 AND fingerprint NOT IN
         (SELECT fingerprint FROM pins WHERE source = ?1 AND stack = ?2 AND service = ?3
          ORDER BY stable_at DESC, rowid DESC LIMIT ?4)",
    )?
    .execute(params![source, name, pin.service.as_str(), PINS_PER_SERVICE])?;
    Ok(())
}

fn know(tx: &Transaction<'_>, stack: &StackId) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT INTO stacks (source, stack) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(key(stack))?;
    Ok(())
}

/// Says how a stack stands.
pub(super) fn set_status(
    tx: &Transaction<'_>,
    status: &StatusChange,
    at: Timestamp,
) -> Result<(), StoreError> {
    let [source, name] = key(&status.stack);
    know(tx, &status.stack)?;
    tx.prepare_cached(
        "UPDATE stacks SET sync = ?3, health = ?4, message = ?5, updated_at = ?6 WHERE source = ?1 AND stack = ?2",
    )?
    .execute(params![
        source,
        name,
        status.sync.as_str(),
        status.health.as_str(),
        status.message,
        at.as_millisecond()
    ])?;
    Ok(())
}

/// Says that a stack is no longer in its source: should it come back, there is no revision to go back to.
pub(super) fn unset_status(tx: &Transaction<'_>, stack: &StackId) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE stacks SET sync = NULL, last_attempted = NULL, last_applied = NULL, last_stable = NULL,
         bad_revision = NULL, bad_fingerprint = NULL, bad_reason = NULL, bad_since = NULL
         WHERE source = ?1 AND stack = ?2",
        key(stack),
    )?;
    Ok(())
}

/// Says what was seen of a source.
pub(super) fn set_source(tx: &Transaction<'_>, change: &SourceChange) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO sources (name, last_seen, last_fetch, last_scheduled) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET last_seen = coalesce(excluded.last_seen, last_seen),
         last_fetch = coalesce(excluded.last_fetch, last_fetch),
         last_scheduled = coalesce(excluded.last_scheduled, last_scheduled)",
        params![
            change.source.as_str(),
            change.seen.as_ref().map(ToString::to_string),
            change.fetched_at.map(Timestamp::as_millisecond),
            change.scheduled_at.map(Timestamp::as_millisecond),
        ],
    )?;
    Ok(())
}
