//! How a plan is walked: order, concurrency, failure, cancellation, names, journal.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::apply::Hands;
use crate::apply::OnFailure;
use crate::apply::Outcome;
use crate::apply::walk;
use crate::core::desired::Archive;
use crate::core::desired::Owner;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::NetworkRequest;
use crate::core::model::InstanceId;
use crate::core::model::Revision;
use crate::core::model::Secret;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::observed::State;
use crate::core::plan::Action;
use crate::core::plan::Call;
use crate::core::plan::Gate;
use crate::core::plan::Node;
use crate::core::plan::Object;
use crate::core::plan::Plan;
use crate::core::plan::Want;
use crate::core::run::StepChange;
use crate::core::run::StepState;
use crate::core::run::StepState::Failed;
use crate::core::run::StepState::Skipped;
use crate::core::run::StepState::Succeeded;
use crate::ports::Engine as _;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;
use crate::ports::Journal;
use crate::ports::Publish;
use crate::sim::Behaviour;
use crate::sim::Fault;
use crate::sim::SimEngine;

/// Keeps each step's state, and refuses what cannot follow.
#[derive(Default)]
pub(super) struct Steps(Mutex<BTreeMap<usize, StepState>>);

impl Journal for Steps {
    fn step(&self, node: &Node, change: StepChange, message: &str) {
        let mut steps = self.0.lock().expect("no panic");
        let next = StepState::after(steps.get(&node.id).copied(), change).expect("a legal change");
        steps.insert(node.id, next);
        assert_eq!(message.is_empty(), matches!(change, StepChange::Started | StepChange::Succeeded));
    }
}

/// There are no files, or they cannot be written.
pub(super) struct Files(pub(super) Result<Vec<String>, String>);

#[async_trait]
impl Publish for Files {
    async fn publish(&self) -> Result<Vec<String>, String> {
        self.0.clone()
    }
}

/// An engine, and a plan that grows.
struct World {
    engine: SimEngine,
    nodes: Vec<Node>,
    journal: Arc<Steps>,
    files: Result<Vec<String>, String>,
    cancel: CancellationToken,
}

impl World {
    fn new() -> Self {
        let engine = SimEngine::new(7, Timestamp::UNIX_EPOCH);
        for tag in ["well", "ill", "slow"] {
            engine.add_image(&format!("app:{tag}"), tag);
        }
        engine.set_behaviour("app:ill", Behaviour::never_healthy());
        engine.set_behaviour("app:slow", Behaviour::healthy_after(Duration::from_secs(100)));
        let files = Ok(Vec::new());
        Self { engine, nodes: Vec::new(), journal: Arc::default(), files, cancel: CancellationToken::new() }
    }

    fn then(&mut self, after: &[usize], action: Action) -> usize {
        let id = self.nodes.len() + 1;
        let object = Object::Container(format!("object-{id}"));
        let after = after.iter().copied().collect();
        let (cause, after_any, optional) = (String::new(), BTreeSet::new(), false);
        self.nodes.push(Node { id, action, object, cause, after, after_any, optional });
        id
    }

    fn call(&mut self, after: &[usize], call: Call) -> usize {
        self.then(after, Action::Call(call))
    }

    fn create(&mut self, after: &[usize], name: &str, tag: &str) -> usize {
        let request = Box::new(request(tag));
        self.call(after, Call::CreateContainer { name: name.into(), platform: None, request })
    }

    fn start(&mut self, after: &[usize], name: &str) -> usize {
        self.call(after, Call::StartContainer { container: name.into() })
    }

    fn rename(&mut self, after: &[usize], from: &str, to: &str) -> usize {
        self.call(after, Call::RenameContainer { container: from.into(), name: to.into() })
    }

    fn gate(&mut self, after: &[usize], name: &str) -> usize {
        let (min_healthy_time, deadline) = (Duration::from_secs(2), Duration::from_secs(200));
        let gate = Gate { container: name.into(), want: Want::Stable, min_healthy_time, deadline };
        self.then(after, Action::Wait(gate))
    }

    fn network(&mut self, after: &[usize], name: &str) -> usize {
        self.call(after, Call::CreateNetwork(NetworkRequest { name: name.into(), ..Default::default() }))
    }

    /// Adds the swap of a container `old` by `new`, with a file to copy in.
    fn swap(&mut self) -> usize {
        let created = self.create(&[], "new", "slow");
        let stop = Call::StopContainer { container: "old".into(), grace: Duration::from_secs(10) };
        let stopped = self.call(&[created], stop);
        let file = Archive { path: "/run/x".into(), content: Secret::new("x"), uid: 0, gid: 0, mode: 0o400 };
        let copied = self.call(&[stopped], Call::CopyFile { container: "new".into(), file });
        let started = self.start(&[stopped, copied], "new");
        self.engine.outside().create("old", &request("well")).expect("created");
        self.engine.outside().start("old").expect("started");
        self.gate(&[started], "new")
    }

    fn refuse_network(&self, name: &'static str) {
        let error = EngineError::new(EngineErrorKind::Invalid, "the engine says no");
        let matches = move |call: &Call| matches!(call, Call::CreateNetwork(request) if request.name == name);
        self.engine.fail_next(matches, Fault::ErrorBefore(error));
    }

    async fn walk(&self, on_failure: OnFailure) -> Outcome {
        let plan = Plan {
            owner: Owner {
                instance: InstanceId::new("x").expect("a name"),
                source: SourceName::new("x").expect("a name"),
                stack: StackName::new("x").expect("a name"),
            },
            revision: Revision::folder(),
            changes: Vec::new(),
            nodes: self.nodes.clone(),
            unresolved: BTreeSet::new(),
            refusals: Vec::new(),
            notes: Vec::new(),
        };
        let hands = Hands {
            engine: Arc::new(self.engine.clone()),
            journal: Arc::<Steps>::clone(&self.journal),
            publish: Arc::new(Files(self.files.clone())),
        };
        let outcome = walk(&plan, &hands, on_failure, &self.cancel).await;
        let states = self.states();
        assert!(!states.contains(&StepState::Running), "each step has an end: {states:?}");
        assert_eq!(states.len(), self.nodes.len(), "each step is written down");
        outcome
    }

    /// Walks, and is told to stop after a while.
    async fn walk_until(&self, milliseconds: u64) -> Outcome {
        let (outcome, ()) = tokio::join!(self.walk(OnFailure::Halt), async {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            self.cancel.cancel();
        });
        assert!(outcome.cancelled && outcome.failures.is_empty(), "{outcome:?}");
        outcome
    }

    fn states(&self) -> Vec<StepState> {
        self.journal.0.lock().expect("no panic").values().copied().collect()
    }

    fn calls(&self) -> Vec<&'static str> {
        self.engine.mutating_calls().iter().map(Call::name).collect()
    }

    async fn state_of(&self, name: &str) -> State {
        self.engine.inspect(name).await.expect("reachable").expect("there").state
    }
}

fn request(tag: &str) -> ContainerRequest {
    ContainerRequest { image: format!("app:{tag}"), ..ContainerRequest::default() }
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_before_all_that_it_waits_for() {
    let mut world = World::new();
    world.engine.set_latency(Duration::from_secs(1));
    let network = world.network(&[], "net");
    let (one, two) = (world.create(&[network], "one", "well"), world.create(&[network], "two", "well"));
    let files = world.then(&[], Action::PublishFiles);
    let last = world.start(&[one, two, files], "one");
    world.gate(&[last], "one");
    let begun = Instant::now();
    let outcome = world.walk(OnFailure::Halt).await;
    assert!(outcome.is_complete() && outcome.proven, "{outcome:?}");
    assert_eq!(outcome.calls, 4);
    assert_eq!(world.calls(), ["CreateNetwork", "CreateContainer", "CreateContainer", "StartContainer"]);
    // The two creates take one second together; the gate takes its two.
    assert!((5.0..5.5).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn eight_steps_go_on_at_a_time_and_waits_take_no_place() {
    let mut world = World::new();
    world.engine.set_latency(Duration::from_secs(1));
    let (one, two) = (world.create(&[], "a1", "slow"), world.create(&[], "a2", "slow"));
    let (one, two) = (world.start(&[one], "a1"), world.start(&[two], "a2"));
    world.gate(&[one], "a1");
    world.gate(&[two], "a2");
    for n in 0..16 {
        world.network(&[one, two], &format!("net{n}"));
    }
    let made = async {
        tokio::time::sleep(Duration::from_millis(3_500)).await;
        world.calls().iter().filter(|name| **name == "CreateNetwork").count()
    };
    let (outcome, made) = tokio::join!(world.walk(OnFailure::Halt), made);
    assert!(outcome.is_complete(), "{outcome:?}");
    // Two seconds for the containers; then eight were answered, and eight more are under way.
    assert_eq!(made, 16);
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_waits_at_once_and_nothing_new_begins() {
    let mut world = World::new();
    let (slow, ill) = (world.create(&[], "slow", "slow"), world.create(&[], "ill", "ill"));
    let (slow, ill) = (world.start(&[slow], "slow"), world.start(&[ill], "ill"));
    let waits = world.gate(&[slow], "slow");
    world.gate(&[ill], "ill");
    world.network(&[waits], "after");
    let begun = Instant::now();
    let outcome = world.walk(OnFailure::Halt).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!((outcome.failures.len(), outcome.cancelled, outcome.proven), (1, false, false));
    let ill = world.engine.inspect("ill").await.expect("reachable").expect("there").id;
    assert_eq!(outcome.failures[0].container, Some(ill));
    assert_eq!(world.states(), [Succeeded, Succeeded, Succeeded, Succeeded, Failed, Failed, Skipped]);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_taken_back_independent_branches_finish() {
    let mut world = World::new();
    let (ill, well) = (world.create(&[], "ill", "ill"), world.create(&[], "well", "well"));
    let (ill, well) = (world.start(&[ill], "ill"), world.start(&[well], "well"));
    let (ill, well) = (world.gate(&[ill], "ill"), world.gate(&[well], "well"));
    world.network(&[ill], "never");
    world.network(&[well], "made");
    let outcome = world.walk(OnFailure::Continue).await;
    assert_eq!(outcome.failures.len(), 1);
    let states = [Succeeded, Succeeded, Succeeded, Succeeded, Failed, Succeeded, Skipped, Succeeded];
    assert_eq!(world.states(), states);
}

#[tokio::test(start_paused = true)]
async fn a_soft_dependency_is_waited_for_but_need_not_succeed() {
    let mut world = World::new();
    let refused = world.network(&[], "refused");
    let never = world.network(&[refused], "never");
    let made = world.network(&[], "made");
    world.nodes[made - 1].after_any = BTreeSet::from([refused, never]);
    world.refuse_network("refused");
    assert_eq!(world.walk(OnFailure::Continue).await.failures.len(), 1);
    assert_eq!(world.states(), [Failed, Skipped, Succeeded]);
}

#[tokio::test(start_paused = true)]
async fn an_optional_failure_is_a_note() {
    let mut world = World::new();
    let one = world.network(&[], "one");
    world.network(&[], "two");
    world.nodes[one - 1].optional = true;
    world.refuse_network("one");
    let outcome = world.walk(OnFailure::Halt).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(outcome.notes, ["container object-1: CreateNetwork: the engine says no"]);
    assert_eq!(world.states(), [Failed, Succeeded]);
}

#[tokio::test(start_paused = true)]
async fn files_that_cannot_be_written_are_a_failure() {
    let mut world = World::new();
    let files = world.then(&[], Action::PublishFiles);
    world.network(&[files], "after");
    world.files = Err("no space".into());
    let outcome = world.walk(OnFailure::Halt).await;
    assert_eq!(outcome.failures[0].to_string(), "container object-1: no space");
    assert_eq!(world.states(), [Failed, Skipped]);
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_starts_what_it_stopped_and_waits_no_longer() {
    let mut world = World::new();
    let gated = world.swap();
    world.network(&[gated], "after");
    world.engine.set_latency(Duration::from_secs(1));
    world.walk_until(1_500).await;
    assert_eq!(world.state_of("new").await, State::Running);
    assert_eq!(world.states(), [Succeeded, Succeeded, Succeeded, Succeeded, Skipped, Skipped]);
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_before_anything_was_stopped_it_leaves_the_old_one_alone() {
    let mut world = World::new();
    world.swap();
    world.engine.set_latency(Duration::from_secs(1));
    world.walk_until(500).await;
    assert_eq!(world.calls(), ["CreateContainer"]);
    assert_eq!(world.state_of("old").await, State::Running);
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_ends_a_pull_at_once() {
    let mut world = World::new();
    world.engine.publish("app:big", "big");
    world.engine.set_pull_time(Duration::from_mins(10));
    let timeout = Duration::from_mins(15);
    world.call(&[], Call::PullImage { image: "app:big".into(), platform: None, timeout });
    let begun = Instant::now();
    world.walk_until(2_000).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(world.states(), [Failed]);
}

#[tokio::test(start_paused = true)]
async fn a_container_made_here_is_meant_by_its_id_after_its_name_was_given_away() {
    let mut world = World::new();
    let created = world.create(&[], "web--next", "well");
    let started = world.start(&[created], "web--next");
    let renamed = world.rename(&[started], "web--next", "web");
    // Somebody takes the name that is free now; who was told it still means the first.
    let taken = world.rename(&[renamed], "other", "web--next");
    world.gate(&[taken], "web--next");
    world.rename(&[taken], "web--next", "web-1");
    world.engine.outside().create("other", &request("well")).expect("created");
    assert!(world.walk(OnFailure::Halt).await.is_complete());
    assert_eq!(world.state_of("web-1").await, State::Running);
    assert_eq!(world.state_of("web--next").await, State::Created);
}

#[tokio::test(start_paused = true)]
async fn a_gate_outlives_an_engine_that_is_away_for_a_while() {
    let mut world = World::new();
    let created = world.create(&[], "slow", "slow");
    let started = world.start(&[created], "slow");
    world.gate(&[started], "slow");
    let away = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.engine.outside().set_reachable(false);
        tokio::time::sleep(Duration::from_secs(20)).await;
        world.engine.outside().set_reachable(true);
    };
    let (outcome, ()) = tokio::join!(world.walk(OnFailure::Halt), away);
    assert!(outcome.is_complete(), "{outcome:?}");
}
