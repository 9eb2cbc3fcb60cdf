//! The engine's listings, as core sees them.

use std::collections::BTreeMap;

use bollard::models::ContainerSummary;
use bollard::models::EndpointSettings;
use bollard::models::ImageSummary;
use bollard::models::Network as NetworkAnswer;
use bollard::models::SystemVersion;
use bollard::models::Volume as VolumeAnswer;

use crate::core::desired::request::RestartPolicy;
use crate::core::observed::Attachment;
use crate::core::observed::ComposeLabels;
use crate::core::observed::Container;
use crate::core::observed::EngineInfo;
use crate::core::observed::Image;
use crate::core::observed::MountPoint;
use crate::core::observed::Network;
use crate::core::observed::OwnLabels;
use crate::core::observed::PublishedPort;
use crate::core::observed::State;
use crate::core::observed::Volume;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

/// Reads what the engine is.
pub(super) fn engine_info(answer: SystemVersion) -> Result<EngineInfo, EngineError> {
    let api = answer.api_version.unwrap_or_default();
    match api_version(&api) {
        Some(api) => Ok(EngineInfo { version: answer.version.unwrap_or_default(), api }),
        None => Err(EngineError::new(
            EngineErrorKind::Unreadable,
            format!("the engine names no API version that can be read: `{api}`"),
        )),
    }
}

/// Reads an API version such as `1.41`.
pub(super) fn api_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Reads all that a listing says of a container.
pub(super) fn container(answer: ContainerSummary) -> Container {
    let labels: BTreeMap<String, String> = answer.labels.unwrap_or_default().into_iter().collect();
    let word = answer.state.map(|state| state.to_string()).unwrap_or_default();
    Container {
        id: answer.id.unwrap_or_default(),
        name: own_name(&answer.names.unwrap_or_default()),
        image: answer.image.unwrap_or_default(),
        image_id: answer.image_id.unwrap_or_default(),
        own: OwnLabels::read(&labels),
        compose: ComposeLabels::read(&labels),
        state: State::parse(&word),
        exit_code: 0,
        error: String::new(),
        health: None,
        health_output: String::new(),
        created_at: None,
        started_at: None,
        finished_at: None,
        restart_count: 0,
        restart_policy: RestartPolicy::default(),
        networks: attachments(
            answer.network_settings.and_then(|settings| settings.networks).into_iter().flatten(),
        ),
        mounts: answer.mounts.unwrap_or_default().into_iter().map(mount).collect(),
        ports: ports(answer.ports.unwrap_or_default()),
        request: None,
    }
}

/// A container that others link to has further names such as `/other/alias`.
fn own_name(names: &[String]) -> String {
    let bare = |name: &String| name.strip_prefix('/').unwrap_or(name).to_owned();
    names.iter().map(bare).find(|name| !name.contains('/')).unwrap_or_default()
}

fn attachments(networks: impl Iterator<Item = (String, EndpointSettings)>) -> BTreeMap<String, Attachment> {
    let attachment = |endpoint: EndpointSettings| Attachment {
        network_id: endpoint.network_id.unwrap_or_default(),
        aliases: endpoint.aliases.unwrap_or_default(),
    };
    networks.map(|(name, endpoint)| (name, attachment(endpoint))).collect()
}

fn mount(answer: bollard::models::MountPoint) -> MountPoint {
    MountPoint {
        kind: answer.typ.unwrap_or_default(),
        name: answer.name.unwrap_or_default(),
        source: answer.source.unwrap_or_default(),
        destination: answer.destination.unwrap_or_default(),
        writable: answer.rw.unwrap_or_default(),
    }
}

fn ports(answer: Vec<bollard::models::PortSummary>) -> Vec<PublishedPort> {
    let mut ports: Vec<PublishedPort> = answer
        .into_iter()
        .filter_map(|port| {
            let protocol = port.typ.map_or_else(|| "tcp".into(), |kind| kind.to_string());
            PublishedPort::of(&port.ip.unwrap_or_default(), port.public_port?, &protocol)
        })
        .collect();
    ports.sort();
    ports.dedup();
    ports
}

/// Reads a network.
pub(super) fn network(answer: NetworkAnswer) -> Network {
    let labels: BTreeMap<String, String> = answer.labels.unwrap_or_default().into_iter().collect();
    Network {
        id: answer.id.unwrap_or_default(),
        name: answer.name.unwrap_or_default(),
        driver: answer.driver.unwrap_or_default(),
        own: OwnLabels::read(&labels),
        labels,
    }
}

/// Reads a volume.
pub(super) fn volume(answer: VolumeAnswer) -> Volume {
    let labels: BTreeMap<String, String> = answer.labels.into_iter().collect();
    Volume { name: answer.name, driver: answer.driver, own: OwnLabels::read(&labels), labels }
}

/// Reads an image.
pub(super) fn image(answer: ImageSummary) -> Image {
    let mut references: Vec<String> = answer
        .repo_tags
        .into_iter()
        .chain(answer.repo_digests)
        .filter(|reference| !reference.starts_with("<none>"))
        .collect();
    references.sort();
    references.dedup();
    Image { id: answer.id, references }
}
