//! Networks. A container remembers the ids of its networks from its first start on; a network knows only of those
//! users that have a process.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::Machine;
use super::Phase;
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
use crate::ports::EngineErrorKind;

const PREDEFINED: [(&str, &str); 3] = [("bridge", "bridge"), ("host", "host"), ("none", "null")];

const DRIVERS: [&str; 6] = ["", "bridge", "host", "macvlan", "ipvlan", "overlay"];

impl Machine {
    pub(super) fn add_predefined_networks(&mut self) {
        for (name, driver) in PREDEFINED {
            let (name, driver) = (name.to_owned(), driver.to_owned());
            self.add_network(NetworkRequest { name, driver, ..NetworkRequest::default() });
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
        let mut request = request.clone();
        if request.driver.is_empty() {
            request.driver = "bridge".into();
        }
        let taken = |network: &Network| {
            subnets(&network.request).any(|net| subnets(&request).any(|new| shared(&net, &new)))
        };
        if self.networks.values().any(taken) {
            return Err(EngineError::new(
                EngineErrorKind::Invalid,
                "Pool overlaps with other one on this address space",
            ));
        }
        Ok(changed(self.add_network(request)))
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
        // A stopped container's end is replaced only if the network that it remembers is gone.
        let networks = &self.networks;
        let is_gone =
            |end: &SimEndpoint| end.network_id.as_ref().is_some_and(|id| !networks.contains_key(id));
        match found {
            None if runs => return Err(not_found(format!("network {network} not found"))),
            // Nobody looks at a stopped container's networks before it starts: what is asked for replaces what was.
            None => {
                let end = SimEndpoint { network_id: None, endpoint: endpoint.clone() };
                user.networks.insert(network.to_owned(), end);
            }
            Some((_, name)) if user.networks.get(&name).is_some_and(|end| runs || !is_gone(end)) => {
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

    pub(super) fn disconnect_network(
        &mut self,
        network: &str,
        container: &str,
    ) -> Result<CallOutcome, EngineError> {
        let id = self.container_id(container)?;
        let found = self.network(network).map(|network| (network.id.clone(), network.name.clone()));
        let user = self.container_mut(&id)?;
        let name = found.as_ref().map_or(network, |(_, name)| name.as_str());
        let is_on_it = match &user.phase {
            Phase::Restarting { .. } => false,
            Phase::Running | Phase::Paused => {
                let end = user.networks.get(name).and_then(|end| end.network_id.as_ref());
                end.is_some() && end == found.as_ref().map(|(id, _)| id)
            }
            Phase::Created | Phase::Exited => user.networks.contains_key(name),
        };
        if !is_on_it {
            return Ok(unchanged());
        }
        user.networks.remove(name);
        self.tell_of_container(&id, "disconnect");
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

    fn add_network(&mut self, request: NetworkRequest) -> String {
        let id = self.new_id("network");
        let network = Network {
            id: id.clone(),
            name: request.name.clone(),
            own: OwnLabels::read(&request.labels),
            created_at: self.started.checked_add(self.now).ok(),
            request: Box::new(request),
        };
        let name = network.name.clone();
        self.networks.insert(id.clone(), network);
        self.tell("network", "create", &id, BTreeMap::from([("name".to_owned(), name)]));
        id
    }
}

fn subnets(request: &NetworkRequest) -> impl Iterator<Item = IpNet> {
    request.ipam.iter().flat_map(|ipam| &ipam.config).filter_map(|pool| pool.subnet.parse().ok())
}

fn shared(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// Returns true for a network that a container can only be in alone.
fn is_exclusive(name: &str) -> bool {
    matches!(name, "host" | "none")
}

fn is_predefined(name: &str) -> bool {
    PREDEFINED.iter().any(|(predefined, _)| *predefined == name)
}
