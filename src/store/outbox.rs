//! The outbox: what each provider has yet to get, in order per object.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Transaction;
use rusqlite::params;
use tokio::sync::watch;

use super::Reader;
use super::Store;
use super::error::StoreError;
use super::row;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::run::Event;
use crate::core::run::EventFilter;
use crate::core::run::EventType;
use crate::core::run::ObjectKind;
use crate::core::run::ObjectRef;
use crate::ports::Delivery;
use crate::ports::Due;
use crate::ports::FailedDelivery;
use crate::ports::NextTry;
use crate::ports::Outbox;
use crate::ports::OutboxError;

/// Which events a provider gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The provider's name.
    pub provider: String,
    /// The types of events that it wants.
    pub filter: EventFilter,
    /// Only events of these sources and their stacks; all if empty.
    pub sources: Vec<SourceName>,
    /// Only events of stacks with these names; all if empty.
    pub stacks: Vec<StackName>,
}

impl Route {
    /// Returns a route for all events of some types.
    pub fn new(provider: impl Into<String>, filter: EventFilter) -> Self {
        Self { provider: provider.into(), filter, sources: Vec::new(), stacks: Vec::new() }
    }

    /// Returns true if the provider is to get an event of this type about this object.
    pub(super) fn wants(&self, kind: EventType, object: &ObjectRef) -> bool {
        let source =
            self.sources.is_empty() || self.sources.iter().any(|name| name.as_str() == object.source);
        let is_stack = |name: &StackName| object.kind == ObjectKind::Stack && name.as_str() == object.name;
        let stack = self.stacks.is_empty() || self.stacks.iter().any(is_stack);
        self.filter.wants(kind) && source && stack
    }
}

/// What a provider has yet to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderBacklog {
    /// The provider's name.
    pub provider: String,
    /// Events that wait.
    pub pending: u64,
    /// Events that were given up.
    pub dead: u64,
    /// When the oldest event that waits happened.
    pub oldest: Option<Timestamp>,
    /// Why the newest try of an event that waits failed.
    pub last_error: Option<String>,
}

/// An event that a provider did not get and will not get any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The provider's name.
    pub provider: String,
    /// The event.
    pub event: Event,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last try failed.
    pub error: String,
}

impl Store {
    /// Says where events go from now on. A new provider gets events from now on only. What a provider that is no
    /// longer named has yet to get is dropped; returns how much that is.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn set_providers(&self, routes: &[Route]) -> Result<usize, StoreError> {
        self.write(|tx| {
            tx.execute("DELETE FROM providers", [])?;
            for route in routes {
                let list = |names: Vec<&str>| serde_json::Value::from(names).to_string();
                tx.execute(
                    "INSERT OR REPLACE INTO providers (name, patterns, sources, stacks) VALUES (?1, ?2, ?3, ?4)",
                    [
                        &route.provider,
                        &serde_json::Value::from(route.filter.patterns()).to_string(),
                        &list(route.sources.iter().map(SourceName::as_str).collect()),
                        &list(route.stacks.iter().map(StackName::as_str).collect()),
                    ],
                )?;
            }
            let waiting = "provider NOT IN (SELECT name FROM providers)";
            let dropped = tx.query_row(
                &format!("SELECT count(*) AS n FROM deliveries WHERE dead = 0 AND {waiting}"),
                [],
                |row| Ok(row::count(row, "n")),
            )??;
            tx.execute(&format!("DELETE FROM deliveries WHERE {waiting}"), [])?;
            Ok(dropped)
        })
    }

    /// Returns the first event that a provider is to get now, or when there will be one.
    ///
    /// An event waits for those of the same object before it, not for those of others.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn due(&self, provider: &str, now: Timestamp) -> Result<Due, StoreError> {
        self.read().read(|tx| {
            // CROSS JOIN keeps SQLite from looking up the heads anew for each delivery that waits.
            let mut statement = tx.prepare_cached(
                "SELECT d.number, d.attempts, d.next_at, e.body
                 FROM (SELECT min(event) AS event FROM deliveries WHERE provider = ?1 AND dead = 0 GROUP BY object) h
                 CROSS JOIN deliveries d ON d.provider = ?1 AND d.event = h.event
                 CROSS JOIN events e ON e.number = d.event
                 ORDER BY d.next_at > ?2, CASE WHEN d.next_at > ?2 THEN d.next_at ELSE d.event END LIMIT 1",
            )?;
            let mut rows = statement.query(params![provider, now.as_millisecond()])?;
            let Some(row) = rows.next()? else { return Ok(Due::Nothing) };
            let next_at = row::time(row, "next_at")?;
            if next_at.as_millisecond() > now.as_millisecond() {
                return Ok(Due::At(next_at));
            }
            Ok(Due::Now(Box::new(Delivery {
                number: row.get("number")?,
                event: row::json(row, "body")?,
                body: row.get("body")?,
                attempts: row::count(row, "attempts")?,
            })))
        })
    }

    /// Says that a provider got an event. It is there, then: what waited for it alone is due.
    ///
    /// # Errors
    /// Fails if the database does. Then the event will be sent again.
    pub fn delivered(&self, delivery: &Delivery, now: Timestamp) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute(
                "UPDATE deliveries SET held = 0, next_at = ?2
                 WHERE held = 1 AND provider = (SELECT provider FROM deliveries WHERE number = ?1)",
                params![delivery.number, now.as_millisecond()],
            )?;
            tx.execute("DELETE FROM deliveries WHERE number = ?1", [delivery.number])?;
            Ok(())
        })
    }

    /// Says that a provider did not get an event, and what is next.
    ///
    /// # Errors
    /// Fails if the database does. Then the event will be sent again.
    pub fn failed(&self, delivery: &Delivery, failure: &FailedDelivery) -> Result<(), StoreError> {
        let (at, dead, provider_down) = match failure.next {
            NextTry::At { at, provider_down } => (Some(at.as_millisecond()), false, provider_down),
            NextTry::Never => (None, true, false),
        };
        self.write(|tx| {
            tx.execute(
                "UPDATE deliveries SET attempts = attempts + 1, error = ?2, dead = ?3,
                 next_at = coalesce(?4, next_at), held = ?5 WHERE number = ?1",
                params![delivery.number, failure.error, dead, at, provider_down],
            )?;
            if provider_down {
                tx.execute(
                    "UPDATE deliveries SET held = 1, next_at = ?2 WHERE next_at < ?2
                     AND provider = (SELECT provider FROM deliveries WHERE number = ?1)",
                    params![delivery.number, at],
                )?;
            }
            Ok(())
        })
    }
}

impl Reader {
    /// Returns what each provider has yet to get, by name.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn backlog(&self) -> Result<Vec<ProviderBacklog>, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT p.name, count(d.number) FILTER (WHERE dead = 0) AS pending,
                 count(d.number) FILTER (WHERE dead = 1) AS dead, min(e.at) FILTER (WHERE dead = 0) AS oldest,
                 (SELECT error FROM deliveries WHERE provider = p.name AND dead = 0 AND error IS NOT NULL
                  ORDER BY next_at DESC LIMIT 1) AS error
                 FROM providers p LEFT JOIN deliveries d ON d.provider = p.name LEFT JOIN events e ON e.number = d.event
                 GROUP BY p.name ORDER BY p.name",
            )?;
            let rows = statement.query_and_then([], |row| {
                Ok(ProviderBacklog {
                    provider: row.get("name")?,
                    pending: row::count(row, "pending")?,
                    dead: row::count(row, "dead")?,
                    oldest: row::optional_time(row, "oldest")?,
                    last_error: row.get("error")?,
                })
            })?;
            rows.collect()
        })
    }

    /// Returns the newest events that were given up, newest first. They stay until their events go.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT d.provider, d.attempts, d.error, e.body FROM deliveries d JOIN events e ON e.number = d.event
                 WHERE d.dead = 1 ORDER BY d.event DESC LIMIT ?1",
            )?;
            let rows = statement.query_and_then([row::limit(limit)], |row| {
                Ok(DeadLetter {
                    provider: row.get("provider")?,
                    event: row::json(row, "body")?,
                    attempts: row::count(row, "attempts")?,
                    error: row.get("error")?,
                })
            })?;
            rows.collect()
        })
    }
}

/// Reads where events go. Patterns that this version does not know want everything: rather too much than lost.
pub(super) fn routes(tx: &Transaction<'_>) -> Result<Vec<Route>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT * FROM providers ORDER BY name")?;
    let rows = statement.query_and_then([], |row| {
        let patterns: Vec<String> = row::json(row, "patterns")?;
        Ok(Route {
            provider: row.get("name")?,
            filter: EventFilter::new(patterns).unwrap_or_default(),
            sources: row::json(row, "sources")?,
            stacks: row::json(row, "stacks")?,
        })
    })?;
    rows.collect()
}

/// Gives an event to a provider.
pub(super) fn enqueue(
    tx: &Transaction<'_>,
    provider: &str,
    event: i64,
    object: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT INTO deliveries (provider, event, object, next_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![provider, event, object, at.as_millisecond()])?;
    Ok(())
}

impl From<StoreError> for OutboxError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

#[async_trait]
impl Outbox for Store {
    async fn due(&self, provider: &str, now: Timestamp) -> Result<Due, OutboxError> {
        let provider = provider.to_owned();
        Ok(self.call(move |store| store.due(&provider, now)).await?)
    }

    async fn delivered(&self, delivery: &Delivery, now: Timestamp) -> Result<(), OutboxError> {
        let delivery = delivery.clone();
        Ok(self.call(move |store| store.delivered(&delivery, now)).await?)
    }

    async fn failed(&self, delivery: &Delivery, failure: FailedDelivery) -> Result<(), OutboxError> {
        let delivery = delivery.clone();
        Ok(self.call(move |store| store.failed(&delivery, &failure)).await?)
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.appended.subscribe()
    }
}
