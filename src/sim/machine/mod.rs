//! The engine's state and its transitions, without clock, locks or waiting: the time is told, and everything that was
//! due until then happens in order.

mod containers;
mod hooks;
mod images;
mod networks;
mod ports;
mod process;
mod shared;
mod view;
mod volumes;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use sha2::Digest;
use sha2::Sha256;

use super::behaviour::Behaviour;
use crate::core::desired::Archive;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::Endpoint;
use crate::core::desired::request::RestartPolicy;
use crate::core::observed::EngineInfo;
use crate::core::observed::Health;
use crate::core::observed::Image;
use crate::core::observed::MountPoint;
use crate::core::observed::Network;
use crate::core::observed::PublishedPort;
use crate::core::observed::Volume;
use crate::core::plan::Call;
use crate::ports::CallOutcome;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;
use crate::ports::EngineEvent;

/// Events that are kept for those who follow late, as the real engine keeps them.
const KEPT_EVENTS: usize = 256;

/// An engine, from the inside.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) info: EngineInfo,
    seed: u64,
    made: u64,
    started: Timestamp,
    now: Duration,
    containers: BTreeMap<String, SimContainer>,
    networks: BTreeMap<String, Network>,
    volumes: BTreeMap<String, Volume>,
    images: BTreeMap<String, Image>,
    registry: images::Registry,
    behaviours: BTreeMap<String, Behaviour>,
    foreign_ports: BTreeSet<PublishedPort>,
    missing_paths: BTreeSet<String>,
    events: VecDeque<EngineEvent>,
    events_seen: u64,
}

/// A container, from the inside.
#[derive(Debug, Clone)]
struct SimContainer {
    id: String,
    name: String,
    request: ContainerRequest,
    image_id: String,
    policy: RestartPolicy,
    phase: Phase,
    exit_code: i64,
    error: String,
    created_at: Duration,
    started_at: Option<Duration>,
    finished_at: Option<Duration>,
    restart_count: u64,
    backoff: Duration,
    stopped_by_hand: bool,
    health: Option<Health>,
    /// From the start of this run.
    health_since: Duration,
    behaviour: Behaviour,
    networks: BTreeMap<String, SimEndpoint>,
    mounts: Vec<MountPoint>,
    ports: Vec<PublishedPort>,
    files: BTreeMap<String, Archive>,
    output: Vec<String>,
}

/// A container's end of a network.
#[derive(Debug, Clone, Default)]
struct SimEndpoint {
    /// Known from the first start on, and never looked up again.
    network_id: Option<String>,
    endpoint: Endpoint,
}

/// What a container does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Created,
    Running,
    /// Waits to be run again.
    Restarting {
        until: Duration,
    },
    Paused,
    Exited,
}

impl Phase {
    /// Returns true if there is a process: it holds ports and network endpoints.
    fn has_process(&self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// Returns true if the engine says "running" of it.
    fn counts_as_running(&self) -> bool {
        self.has_process() || matches!(self, Self::Restarting { .. })
    }
}

impl Machine {
    /// Returns an engine with the networks that every engine has, and nothing else.
    pub(super) fn new(seed: u64, started: Timestamp) -> Self {
        let mut machine = Self {
            info: EngineInfo { version: "simulated".into(), api: (1, 51), is_podman: false },
            seed,
            made: 0,
            started,
            now: Duration::ZERO,
            containers: BTreeMap::new(),
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            registry: images::Registry::default(),
            behaviours: BTreeMap::new(),
            foreign_ports: BTreeSet::new(),
            missing_paths: BTreeSet::new(),
            events: VecDeque::new(),
            events_seen: 0,
        };
        machine.add_predefined_networks();
        machine
    }

    /// Makes a call, now.
    pub(super) fn apply(&mut self, call: &Call) -> Result<CallOutcome, EngineError> {
        match call {
            Call::PullImage { image, .. } => self.pull(image),
            Call::BuildImage { build, .. } => self.build(build),
            Call::TagImage { image, name } => self.tag(image, name),
            Call::CreateNetwork(request) => self.create_network(request),
            Call::RemoveNetwork { id, .. } => self.remove_network(id),
            Call::ConnectNetwork { network, container, endpoint } => {
                self.connect_network(network, container, endpoint)
            }
            Call::DisconnectNetwork { network, container } => self.disconnect_network(network, container),
            Call::CreateVolume(request) => self.create_volume(request),
            Call::CreateContainer { name, request, .. } => self.create_container(name, request),
            Call::CopyFile { container, file } => self.copy_file(container, file),
            Call::StartContainer { container } => self.start_container(container),
            Call::RunHook { container, hook, .. } => self.run_hook(container, hook),
            Call::StopContainer { container, .. } => self.stop_container(container),
            Call::RestartContainer { container, .. } => self.restart_container(container),
            Call::UnpauseContainer { container } => self.unpause_container(container),
            Call::RenameContainer { container, name } => self.rename_container(container, name),
            Call::SetRestartPolicy { container, policy } => self.set_restart_policy(container, policy),
            Call::RemoveContainer { container, force } => self.remove_container(container, *force),
        }
    }

    /// Returns how many events there have been.
    pub(super) fn events_seen(&self) -> u64 {
        self.events_seen
    }

    /// Returns the events after the first `seen`, as far as they are kept.
    pub(super) fn events_after(&self, seen: u64) -> Vec<EngineEvent> {
        let fresh = usize::try_from(self.events_seen.saturating_sub(seen)).unwrap_or(usize::MAX);
        self.events.iter().skip(self.events.len().saturating_sub(fresh)).cloned().collect()
    }

    /// Says what the containers of an image do from their next start on.
    pub(super) fn set_behaviour(&mut self, image: &str, behaviour: Behaviour) {
        self.behaviours.insert(crate::core::model::familiar(image), behaviour);
    }

    /// Lets a process outside of any container hold a port of the host, or release it.
    pub(super) fn set_foreign_port(&mut self, port: PublishedPort, held: bool) {
        if held {
            self.foreign_ports.insert(port);
        } else {
            self.foreign_ports.remove(&port);
        }
    }

    /// Says that a path is not there on the host.
    pub(super) fn set_path_missing(&mut self, path: &str) {
        self.missing_paths.insert(path.to_owned());
    }

    /// Returns a fresh id, the same in each run with the same seed.
    fn new_id(&mut self, kind: &str) -> String {
        self.made += 1;
        hex::encode(Sha256::digest(format!("{}/{kind}/{}", self.seed, self.made)))
    }

    fn tell(&mut self, kind: &str, action: &str, id: &str, attributes: BTreeMap<String, String>) {
        self.events_seen += 1;
        self.events.push_back(EngineEvent {
            kind: kind.into(),
            action: action.into(),
            id: id.into(),
            attributes,
        });
        if self.events.len() > KEPT_EVENTS {
            self.events.pop_front();
        }
    }

    fn tell_of_container(&mut self, id: &str, action: &str) {
        let Some(container) = self.containers.get(id) else { return };
        let mut attributes = container.request.labels.clone();
        attributes.insert("name".into(), container.name.clone());
        attributes.insert("image".into(), container.request.image.clone());
        if action == "die" {
            attributes.insert("exitCode".into(), container.exit_code.to_string());
        }
        self.tell("container", action, id, attributes);
    }
}

fn changed(id: impl Into<String>) -> CallOutcome {
    CallOutcome { id: id.into(), changed: true }
}

fn unchanged() -> CallOutcome {
    CallOutcome::default()
}

fn not_found(message: impl Into<String>) -> EngineError {
    EngineError::new(EngineErrorKind::NotFound, message)
}

fn conflict(message: impl Into<String>) -> EngineError {
    EngineError::new(EngineErrorKind::Conflict, message)
}

fn invalid(message: impl Into<String>) -> EngineError {
    EngineError::new(EngineErrorKind::Invalid, message)
}

/// Returns true for a name that the engine takes for containers and volumes.
fn is_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    name.len() > 1 && name.as_bytes()[0].is_ascii_alphanumeric() && name.bytes().all(inner)
}
