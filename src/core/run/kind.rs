//! The types of events, and patterns over them.

use super::event::Severity;
use super::vocabulary::vocabulary;
use crate::core::diag::did_you_mean;

vocabulary! {
    /// What an event is about. Others script against these texts.
    EventType {
        /// A source has a new revision.
        SourceFetched = "source.fetched",
        /// A source could not be read.
        SourceFetchFailed = "source.fetch_failed",
        /// A source's history was rewritten, and that is not allowed.
        SourceNotFastForward = "source.not_fast_forward",
        /// A plan with something to do was made.
        PlanCreated = "plan.created",
        /// A stack is being brought to a revision.
        DeployStarted = "deploy.started",
        /// A stack is at a revision and its gate passed.
        DeploySucceeded = "deploy.succeeded",
        /// A stack could not be brought to a revision.
        DeployFailed = "deploy.failed",
        /// A newer revision took this one's place before it was done.
        DeploySuperseded = "deploy.superseded",
        /// The gate failed and what ran before runs again.
        DeployRolledBack = "deploy.rolled_back",
        /// The gate failed and so did the way back.
        DeployRollbackFailed = "deploy.rollback_failed",
        /// A deploy makes no progress.
        DeployStalled = "deploy.stalled",
        /// A stack that was well is not.
        HealthDegraded = "health.degraded",
        /// A stack that was not well is.
        HealthRecovered = "health.recovered",
        /// What runs is not what was applied.
        DriftDetected = "drift.detected",
        /// What runs was brought back to what was applied.
        DriftCorrected = "drift.corrected",
        /// What left git was removed.
        PruneDone = "prune.done",
        /// What left git was not removed, because that looked like a mistake.
        PruneRefused = "prune.refused",
        /// A stack is left alone from now on.
        StackSuspended = "stack.suspended",
        /// A stack is looked after again.
        StackResumed = "stack.resumed",
        /// A backup was made.
        BackupSucceeded = "backup.succeeded",
        /// A backup could not be made.
        BackupFailed = "backup.failed",
        /// A target of the stack is not met.
        TargetMissed = "target.missed",
        /// A target of the stack is met again.
        TargetMet = "target.met",
        /// Somebody asked whether notifications arrive.
        NotifyTest = "notify.test",
    }
}

impl EventType {
    /// Returns the severity that an event of this type has if nobody says otherwise.
    pub fn severity(self) -> Severity {
        match self {
            Self::SourceFetchFailed
            | Self::SourceNotFastForward
            | Self::DeployFailed
            | Self::DeployRolledBack
            | Self::DeployRollbackFailed
            | Self::DeployStalled
            | Self::HealthDegraded
            | Self::PruneRefused
            | Self::BackupFailed
            | Self::TargetMissed => Severity::Error,
            _ => Severity::Info,
        }
    }

    /// Returns the reason that an event of this type has if nobody says otherwise: `RolledBack` for
    /// `deploy.rolled_back`.
    pub fn reason(self) -> String {
        let (_, what) = self.parts();
        what.split('_').map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
    }

    /// Returns true if this can happen only once to an object at a revision, so that a second telling is a repetition.
    pub fn once_per_revision(self) -> bool {
        let (group, _) = self.parts();
        matches!(group, "deploy" | "plan" | "prune")
            || matches!(self, Self::SourceFetched | Self::SourceNotFastForward)
    }

    fn parts(self) -> (&'static str, &'static str) {
        self.as_str().split_once('.').expect("every type's text has a dot")
    }
}

/// Why a pattern over event types is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no event matches `{pattern}` ({hint})")]
pub struct PatternError {
    /// The pattern as written.
    pub pattern: String,
    /// What to write instead.
    pub hint: String,
}

/// Which events are wanted: `*`, a group such as `deploy.*`, or single types. No patterns at all want everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    patterns: Vec<String>,
}

impl EventFilter {
    /// Returns the filter of some patterns.
    ///
    /// # Errors
    /// Fails if a pattern can match no event type.
    pub fn new<S: Into<String>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, PatternError> {
        let patterns: Vec<String> = patterns.into_iter().map(Into::into).collect();
        for pattern in &patterns {
            if !EventType::ALL.iter().any(|kind| matches(pattern, *kind)) {
                return Err(PatternError { pattern: pattern.clone(), hint: hint(pattern) });
            }
        }
        Ok(Self { patterns })
    }

    /// Returns true if events of this type are wanted. Tests are always wanted: somebody asked for them by name.
    pub fn wants(&self, kind: EventType) -> bool {
        self.patterns.is_empty()
            || kind == EventType::NotifyTest
            || self.patterns.iter().any(|pattern| matches(pattern, kind))
    }

    /// Returns the patterns as written.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

fn matches(pattern: &str, kind: EventType) -> bool {
    let (group, _) = kind.parts();
    pattern == "*" || pattern.strip_suffix(".*") == Some(group) || pattern == kind.as_str()
}

fn hint(pattern: &str) -> String {
    let types = EventType::ALL.iter().map(|kind| kind.as_str());
    match did_you_mean(pattern, types) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => "use `*`, a group such as `deploy.*`, or a type such as `deploy.failed`".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_camel_case() {
        assert_eq!(EventType::DeployRolledBack.reason(), "RolledBack");
        assert_eq!(EventType::SourceNotFastForward.reason(), "NotFastForward");
        for kind in EventType::ALL {
            assert!(kind.reason().chars().all(char::is_alphanumeric), "{kind}");
        }
    }

    #[test]
    fn patterns_name_all_a_group_or_one_type() {
        let filter = EventFilter::new(["deploy.*", "drift.detected"]).expect("patterns");
        assert!(filter.wants(EventType::DeployStalled));
        assert!(filter.wants(EventType::DriftDetected));
        assert!(!filter.wants(EventType::DriftCorrected));
        assert!(EventFilter::new(["*"]).expect("a pattern").wants(EventType::DriftCorrected));
        assert!(EventFilter::default().wants(EventType::DriftCorrected));
    }

    #[test]
    fn a_pattern_that_can_never_match_is_refused_with_what_was_meant() {
        let error = EventFilter::new(["deploy.fail"]).expect_err("no such type");
        assert_eq!(error.to_string(), "no event matches `deploy.fail` (did you mean `deploy.failed`?)");
        assert!(EventFilter::new(["nothing.*"]).is_err());
    }
}
