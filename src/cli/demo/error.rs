//! Why a demo ends before its end, or does not go as told.

use crate::core::run::EventType;
use crate::git::GitError;
use crate::ports::EngineError;

/// Why a demo fails.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum DemoError {
    /// The demo's own surroundings.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What happened.
        source: std::io::Error,
    },
    /// The repository that is pushed to.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The engine, while it was looked at or cleaned up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine that was asked for cannot be used.
    #[error("the demo cannot run on Docker: {why}; leave --engine out to see it on the simulated engine")]
    NoDocker {
        /// What is missing.
        why: String,
    },
    /// The controller is gone.
    #[error("the controller ended by itself ({status}); it wrote:\n{log}")]
    ControllerEnded {
        /// How it ended.
        status: String,
        /// Its last lines.
        log: String,
    },
    /// No verdict came.
    #[error("no verdict on {commit} within {seconds} s; the controller wrote:\n{log}")]
    NoVerdict {
        /// The commit.
        commit: String,
        /// How long it was waited for.
        seconds: u64,
        /// The controller's last lines.
        log: String,
    },
    /// A webhook was not signed with the key.
    #[error("the signature of a webhook ({kind}) does not hold")]
    BadSignature {
        /// The event's type.
        kind: EventType,
    },
    /// It went otherwise.
    #[error("expected {expected}, but {found}; the controller wrote:\n{log}")]
    NotAsTold {
        /// What should have been.
        expected: String,
        /// What was.
        found: String,
        /// The controller's last lines.
        log: String,
    },
    /// Somebody pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}
