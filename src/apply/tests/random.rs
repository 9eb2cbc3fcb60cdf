//! Random worlds: whatever stands on the engine when a pass begins, plan and walk bring it to what it should be within
//! three passes, in the order of dependencies, and then find nothing to do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::walking::Files;
use super::walking::Steps;
use crate::apply::Hands;
use crate::apply::OnFailure;
use crate::apply::walk;
use crate::core::compose;
use crate::core::desired;
use crate::core::desired::Condition;
use crate::core::desired::Desired;
use crate::core::desired::DesiredService;
use crate::core::desired::Owner;
use crate::core::desired::Settings;
use crate::core::model::InstanceId;
use crate::core::model::MemoryTree;
use crate::core::model::Revision;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::observed::Container;
use crate::core::observed::EngineInfo;
use crate::core::observed::Health;
use crate::core::observed::Observed;
use crate::core::observed::State;
use crate::core::plan;
use crate::core::plan::Call;
use crate::ports::CallOutcome;
use crate::ports::Engine;
use crate::ports::EngineError;
use crate::ports::EngineEvent;
use crate::sim::Behaviour;
use crate::sim::SimEngine;

/// So many passes may be needed.
const PASSES: usize = 3;

/// A service of a world: what should be, and what stands.
#[derive(Debug, Clone)]
struct Service {
    /// It does its work and ends.
    is_job: bool,
    version: u8,
    policy: usize,
    has_port: bool,
    /// For each service before it: how it waits for it, if it does.
    waits: Vec<u8>,
    /// What stands as live, next and predecessor: a version and how far it is.
    stands: [Option<(u8, u8)>; 3],
    /// It is no longer in the file.
    left: bool,
    /// What it shares with a service before it, and which.
    shares: Option<(u8, usize)>,
}

fn service() -> impl Strategy<Value = Service> {
    let found = || proptest::option::weighted(0.45, (1..=3_u8, 0..=2_u8));
    (
        proptest::bool::weighted(0.25),
        1..=3_u8,
        0..2_usize,
        any::<bool>(),
        prop::collection::vec(0..=4_u8, 4),
        [found(), found(), found()],
        proptest::bool::weighted(0.12),
        proptest::option::weighted(0.3, (0..=3_u8, 0..4_usize)),
    )
        .prop_map(|(is_job, version, policy, has_port, waits, stands, left, shares)| Service {
            is_job,
            version,
            policy,
            has_port,
            waits,
            stands,
            left,
            shares,
        })
}

fn image(service: &Service, version: u8) -> String {
    format!("{}:{version}", if service.is_job { "job" } else { "app" })
}

/// Returns what a service shares with which one before it. A job has nothing to share once it has ended.
fn shared_with(services: &[Service], at: usize) -> Option<(&'static str, usize)> {
    let (what, with) = services[at].shares?;
    let with = with.checked_rem(at)?;
    let field = ["network_mode", "ipc", "pid", "volumes_from"][usize::from(what)];
    (!services[with].is_job).then_some((field, with))
}

/// Writes the compose file of a world in which each service has the version that is asked for.
fn compose_file(services: &[Service], version_of: impl Fn(usize) -> Option<u8>) -> String {
    let mut text = String::from("services:\n");
    for (at, service) in services.iter().enumerate() {
        let Some(version) = version_of(at) else { continue };
        let policies = if service.is_job { ["\"no\"", "on-failure"] } else { ["always", "unless-stopped"] };
        let _ = writeln!(text, "  s{at}:\n    image: {}", image(service, version));
        let _ = writeln!(text, "    restart: {}", policies[service.policy]);
        let shares = shared_with(services, at).filter(|(_, with)| version_of(*with).is_some());
        match shares {
            Some(("volumes_from", with)) => {
                let _ = writeln!(text, "    volumes_from: [s{with}]");
            }
            Some((field, with)) => {
                let _ = writeln!(text, "    {field}: service:s{with}");
            }
            None => {}
        }
        if service.has_port && !matches!(shares, Some(("network_mode", _))) {
            let _ = writeln!(text, "    ports: [\"{}:80\"]", 8000 + at);
        }
        let mut waits = String::new();
        for (before, other) in
            services[..at].iter().enumerate().filter(|(before, _)| version_of(*before).is_some())
        {
            let condition = match (service.waits.get(before), other.is_job) {
                (Some(1), _) => "service_started",
                (Some(2 | 3), true) => "service_completed_successfully",
                (Some(2 | 3), false) => "service_healthy",
                _ => continue,
            };
            let _ = writeln!(waits, "      s{before}: {{condition: {condition}}}");
        }
        if !waits.is_empty() {
            let _ = write!(text, "    depends_on:\n{waits}");
        }
    }
    if text.ends_with("services:\n") { "services: {}\n".into() } else { text }
}

fn render(compose_file: &str) -> Desired {
    let tree = MemoryTree::new([("/r/compose.yaml", compose_file)]);
    let options =
        compose::Options { working_dir: "/r".into(), name: Some("home".into()), ..Default::default() };
    let loaded = compose::load(&tree, &options).expect("a sound file");
    let context = desired::Context {
        owner: Owner {
            instance: InstanceId::new("evenkeel").expect("a name"),
            source: SourceName::new("lab").expect("a name"),
            stack: StackName::new("home").expect("a name"),
        },
        revision: Revision::folder(),
        publish_root: None,
        settings: Settings {
            min_healthy_time: Duration::from_secs(1),
            healthy_deadline: Duration::from_secs(30),
            ..Settings::default()
        },
        compose_version: desired::COMPOSE_VERSION.into(),
        flavor: compose::HashFlavor::V2,
        api: (1, 51),
    };
    desired::render(&loaded.project, &tree, &context, &desired::Builds::default()).expect("a sound project")
}

/// An engine that checks at each start that all it should wait for is so.
struct Ordered {
    engine: SimEngine,
    desired: Desired,
    violations: Mutex<Vec<String>>,
}

impl Ordered {
    async fn check(&self, call: &Call) {
        let Call::StartContainer { container } = call else { return };
        let observed = self.engine.observe(&[]).await.expect("reachable");
        let found =
            observed.containers.iter().find(|found| found.id == *container || found.name == *container);
        let Some(name) = found.and_then(|found| Some(found.compose.as_ref()?.service.clone())) else {
            return;
        };
        let Some(service) = self.desired.services.get(&name) else { return };
        for dependency in &service.depends_on {
            let wanted = &self.desired.services[&dependency.service];
            let reached = observed.containers.iter().any(|found| {
                let is_it = found
                    .compose
                    .as_ref()
                    .is_some_and(|c| c.service == wanted.name && c.config_hash == hash_of(wanted, found));
                is_it && has_reached(found, dependency.condition)
            });
            if !reached {
                let mut violations = self.violations.lock().expect("no panic");
                violations.push(format!("`{name}` is started before `{}` is ready", dependency.service));
            }
        }
    }
}

/// The hash that the container has if it was made from the service's definition.
fn hash_of(service: &DesiredService, found: &Container) -> String {
    match (&service.shared, &found.request) {
        (Some(shared), Some(request)) => shared.hash_with_ids_of(&request.host_config),
        _ => service.config_hash.clone(),
    }
}

fn has_reached(found: &Container, condition: Condition) -> bool {
    match condition {
        Condition::ServiceStarted => found.started_at.is_some(),
        Condition::ServiceHealthy => found.state == State::Running && found.health == Some(Health::Healthy),
        Condition::ServiceCompletedSuccessfully => found.state == State::Exited && found.exit_code == 0,
    }
}

#[async_trait]
impl Engine for Ordered {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.engine.info().await
    }

    async fn observe(&self, projects: &[String]) -> Result<Observed, EngineError> {
        self.engine.observe(projects).await
    }

    async fn inspect(&self, container: &str) -> Result<Option<Container>, EngineError> {
        self.engine.inspect(container).await
    }

    async fn call(&self, call: &Call) -> Result<CallOutcome, EngineError> {
        self.check(call).await;
        self.engine.call(call).await
    }

    async fn logs(&self, container: &str, lines: usize) -> Result<Vec<String>, EngineError> {
        self.engine.logs(container, lines).await
    }

    async fn events(&self) -> Result<BoxStream<'static, EngineEvent>, EngineError> {
        self.engine.events().await
    }
}

/// Puts on the engine what stands in the world.
async fn set_up(engine: &SimEngine, services: &[Service]) {
    for version in 1..=3 {
        engine.add_image(&format!("app:{version}"), &format!("app {version}"));
        engine.set_behaviour(&format!("app:{version}"), Behaviour::healthy_after(Duration::from_millis(300)));
        engine.add_image(&format!("job:{version}"), &format!("job {version}"));
        engine.set_behaviour(&format!("job:{version}"), Behaviour::exiting(Duration::from_millis(100), 0));
    }
    for version in 1..=3_u8 {
        let then = render(&compose_file(services, |_| Some(version)));
        for network in then.networks.values().filter_map(|network| network.create.clone()) {
            // All versions have the same network.
            engine.call(&Call::CreateNetwork(network)).await.ok();
        }
        for (at, service) in services.iter().enumerate() {
            for (slot, found) in service.stands.iter().enumerate() {
                let Some((_, progress)) = found.filter(|(found, _)| *found == version) else { continue };
                let wanted = &then.services.values().find(|s| s.name.as_str() == format!("s{at}"));
                let Some(wanted) = filled_in(engine, wanted.expect("a service")).await else { continue };
                let wanted = &wanted.containers[0];
                let name = format!("{}{}", wanted.name, ["", plan::NEXT, plan::PREV][slot]);
                engine.outside().create(&name, &wanted.request).expect("created");
                if progress > 0 {
                    // Two that hold the same port cannot both run.
                    engine.outside().start(&name).ok();
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                if progress > 1 && !service.is_job {
                    engine.outside().stop(&name).expect("stopped");
                }
            }
        }
    }
    engine.forget_calls();
}

/// Returns the service with the id of some container of each that it shares with; `None` if none stands.
async fn filled_in(engine: &SimEngine, service: &DesiredService) -> Option<DesiredService> {
    let observed = engine.observe(&["home".into()]).await.expect("reachable");
    let with = service.shared.iter().flat_map(desired::Shared::with);
    let ids = with.filter_map(|other| {
        let found =
            observed.containers.iter().find(|c| c.compose.as_ref().is_some_and(|c| c.service == other))?;
        Some((other, found.id.clone()))
    });
    service.with_ids(&ids.collect())
}

fn plan_now(desired: &Desired, observed: &Observed) -> plan::Plan {
    let (memory, none) = (plan::Memory::default(), BTreeMap::new());
    let inputs =
        plan::Inputs { desired, observed, memory: &memory, stale_files: &[], pulled: &none, undo: false };
    plan::plan(inputs)
}

/// Stops or starts something, or changes how it is named.
fn disturbs(action: &plan::Action) -> bool {
    let plan::Action::Call(call) = action else { return matches!(action, plan::Action::Wait(_)) };
    match call {
        // What an unfinished deploy left goes: its name is needed.
        Call::RemoveContainer { force, .. } => !force,
        Call::CreateNetwork(_)
        | Call::CreateVolume(_)
        | Call::CreateContainer { .. }
        | Call::ConnectNetwork { .. }
        | Call::DisconnectNetwork { .. } => false,
        _ => true,
    }
}

async fn converges(services: &[Service]) -> Result<(), TestCaseError> {
    let engine = SimEngine::new(7, Timestamp::UNIX_EPOCH);
    set_up(&engine, services).await;
    engine.set_latency(Duration::from_millis(10));
    let text = compose_file(services, |at| (!services[at].left).then_some(services[at].version));
    let desired = render(&text);
    let ordered =
        Arc::new(Ordered { engine: engine.clone(), desired: desired.clone(), violations: Mutex::default() });
    let mut last = String::new();
    for _ in 0..PASSES {
        let observed = engine.observe(&["home".into()]).await.expect("reachable");
        let mut plan = plan_now(&desired, &observed);
        prop_assert_eq!(&plan, &plan_now(&desired, &observed), "the same inputs give the same plan");
        prop_assert_eq!(&plan.refusals, &[]);
        let hands = || Hands {
            engine: Arc::<Ordered>::clone(&ordered),
            journal: Arc::new(Steps::default()),
            publish: Arc::new(Files(Ok(Vec::new()))),
        };
        for _ in 0..services.len() {
            if !plan.is_partial() {
                break;
            }
            prop_assert!(plan.nodes.iter().all(|node| !disturbs(&node.action)), "{}", plan.steps_text());
            let outcome = walk(&plan, &hands(), OnFailure::Continue, &CancellationToken::new()).await;
            prop_assert!(outcome.failures.is_empty(), "{text}\n{:?}", outcome.failures);
            plan = plan_now(&desired, &engine.observe(&["home".into()]).await.expect("reachable"));
        }
        prop_assert!(!plan.is_partial(), "{text}\n{}", plan.steps_text());
        let outcome = walk(&plan, &hands(), OnFailure::Continue, &CancellationToken::new()).await;
        last = format!("{}{:?}", plan.steps_text(), outcome.failures);
        prop_assert_eq!(
            &*ordered.violations.lock().expect("no panic"),
            &Vec::<String>::new(),
            "{}\n{}",
            text,
            last
        );
    }
    // What was well from the begin on and needed nothing may not have had its first check.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let observed = engine.observe(&["home".into()]).await.expect("reachable");
    let plan = plan_now(&desired, &observed);
    prop_assert!(plan.is_empty(), "{text}\nlast:\n{last}\nstill:\n{}", plan.steps_text());
    let names: BTreeMap<&str, &Container> =
        observed.containers.iter().map(|c| (c.name.as_str(), c)).collect();
    prop_assert_eq!(names.len(), desired.services.len(), "{}\n{:?}", text, names.keys());
    for wanted in desired.services.values() {
        let found = names.get(wanted.containers[0].name.as_str());
        let is_job = wanted.image.starts_with("job");
        let condition =
            if is_job { Condition::ServiceCompletedSuccessfully } else { Condition::ServiceHealthy };
        prop_assert!(
            found.is_some_and(|found| has_reached(found, condition)),
            "{text}\n{}: {found:?}",
            wanted.name
        );
        if let (Some(shared), Some(found)) = (&wanted.shared, found) {
            let ids = shared.with().into_iter().map(|with| {
                let live = names[desired.services[&with].containers[0].name.as_str()];
                (with, live.id.clone())
            });
            let filled = wanted.with_ids(&ids.collect()).expect("all ids");
            let hash = found.compose.as_ref().map(|compose| compose.config_hash.clone());
            prop_assert_eq!(hash, Some(filled.config_hash), "{}", text);
        }
        let runs = found.map(|found| found.image_id.as_str());
        prop_assert_eq!(runs, observed.image_id(&wanted.image), "{}", text);
    }
    Ok(())
}

/// Returns how many worlds to try.
fn cases() -> u32 {
    std::env::var("EVENKEEL_WORLDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_comes_to_what_should_be(services in prop::collection::vec(service(), 1..=5)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(converges(&services))?;
    }
}
