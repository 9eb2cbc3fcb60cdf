//! The same random calls on the real engine and on the one in memory: the same answers, and the same state after each.
//!
//! `EVENKEEL_CONFORMANCE` sets the number of sequences, `EVENKEEL_CONFORMANCE_SEED` the first seed.

use std::collections::BTreeMap;

use evenkeel::core::desired::request::ContainerRequest;
use evenkeel::core::desired::request::Endpoint;
use evenkeel::core::desired::request::PortBinding;
use evenkeel::core::desired::request::RestartPolicy;
use evenkeel::core::desired::request::VolumeRequest;
use evenkeel::core::observed::Container;
use evenkeel::core::observed::Observed;
use evenkeel::core::plan::Call;
use evenkeel::ports::EngineErrorKind;
use futures_util::StreamExt;
use futures_util::stream;

use super::objects::in_network;
use crate::support::Bench;

const STEPS: usize = 8;

/// Sequences that run at a time, each under names of its own.
const SIDE_BY_SIDE: usize = 4;

const CONTAINERS: [&str; 3] = ["a", "b", "c"];
const NETWORKS: [&str; 2] = ["n", "m"];
const POLICIES: [&str; 4] = ["no", "always", "unless-stopped", "on-failure"];

/// One call, told without the names that differ between engines.
#[derive(Debug, Clone)]
enum Step {
    Create {
        name: &'static str,
        network: Option<&'static str>,
        port: bool,
        policy: &'static str,
        image: &'static str,
    },
    Start(&'static str),
    Stop(&'static str),
    Restart(&'static str),
    Pause(&'static str),
    Unpause(&'static str),
    Remove(&'static str, bool),
    Rename(&'static str, &'static str),
    Policy(&'static str, &'static str),
    Connect(&'static str, &'static str),
    CreateNetwork(&'static str),
    RemoveNetwork(&'static str),
    CreateVolume,
}

/// What a call came to: whether anything changed, or why not.
type Outcome = Result<bool, EngineErrorKind>;

#[tokio::test]
async fn both_engines_answer_random_calls_alike() {
    let Some(docker) = Bench::docker().await else { return };
    let info = docker.engine.info().await.expect("it answered before");
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = setting("EVENKEEL_CONFORMANCE").unwrap_or(30);
    let first = setting("EVENKEEL_CONFORMANCE_SEED").unwrap_or(1);
    let differences: Vec<String> = stream::iter(first..first + count)
        .map(|seed| {
            let info = info.clone();
            async move {
                let docker = Bench::docker().await.expect("it answered before");
                difference(seed, &docker, &Bench::simulating(Some(info))).await
            }
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(differences.is_empty(), "{} of {count} differ:\n{}", differences.len(), differences.join("\n\n"));
}

/// Runs one sequence on both and returns where they part, if they do.
async fn difference(seed: u64, docker: &Bench, sim: &Bench) -> Option<String> {
    let mut random = Random(seed);
    let port = 20_000 + u16::try_from(seed % 10_000).unwrap_or_default();
    let mut done: Vec<String> = Vec::new();
    for _ in 0..STEPS {
        let step = random.step();
        let real = (make(docker, &step, port).await, state(docker).await);
        let simulated = (make(sim, &step, port).await, state(sim).await);
        done.push(format!("{step:?} -> {:?}", real.0));
        if real != simulated {
            let steps = done.join("\n  ");
            return Some(format!(
                "seed {seed}:\n  {steps}\n  docker:    {real:?}\n  simulated: {simulated:?}"
            ));
        }
    }
    None
}

async fn make(bench: &Bench, step: &Step, port: u16) -> Outcome {
    let container = |name: &str| bench.name(name);
    let outcome = match *step {
        Step::Create { name, network, port: publishes, policy, image } => {
            let mut request: ContainerRequest = match network {
                Some(network) => in_network(bench, network),
                None => bench.request("busybox:1"),
            };
            request.image = format!("evenkeel-test/{image}");
            request.host_config.restart_policy = restart_policy(policy);
            if publishes && network.is_some() {
                let binding = PortBinding { host_ip: String::new(), host_port: port.to_string() };
                request.host_config.port_bindings = [("80/tcp".to_owned(), vec![binding])].into();
            }
            return bench.create(name, request).await.map(|_| true).map_err(|error| error.kind);
        }
        Step::Start(name) => bench.start(name).await,
        Step::Stop(name) => bench.stop(name).await,
        Step::Restart(name) => {
            let grace = std::time::Duration::from_secs(10);
            bench.engine.call(&Call::RestartContainer { container: container(name), grace }).await
        }
        Step::Pause(name) => return Ok(bench.pause(name).await),
        Step::Unpause(name) => {
            bench.engine.call(&Call::UnpauseContainer { container: container(name) }).await
        }
        Step::Remove(name, force) => bench.remove(name, force).await,
        Step::Rename(from, to) => bench.rename(from, to).await,
        Step::Policy(name, policy) => {
            let policy = restart_policy(policy);
            bench.engine.call(&Call::SetRestartPolicy { container: container(name), policy }).await
        }
        Step::Connect(name, network) => {
            let endpoint = Box::new(Endpoint { aliases: vec!["x".into()], ..Endpoint::default() });
            let network = bench.name(network);
            bench.engine.call(&Call::ConnectNetwork { network, container: container(name), endpoint }).await
        }
        Step::CreateNetwork(name) => bench.create_network(name).await,
        Step::RemoveNetwork(name) => bench.remove_network(name).await,
        Step::CreateVolume => {
            bench.create_volume(VolumeRequest { name: "v".into(), ..VolumeRequest::default() }).await
        }
    };
    outcome.map(|outcome| outcome.changed).map_err(|error| error.kind)
}

/// Returns what there is, told without ids and times.
async fn state(bench: &Bench) -> BTreeMap<String, String> {
    let observed = bench.engine.observe(&[]).await.expect("a snapshot");
    let prefix = bench.name("");
    let ours = |name: &str| name.strip_prefix(&prefix).map(str::to_owned);
    let containers = observed.containers.iter().filter_map(|container| {
        Some((format!("container {}", ours(&container.name)?), told(container, &observed, &prefix)))
    });
    let networks =
        observed.networks.iter().filter_map(|n| Some((format!("network {}", ours(&n.name)?), String::new())));
    let volumes =
        observed.volumes.iter().filter_map(|v| Some((format!("volume {}", ours(&v.name)?), String::new())));
    containers.chain(networks).chain(volumes).collect()
}

fn told(container: &Container, observed: &Observed, prefix: &str) -> String {
    let networks: Vec<String> = container
        .networks
        .iter()
        .map(|(name, attachment)| {
            let known = observed.networks.iter().any(|network| network.id == attachment.network_id);
            let word = match attachment.network_id.as_str() {
                // Engines differ in how many networks a failed start looks up before it fails.
                _ if !container.error.is_empty() => "any",
                "" => "unresolved",
                _ if known => "there",
                _ => "gone",
            };
            format!("{} {word} {:?}", name.trim_start_matches(prefix), attachment.aliases)
        })
        .collect();
    format!(
        "{} exit={} failed={} policy={} restarts={} networks={networks:?}",
        container.state.word(),
        container.exit_code,
        !container.error.is_empty(),
        container.restart_policy.name,
        container.restart_count,
    )
}

fn restart_policy(name: &str) -> RestartPolicy {
    RestartPolicy { name: name.into(), maximum_retry_count: 0 }
}

/// `SplitMix64`: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let count = u64::try_from(items.len()).expect("small");
        items[usize::try_from(self.next() % count).expect("small")]
    }

    fn step(&mut self) -> Step {
        let name = self.pick(&CONTAINERS);
        let network = self.pick(&NETWORKS);
        match self.next() % 24 {
            0..=5 => Step::Create {
                name,
                network: self.chance(70).then_some(network),
                port: self.chance(40),
                policy: self.pick(&POLICIES),
                image: if self.chance(95) { "busybox:1" } else { "none:1" },
            },
            6..=9 => Step::Start(name),
            10 | 11 => Step::Stop(name),
            12 => Step::Restart(name),
            13 => [Step::Pause(name), Step::Unpause(name)][usize::from(self.chance(50))].clone(),
            14 | 15 => Step::Remove(name, self.chance(50)),
            16 | 17 => Step::Rename(name, self.pick(&CONTAINERS)),
            18 => Step::Policy(name, self.pick(&POLICIES)),
            19 | 20 => Step::Connect(name, network),
            21 => Step::CreateNetwork(network),
            22 => Step::RemoveNetwork(network),
            _ if self.chance(30) => Step::CreateVolume,
            _ => Step::CreateNetwork(network),
        }
    }
}
