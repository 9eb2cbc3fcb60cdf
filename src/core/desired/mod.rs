//! A project and its published files to the exact create requests, their digests and their order.
//!
//! What is here is complete: applying it needs no look at the project. It knows nothing of what runs.

pub mod content;
pub mod request;
pub mod settings;

mod api_socket;
mod build;
mod capability;
mod container;
mod findings;
mod flavor;
mod hook;
mod host;
mod labels;
mod mounted;
mod mounts;
mod network;
mod order;
mod refuse;
mod render;
mod resources;
mod secrets;
mod service;
mod shared;
#[cfg(test)]
mod tests;
mod volume;
mod warnings;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::core::model::InstanceId;
use crate::core::model::ProjectName;
use crate::core::model::Revision;
use crate::core::model::ServiceName;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use request::ContainerRequest;
use request::NetworkRequest;
use request::VolumeRequest;

pub use crate::core::compose::HashFlavor;
pub use build::BuildContext;
pub use build::BuildOptions;
pub use build::Builds;
pub use build::ContextEntry;
pub use build::ContextError;
pub use build::ImageBuild;
pub use flavor::HashChoice;
pub use hook::Hook;
pub use order::Cycle;
pub use order::order;
pub use order::waves;
pub use render::COMPOSE_VERSION;
pub use render::Context;
pub use render::render;
pub use shared::Shared;
pub use warnings::warnings;

use render::View;

/// Evenkeel's own labels. They carry identity only, because labels cannot change after create.
pub mod label {
    /// The installation that owns the object.
    pub const INSTANCE: &str = "dev.evenkeel.instance";
    /// The source that its definition comes from.
    pub const SOURCE: &str = "dev.evenkeel.source";
    /// The stack it belongs to.
    pub const STACK: &str = "dev.evenkeel.stack";
    /// The revision that it was created for.
    pub const REVISION: &str = "dev.evenkeel.revision";
    /// Digest of the content of the files and secrets that it mounts.
    pub const DIGEST: &str = "dev.evenkeel.digest";
    /// Compose's labels that more than one room reads.
    pub mod compose {
        /// The project.
        pub const PROJECT: &str = "com.docker.compose.project";
        /// The service.
        pub const SERVICE: &str = "com.docker.compose.service";
        /// `True` for `docker compose run`'s containers.
        pub const ONEOFF: &str = "com.docker.compose.oneoff";
        /// The container's number in its service, from 1.
        pub const NUMBER: &str = "com.docker.compose.container-number";
        /// Compose's hash of the service's definition.
        pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
        /// The id of the image that the container was made from.
        pub const IMAGE: &str = "com.docker.compose.image";
        /// The dependencies, `service:condition:restart` joined by commas.
        pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
        /// The network's key in the file.
        pub const NETWORK: &str = "com.docker.compose.network";
        /// The volume's key in the file.
        pub const VOLUME: &str = "com.docker.compose.volume";
        /// The folder that relative paths of the project are resolved against.
        pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
        /// Compose's version.
        pub const VERSION: &str = "com.docker.compose.version";
    }
}

/// Everything that one stack should have on the engine at one revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Who owns it.
    pub owner: Owner,
    /// The commit it was rendered from.
    pub revision: Revision,
    /// The Compose project's name.
    pub project: ProjectName,
    /// Networks by their key in the file.
    pub networks: BTreeMap<String, DesiredNetwork>,
    /// Volumes by their key in the file.
    pub volumes: BTreeMap<String, DesiredVolume>,
    /// The services of the active profiles.
    pub services: BTreeMap<ServiceName, DesiredService>,
    /// Services of inactive profiles: what runs of them is neither started nor pruned.
    pub inactive: BTreeSet<ServiceName>,
    /// Repository files and folders that containers mount, as paths of the tree.
    pub files: Vec<MountedPath>,
    /// What `x-evenkeel` sets for this stack.
    pub settings: Settings,
}

/// Whose objects they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Owner {
    /// The installation.
    pub instance: InstanceId,
    /// The source.
    pub source: SourceName,
    /// The stack.
    pub stack: StackName,
}

/// A network that a stack uses.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredNetwork {
    /// Its name on the engine.
    pub name: String,
    /// How to make it; `None` for an external network, which must be there.
    pub create: Option<NetworkRequest>,
}

/// A volume that a stack uses.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredVolume {
    /// Its name on the engine.
    pub name: String,
    /// How to make it; `None` for an external volume, which must be there.
    pub create: Option<VolumeRequest>,
}

/// A service: its containers and what they wait for.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredService {
    /// The service's name.
    pub name: ServiceName,
    /// The image as written.
    pub image: String,
    /// When to pull it.
    pub pull: PullPolicy,
    /// Why it is not built although the file says how.
    pub not_built: Option<String>,
    /// How its image is built, if it is.
    pub build: Option<Arc<ImageBuild>>,
    /// `os/arch`, if the file or the environment sets one.
    pub platform: Option<String>,
    /// What must hold of other services before this one's containers start.
    pub depends_on: Vec<Dependency>,
    /// Compose's config hash, also in each container's label. While `shared` is not filled in, that of the definition as
    /// it is written, which no container has.
    pub config_hash: String,
    /// In which encoding that is.
    pub flavor: HashFlavor,
    /// The hash in the other encoding, if that is another one.
    pub other_hash: Option<String>,
    /// What its containers share with those of other services, if they do.
    pub shared: Option<Shared>,
    /// Digest of the mounted repository files and secrets and of what the image is built from, also in each container's
    /// label.
    pub digest: String,
    /// The content of `digest`, file by file, for causes: path as the user knows it, and the content's sha256. Secrets
    /// and inline configs are named `secret x` and `config x`, and their digest is salted. What the image is built from
    /// is named `build x`.
    pub content: BTreeMap<String, String>,
    /// How long the engine waits after the stop signal before it kills.
    pub stop_grace: Duration,
    /// What runs in each container after its start, one after the other.
    pub post_start: Vec<Hook>,
    /// What runs in each container before it is stopped, one after the other.
    pub pre_stop: Vec<Hook>,
    /// The containers, by number from 1.
    pub containers: Vec<DesiredContainer>,
}

impl DesiredService {
    /// Returns true if its containers see nothing of the repository but what is in their image.
    pub fn mounts_nothing(&self) -> bool {
        self.content.len() == usize::from(self.build.is_some())
    }
}

/// One container.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredContainer {
    /// Its number in the service, from 1.
    pub number: u32,
    /// Its name once it is live.
    pub name: String,
    /// The create request, labels included.
    pub request: ContainerRequest,
    /// Files to copy in before each start (secrets and configs that have no file on the host).
    pub archives: Vec<Archive>,
}

/// A file to copy into a container.
#[derive(Clone, PartialEq)]
pub struct Archive {
    /// The absolute path in the container.
    pub path: String,
    /// The file's content.
    pub content: crate::core::model::Secret,
    /// The owner's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("path", &self.path).finish_non_exhaustive()
    }
}

/// When an image is pulled. An image that a stable revision ran is never pulled again for the same definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PullPolicy {
    /// For each new definition, even if an image of that name is here.
    Always,
    /// For each new definition, unless the image of that name here was given that name at most this long ago.
    OlderThan(Duration),
    /// Only if no image of that name is here.
    Missing,
    /// Never: it must be here.
    Never,
    /// Never: it is built.
    Built,
}

/// One service waiting for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// The service that is waited for.
    pub service: ServiceName,
    /// What it must have reached.
    pub condition: Condition,
    /// If false, its failure is no reason not to start.
    pub required: bool,
    /// Restart this service when that one is replaced.
    pub restart: bool,
}

/// What a dependency must have reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It was started.
    ServiceStarted,
    /// Its health check passes.
    ServiceHealthy,
    /// It ended with exit code 0.
    ServiceCompletedSuccessfully,
}

/// A path of the tree that a container mounts, to be published to the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MountedPath {
    /// The absolute path, the same in the tree and on the host.
    pub path: String,
}

/// What `x-evenkeel` at the top of a compose file sets. Not part of any config hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// How long one image's pull or build may take.
    pub pull_timeout: Duration,
    /// How long a container must be well before it counts.
    pub min_healthy_time: Duration,
    /// How long a container may take to become well, from its start.
    pub healthy_deadline: Duration,
    /// Go back to the last stable revision when the gate fails.
    pub auto_revert: bool,
    /// Remove what left the files.
    pub prune: bool,
    /// Look, but do not touch.
    pub suspend: bool,
    /// What to do about changes that did not come from git.
    pub drift: DriftMode,
    /// Whose config hashes new containers get.
    pub compose_hash: HashChoice,
}

/// What to do if what runs is not what was applied. A later one does all that an earlier one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftMode {
    /// Nothing.
    Off,
    /// Tell.
    Warn,
    /// Tell, and bring it back.
    Correct,
}

impl DriftMode {
    /// Reads the word that a configuration has for it.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "off" => Some(Self::Off),
            "warn" => Some(Self::Warn),
            "correct" => Some(Self::Correct),
            _ => None,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pull_timeout: Duration::from_mins(15),
            min_healthy_time: Duration::from_secs(10),
            healthy_deadline: Duration::from_mins(5),
            auto_revert: true,
            prune: true,
            suspend: false,
            drift: DriftMode::Correct,
            compose_hash: HashChoice::Auto,
        }
    }
}
