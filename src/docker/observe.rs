//! Snapshots: five listings at once, then a long look at each container that may matter.

use bollard::models::ContainerSummary;
use bollard::query_parameters::ListContainersOptionsBuilder;
use bollard::query_parameters::ListImagesOptions;
use bollard::query_parameters::ListNetworksOptions;
use bollard::query_parameters::ListVolumesOptions;
use futures_util::StreamExt;
use futures_util::TryStreamExt;
use futures_util::stream;

use super::DockerEngine;
use super::READ_DEADLINE;
use super::inspect;
use super::listing;
use super::segment;
use super::within;
use crate::core::desired::label;
use crate::core::model::familiar;
use crate::core::observed::Container;
use crate::core::observed::Image;
use crate::core::observed::Observed;
use crate::core::observed::State;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

/// Inspections under way at a time: the engine answers them side by side, but each costs it a connection.
const INSPECTIONS: usize = 12;

/// The state of a container whose answer could not be read. Nothing is planned for such a container.
const UNREADABLE: &str = "unreadable";

impl DockerEngine {
    /// Takes a snapshot. A container that goes away meanwhile is left out.
    pub(super) async fn snapshot(&self, projects: &[String]) -> Result<Observed, EngineError> {
        let (engine, containers, networks, volumes, images) = tokio::try_join!(
            self.known_info(),
            self.list_containers(),
            within(READ_DEADLINE, "networks", self.docker.list_networks(None::<ListNetworksOptions>)),
            within(READ_DEADLINE, "volumes", self.docker.list_volumes(None::<ListVolumesOptions>)),
            within(READ_DEADLINE, "images", self.docker.list_images(None::<ListImagesOptions>)),
        )?;
        let (close, rest): (Vec<_>, Vec<_>) =
            containers.into_iter().partition(|container| matters(container, projects));
        let inspected: Vec<Option<Container>> = stream::iter(close)
            .map(|listed| self.look_closely(listed))
            .buffer_unordered(INSPECTIONS)
            .try_collect()
            .await?;
        let mut observed = Observed {
            engine,
            containers: inspected
                .into_iter()
                .flatten()
                .chain(rest.into_iter().map(listing::container))
                .collect(),
            networks: networks.into_iter().map(listing::network).collect(),
            volumes: volumes.volumes.unwrap_or_default().into_iter().map(listing::volume).collect(),
            images: images.into_iter().map(listing::image).collect(),
            held_ports: Vec::new(),
        };
        observed.containers.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        observed.networks.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        observed.volumes.sort_by(|a, b| a.name.cmp(&b.name));
        observed.images.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(observed)
    }

    /// Looks at one container, by name or id.
    pub(super) async fn look_at(&self, container: &str) -> Result<Option<Container>, EngineError> {
        match self.inspected(container).await {
            Err(error) if error.kind == EngineErrorKind::Unreadable => {
                let listed = self.list_containers().await?.into_iter().map(listing::container);
                let is_it = |found: &Container| found.name == container || found.id.starts_with(container);
                Ok(listed.into_iter().find(is_it).map(unreadable))
            }
            answer => answer,
        }
    }

    /// Asks for images by name, one by one. Those that are not there are left out.
    pub(super) async fn known_by_name(&self, references: &[String]) -> Result<Vec<Image>, EngineError> {
        let mut known = Vec::new();
        for reference in references.iter().filter(|reference| is_plain(reference)) {
            match within(READ_DEADLINE, "image inspect", self.docker.inspect_image(reference)).await {
                Ok(found) => {
                    known.extend(found.id.map(|id| Image { id, references: vec![familiar(reference)] }));
                }
                Err(error) if error.kind == EngineErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(known)
    }

    async fn list_containers(&self) -> Result<Vec<ContainerSummary>, EngineError> {
        let all = ListContainersOptionsBuilder::new().all(true).build();
        within(READ_DEADLINE, "containers", self.docker.list_containers(Some(all))).await
    }

    async fn look_closely(&self, listed: ContainerSummary) -> Result<Option<Container>, EngineError> {
        match self.inspected(listed.id.as_deref().unwrap_or_default()).await {
            Err(error) if error.kind == EngineErrorKind::Unreadable => {
                Ok(Some(unreadable(listing::container(listed))))
            }
            answer => answer,
        }
    }

    async fn inspected(&self, container: &str) -> Result<Option<Container>, EngineError> {
        let unreadable = |error: serde_json::Error| {
            EngineError::new(
                EngineErrorKind::Unreadable,
                format!("the engine's answer on container {container} cannot be read: {error}"),
            )
        };
        let name = segment(container);
        let answer = self.docker.inspect_container(&name, None);
        match within(READ_DEADLINE, "inspect", answer).await {
            Ok(answer) => {
                let answer = serde_json::to_value(answer).map_err(unreadable)?;
                inspect::container(answer).map(Some).map_err(unreadable)
            }
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A reference stands in the path as it is. What no reference can have in it would make another path of that.
fn is_plain(reference: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte);
    reference.bytes().all(plain) && !reference.split('/').any(|part| matches!(part, "" | "." | ".."))
}

/// Returns true for a container of an Evenkeel or of one of the projects.
fn matters(container: &ContainerSummary, projects: &[String]) -> bool {
    container.labels.as_ref().is_some_and(|labels| {
        labels.contains_key(label::INSTANCE)
            || labels.get(label::compose::PROJECT).is_some_and(|project| projects.contains(project))
    })
}

/// A container that is there and cannot be understood is never taken for absent.
fn unreadable(listed: Container) -> Container {
    Container { state: State::Unknown(UNREADABLE.into()), ..listed }
}
