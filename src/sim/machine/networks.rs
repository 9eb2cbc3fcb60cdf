//! Networks. A container remembers the ids of its networks from its first start on; a network knows only of those
//! users that have a process.

use std::collections::BTreeMap;

use super::Machine;
use super::SimContainer;
use super::SimEndpoint;
use super::changed;
use super::conflict;
use super::invalid;
use super::not_found;
use super::unchanged;
use crate::core::desired::request::Endpoint;
use crate::core::desired::request::NetworkRequest;
use crate::core::observed::Network;
use crate::core::observed::OwnLabels;
use crate::ports::CallOutcome;
use crate::ports::EngineError;

const PREDEFINED: [(&str, &str); 3] = [("bridge", "bridge"), ("host", "host"), ("none", "null")];

const DRIVERS: [&str; 6] = ["", "bridge", "host", "macvlan", "ipvlan", "overlay"];

impl Machine {
    pub(super) fn add_predefined_networks(&mut self) {
        for (name, driver) in PREDEFINED {
            self.add_network(name, driver, BTreeMap::new());
        }
    }

    pub(super) fn create_network(&mut self, request: &NetworkRequest) -> Result<CallOutcome, EngineError> {
        let name = &request.name;
        if name.is_empty() {
            return Err(invalid("invalid name: name is empty"));
        }
        if is_predefined(name) {
            return Err(invalid(format!("operation is not permitted on predefined {name} network ")));
        }
        if self.networks.values().any(|network| network.name == *name) {
            return Err(conflict(format!("network with name {name} already exists")));
        }
        if !DRIVERS.contains(&request.driver.as_str()) {
            return Err(not_found(format!(r#"plugin "{}" not found"#, request.driver)));
        }
        let driver = if request.driver.is_empty() { "bridge" } else { &request.driver };
        let id = self.add_network(name, driver, request.labels.clone());
        Ok(changed(id))
    }

    pub(in crate::sim) fn remove_network(&mut self, network: &str) -> Result<CallOutcome, EngineError> {
        let Some(Network { id, name, .. }) = self.network(network).cloned() else { return Ok(unchanged()) };
        if is_predefined(&name) {
            return Err(invalid(format!("{name} is a pre-defined network and cannot be removed")));
        }
        let uses = |container: &&SimContainer| {
            let ids = container.networks.values().filter_map(|end| end.network_id.as_ref());
            container.phase.has_process() && ids.into_iter().any(|used| *used == id)
        };
        if let Some(user) = self.containers.values().find(uses) {
            let (holder, short) = (&user.name, &user.id[..12]);
            return Err(conflict(format!(
                r#"error while removing network: network {name} has active endpoints (name:"{holder}" id:"{short}")"#
            )));
        }
        self.networks.remove(&id);
        self.tell("network", "destroy", &id, BTreeMap::from([("name".to_owned(), name)]));
        Ok(changed(""))
    }

    pub(super) fn connect_network(
        &mut self,
        network: &str,
        container: &str,
        endpoint: &Endpoint,
    ) -> Result<CallOutcome, EngineError> {
        let id = self.container_id(container)?;
        let found = self.network(network).map(|network| (network.id.clone(), network.name.clone()));
        let user = self
            .containers
            .get_mut(&id)
            .ok_or_else(|| not_found(format!("No such container: {container}")))?;
        let runs = user.phase.has_process();
        match found {
            None if runs => return Err(not_found(format!("network {network} not found"))),
            // Nobody looks at a stopped container's networks before it starts: what is asked for replaces what was.
            None => {
                let end = SimEndpoint { network_id: None, endpoint: endpoint.clone() };
                user.networks.insert(network.to_owned(), end);
            }
            Some((_, name)) if user.networks.contains_key(&name) => {
                return Ok(if runs { unchanged() } else { changed("") });
            }
            Some((_, name)) if is_exclusive(&name) || user.networks.keys().any(|name| is_exclusive(name)) => {
                return Err(invalid(
                    "container cannot be connected to multiple networks with one of the networks in private (none) mode",
                ));
            }
            Some((network_id, name)) => {
                let network_id = runs.then_some(network_id);
                user.networks.insert(name, SimEndpoint { network_id, endpoint: endpoint.clone() });
            }
        }
        self.tell_of_container(&id, "connect");
        Ok(changed(""))
    }

    /// Returns the ids of the networks that a container would be attached to if it were started now, by their names.
    pub(super) fn resolve_networks(
        &self,
        container: &SimContainer,
    ) -> Result<BTreeMap<String, String>, EngineError> {
        let resolve = |(name, end): (&String, &SimEndpoint)| {
            let wanted = end.network_id.as_ref().unwrap_or(name);
            let found = match &end.network_id {
                Some(id) => self.networks.get(id),
                None => self.network(name),
            };
            match found {
                Some(network) => Ok((name.clone(), network.id.clone())),
                None => Err(not_found(format!(
                    "failed to set up container networking: network {wanted} not found"
                ))),
            }
        };
        container.networks.iter().map(resolve).collect()
    }

    fn network(&self, name_or_id: &str) -> Option<&Network> {
        let by_name = || self.networks.values().find(|network| network.name == name_or_id);
        self.networks.get(name_or_id).or_else(by_name)
    }

    fn add_network(&mut self, name: &str, driver: &str, labels: BTreeMap<String, String>) -> String {
        let id = self.new_id("network");
        let network = Network {
            id: id.clone(),
            name: name.into(),
            driver: driver.into(),
            own: OwnLabels::read(&labels),
            labels,
        };
        self.networks.insert(id.clone(), network);
        self.tell("network", "create", &id, BTreeMap::from([("name".to_owned(), name.to_owned())]));
        id
    }
}

/// Returns true for a network that a container can only be in alone.
fn is_exclusive(name: &str) -> bool {
    matches!(name, "host" | "none")
}

fn is_predefined(name: &str) -> bool {
    PREDEFINED.iter().any(|(predefined, _)| *predefined == name)
}
