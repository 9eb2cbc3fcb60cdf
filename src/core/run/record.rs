//! What history keeps of a run.

use jiff::Timestamp;
use serde::Serialize;

use super::journal::RunPhase;
use super::journal::StepState;
use super::memory::StackId;
use super::ulid::Ulid;
use super::vocabulary::vocabulary;
use crate::core::model::Revision;

/// The id of a run. Ids sort by the time of the run's start.
pub type RunId = Ulid;

vocabulary! {
    /// What made a pass happen.
    Initiator {
        /// The source was polled and had news.
        Poll = "poll",
        /// A forge's webhook arrived.
        Webhook = "webhook",
        /// A schedule was due.
        Schedule = "schedule",
        /// What runs is not what was applied.
        Drift = "drift",
        /// The engine reported that something happened.
        Engine = "engine",
        /// The controller started.
        Startup = "startup",
        /// An earlier try failed for a passing reason.
        Retry = "retry",
        /// Somebody asked on the command line.
        Cli = "cli",
        /// Somebody asked over HTTP.
        Api = "api",
    }
}

/// One run of a stack: a deploy or a correction with something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// The run's id.
    pub id: RunId,
    /// The stack.
    #[serde(flatten)]
    pub stack: StackId,
    /// The revision that it was brought to.
    pub revision: Revision,
    /// The revision before.
    pub previous: Option<Revision>,
    /// What made it happen.
    pub initiator: Initiator,
    /// How far it is.
    pub phase: RunPhase,
    /// One line for people; empty while it runs.
    pub message: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended, or when it was found to have been interrupted.
    pub finished_at: Option<Timestamp>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// Its place in the plan.
    pub index: usize,
    /// What it changes, such as `service/web`.
    pub object: String,
    /// The action's name, such as `CreateContainer`.
    pub action: String,
    /// How far it is.
    pub state: StepState,
    /// Why it failed or was skipped; empty otherwise.
    pub message: String,
    /// When its first event was recorded.
    pub started_at: Timestamp,
    /// When its last event was recorded; `None` if there is just one.
    pub finished_at: Option<Timestamp>,
}

/// A run with its plan and steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunDetail {
    /// The run.
    #[serde(flatten)]
    pub run: RunRecord,
    /// The plan's text form.
    pub plan: String,
    /// The steps by index.
    pub steps: Vec<StepRecord>,
}
