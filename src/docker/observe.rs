//! Snapshots: listings, and a long look at each container that may matter.
//!
//! One for a stack ([`DockerEngine::glance`]) is two listings and those looks: containers, which says which volumes are
//! there by who mounts them, and networks. Nothing on a container says how its networks were made, nor which of a
//! stack's networks nobody uses any more, so that this list is needed each time.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::TryStreamExt;
use futures_util::stream;

use super::DockerEngine;
use super::inspect;
use super::listing::FoundImage;
use super::listing::ListedContainer;
use super::listing::ListedImage;
use super::listing::ListedNetwork;
use super::listing::ListedVolume;
use super::listing::ListedVolumes;
use super::read;
use super::segment;
use super::volumes::Users;
use crate::core::desired::label;
use crate::core::observed::Container;
use crate::core::observed::Focus;
use crate::core::observed::Image;
use crate::core::observed::Network;
use crate::core::observed::Observed;
use crate::core::observed::State;
use crate::core::observed::Volume;
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
            self.read::<Vec<ListedNetwork>>("networks", "/networks"),
            self.read::<ListedVolumes>("volumes", "/volumes"),
            self.read::<Vec<ListedImage>>("images", "/images/json"),
        )?;
        let matters = |listed: &ListedContainer| {
            listed.labels.contains_key(label::INSTANCE)
                || listed.labels.get(label::compose::PROJECT).is_some_and(|name| projects.contains(name))
        };
        Ok(Observed {
            engine,
            containers: self.look_where(containers, matters).await?,
            networks: sorted_networks(networks),
            volumes: sorted_volumes(volumes),
            images: sorted_images(images),
            held_ports: Vec::new(),
            taken_at: None,
        })
    }

    /// Takes a snapshot for one stack. What the engine is, is read off its answers.
    pub(super) async fn glance(&self, focus: &Focus) -> Result<Observed, EngineError> {
        let containers = async {
            let listed = self.list_containers().await?;
            let users = Users::of(&listed);
            let on_focus = |listed: &ListedContainer| focus.is_on(&listed.labels, &listed.state());
            tokio::try_join!(self.volumes_of(&focus.volumes, users), self.look_where(listed, on_focus))
        };
        let networks = self.read::<Vec<ListedNetwork>>("networks", "/networks");
        let ((volumes, containers), networks) = tokio::try_join!(containers, networks)?;
        Ok(Observed {
            engine: self.info_now().await?,
            containers,
            networks: sorted_networks(networks),
            volumes,
            images: Vec::new(),
            held_ports: Vec::new(),
            taken_at: None,
        })
    }

    async fn volumes_of(&self, names: &BTreeSet<String>, users: Users) -> Result<Vec<Volume>, EngineError> {
        if let Some(known) = self.volumes.still_there(names, &users) {
            return Ok(known);
        }
        let listed = sorted_volumes(self.read("volumes", "/volumes").await?);
        self.volumes.note(&listed, users);
        Ok(listed)
    }

    /// Looks at those of the listed containers that matter. One that goes away meanwhile is left out.
    async fn look_where(
        &self,
        containers: Vec<ListedContainer>,
        matters: impl Fn(&ListedContainer) -> bool,
    ) -> Result<Vec<Container>, EngineError> {
        let (close, rest): (Vec<_>, Vec<_>) = containers.into_iter().partition(matters);
        let inspected: Vec<Option<Container>> = stream::iter(close)
            .map(|listed| self.look_closely(listed))
            .buffer_unordered(INSPECTIONS)
            .try_collect()
            .await?;
        let rest = rest.into_iter().map(ListedContainer::into_core);
        let mut all: Vec<Container> = inspected.into_iter().flatten().chain(rest).collect();
        all.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(all)
    }

    /// Looks at one container, by name or id.
    pub(super) async fn look_at(&self, container: &str) -> Result<Option<Container>, EngineError> {
        match self.inspected(container).await {
            Err(error) if error.kind == EngineErrorKind::Unreadable => {
                let listed = self.list_containers().await?.into_iter().map(ListedContainer::into_core);
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
            if let Some(found) = self.image(reference).await? {
                known.push(found.into_core(reference));
            }
        }
        Ok(known)
    }

    /// Returns the id of the image that a reference means, if it is there.
    pub(super) async fn image_id(&self, reference: &str) -> Result<Option<String>, EngineError> {
        Ok(self.image(reference).await?.map(|found| found.id))
    }

    async fn image(&self, reference: &str) -> Result<Option<FoundImage>, EngineError> {
        match self.read::<FoundImage>("image inspect", &format!("/images/{reference}/json")).await {
            Ok(found) => Ok(Some(found).filter(|found| !found.id.is_empty())),
            Err(error) if error.kind == EngineErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list_containers(&self) -> Result<Vec<ListedContainer>, EngineError> {
        self.read("containers", "/containers/json?all=true").await
    }

    async fn look_closely(&self, listed: ListedContainer) -> Result<Option<Container>, EngineError> {
        match self.inspected(&listed.id).await {
            Err(error) if error.kind == EngineErrorKind::Unreadable => {
                Ok(Some(unreadable(listed.into_core())))
            }
            answer => answer,
        }
    }

    /// Looks at one container, by name or id. One that answers in a way that cannot be read is an error.
    pub(super) async fn inspected(&self, container: &str) -> Result<Option<Container>, EngineError> {
        let what = format!("container {container}");
        match self.read_json(&what, &format!("/containers/{}/json", segment(container))).await {
            Ok(answer) => {
                inspect::container(answer).map(Some).map_err(|error| read::unreadable(&what, &error))
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

fn sorted_networks(listed: Vec<ListedNetwork>) -> Vec<Network> {
    let mut networks: Vec<Network> = listed.into_iter().map(ListedNetwork::into_core).collect();
    networks.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    networks
}

fn sorted_volumes(listed: ListedVolumes) -> Vec<Volume> {
    let mut volumes: Vec<Volume> = listed.volumes.into_iter().map(ListedVolume::into_core).collect();
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    volumes
}

fn sorted_images(listed: Vec<ListedImage>) -> Vec<Image> {
    let mut images: Vec<Image> = listed.into_iter().map(ListedImage::into_core).collect();
    images.sort_by(|a, b| a.id.cmp(&b.id));
    images
}

/// A container that is there and cannot be understood is never taken for absent.
fn unreadable(listed: Container) -> Container {
    Container { state: State::Unknown(UNREADABLE.into()), ..listed }
}
