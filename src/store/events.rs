//! The events: appended with a number per object and put into the outbox, listed, and forgotten when they are old.

use jiff::Timestamp;
use rusqlite::Transaction;
use rusqlite::params;

use super::Reader;
use super::Store;
use super::error::StoreError;
use super::outbox;
use super::row;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::run::Event;
use crate::core::run::EventDraft;
use crate::core::run::EventFilter;
use crate::core::run::EventType;
use crate::core::run::ObjectKind;
use crate::core::run::RunId;
use crate::core::run::Stamp;
use crate::core::run::Ulid;

/// Which events to list.
#[derive(Debug, Clone)]
pub struct EventQuery {
    /// Only events after this one; then the *oldest* ones are returned. An event that is forgotten counts as before all.
    pub after: Option<Ulid>,
    /// Only events from this time on.
    pub since: Option<Timestamp>,
    /// Only events of this source and its stacks.
    pub source: Option<SourceName>,
    /// Only events of stacks with this name.
    pub stack: Option<StackName>,
    /// Only events of these types.
    pub filter: EventFilter,
    /// At most so many.
    pub limit: usize,
}

impl EventQuery {
    /// Asks for the newest events.
    pub fn newest(limit: usize) -> Self {
        Self { after: None, since: None, source: None, stack: None, filter: EventFilter::default(), limit }
    }
}

impl Reader {
    /// Returns events, oldest first.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn events(&self, query: &EventQuery) -> Result<Vec<Event>, StoreError> {
        let order = if query.after.is_some() { "ASC" } else { "DESC" };
        let wanted: Vec<&str> = EventType::ALL
            .iter()
            .filter(|kind| query.filter.wants(**kind))
            .map(|kind| kind.as_str())
            .collect();
        let sql = format!(
            "SELECT body FROM events
             WHERE number > coalesce((SELECT number FROM events WHERE id = ?1), 0) AND at >= coalesce(?2, at)
             AND source = coalesce(?3, source) AND (?4 IS NULL OR (kind = ?5 AND name = ?4))
             AND type IN (SELECT value FROM json_each(?6))
             ORDER BY number {order} LIMIT ?7"
        );
        let mut events = self.read(|tx| {
            let mut statement = tx.prepare_cached(&sql)?;
            let rows = statement.query_and_then(
                params![
                    query.after.as_ref().map(Ulid::as_str),
                    query.since.map(Timestamp::as_millisecond),
                    query.source.as_ref().map(SourceName::as_str),
                    query.stack.as_ref().map(StackName::as_str),
                    ObjectKind::Stack.as_str(),
                    serde_json::Value::from(wanted).to_string(),
                    row::limit(query.limit),
                ],
                |row| row::json(row, "body"),
            )?;
            rows.collect::<Result<Vec<Event>, StoreError>>()
        })?;
        if query.after.is_none() {
            events.reverse();
        }
        Ok(events)
    }
}

impl Store {
    /// Appends events, gives them to the outbox, and forgets the oldest ones that nobody waits for.
    pub(super) fn append(
        &self,
        tx: &Transaction<'_>,
        drafts: Vec<EventDraft>,
        at: Timestamp,
        run: Option<&RunId>,
    ) -> Result<Vec<Event>, StoreError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let at = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
        let routes = outbox::routes(tx)?;
        let mut events = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let object = draft.object().to_string();
            let stamp = Stamp {
                id: new_id(at)?,
                at,
                sequence: next_sequence(tx, &object)?,
                run: run.cloned(),
                instance: self.instance.to_string(),
            };
            let event = draft.stamp(stamp);
            let number = insert(tx, &event)?;
            for route in routes.iter().filter(|route| route.wants(event.kind, &event.involved_object)) {
                outbox::enqueue(tx, &route.provider, number, &object, at)?;
            }
            events.push(event);
        }
        tx.execute(
            "DELETE FROM events WHERE number <= (SELECT max(number) FROM events) - ?1
             AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = events.number AND dead = 0)",
            [self.retention.events],
        )?;
        Ok(events)
    }

    /// Wakes who waits for events. To be called after the commit.
    pub(super) fn announce(&self, events: &[Event]) {
        if let Ok(count) = u64::try_from(events.len())
            && count > 0
        {
            self.appended.send_modify(|total| *total += count);
        }
    }
}

/// Returns a new id of a moment.
pub(super) fn new_id(at: Timestamp) -> Result<Ulid, StoreError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| StoreError::Failed(format!("no random bytes: {error}")))?;
    Ok(Ulid::new(at, random))
}

fn next_sequence(tx: &Transaction<'_>, object: &str) -> Result<u64, StoreError> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO sequences (object, last) VALUES (?1, 1)
         ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
    )?;
    statement.query_row([object], |row| Ok(row::count(row, "last")))?
}

fn insert(tx: &Transaction<'_>, event: &Event) -> Result<i64, StoreError> {
    let body = serde_json::to_string(event).map_err(|error| StoreError::Failed(error.to_string()))?;
    let object = &event.involved_object;
    tx.prepare_cached(
        "INSERT INTO events (id, at, kind, name, source, type, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        event.id.as_str(),
        event.timestamp.as_millisecond(),
        object.kind.as_str(),
        object.name,
        object.source,
        event.kind.as_str(),
        body
    ])?;
    Ok(tx.last_insert_rowid())
}
