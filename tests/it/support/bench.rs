//! An engine under test, with names and labels that no other test has.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel::core::desired::label;
use evenkeel::core::desired::request::ContainerRequest;
use evenkeel::core::desired::request::Endpoint;
use evenkeel::core::desired::request::Ipam;
use evenkeel::core::desired::request::IpamPool;
use evenkeel::core::desired::request::NetworkRequest;
use evenkeel::core::desired::request::VolumeRequest;
use evenkeel::core::observed::Container;
use evenkeel::core::observed::EngineInfo;
use evenkeel::core::observed::State;
use evenkeel::core::plan::Call;
use evenkeel::ports::CallOutcome;
use evenkeel::ports::Engine;
use evenkeel::ports::EngineError;
use evenkeel::ports::EngineErrorKind;
use evenkeel::sim::Behaviour;
use evenkeel::sim::SimEngine;
use jiff::Timestamp;

use super::docker;
use super::eventually;

/// A host path that is on no machine.
pub(crate) const NO_PATH: &str = "/nonesuch/evenkeel";

/// An engine and a name space on it. What is made under its labels is removed when it is dropped.
pub(crate) struct Bench {
    pub(crate) engine: Box<dyn Engine>,
    /// Begins each name.
    prefix: String,
    /// The engine again, if it is the one in memory.
    sim: Option<SimEngine>,
}

impl Bench {
    /// The engine in memory, with the images that `scripts/test-images` makes.
    pub(crate) fn simulated() -> Self {
        Self::simulating(None)
    }

    /// The engine in memory, answering with the version of another.
    pub(crate) fn simulating(info: Option<EngineInfo>) -> Self {
        let engine = SimEngine::new(1, Timestamp::UNIX_EPOCH);
        for image in ["busybox:1", "busybox:2", "busybox:3", "web:1", "web:2", "web:bad", "crash:1"] {
            let image = format!("evenkeel-test/{image}");
            engine.add_image(&image, &image);
        }
        for version in ["1", "2"] {
            let web = Behaviour::healthy_after(Duration::from_secs(1));
            engine.set_behaviour(&format!("evenkeel-test/web:{version}"), web);
        }
        let crash = Behaviour { output: vec!["giving up".into()], ..Behaviour::exiting(Duration::ZERO, 1) };
        engine.set_behaviour("evenkeel-test/crash:1", crash);
        engine.outside().remove_path(NO_PATH);
        if let Some(info) = info {
            engine.set_info(info);
        }
        Self { engine: Box::new(engine.clone()), prefix: random_prefix(), sim: Some(engine) }
    }

    /// The real engine, if one answers.
    pub(crate) async fn docker() -> Option<Self> {
        let engine = docker::docker_engine().await?;
        Some(Self { engine: Box::new(engine), prefix: random_prefix(), sim: None })
    }

    /// Returns a name that only this test uses.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Returns this test's labels.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        [(label::INSTANCE, self.prefix.as_str()), (label::SOURCE, "test"), (label::STACK, "test")]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// Returns a request for a container of an image, with this test's labels and no network.
    pub(crate) fn request(&self, image: &str) -> ContainerRequest {
        let mut request = ContainerRequest {
            image: format!("evenkeel-test/{image}"),
            labels: self.labels(),
            // A shell that is stopped before it has set its handler would take its whole grace.
            stop_signal: "SIGKILL".into(),
            ..ContainerRequest::default()
        };
        request.host_config.network_mode = "none".into();
        request
    }

    /// Returns a request for a container that runs a command.
    pub(crate) fn running(&self, command: &[&str]) -> ContainerRequest {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        ContainerRequest { cmd: Some(command), ..self.request("busybox:1") }
    }

    /// Creates a container and returns its id.
    pub(crate) async fn create(&self, name: &str, request: ContainerRequest) -> Result<String, EngineError> {
        let call =
            Call::CreateContainer { name: self.name(name), platform: None, request: Box::new(request) };
        self.engine.call(&call).await.map(|made| made.id)
    }

    /// Creates a container and starts it.
    pub(crate) async fn run(&self, name: &str, request: ContainerRequest) {
        self.create(name, request).await.expect("created");
        self.start(name).await.expect("started");
    }

    pub(crate) async fn start(&self, name: &str) -> Result<CallOutcome, EngineError> {
        self.engine.call(&Call::StartContainer { container: self.name(name) }).await
    }

    pub(crate) async fn stop(&self, name: &str) -> Result<CallOutcome, EngineError> {
        let grace = Duration::from_secs(10);
        self.engine.call(&Call::StopContainer { container: self.name(name), grace }).await
    }

    pub(crate) async fn remove(&self, name: &str, force: bool) -> Result<CallOutcome, EngineError> {
        self.engine.call(&Call::RemoveContainer { container: self.name(name), force }).await
    }

    pub(crate) async fn rename(&self, from: &str, to: &str) -> Result<CallOutcome, EngineError> {
        let call = Call::RenameContainer { container: self.name(from), name: self.name(to) };
        self.engine.call(&call).await
    }

    pub(crate) async fn create_network(&self, name: &str) -> Result<CallOutcome, EngineError> {
        self.create_subnet(name, None).await
    }

    pub(crate) async fn create_subnet(
        &self,
        name: &str,
        subnet: Option<&str>,
    ) -> Result<CallOutcome, EngineError> {
        let pool = |subnet: &str| IpamPool { subnet: subnet.into(), ..IpamPool::default() };
        let request = NetworkRequest {
            name: self.name(name),
            labels: self.labels(),
            ipam: subnet.map(|subnet| Ipam { config: vec![pool(subnet)], ..Ipam::default() }),
            ..NetworkRequest::default()
        };
        self.engine.call(&Call::CreateNetwork(request)).await
    }

    pub(crate) async fn connect(
        &self,
        network: &str,
        container: &str,
        endpoint: Endpoint,
    ) -> Result<CallOutcome, EngineError> {
        let call = Call::ConnectNetwork {
            network: self.name(network),
            container: self.name(container),
            endpoint: Box::new(endpoint),
        };
        self.engine.call(&call).await
    }

    pub(crate) async fn disconnect(
        &self,
        network: &str,
        container: &str,
    ) -> Result<CallOutcome, EngineError> {
        let call = Call::DisconnectNetwork { network: self.name(network), container: self.name(container) };
        self.engine.call(&call).await
    }

    pub(crate) async fn remove_network(&self, name: &str) -> Result<CallOutcome, EngineError> {
        let name = self.name(name);
        self.engine.call(&Call::RemoveNetwork { id: name.clone(), name }).await
    }

    pub(crate) async fn create_volume(&self, request: VolumeRequest) -> Result<CallOutcome, EngineError> {
        let mut request = VolumeRequest { name: self.name(&request.name), ..request };
        request.labels.extend(self.labels());
        self.engine.call(&Call::CreateVolume(request)).await
    }

    /// Freezes a container, which no call of ours does. Returns true if it could be frozen.
    pub(crate) async fn pause(&self, name: &str) -> bool {
        match &self.sim {
            Some(engine) => engine.outside().pause(&self.name(name)).is_ok(),
            None => docker::pause(&self.name(name)).await,
        }
    }

    /// Looks at a container that must be there.
    pub(crate) async fn inspect(&self, name: &str) -> Container {
        self.engine.inspect(&self.name(name)).await.expect("an answer").expect("it is there")
    }

    /// Looks at a container until it satisfies the condition.
    pub(crate) async fn until(&self, name: &str, condition: impl Fn(&Container) -> bool) -> Container {
        eventually(name, || self.inspect(name), condition).await
    }

    /// Looks at a container until it is in a state.
    pub(crate) async fn until_state(&self, name: &str, state: State) -> Container {
        self.until(name, |container| container.state == state).await
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.sim.is_none() {
            docker::remove_labelled(&format!("{}={}", label::INSTANCE, self.prefix));
        }
    }
}

/// Returns the kind of a call's failure; `None` if it went well.
pub(crate) fn call_error<T>(result: &Result<T, EngineError>) -> Option<EngineErrorKind> {
    result.as_ref().err().map(|error| error.kind)
}

fn random_prefix() -> String {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    format!("ek-{}", hex::encode(bytes))
}
