//! The real Docker Engine behind [`crate::ports::Engine`]. The only place that knows bollard.
//!
//! It translates and decides nothing: which call to make, and what a failure means for a plan, is said elsewhere.
//! bollard writes request and response bodies to the `bollard` log targets at DEBUG and TRACE, environments with
//! secrets among them: whoever sets up logging must keep those targets at INFO or quieter.

mod archive;
mod build;
mod call;
mod credentials;
mod erase;
mod error;
mod events;
mod exec;
mod host_ports;
mod inspect;
mod listing;
mod logs;
mod observe;
mod pull;
mod read;
mod transport;
mod volumes;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::errors::Error;
use futures_util::stream::BoxStream;
use serde::Serialize;

use crate::core::observed::Container;
use crate::core::observed::EngineInfo;
use crate::core::observed::Focus;
use crate::core::observed::Image;
use crate::core::observed::Observed;
use crate::core::observed::PublishedPort;
use crate::core::plan::Call;
use crate::ports::CallOutcome;
use crate::ports::Engine;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;
use crate::ports::EngineEvent;

pub use erase::Erased;
pub use erase::ThrowawayInstance;

use credentials::Credentials;
use transport::LastInfo;
use volumes::KnownVolumes;

/// Where Docker's own tools look if nothing else is said.
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// How the address of an engine on a socket of this host begins.
const ON_SOCKET: &str = "unix://";

/// How long a call that only reads may take.
const READ_DEADLINE: Duration = Duration::from_mins(1);

/// A Docker Engine on the other end of a socket. Clones share what is known of it.
#[derive(Debug, Clone)]
pub struct DockerEngine {
    docker: Docker,
    host: String,
    info: LastInfo,
    volumes: KnownVolumes,
    credentials: Credentials,
}

impl DockerEngine {
    /// Returns an engine at `host`, or else at `DOCKER_HOST`, or else at the default socket. Hosts are written
    /// `unix://`, `tcp://` or `https://`; TLS follows `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` as in Docker's own
    /// tools.
    ///
    /// # Errors
    /// Fails if the host cannot be understood, its certificates cannot be read or its socket is not there. That the
    /// engine answers is not checked: ask [`Engine::info`].
    pub fn connect(host: Option<&str>) -> Result<Self, EngineError> {
        let from_environment = || std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
        let host =
            host.map(str::to_owned).or_else(from_environment).unwrap_or_else(|| DEFAULT_HOST.to_owned());
        let info = LastInfo::default();
        let mut docker = match host.strip_prefix(ON_SOCKET) {
            Some(path) if !Path::new(path).exists() => Err(Error::SocketNotFoundError(path.into())),
            Some(path) => transport::on_socket(path.into(), Arc::clone(&info)),
            None => Docker::connect_with_host(&host),
        }
        .map_err(|error| error::connecting(&host, &error))?;
        // Deadlines are set call by call. bollard's own, one for all and for the response's headers only, must
        // never be the one that ends a call.
        docker.set_timeout(Duration::from_secs(u64::from(u32::MAX)));
        let volumes = KnownVolumes::default();
        Ok(Self { docker, host, info, volumes, credentials: Credentials::of_environment() })
    }

    /// Returns where the engine is, as it was given.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns a client whose requests carry `body` exactly as written.
    ///
    /// bollard's own models of the bodies lack fields that we send (`MacAddress`, for engines before API 1.44) and
    /// refuse values that a newer engine may know, so their place in a call is taken by an empty one.
    fn sending(&self, body: &impl Serialize) -> Result<Docker, EngineError> {
        let bytes = serde_json::to_vec(body).map_err(|error| {
            EngineError::new(
                EngineErrorKind::Invalid,
                format!("the request cannot be written as JSON: {error}"),
            )
        })?;
        Ok(self
            .docker
            .clone()
            .with_request_modifier(move |request| request.map(|_| bollard::body_full(bytes.clone().into()))))
    }

    /// Asks what the engine is, and remembers it. That it answers is told by a ping; only where the ping's answer
    /// does not say what it is, it is asked for the version.
    async fn ask_info(&self) -> Result<EngineInfo, EngineError> {
        self.forget_info();
        within(READ_DEADLINE, "ping", self.docker.ping()).await?;
        self.known_info().await
    }

    /// Returns what the engine said that it is with its last answer. The headers of answers are seen on a socket alone;
    /// elsewhere it is asked, for what it said once could be from before an upgrade.
    async fn info_now(&self) -> Result<EngineInfo, EngineError> {
        if !self.host.starts_with(ON_SOCKET) {
            self.forget_info();
        }
        self.known_info().await
    }

    /// Returns what the engine last said that it is.
    async fn known_info(&self) -> Result<EngineInfo, EngineError> {
        if let Some(info) = self.last_info() {
            return Ok(info);
        }
        let info = self.read::<listing::AboutEngine>("version", "/version").await?.into_core()?;
        *self.info.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.clone());
        Ok(info)
    }

    /// Behind a failure there may be an engine that is being upgraded.
    fn remembering(&self, observed: Result<Observed, EngineError>) -> Result<Observed, EngineError> {
        if observed.is_err() {
            self.forget_info();
        }
        observed
    }

    fn forget_info(&self) {
        *self.info.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[async_trait]
impl Engine for DockerEngine {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.ask_info().await
    }

    fn last_info(&self) -> Option<EngineInfo> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn observe(&self, projects: &[String]) -> Result<Observed, EngineError> {
        self.remembering(Box::pin(self.snapshot(projects)).await)
    }

    async fn observe_for(&self, focus: &Focus) -> Result<Observed, EngineError> {
        self.remembering(Box::pin(self.glance(focus)).await)
    }

    async fn inspect(&self, container: &str) -> Result<Option<Container>, EngineError> {
        self.look_at(container).await
    }

    async fn images_named(&self, references: &[String]) -> Result<Vec<Image>, EngineError> {
        self.known_by_name(references).await
    }

    async fn held_ports(&self, ports: &[PublishedPort]) -> Vec<PublishedPort> {
        if ports.is_empty() || !self.host.starts_with(ON_SOCKET) {
            return Vec::new();
        }
        let ports = ports.to_vec();
        tokio::task::spawn_blocking(move || host_ports::held(ports)).await.unwrap_or_default()
    }

    async fn call(&self, call: &Call) -> Result<CallOutcome, EngineError> {
        self.make(call).await
    }

    async fn logs(&self, container: &str, lines: usize) -> Result<Vec<String>, EngineError> {
        logs::tail(&self.docker, container, lines).await
    }

    async fn events(&self) -> Result<BoxStream<'static, EngineEvent>, EngineError> {
        self.follow_events().await
    }
}

/// Waits for bollard's answer until the deadline.
async fn within<T>(
    deadline: Duration,
    what: &str,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, EngineError> {
    match tokio::time::timeout(deadline, answer).await {
        Ok(answer) => answer.map_err(|error| error::of(&error)),
        Err(_) => Err(error::timed_out(what, deadline)),
    }
}

/// Returns a name or id as one segment of a URL's path.
fn segment(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
        out
    })
}

#[cfg(test)]
mod tests;
