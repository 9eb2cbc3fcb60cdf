//! What the engine reported, with labels parsed once. Nothing here asks the engine anything.

mod adoption;
mod focus;
mod labels;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::core::desired::Owner;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::NetworkRequest;
use crate::core::desired::request::RestartPolicy;
use crate::core::desired::request::VolumeRequest;

pub use adoption::Adoption;
pub use adoption::free_projects;
pub use focus::Focus;
pub use labels::ComposeLabels;
pub use labels::OwnLabels;

/// A snapshot of the engine, as far as planning needs it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// What the engine is.
    pub engine: EngineInfo,
    /// When it was taken; `None` if nobody noted it, and then no image is young.
    pub taken_at: Option<Timestamp>,
    /// All containers, running or not, ours or not.
    pub containers: Vec<Container>,
    /// All networks.
    pub networks: Vec<Network>,
    /// All volumes, or those that were asked about ([`Focus`]).
    pub volumes: Vec<Volume>,
    /// All images that have an id here, or those that were asked about.
    pub images: Vec<Image>,
    /// Of the host ports that were asked about, those that a process of the host holds which is no container.
    pub held_ports: Vec<PublishedPort>,
}

/// What the engine is and can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// The engine's version, such as `28.5.2`; `simulated` for the one in memory.
    pub version: String,
    /// The newest API version it speaks, as (major, minor).
    pub api: (u32, u32),
    /// It is Podman, which answers as a Docker Engine does and is another program.
    pub is_podman: bool,
}

impl EngineInfo {
    /// Returns what to say of an engine on which much is untried; `None` for others.
    pub fn reservation(&self) -> Option<&'static str> {
        self.is_podman.then_some(
            "this is Podman: that is experimental. Health checks need its systemd timers, and events are untried",
        )
    }

    /// Returns true if a container can be created with more than one endpoint (API 1.44). Before, further networks
    /// are connected one by one after create.
    pub fn creates_with_many_endpoints(&self) -> bool {
        self.api >= (1, 44)
    }
}

/// One container.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// The full id.
    pub id: String,
    /// The name without the leading `/`.
    pub name: String,
    /// The image as it was named at create.
    pub image: String,
    /// The image's id.
    pub image_id: String,
    /// Our labels, if it has all that identity needs.
    pub own: Option<OwnLabels>,
    /// Compose's labels, if it has them.
    pub compose: Option<ComposeLabels>,
    /// What it does now.
    pub state: State,
    /// The exit code of its last run.
    pub exit_code: i64,
    /// The engine's word on why it could not start; empty if it could.
    pub error: String,
    /// The health check's word, if there is a health check.
    pub health: Option<Health>,
    /// The last output of a failing health check, trimmed; empty if there is none. May hold secrets: redact it.
    pub health_output: String,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// When its last run ended.
    pub finished_at: Option<Timestamp>,
    /// How often the engine has restarted it by its policy.
    pub restart_count: u64,
    /// Its restart policy now.
    pub restart_policy: RestartPolicy,
    /// The networks it is attached to, by name.
    pub networks: BTreeMap<String, Attachment>,
    /// What is mounted in it.
    pub mounts: Vec<MountPoint>,
    /// Host ports that it publishes now, or would when started.
    pub ports: Vec<PublishedPort>,
    /// Its configuration in the form of a create request, for explaining differences; `None` if not inspected.
    pub request: Option<Box<ContainerRequest>>,
}

/// A container's state, as the engine names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Made, never (or not successfully) started.
    Created,
    /// Its process runs.
    Running,
    /// Between two runs, by its restart policy.
    Restarting,
    /// Frozen.
    Paused,
    /// Being removed.
    Removing,
    /// Its process has ended.
    Exited,
    /// Its removal failed.
    Dead,
    /// A word that this version does not know. Nothing is planned for such a container.
    Unknown(String),
}

impl State {
    /// Reads the engine's word.
    pub fn parse(word: &str) -> Self {
        match word {
            "created" => Self::Created,
            "running" => Self::Running,
            "restarting" => Self::Restarting,
            "paused" => Self::Paused,
            "removing" => Self::Removing,
            "exited" => Self::Exited,
            "dead" => Self::Dead,
            other => Self::Unknown(other.into()),
        }
    }

    /// Returns the engine's word.
    pub fn word(&self) -> &str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Paused => "paused",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Unknown(word) => word,
        }
    }

    /// Returns true if it holds its ports and addresses: a stop would have something to do.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Running | Self::Restarting | Self::Paused)
    }
}

/// A health check's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not yet decided.
    Starting,
    /// The last check passed.
    Healthy,
    /// As many checks as `retries` failed in a row.
    Unhealthy,
}

/// A container's end of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachment {
    /// The network's id, as the endpoint remembers it; may name a network that is gone.
    pub network_id: String,
    /// The names it answers to there.
    pub aliases: Vec<String>,
}

/// Something mounted in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPoint {
    /// `bind`, `volume`, `tmpfs`, ….
    pub kind: String,
    /// The volume's name; empty for other kinds.
    pub name: String,
    /// The path on the host; empty where there is none.
    pub source: String,
    /// The path in the container.
    pub destination: String,
    /// False if it is read-only.
    pub writable: bool,
}

impl MountPoint {
    /// Returns true for a volume that the engine named itself: 64 hexadecimal digits.
    pub fn is_anonymous_volume(&self) -> bool {
        self.kind == "volume" && self.name.len() == 64 && self.name.bytes().all(|b| b.is_ascii_hexdigit())
    }
}

/// A port of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedPort {
    /// The host's address; empty for all.
    pub ip: String,
    /// The host's port; never 0.
    pub port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

impl PublishedPort {
    /// Returns a port as the engine writes it, in the form that is kept here: `0.0.0.0` and `::` are all addresses.
    /// `None` for port 0, which stands for none.
    pub fn of(ip: &str, port: u16, protocol: &str) -> Option<Self> {
        let ip = if matches!(ip, "0.0.0.0" | "::") { "" } else { ip };
        (port != 0).then(|| Self { ip: ip.into(), port, protocol: protocol.into() })
    }

    /// Returns true if both cannot be bound at the same time.
    pub fn clashes(&self, other: &Self) -> bool {
        let any = |ip: &str| matches!(ip, "" | "0.0.0.0" | "::");
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || any(&self.ip) || any(&other.ip))
    }
}

/// One network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The full id.
    pub id: String,
    /// The name. Names need not be unique.
    pub name: String,
    /// Our labels, if it has all that identity needs.
    pub own: Option<OwnLabels>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// Its definition in the form of a create request, with what the engine chose filled in: for explaining differences.
    pub request: Box<NetworkRequest>,
}

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The name, unique on an engine.
    pub name: String,
    /// Our labels, if it has all that identity needs.
    pub own: Option<OwnLabels>,
    /// Its definition in the form of a create request, for explaining differences.
    pub request: Box<VolumeRequest>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The id, `sha256:…`.
    pub id: String,
    /// Its names with tags and with digests, in Docker's short form.
    pub references: Vec<String>,
    /// When the engine last gave it a name, by a pull or otherwise; `None` if it does not say so or was not asked for it
    /// by name.
    pub tagged_at: Option<Timestamp>,
}

impl Observed {
    /// Returns true if the image that a reference means here was given a name at most this long before the snapshot.
    /// One whose age is not known is not that young.
    pub fn is_younger(&self, reference: &str, age: Duration) -> bool {
        let short = crate::core::model::familiar(reference);
        let named = self.images.iter().filter(|image| image.references.contains(&short));
        let tagged_at = named.filter_map(|image| image.tagged_at).max();
        let until = tagged_at.zip(age.try_into().ok());
        let until = until.and_then(|(tagged_at, age): (_, SignedDuration)| tagged_at.checked_add(age).ok());
        until.zip(self.taken_at).is_some_and(|(until, taken_at)| taken_at <= until)
    }

    /// Returns the containers that an owner's stack has.
    pub fn of<'a>(&'a self, owner: &'a Owner) -> impl Iterator<Item = &'a Container> {
        self.containers.iter().filter(move |c| c.own.as_ref().is_some_and(|own| own.owner == *owner))
    }

    /// Returns the container of that name, whoever owns it.
    pub fn named(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|c| c.name == name)
    }

    /// Returns the id of the image that a reference means here and now.
    pub fn image_id(&self, reference: &str) -> Option<&str> {
        let short = crate::core::model::familiar(reference);
        self.images
            .iter()
            .find(|image| image.id == reference || image.references.contains(&short))
            .map(|image| image.id.as_str())
    }

    /// Returns true if an image of that id is here.
    pub fn has_image(&self, id: &str) -> bool {
        self.images.iter().any(|image| image.id == id)
    }
}
