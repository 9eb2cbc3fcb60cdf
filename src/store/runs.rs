//! The runs and their journals.

use jiff::Timestamp;
use rusqlite::OptionalExtension as _;
use rusqlite::Row;
use rusqlite::Transaction;
use rusqlite::params;

use super::Reader;
use super::Store;
use super::change::Change;
use super::change::Recorded;
use super::error::StoreError;
use super::events::new_id;
use super::row;
use crate::core::model::Revision;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::run::Initiator;
use crate::core::run::MemoryChange;
use crate::core::run::RunDetail;
use crate::core::run::RunEvent;
use crate::core::run::RunId;
use crate::core::run::RunPhase;
use crate::core::run::RunRecord;
use crate::core::run::StackId;
use crate::core::run::StepChange;
use crate::core::run::StepRecord;
use crate::core::run::StepState;
use crate::core::run::Verdict;
use crate::core::run::fold;

/// A run that is about to begin.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// The stack.
    pub stack: StackId,
    /// The revision that it is brought to.
    pub revision: Revision,
    /// The revision that runs.
    pub previous: Option<Revision>,
    /// What made it happen.
    pub initiator: Initiator,
    /// The plan's text form, without secrets.
    pub plan: String,
}

/// What happened to a step of a run.
#[derive(Debug, Clone)]
pub struct StepEntry {
    /// Its place in the plan.
    pub index: usize,
    /// What happened.
    pub change: StepChange,
    /// What it changes, such as `service/web`.
    pub object: String,
    /// The action's name.
    pub action: String,
    /// Why it failed or was skipped, without secrets; empty otherwise.
    pub message: String,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunQuery {
    /// Only runs of this source's stacks.
    pub source: Option<SourceName>,
    /// Only runs of stacks with this name.
    pub stack: Option<StackName>,
    /// At most so many.
    pub limit: usize,
}

impl Store {
    /// Begins a run, remembers its revision as attempted, and records the change with it; its events get the run's id.
    ///
    /// # Errors
    /// Fails if the database does. Then no run has begun.
    pub fn begin_run(&self, start: RunStart, change: Change) -> Result<(RunId, Recorded), StoreError> {
        let id = new_id(change.at)?;
        let recorded = self.write(|tx| {
            tx.execute(
                "INSERT INTO runs (id, source, stack, revision, previous, initiator, plan, phase, started_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    id.as_str(),
                    start.stack.source.as_str(),
                    start.stack.stack.as_str(),
                    start.revision.to_string(),
                    start.previous.as_ref().map(ToString::to_string),
                    start.initiator.as_str(),
                    start.plan,
                    RunPhase::Running.as_str(),
                    change.at.as_millisecond(),
                ],
            )?;
            tx.execute(
                "DELETE FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?1 AND phase <> ?2",
                params![self.retention.runs, RunPhase::Running.as_str()],
            )?;
            super::memory::remember(tx, &start.stack, MemoryChange::attempted(start.revision))?;
            self.apply(tx, change, Some(&id))
        })?;
        self.announce(&recorded.events);
        Ok((id, recorded))
    }

    /// Adds to a run's journal. A killed process loses nothing of it; a loss of power may.
    ///
    /// # Errors
    /// Fails if there is no such run, if it has ended, if the step cannot get there, or if the database fails.
    pub fn record_step(&self, run: &RunId, entry: &StepEntry, at: Timestamp) -> Result<(), StoreError> {
        self.write_soon(|tx| {
            let number = running(tx, run)?;
            let step = row::limit(entry.index);
            let mut before = None;
            let mut statement = tx.prepare_cached("SELECT change FROM journal WHERE run = ?1 AND step = ?2 ORDER BY ordinal")?;
            let changes = statement.query_and_then([number, step], |row| row::word(row, "change", StepChange::parse))?;
            for change in changes.chain([Ok(entry.change)]) {
                let state = StepState::after(before, change?);
                before = Some(state.map_err(|source| StoreError::IllegalStep {
                    run: run.clone(),
                    index: entry.index,
                    source,
                })?);
            }
            tx.prepare_cached(
                "INSERT INTO journal (run, ordinal, at, step, change, object, action, message)
                 VALUES (?1, (SELECT coalesce(max(ordinal), 0) + 1 FROM journal WHERE run = ?1), ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                number,
                at.as_millisecond(),
                step,
                entry.change.as_str(),
                entry.object,
                entry.action,
                entry.message
            ])?;
            Ok(())
        })
    }

    /// Ends a run with its verdict and the change that it made; its events get the run's id. The message holds no
    /// secrets.
    ///
    /// # Errors
    /// Fails if there is no such run, if it has ended, if the memory of its stack contradicts the verdict, or if the
    /// database fails. Then nothing is recorded.
    pub fn finish_run(
        &self,
        run: &RunId,
        verdict: Verdict,
        message: &str,
        change: Change,
    ) -> Result<Recorded, StoreError> {
        for (_, memory) in &change.memory {
            memory.check(verdict)?;
        }
        let recorded = self.write(|tx| {
            let number = running(tx, run)?;
            tx.execute(
                "UPDATE runs SET phase = ?2, message = ?3, finished_at = ?4 WHERE number = ?1",
                params![number, verdict.as_str(), message, change.at.as_millisecond()],
            )?;
            self.apply(tx, change, Some(run))
        })?;
        self.announce(&recorded.events);
        Ok(recorded)
    }

    /// Marks runs without an end as interrupted, and returns them.
    pub(super) fn mark_interrupted(&self, at: Timestamp) -> Result<Vec<RunRecord>, StoreError> {
        self.write(|tx| {
            let mut statement = tx.prepare(
                "UPDATE runs SET phase = ?1, finished_at = ?2, message = 'the process ended in the middle of it'
                 WHERE phase = ?3 RETURNING *",
            )?;
            let phases = (RunPhase::Interrupted.as_str(), RunPhase::Running.as_str());
            let rows = statement.query_and_then(params![phases.0, at.as_millisecond(), phases.1], read_run)?;
            rows.collect()
        })
    }
}

impl Reader {
    /// Returns runs, newest first.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn history(&self, query: &RunQuery) -> Result<Vec<RunRecord>, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT * FROM runs WHERE source = coalesce(?1, source) AND stack = coalesce(?2, stack)
                 ORDER BY number DESC LIMIT ?3",
            )?;
            let rows = statement.query_and_then(
                params![
                    query.source.as_ref().map(SourceName::as_str),
                    query.stack.as_ref().map(StackName::as_str),
                    row::limit(query.limit),
                ],
                read_run,
            )?;
            rows.collect()
        })
    }

    /// Returns a run with its plan and steps; `None` if there is no such run (any more).
    ///
    /// # Errors
    /// Fails if the database does, or if the journal makes no sense.
    pub fn run(&self, id: &RunId) -> Result<Option<RunDetail>, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached("SELECT * FROM runs WHERE id = ?1")?;
            let mut rows = statement.query([id.as_str()])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let number = row.get("number")?;
            let (run, plan) = (read_run(row)?, row.get("plan")?);
            let steps = read_steps(tx, number, run.phase)?;
            Ok(Some(RunDetail { run, plan, steps }))
        })
    }
}

/// Returns the number of a run that goes on.
fn running(tx: &Transaction<'_>, run: &RunId) -> Result<i64, StoreError> {
    let mut statement = tx.prepare_cached("SELECT number, phase FROM runs WHERE id = ?1")?;
    let found: Option<(i64, String)> =
        statement.query_row([run.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match found {
        None => Err(StoreError::NoSuchRun(run.clone())),
        Some((number, phase)) if phase == RunPhase::Running.as_str() => Ok(number),
        Some(_) => Err(StoreError::RunEnded(run.clone())),
    }
}

fn read_run(row: &Row<'_>) -> Result<RunRecord, StoreError> {
    Ok(RunRecord {
        id: row::text(row, "id")?,
        stack: StackId { source: row::text(row, "source")?, stack: row::text(row, "stack")? },
        revision: row::text(row, "revision")?,
        previous: row::optional(row, "previous")?,
        initiator: row::word(row, "initiator", Initiator::parse)?,
        phase: row::word(row, "phase", RunPhase::parse)?,
        message: row.get("message")?,
        started_at: row::time(row, "started_at")?,
        finished_at: row::optional_time(row, "finished_at")?,
    })
}

/// One row of the journal.
struct Entry {
    at: Timestamp,
    event: RunEvent,
    index: usize,
    object: String,
    action: String,
    message: String,
}

/// Adds up the journal of a run.
fn read_steps(tx: &Transaction<'_>, number: i64, phase: RunPhase) -> Result<Vec<StepRecord>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT * FROM journal WHERE run = ?1 ORDER BY ordinal")?;
    let rows = statement.query_and_then([number], |row| {
        let index = row::count(row, "step")?;
        let change = row::word(row, "change", StepChange::parse)?;
        Ok::<_, StoreError>(Entry {
            at: row::time(row, "at")?,
            event: RunEvent::Step { index, change },
            index,
            object: row.get("object")?,
            action: row.get("action")?,
            message: row.get("message")?,
        })
    })?;
    let entries: Vec<Entry> = rows.collect::<Result<_, _>>()?;
    let end = match phase {
        RunPhase::Running => None,
        RunPhase::Interrupted => Some(RunEvent::Interrupted),
        RunPhase::Finished(verdict) => Some(RunEvent::Finished(verdict)),
    };
    let events = [RunEvent::Started].into_iter().chain(entries.iter().map(|entry| entry.event)).chain(end);
    let state = fold(events)
        .map_err(|error| StoreError::Unreadable { column: "change".into(), value: error.to_string() })?;
    let record = |(index, state): (usize, StepState)| {
        let mut own = entries.iter().filter(|entry| entry.index == index);
        let first = own.next()?;
        let last = own.next_back();
        Some(StepRecord {
            index,
            object: first.object.clone(),
            action: first.action.clone(),
            state,
            message: last.unwrap_or(first).message.clone(),
            started_at: first.at,
            finished_at: last.map(|entry| entry.at),
        })
    };
    Ok(state.steps.into_iter().filter_map(record).collect())
}
