//! Walks a plan: bounded concurrency, cancellation, a journal entry for each step. It decides nothing: what comes
//! after what, how long a gate waits and what counts as well are the plan's and the core's.

#[cfg(test)]
mod tests;
mod wait;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::core::plan::Plan;
use crate::ports::Engine;
use crate::ports::EngineError;
use crate::ports::Journal;
use crate::ports::Publish;

/// What walking a plan needs of the world.
#[derive(Clone)]
pub struct Hands {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Where steps are written down.
    pub journal: Arc<dyn Journal>,
    /// Who writes the stack's files.
    pub publish: Arc<dyn Publish>,
}

/// What to do when a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Begin nothing more: what was done will be taken back.
    Halt,
    /// Go on with what does not depend on it.
    Continue,
}

/// What came of a walk.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Steps that failed, in the order in which they did.
    pub failures: Vec<Failure>,
    /// Optional steps that failed.
    pub notes: Vec<String>,
    /// Changing calls that the engine took.
    pub calls: usize,
    /// It was told to stop before its end.
    pub cancelled: bool,
    /// Every gate passed: whatever failed is no failure of what runs now.
    pub proven: bool,
    /// The ids of images that were pulled or built, by reference.
    pub pulled: BTreeMap<String, String>,
}

impl Outcome {
    /// Returns true if everything was done.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty() && !self.cancelled
    }
}

/// A step that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What it was about, such as `container home-web-1`.
    pub object: String,
    /// The container's name or id, if it was one's.
    pub container: Option<String>,
    /// The action's name.
    pub action: &'static str,
    /// Why.
    pub reason: Reason,
}

/// Why a step failed.
#[derive(Debug, Clone)]
pub enum Reason {
    /// The engine said no or did not answer.
    Engine(EngineError),
    /// The gate did not pass.
    Gate(String),
    /// The files could not be written.
    Files(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.reason {
            Reason::Engine(error) => write!(f, "{}: {}: {error}", self.object, self.action),
            Reason::Gate(why) | Reason::Files(why) => write!(f, "{}: {why}", self.object),
        }
    }
}

/// How many steps are under way at a time. More does not help: the engine serialises much of it.
const CONCURRENCY: usize = 8;

/// How often a gate looks, at most.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Walks a plan to its end, to its failure or until it is told to stop.
///
/// Told to stop, it waits at no gate and for no pull any longer and stops no further container, but starts those whose
/// predecessors it has already stopped.
pub async fn walk(plan: &Plan, hands: &Hands, on_failure: OnFailure, cancel: &CancellationToken) -> Outcome {
    walk::Walk::new(plan, hands, on_failure, cancel).run().await
}
