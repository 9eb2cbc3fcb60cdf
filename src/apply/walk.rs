//! The walk itself: which nodes are ready, which are under way, which will never come.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::CONCURRENCY;
use super::Failure;
use super::Hands;
use super::OnFailure;
use super::Outcome;
use super::Reason;
use super::wait;
use crate::core::plan::Action;
use crate::core::plan::Call;
use crate::core::plan::Gate;
use crate::core::plan::Node;
use crate::core::plan::Plan;
use crate::core::plan::Want;
use crate::core::run::StepChange;
use crate::ports::CallOutcome;

/// How one step ended.
enum End {
    Done(CallOutcome),
    Failed(Reason),
    Cancelled,
}

pub(super) struct Walk<'a> {
    plan: &'a Plan,
    hands: &'a Hands,
    on_failure: OnFailure,
    cancel: &'a CancellationToken,
    /// Ends the waits when a step has failed and all is to be taken back.
    halt: CancellationToken,
    succeeded: BTreeSet<usize>,
    ended: BTreeSet<usize>,
    begun: BTreeSet<usize>,
    /// Ids of containers made in this walk, by the name that they were made under: a name may be given away before
    /// everybody who was told it has used it.
    ids: BTreeMap<String, String>,
    outcome: Outcome,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        hands: &'a Hands,
        on_failure: OnFailure,
        cancel: &'a CancellationToken,
    ) -> Self {
        Self {
            plan,
            hands,
            on_failure,
            cancel,
            halt: cancel.child_token(),
            succeeded: BTreeSet::new(),
            ended: BTreeSet::new(),
            begun: BTreeSet::new(),
            ids: BTreeMap::new(),
            outcome: Outcome::default(),
        }
    }

    pub(super) async fn run(mut self) -> Outcome {
        let mut under_way: FuturesUnordered<BoxFuture<'a, (&'a Node, End)>> = FuturesUnordered::new();
        let mut waits: FuturesUnordered<BoxFuture<'a, (&'a Node, End)>> = FuturesUnordered::new();
        loop {
            let plan = self.plan;
            for node in &plan.nodes {
                let is_wait = matches!(node.action, Action::Wait(_));
                if (is_wait || under_way.len() < CONCURRENCY) && self.may_begin(node) {
                    self.begun.insert(node.id);
                    self.hands.journal.step(node, StepChange::Started, "");
                    let step = self.step(node);
                    if is_wait {
                        waits.push(step);
                    } else {
                        under_way.push(step);
                    }
                }
            }
            let (node, end) = tokio::select! {
                biased;
                Some(ended) = under_way.next() => ended,
                Some(ended) = waits.next() => ended,
                else => break,
            };
            self.take_in(node, end);
        }
        self.outcome.cancelled = self.cancel.is_cancelled() && self.succeeded.len() < self.plan.nodes.len();
        let mut gates = self.plan.nodes.iter().filter(|node| is_gate(node));
        self.outcome.proven = gates.all(|gate| self.succeeded.contains(&gate.id));
        for node in self.plan.nodes.iter().filter(|node| !self.begun.contains(&node.id)) {
            let why = if self.outcome.failures.is_empty() {
                "the pass was ended"
            } else {
                "a step before it failed"
            };
            self.hands.journal.step(node, StepChange::Skipped, why);
        }
        self.outcome
    }

    fn may_begin(&self, node: &Node) -> bool {
        !self.begun.contains(&node.id)
            && node.after.is_subset(&self.succeeded)
            && node.after_any.iter().all(|id| self.ended.contains(id) || !self.can_still_come(*id))
            && (!self.halt.is_cancelled() || self.finishes_a_swap(node) || self.finishes_a_remake(node))
    }

    /// A node whose predecessors failed never begins, so nobody may wait for its end.
    fn can_still_come(&self, id: usize) -> bool {
        let Some(node) = self.plan.nodes.get(id - 1) else { return false };
        self.begun.contains(&id)
            || node.after.iter().all(|before| {
                self.succeeded.contains(before)
                    || (!self.ended.contains(before) && self.can_still_come(*before))
            })
    }

    /// Whether a step is part of a swap whose old container has already been stopped.
    fn finishes_a_swap(&self, node: &Node) -> bool {
        self.outcome.failures.is_empty()
            && matches!(node.action, Action::Call(Call::StartContainer { .. } | Call::CopyFile { .. }))
            && node.after.iter().any(|before| {
                self.plan
                    .nodes
                    .get(before - 1)
                    .is_some_and(|node| matches!(node.action, Action::Call(Call::StopContainer { .. })))
            })
    }

    /// Whether a step belongs to networks of which one is being taken down: what runs is cut off until they are there again.
    fn finishes_a_remake(&self, node: &Node) -> bool {
        use Call as C;
        let is_of_a_remake = |node: &Node| {
            matches!(
                node.action,
                Action::Call(
                    C::DisconnectNetwork { .. }
                        | C::RemoveNetwork { .. }
                        | C::CreateNetwork(_)
                        | C::ConnectNetwork { .. }
                )
            )
        };
        let takes_down = |node: &&Node| {
            matches!(node.action, Action::Call(C::DisconnectNetwork { .. } | C::RemoveNetwork { .. }))
        };
        self.outcome.failures.is_empty()
            && is_of_a_remake(node)
            && self.plan.nodes.iter().filter(takes_down).any(|node| self.begun.contains(&node.id))
    }

    fn step(&self, node: &'a Node) -> BoxFuture<'a, (&'a Node, End)> {
        let hands = self.hands;
        match &node.action {
            Action::Call(call) => {
                let call = self.with_ids(call);
                let give_up = if can_be_left(&call) { self.halt.clone() } else { CancellationToken::new() };
                async move {
                    let end = tokio::select! {
                        biased;
                        () = give_up.cancelled() => End::Cancelled,
                        result = hands.engine.call(&call) => match result {
                            Ok(outcome) => End::Done(outcome),
                            Err(error) => End::Failed(Reason::Engine(error)),
                        },
                    };
                    (node, end)
                }
                .boxed()
            }
            Action::PublishFiles => async move {
                match hands.publish.publish().await {
                    Ok(_) => (node, End::Done(CallOutcome::default())),
                    Err(why) => (node, End::Failed(Reason::Files(why))),
                }
            }
            .boxed(),
            Action::Wait(gate) => {
                let mut gate = gate.clone();
                if let Some(id) = self.ids.get(&gate.container) {
                    gate.container.clone_from(id);
                }
                let halt = self.halt.clone();
                async move {
                    let end = tokio::select! {
                        biased;
                        () = halt.cancelled() => End::Cancelled,
                        result = wait::at_gate(hands.engine.as_ref(), &gate) => match result {
                            Ok(()) => End::Done(CallOutcome::default()),
                            Err(reason) => End::Failed(reason),
                        },
                    };
                    (node, end)
                }
                .boxed()
            }
        }
    }

    fn with_ids(&self, call: &Call) -> Call {
        let mut call = call.clone();
        let container = match &mut call {
            Call::ConnectNetwork { container, .. }
            | Call::DisconnectNetwork { container, .. }
            | Call::CopyFile { container, .. }
            | Call::StartContainer { container }
            | Call::RunHook { container, .. }
            | Call::StopContainer { container, .. }
            | Call::RestartContainer { container, .. }
            | Call::UnpauseContainer { container }
            | Call::RenameContainer { container, .. }
            | Call::SetRestartPolicy { container, .. }
            | Call::RemoveContainer { container, .. } => container,
            Call::PullImage { .. }
            | Call::BuildImage { .. }
            | Call::TagImage { .. }
            | Call::CreateNetwork(_)
            | Call::RemoveNetwork { .. }
            | Call::CreateVolume(_)
            | Call::CreateContainer { .. } => return call,
        };
        if let Some(id) = self.ids.get(container) {
            container.clone_from(id);
        }
        call
    }

    fn take_in(&mut self, node: &Node, end: End) {
        self.ended.insert(node.id);
        match end {
            End::Done(result) => {
                self.succeeded.insert(node.id);
                self.hands.journal.step(node, StepChange::Succeeded, "");
                self.outcome.calls += usize::from(result.changed);
                match &node.action {
                    Action::Call(Call::CreateContainer { name, .. }) => {
                        self.ids.insert(name.clone(), result.id);
                    }
                    Action::Call(Call::PullImage { image, .. }) => {
                        self.outcome.pulled.insert(image.clone(), result.id);
                    }
                    Action::Call(Call::BuildImage { build, .. }) => {
                        self.outcome.pulled.insert(build.tag.clone(), result.id);
                    }
                    _ => {}
                }
            }
            End::Cancelled => self.hands.journal.step(node, StepChange::Failed, "no longer waited for"),
            End::Failed(reason) => {
                let failure = Failure {
                    object: node.object.to_string(),
                    container: self.container(node),
                    action: node.action.name(),
                    reason,
                };
                self.hands.journal.step(node, StepChange::Failed, &failure.to_string());
                if node.optional {
                    self.outcome.notes.push(failure.to_string());
                    return;
                }
                self.outcome.failures.push(failure);
                if self.on_failure == OnFailure::Halt {
                    self.halt.cancel();
                }
            }
        }
    }

    /// The container that a failed step was about, so that its last words can be read.
    fn container(&self, node: &Node) -> Option<String> {
        let name = match &node.action {
            Action::Wait(gate) => &gate.container,
            Action::Call(Call::StartContainer { container } | Call::RunHook { container, .. }) => container,
            _ => return None,
        };
        Some(self.ids.get(name).unwrap_or(name).clone())
    }
}

fn is_gate(node: &Node) -> bool {
    matches!(node.action, Action::Wait(Gate { want: Want::Stable, .. }))
}

/// A pull or a build may take long, changes nothing that runs, and can be left at any time. So can a hook: the next pass
/// runs it again if its container has yet to prove itself.
fn can_be_left(call: &Call) -> bool {
    call.fetches() || matches!(call, Call::RunHook { .. })
}
