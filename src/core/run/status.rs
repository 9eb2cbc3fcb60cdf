//! How a stack stands, on two axes.

use jiff::Timestamp;
use serde::Serialize;

use super::memory::StackId;
use super::vocabulary::vocabulary;
use crate::core::model::Revision;

vocabulary! {
    /// Does what runs match what git says?
    Sync {
        /// It does.
        Synced = "Synced",
        /// Git moved on; the stack has not yet.
        OutOfSync = "OutOfSync",
        /// Something changed what runs behind our back.
        Drifted = "Drifted",
        /// It cannot be said: the source or the engine cannot be read.
        Unknown = "Unknown",
    }
}

vocabulary! {
    /// Does what runs work?
    HealthState {
        /// It does.
        Healthy = "Healthy",
        /// It is on its way.
        Progressing = "Progressing",
        /// It does not.
        Degraded = "Degraded",
        /// It is left alone on purpose.
        Suspended = "Suspended",
        /// Nothing of it is there.
        Missing = "Missing",
        /// It cannot be said: the engine cannot be read.
        Unknown = "Unknown",
    }
}

/// How a stack stood when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackStatus {
    /// The stack.
    #[serde(flatten)]
    pub id: StackId,
    /// Whether it matches git.
    pub sync: Sync,
    /// Whether it works.
    pub health: HealthState,
    /// One line for people; may be empty.
    pub message: String,
    /// The revision of the last deploy, whatever came of it.
    pub last_attempted: Option<Revision>,
    /// The revision that runs.
    pub last_applied: Option<Revision>,
    /// The newest revision whose gate passed.
    pub last_stable: Option<Revision>,
    /// When this was found.
    pub updated_at: Timestamp,
}
