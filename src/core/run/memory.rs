//! What is remembered of a stack from one pass to the next. Losing it must cost nothing but history: a pass looks at
//! the world as it is, and this only spares it a second try of what is known to be bad, and pulls on the way back.

use jiff::Timestamp;
use serde::Serialize;

use super::journal::Verdict;
use crate::core::model::Revision;
use crate::core::model::ServiceName;
use crate::core::model::SourceName;
use crate::core::model::StackName;

/// A stack, named across sources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct StackId {
    /// The source.
    pub source: SourceName,
    /// The stack in it.
    pub stack: StackName,
}

impl StackId {
    /// Returns the id of a source's stack.
    pub fn new(source: SourceName, stack: StackName) -> Self {
        Self { source, stack }
    }
}

impl std::fmt::Display for StackId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.source, self.stack)
    }
}

/// A revision that did not pass its gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadRevision {
    /// The revision.
    pub revision: Revision,
    /// What would have been deployed, as a text that differs as soon as a new try is worth it.
    pub fingerprint: String,
    /// Why it failed, in one line.
    pub reason: String,
    /// Since when it is known to be bad.
    pub since: Timestamp,
}

/// The image that a service ran with when it was last stable, so that the way back needs no pull even if the tag has
/// moved on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImagePin {
    /// The service.
    pub service: ServiceName,
    /// What the service was, as a text that is the same again after a revert.
    pub fingerprint: String,
    /// The image's id on the engine.
    pub image: String,
    /// When the gate last passed with it.
    pub stable_at: Timestamp,
}

/// A stack that is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suspension {
    /// Why, in the words of who asked; may be empty.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None` until somebody resumes it.
    pub until: Option<Timestamp>,
}

/// All that is remembered of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// The revision of the last deploy, whatever came of it.
    pub last_attempted: Option<Revision>,
    /// The revision that runs.
    pub last_applied: Option<Revision>,
    /// The newest revision whose gate passed.
    pub last_stable: Option<Revision>,
    /// A revision not to be tried again until something changes.
    pub bad: Option<BadRevision>,
    /// Images of earlier stable states, the newest ten per service.
    pub pins: Vec<ImagePin>,
    /// Set if the stack is left alone.
    pub suspension: Option<Suspension>,
}

impl Memory {
    /// Returns true if bringing this revision about leaves what is known to be bad as it is: it is what is kept in
    /// place of the bad one, not what comes after it.
    pub fn holds_back_for(&self, revision: &Revision) -> bool {
        self.bad.as_ref().is_some_and(|bad| bad.revision != *revision)
            && self.last_stable.as_ref() == Some(revision)
    }

    /// Returns true if a run for this revision began, and nothing is known of its end.
    pub fn was_cut_off(&self, revision: &Revision) -> bool {
        self.last_attempted.as_ref() == Some(revision) && self.last_stable.as_ref() != Some(revision)
    }

    /// Returns the image that a service ran with when it was last stable with this fingerprint.
    pub fn pinned(&self, service: &ServiceName, fingerprint: &str) -> Option<&str> {
        self.pins
            .iter()
            .find(|pin| pin.service == *service && pin.fingerprint == fingerprint)
            .map(|pin| pin.image.as_str())
    }
}

/// What to do with a remembered value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Update<T> {
    /// Leave it.
    #[default]
    Keep,
    /// Forget it.
    Clear,
    /// Remember this instead.
    Set(T),
}

impl<T> Update<T> {
    /// Returns true if the remembered value stays as it is.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// Returns the new value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

/// A change to what is remembered of a stack. What is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryChange {
    /// The revision that was tried.
    pub attempted: Option<Revision>,
    /// The revision that now runs.
    pub applied: Option<Revision>,
    /// The revision whose gate passed.
    pub stable: Option<Revision>,
    /// The revision not to try again.
    pub bad: Update<BadRevision>,
    /// Images to keep for a way back.
    pub pins: Vec<ImagePin>,
    /// Whether the stack is left alone.
    pub suspension: Update<Suspension>,
}

/// A verdict and a memory that cannot both be true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a run that ended `{verdict}` cannot make its revision {claim}")]
pub struct Contradiction {
    verdict: Verdict,
    claim: &'static str,
}

impl MemoryChange {
    /// Returns the change after a revision's gate passed: it is attempted, applied and stable, and nothing is bad.
    pub fn stable(revision: Revision, pins: Vec<ImagePin>) -> Self {
        Self {
            attempted: Some(revision.clone()),
            applied: Some(revision.clone()),
            stable: Some(revision),
            bad: Update::Clear,
            pins,
            suspension: Update::Keep,
        }
    }

    /// Keeps what is known to be bad.
    #[must_use]
    pub fn keeping_bad(mut self) -> Self {
        self.bad = Update::Keep;
        self
    }

    /// Returns the change after a revision failed and is not to be tried again.
    pub fn bad(bad: BadRevision) -> Self {
        Self { attempted: Some(bad.revision.clone()), bad: Update::Set(bad), ..Self::default() }
    }

    /// Returns the change after a revision was tried and may be tried again.
    pub fn attempted(revision: Revision) -> Self {
        Self { attempted: Some(revision), ..Self::default() }
    }

    /// Checks that this may be remembered after a run with this verdict.
    ///
    /// # Errors
    /// Fails if a run that was not good makes a revision or an image stable, or if one that left or put back what ran
    /// before makes a revision applied. Does *not* fail for a failed run that was not rolled back: its revision runs.
    pub fn check(&self, verdict: Verdict) -> Result<(), Contradiction> {
        let applies = matches!(
            verdict,
            Verdict::NothingToDo | Verdict::Succeeded | Verdict::Failed | Verdict::RollbackFailed
        );
        if (self.stable.is_some() || !self.pins.is_empty()) && !verdict.is_good() {
            return Err(Contradiction { verdict, claim: "stable" });
        }
        if self.applied.is_some() && !applies {
            return Err(Contradiction { verdict, claim: "applied" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::CommitId;

    #[test]
    fn what_is_kept_in_place_of_a_bad_revision_does_not_make_it_good() {
        let revision = |digit: &str| Revision::of("main", CommitId::parse(&digit.repeat(40)).expect("an id"));
        let bad = BadRevision {
            revision: revision("b"),
            fingerprint: String::new(),
            reason: String::new(),
            since: Timestamp::UNIX_EPOCH,
        };
        let memory = Memory { last_stable: Some(revision("a")), bad: Some(bad), ..Memory::default() };
        assert!(memory.holds_back_for(&revision("a")));
        assert!(!memory.holds_back_for(&revision("b")));
        assert!(!memory.holds_back_for(&revision("c")), "a newer revision comes after the bad one");
        assert!(!Memory { bad: None, ..memory }.holds_back_for(&revision("a")));
    }

    #[test]
    fn no_bad_verdict_makes_a_revision_stable() {
        let change = MemoryChange::stable(Revision::folder(), Vec::new());
        for verdict in Verdict::ALL {
            assert_eq!(change.check(*verdict).is_ok(), verdict.is_good(), "{verdict}");
        }
    }

    #[test]
    fn a_rolled_back_revision_is_never_applied() {
        let change = MemoryChange { applied: Some(Revision::folder()), ..MemoryChange::default() };
        let error = change.check(Verdict::RolledBack).expect_err("contradiction");
        assert_eq!(error.to_string(), "a run that ended `rolled_back` cannot make its revision applied");
        assert_eq!(change.check(Verdict::Failed), Ok(()));
    }
}
