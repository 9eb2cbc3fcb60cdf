//! The engine's listings and its word on itself, as core sees them.
//!
//! Only what is used is read. What an engine leaves out counts as empty, and a word that this version does not know is
//! kept as it is: see [`super::read`].

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::inspect::AnswerMount;
use super::inspect::AnswerNetworks;
use super::inspect::attachments;
use super::inspect::timestamp;
use crate::core::desired::request::NetworkRequest;
use crate::core::desired::request::RestartPolicy;
use crate::core::desired::request::VolumeRequest;
use crate::core::model::familiar;
use crate::core::observed::ComposeLabels;
use crate::core::observed::Container;
use crate::core::observed::EngineInfo;
use crate::core::observed::Image;
use crate::core::observed::Network;
use crate::core::observed::OwnLabels;
use crate::core::observed::PublishedPort;
use crate::core::observed::State;
use crate::core::observed::Volume;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

/// The answer of `GET /version`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct AboutEngine {
    version: String,
    api_version: String,
    components: Vec<Component>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Component {
    name: String,
}

impl AboutEngine {
    /// Returns what the engine is.
    ///
    /// # Errors
    /// Fails if it names no API version.
    pub(super) fn into_core(self) -> Result<EngineInfo, EngineError> {
        match api_version(&self.api_version) {
            Some(api) => {
                let is_podman = self.components.iter().any(|component| component.name == "Podman Engine");
                Ok(EngineInfo { version: self.version, api, is_podman })
            }
            None => Err(EngineError::new(
                EngineErrorKind::Unreadable,
                format!("the engine names no API version that can be read: `{}`", self.api_version),
            )),
        }
    }
}

/// Reads an API version such as `1.41`.
pub(super) fn api_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// One container of `GET /containers/json`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListedContainer {
    pub(super) id: String,
    names: Vec<String>,
    image: String,
    #[serde(rename = "ImageID")]
    image_id: String,
    pub(super) labels: BTreeMap<String, String>,
    state: String,
    ports: Vec<ListedPort>,
    network_settings: AnswerNetworks,
    mounts: Vec<AnswerMount>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ListedPort {
    #[serde(rename = "IP")]
    ip: String,
    public_port: u16,
    r#type: String,
}

impl ListedContainer {
    pub(super) fn state(&self) -> State {
        State::parse(&self.state)
    }

    /// Returns the names of the volumes that are mounted in it.
    pub(super) fn volumes(&self) -> impl Iterator<Item = &String> {
        self.mounts.iter().filter_map(AnswerMount::volume)
    }

    /// Returns all that a listing says of a container.
    pub(super) fn into_core(self) -> Container {
        Container {
            name: own_name(&self.names),
            image: self.image,
            image_id: self.image_id,
            own: OwnLabels::read(&self.labels),
            compose: ComposeLabels::read(&self.labels),
            state: State::parse(&self.state),
            exit_code: 0,
            error: String::new(),
            health: None,
            health_output: String::new(),
            created_at: None,
            started_at: None,
            finished_at: None,
            restart_count: 0,
            restart_policy: RestartPolicy::default(),
            networks: attachments(self.network_settings.networks, &self.id),
            mounts: self.mounts.into_iter().map(AnswerMount::into_core).collect(),
            ports: ports(self.ports),
            request: None,
            id: self.id,
        }
    }
}

/// A container that others link to has further names such as `/other/alias`.
fn own_name(names: &[String]) -> String {
    let bare = |name: &String| name.strip_prefix('/').unwrap_or(name).to_owned();
    names.iter().map(bare).find(|name| !name.contains('/')).unwrap_or_default()
}

fn ports(listed: Vec<ListedPort>) -> Vec<PublishedPort> {
    let mut ports: Vec<PublishedPort> = listed
        .into_iter()
        .filter_map(|port| {
            let protocol = if port.r#type.is_empty() { "tcp" } else { &port.r#type };
            PublishedPort::of(&port.ip, port.public_port, protocol)
        })
        .collect();
    ports.sort();
    ports.dedup();
    ports
}

/// One network of `GET /networks`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListedNetwork {
    id: String,
    name: String,
    driver: String,
    labels: BTreeMap<String, String>,
    created: String,
    internal: bool,
    attachable: bool,
    #[serde(rename = "EnableIPv4")]
    enable_ipv4: Option<bool>,
    #[serde(rename = "EnableIPv6")]
    enable_ipv6: Option<bool>,
    #[serde(rename = "IPAM")]
    ipam: Value,
    options: BTreeMap<String, String>,
}

impl ListedNetwork {
    pub(super) fn into_core(self) -> Network {
        Network {
            own: OwnLabels::read(&self.labels),
            created_at: timestamp(&self.created),
            request: Box::new(NetworkRequest {
                name: self.name.clone(),
                driver: self.driver,
                options: self.options,
                internal: self.internal,
                attachable: self.attachable,
                ipam: serde_json::from_value(self.ipam).ok(),
                enable_ipv4: self.enable_ipv4,
                enable_ipv6: self.enable_ipv6,
                labels: self.labels,
            }),
            id: self.id,
            name: self.name,
        }
    }
}

/// The answer of `GET /volumes`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListedVolumes {
    pub(super) volumes: Vec<ListedVolume>,
}

/// One volume.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListedVolume {
    name: String,
    driver: String,
    labels: BTreeMap<String, String>,
    options: BTreeMap<String, String>,
}

impl ListedVolume {
    pub(super) fn into_core(self) -> Volume {
        let request = VolumeRequest {
            name: self.name.clone(),
            driver: self.driver,
            driver_opts: self.options,
            labels: self.labels,
        };
        Volume { name: self.name, own: OwnLabels::read(&request.labels), request: Box::new(request) }
    }
}

/// One image of `GET /images/json`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListedImage {
    id: String,
    repo_tags: Vec<String>,
    repo_digests: Vec<String>,
}

impl ListedImage {
    pub(super) fn into_core(self) -> Image {
        let mut references: Vec<String> = self
            .repo_tags
            .into_iter()
            .chain(self.repo_digests)
            .filter(|reference| !reference.starts_with("<none>"))
            .map(|reference| familiar(&reference))
            .collect();
        references.sort();
        references.dedup();
        Image { id: self.id, references, tagged_at: None }
    }
}

/// The answer of `GET /images/{reference}/json`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct FoundImage {
    pub(super) id: String,
    metadata: FoundMetadata,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct FoundMetadata {
    last_tag_time: String,
}

impl FoundImage {
    /// Returns the image that was asked for by this reference.
    pub(super) fn into_core(self, reference: &str) -> Image {
        let tagged_at = super::inspect::timestamp(&self.metadata.last_tag_time);
        Image { id: self.id, references: vec![familiar(reference)], tagged_at }
    }
}

#[cfg(test)]
mod tests;
