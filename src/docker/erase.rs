//! Removes everything of an installation that was made to be thrown away. For the demo and for tests: no plan can ask
//! for this, because volumes go too.

use std::time::Duration;

use bollard::query_parameters::RemoveContainerOptionsBuilder;
use bollard::query_parameters::RemoveVolumeOptions;

use super::DockerEngine;
use super::call::gone_is_fine;
use super::segment;
use super::within;
use crate::core::model::InstanceId;
use crate::core::observed::OwnLabels;
use crate::ports::Engine as _;
use crate::ports::EngineError;

/// How long one removal may take.
const LIMIT: Duration = Duration::from_mins(1);

/// What the names of installations begin with that may be erased.
const PREFIX: &str = "throwaway-";

/// An installation that was made to be thrown away. Its name says so, and no other installation can be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrowawayInstance(InstanceId);

impl ThrowawayInstance {
    /// Returns the installation with this name behind the common prefix.
    ///
    /// # Errors
    /// Fails if the name has anything but letters, digits, `-`, `_` and `.` in it.
    pub fn new(name: &str) -> Result<Self, crate::core::model::NameError> {
        InstanceId::new(format!("{PREFIX}{name}")).map(Self)
    }

    /// Returns the name that the installation runs under.
    pub fn id(&self) -> &InstanceId {
        &self.0
    }
}

/// How much was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Containers, with their anonymous volumes.
    pub containers: usize,
    /// Networks.
    pub networks: usize,
    /// Named volumes.
    pub volumes: usize,
}

impl DockerEngine {
    /// Removes all containers, networks and volumes with the installation's label. What is gone already is no error.
    ///
    /// # Errors
    /// Fails at the first object that cannot be removed.
    pub async fn erase(&self, instance: &ThrowawayInstance) -> Result<Erased, EngineError> {
        let observed = self.observe(&[]).await?;
        let is_its =
            |own: &Option<OwnLabels>| own.as_ref().is_some_and(|own| own.owner.instance == instance.0);
        let mut erased = Erased::default();
        for container in observed.containers.iter().filter(|container| is_its(&container.own)) {
            let options = RemoveContainerOptionsBuilder::new().v(true).force(true).build();
            let removed = self.docker.remove_container(&container.id, Some(options));
            gone_is_fine(within(LIMIT, "container removal", removed).await)?;
            erased.containers += 1;
        }
        for network in observed.networks.iter().filter(|network| is_its(&network.own)) {
            let removed = self.docker.remove_network(&network.id);
            gone_is_fine(within(LIMIT, "network removal", removed).await)?;
            erased.networks += 1;
        }
        for volume in observed.volumes.iter().filter(|volume| is_its(&volume.own)) {
            let name = segment(&volume.name);
            let removed = self.docker.remove_volume(&name, None::<RemoveVolumeOptions>);
            gone_is_fine(within(LIMIT, "volume removal", removed).await)?;
            erased.volumes += 1;
        }
        Ok(erased)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_installation_whose_name_says_so_can_be_erased() {
        let instance = ThrowawayInstance::new("demo-1a2b").expect("a name");
        assert_eq!(instance.id().as_str(), "throwaway-demo-1a2b");
        assert!(ThrowawayInstance::new("demo 1").is_err());
    }
}
