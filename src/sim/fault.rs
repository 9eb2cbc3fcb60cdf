//! Faults to inject: what can go wrong between a client and its engine.

use crate::core::plan::Call;
use crate::ports::EngineError;

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and nothing was done.
    ErrorBefore(EngineError),
    /// It is done, and the connection breaks before the answer.
    LostReply,
    /// It is done, and no answer comes until the client gives up.
    HangUntilTimeout,
    /// A start that the engine cancels because the client went away: the container stays as it was, with an error of
    /// its own. Any other call is not done.
    CancelledStart,
}

/// A fault that waits for its call.
pub(super) struct Rule {
    pub(super) matches: Box<dyn Fn(&Call) -> bool + Send>,
    pub(super) fault: Fault,
}

/// Takes the fault that waits for this call, the oldest first.
pub(super) fn take(rules: &mut Vec<Rule>, call: &Call) -> Option<Fault> {
    let at = rules.iter().position(|rule| (rule.matches)(call))?;
    Some(rules.remove(at).fault)
}
