//! What a service's containers share with the first container of another service: a namespace (`network_mode`, `ipc` or
//! `pid: service:x`) or its volumes (`volumes_from`).
//!
//! The create request and Compose's config hash then hold the id of that container, which is known only once it
//! stands. Until it is filled in, both hold `service:x` in its place.
//!
//! A container of the project can be referred to by its name too (`container:NAME`). The engine writes its id into the
//! request when it creates, and Compose hashes the name: so does this, and whether the id is still the right one is told by
//! the request alone.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Condition;
use super::Dependency;
use super::DesiredService;
use super::findings::Findings;
use super::label;
use super::request::HostConfig;
use super::service::container_names;
use crate::core::compose::HashFlavor;
use crate::core::compose::Project;
use crate::core::compose::hash_of_service;
use crate::core::compose::types::Service;
use crate::core::model::ServiceName;

/// Stands before a service's name where the id of its container belongs.
const SERVICE: &str = "service:";
/// Stands before an id in a mode.
const CONTAINER: &str = "container:";

/// The services that containers of the project can be referred to for, by the container's name: each one's first.
pub(super) type ByName = BTreeMap<String, ServiceName>;

/// A definition that holds ids of other containers, with `service:x` in their place, or refers to them by name.
#[derive(Clone, PartialEq)]
pub struct Shared {
    definition: Box<Service>,
    flavor: HashFlavor,
    by_name: ByName,
}

impl std::fmt::Debug for Shared {
    /// Prints no more than whom it is shared with: the environment may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Shared").field(&self.with()).finish()
    }
}

impl Shared {
    /// Returns what the definition shares; `None` if it refers to no service. `volumes_from` must be as [`normalise`]
    /// writes it. `by_name` has the containers that it may refer to by name, without its own.
    pub fn of(
        definition: &Service,
        flavor: HashFlavor,
        by_name: BTreeMap<String, ServiceName>,
    ) -> Option<Self> {
        let shared = Self { definition: Box::new(definition.clone()), flavor, by_name };
        (!shared.references().is_empty()).then_some(shared)
    }

    /// Returns what is shared with whom: the field, and the service.
    pub fn references(&self) -> Vec<(&'static str, ServiceName)> {
        let modes = self.namespaces().into_iter().map(|(field, mode)| (field, self.of_mode(mode)));
        let volumes = self.definition.volumes_from.iter().map(|from| ("volumes_from", self.of_lender(from)));
        modes.chain(volumes).filter_map(|(field, service)| Some((field, service?))).collect()
    }

    /// Returns the services whose containers' ids are needed.
    pub fn with(&self) -> BTreeSet<ServiceName> {
        self.references().into_iter().map(|(_, service)| service).collect()
    }

    /// Returns the services that a namespace is shared with: it ends with the process that it was made for.
    pub fn namespaces_of(&self) -> BTreeSet<ServiceName> {
        self.namespaces().into_iter().filter_map(|(_, mode)| self.of_mode(mode)).collect()
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
        for (from, own) in definition.volumes_from.iter_mut().zip(&found.volumes_from) {
            if referred(from).is_some() {
                from.clone_from(own);
            }
        }
        hash_of_service(&definition, self.flavor)
    }

    /// Returns true if what a container shares by name is still shared with the containers that `wanted` has the ids of.
    /// The engine writes the id for the name, or keeps the name: then it is looked up with `is_named`, which says whether
    /// the container of an id has a name.
    pub fn names_are_right(
        &self,
        found: &HostConfig,
        wanted: &HostConfig,
        is_named: impl Fn(&str, &str) -> bool,
    ) -> bool {
        let is_right = |written: &str, found: &str, wanted: &str| {
            wanted != written && (found == wanted || found == written && is_named(wanted, written))
        };
        let modes = self.namespaces().into_iter().zip([
            (&found.network_mode, &wanted.network_mode),
            (&found.ipc_mode, &wanted.ipc_mode),
            (&found.pid_mode, &wanted.pid_mode),
        ]);
        let mut modes = modes.filter(|((_, written), _)| self.container_of_mode(written).is_some());
        let bare = |mode: &'_ str| mode.strip_prefix(CONTAINER).unwrap_or_default().to_owned();
        let lenders = self.definition.volumes_from.iter().enumerate();
        let mut lenders = lenders.filter(|(_, written)| self.by_name.contains_key(*written));
        modes.all(|((_, written), (found, wanted))| is_right(&bare(written), &bare(found), &bare(wanted)))
            && lenders.all(|(at, written)| {
                let at = |host: &HostConfig| host.volumes_from.get(at).cloned().unwrap_or_default();
                is_right(written, &at(found), &at(wanted))
            })
    }

    /// Returns the service whose container a mode refers to.
    fn of_mode(&self, mode: &str) -> Option<ServiceName> {
        referred(mode).or_else(|| self.container_of_mode(mode).cloned())
    }

    fn container_of_mode(&self, mode: &str) -> Option<&ServiceName> {
        self.by_name.get(mode.strip_prefix(CONTAINER)?)
    }

    /// Returns the service whose container an entry of `volumes_from` refers to.
    fn of_lender(&self, from: &str) -> Option<ServiceName> {
        referred(from).or_else(|| self.by_name.get(from).cloned())
    }

    fn fill_mode(&self, mode: &mut String, ids: &BTreeMap<ServiceName, String>) -> Option<()> {
        if let Some(service) = self.of_mode(mode) {
            *mode = format!("{CONTAINER}{}", ids.get(&service)?);
        }
        Some(())
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
            shared.fill_mode(&mut host.network_mode, ids)?;
            shared.fill_mode(&mut host.ipc_mode, ids)?;
            shared.fill_mode(&mut host.pid_mode, ids)?;
            for from in &mut host.volumes_from {
                if let Some(lender) = shared.of_lender(from) {
                    from.clone_from(ids.get(&lender)?);
                }
            }
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

/// Adds the services whose containers are referred to by name, as Compose adds those that are referred to as services.
pub(super) fn depend(shared: Option<&Shared>, dependencies: &mut Vec<Dependency>) {
    for service in shared.iter().flat_map(|shared| shared.with()) {
        if !dependencies.iter().any(|dependency| dependency.service == service) {
            let condition = Condition::ServiceStarted;
            dependencies.push(Dependency { service, condition, required: true, restart: true });
        }
    }
}

/// Returns the first container of each service by its name.
pub(super) fn first_containers(project: &Project) -> ByName {
    let first = |name: &String| {
        let container = container_names(project, name, &project.services[name]).into_iter().next()?;
        Some((container, ServiceName::new(name.as_str()).ok()?))
    };
    project.services.keys().filter_map(first).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(definition: &Service) -> Option<Shared> {
        let vpn = ServiceName::new("vpn").expect("a name");
        Shared::of(definition, HashFlavor::V2, BTreeMap::from([("home-vpn-1".to_owned(), vpn)]))
    }

    fn definition() -> Service {
        Service {
            network_mode: "container:home-vpn-1".into(),
            volumes_from: vec!["home-vpn-1".into(), "of-somebody-else".into()],
            ..Service::default()
        }
    }

    fn host(network: &str, lender: &str) -> HostConfig {
        let volumes_from = vec![lender.into(), "of-somebody-else".into()];
        HostConfig { network_mode: format!("container:{network}"), volumes_from, ..HostConfig::default() }
    }

    #[test]
    fn only_containers_of_the_project_are_followed() {
        let named = shared(&definition()).expect("it shares");
        let fields: Vec<&str> = named.references().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["network_mode", "volumes_from"]);
        assert_eq!(
            named.hash(HashFlavor::V2),
            hash_of_service(&definition(), HashFlavor::V2),
            "the names are hashed"
        );
        assert_eq!(named.hash_with_ids_of(&host("id1", "id1")), named.hash(HashFlavor::V2));
        let outside = Service { pid: "container:elsewhere".into(), ..Service::default() };
        assert_eq!(shared(&outside), None);
    }

    #[test]
    fn a_name_is_right_if_it_leads_to_the_same_container() {
        let shared = shared(&definition()).expect("it shares");
        let vpn = "home-vpn-1";
        let is_right = |found: HostConfig, id: &str| {
            shared.names_are_right(&found, &host(id, id), |id, name| id == "live" && name == vpn)
        };
        assert!(is_right(host("live", "live"), "live") && is_right(host("old", "old"), "old"));
        assert!(is_right(host(vpn, vpn), "live"), "Docker Compose's own, looked up by the engine");
        assert!(!is_right(host("old", "live"), "live") && !is_right(host("live", "old"), "live"));
        assert!(!is_right(host(vpn, vpn), "next"), "the name is still the old one's");
        assert!(!is_right(host(vpn, vpn), vpn), "nobody stands there yet");
    }
}
