//! The store as the journal of one run.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use rusqlite::Transaction;

use super::Store;
use super::error::StoreError;
use super::row;
use super::runs::StepEntry;
use crate::core::model::Redactor;
use crate::core::plan::Node;
use crate::core::run::RunId;
use crate::core::run::StepChange;
use crate::ports::Clock;
use crate::ports::Journal;

/// Writes down the steps of one plan of a run. A run that walks a second plan, to undo the first, takes a second
/// journal: its steps are numbered on from the first one's.
#[derive(Clone)]
pub struct RunJournal {
    store: Store,
    run: RunId,
    offset: usize,
    redactor: Redactor,
    clock: Arc<dyn Clock>,
    has_gap: Arc<AtomicBool>,
}

impl Store {
    /// Returns the journal for a plan that a run is about to walk. Messages are cleaned of the redactor's secrets.
    ///
    /// # Errors
    /// Fails if the database does.
    pub fn journal(
        &self,
        run: &RunId,
        redactor: Redactor,
        clock: Arc<dyn Clock>,
    ) -> Result<RunJournal, StoreError> {
        let offset = self.read().read(|tx| last_step(tx, run))?;
        Ok(RunJournal {
            store: self.clone(),
            run: run.clone(),
            offset,
            redactor,
            clock,
            has_gap: Arc::default(),
        })
    }
}

impl Journal for RunJournal {
    /// A journal that cannot be written stops no deploy: that is logged, once a run.
    fn step(&self, node: &Node, change: StepChange, message: &str) {
        let entry = StepEntry {
            index: self.offset + node.id,
            change,
            object: node.object.to_string(),
            action: node.action.name().to_owned(),
            message: self.redactor.redact(message),
        };
        if let Err(error) = self.store.record_step(&self.run, &entry, self.clock.now())
            && !self.has_gap.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(run = %self.run, step = entry.index, "the run's journal has a gap: {error}");
        }
    }
}

/// Returns the highest step in a run's journal; zero if there is none.
fn last_step(tx: &Transaction<'_>, run: &RunId) -> Result<usize, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT coalesce(max(step), 0) AS step FROM journal WHERE run = (SELECT number FROM runs WHERE id = ?1)",
    )?;
    statement.query_row([run.as_str()], |row| Ok(row::count(row, "step")))?
}
