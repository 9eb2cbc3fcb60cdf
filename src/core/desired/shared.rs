//! What a service's containers share with the first container of another service: a namespace (`network_mode`, `ipc` or
//! `pid: service:x`) or its volumes (`volumes_from`).
//!
//! The create request and Compose's config hash then hold the id of that container, which is known only once it
//! stands. Until it is filled in, both hold `service:x` in its place.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::DesiredService;
use super::findings::Findings;
use super::label;
use super::request::HostConfig;
use crate::core::compose::HashFlavor;
use crate::core::compose::hash_of_service;
use crate::core::compose::types::Service;
use crate::core::model::ServiceName;

/// Stands before a service's name where the id of its container belongs.
const SERVICE: &str = "service:";
/// Stands before an id in a mode.
const CONTAINER: &str = "container:";

/// A definition that holds ids of other containers, with `service:x` in their place.
#[derive(Clone, PartialEq)]
pub struct Shared {
    definition: Box<Service>,
    flavor: HashFlavor,
}

impl std::fmt::Debug for Shared {
    /// Prints no more than whom it is shared with: the environment may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Shared").field(&self.with()).finish()
    }
}

impl Shared {
    /// Returns what the definition shares; `None` if it refers to no service. `volumes_from` must be as [`normalise`]
    /// writes it.
    pub fn of(definition: &Service, flavor: HashFlavor) -> Option<Self> {
        let shared = Self { definition: Box::new(definition.clone()), flavor };
        (!shared.references().is_empty()).then_some(shared)
    }

    /// Returns what is shared with whom: the field, and the service.
    pub fn references(&self) -> Vec<(&'static str, ServiceName)> {
        let modes = self.namespaces();
        let volumes = self.definition.volumes_from.iter().map(|from| ("volumes_from", from));
        let named = modes.into_iter().chain(volumes);
        named.filter_map(|(field, text)| Some((field, referred(text)?))).collect()
    }

    /// Returns the services whose containers' ids are needed.
    pub fn with(&self) -> BTreeSet<ServiceName> {
        self.references().into_iter().map(|(_, service)| service).collect()
    }

    /// Returns the services that a namespace is shared with: it ends with the process that it was made for.
    pub fn namespaces_of(&self) -> BTreeSet<ServiceName> {
        self.namespaces().into_iter().filter_map(|(_, mode)| referred(mode)).collect()
    }

    /// Returns the hash of the definition as it is written, the same whatever the ids are.
    pub fn hash(&self, flavor: HashFlavor) -> String {
        hash_of_service(&self.definition, flavor)
    }

    pub(super) fn set_flavor(&mut self, flavor: HashFlavor) {
        self.flavor = flavor;
    }

    /// Returns the hash that a container has which was made from this definition with the ids that are in its request.
    pub fn hash_with_ids_of(&self, found: &HostConfig) -> String {
        let mut definition = self.definition.clone();
        for (mode, own) in [
            (&mut definition.network_mode, &found.network_mode),
            (&mut definition.ipc, &found.ipc_mode),
            (&mut definition.pid, &found.pid_mode),
        ] {
            if referred(mode).is_some() {
                mode.clone_from(own);
            }
        }
        definition.volumes_from.clone_from(&found.volumes_from);
        hash_of_service(&definition, self.flavor)
    }

    fn namespaces(&self) -> [(&'static str, &String); 3] {
        let Service { network_mode, ipc, pid, .. } = self.definition.as_ref();
        [("network_mode", network_mode), ("ipc", ipc), ("pid", pid)]
    }
}

impl DesiredService {
    /// Returns the service with the ids of the containers that it refers to filled in; `None` if one is not known.
    pub fn with_ids(&self, ids: &BTreeMap<ServiceName, String>) -> Option<Self> {
        let Some(shared) = &self.shared else { return Some(self.clone()) };
        let mut definition = shared.definition.clone();
        fill(&mut definition.network_mode, CONTAINER, ids)?;
        fill(&mut definition.ipc, CONTAINER, ids)?;
        fill(&mut definition.pid, CONTAINER, ids)?;
        for from in &mut definition.volumes_from {
            fill(from, "", ids)?;
        }
        let mut service = self.clone();
        service.config_hash = hash_of_service(&definition, shared.flavor);
        let other = hash_of_service(&definition, shared.flavor.other());
        service.other_hash = (other != service.config_hash).then_some(other);
        for container in &mut service.containers {
            let host = &mut container.request.host_config;
            fill(&mut host.network_mode, CONTAINER, ids)?;
            fill(&mut host.ipc_mode, CONTAINER, ids)?;
            fill(&mut host.pid_mode, CONTAINER, ids)?;
            host.volumes_from.clone_from(&definition.volumes_from);
            let labels = &mut container.request.labels;
            labels.insert(label::compose::CONFIG_HASH.into(), service.config_hash.clone());
        }
        Some(service)
    }
}

fn referred(text: &str) -> Option<ServiceName> {
    text.strip_prefix(SERVICE).and_then(|name| ServiceName::new(name).ok())
}

fn fill(text: &mut String, before: &str, ids: &BTreeMap<ServiceName, String>) -> Option<()> {
    if let Some(service) = referred(text) {
        *text = format!("{before}{}", ids.get(&service)?);
    }
    Some(())
}

/// Writes `volumes_from` as Compose hashes and sends it: a container by its name, and a service in the place of its
/// container's id. The mode (`:ro`) is lost, as it is with Compose.
pub(super) fn normalise(service: &mut Service) {
    for from in &mut service.volumes_from {
        let mut words = from.split(':');
        *from = match (words.next(), words.next()) {
            (Some("container"), Some(container)) => container.to_owned(),
            (Some(name), _) => format!("{SERVICE}{name}"),
            (None, _) => String::new(),
        };
    }
}

/// Adds an error for each service that is referred to and has no container.
pub(super) fn check(services: &BTreeMap<ServiceName, DesiredService>, findings: &mut Findings<'_>) {
    for service in services.values() {
        for (field, other) in service.shared.iter().flat_map(Shared::references) {
            if services.get(&other).is_none_or(|other| other.containers.is_empty()) {
                let message = format!("service `{other}` has no container to share with");
                let path = format!("services.{}.{field}", service.name);
                findings.error(
                    "nothing-to-share",
                    &path,
                    message,
                    "let it have one, or take the reference out",
                );
            }
        }
    }
}
