//! Ports of the host: who holds them is found out when a container is started, not before.

use super::Machine;
use super::SimContainer;
use crate::core::desired::request::PortBinding;
use crate::core::observed::PublishedPort;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

/// Where the engine looks for a free port.
const FREE_PORTS: std::ops::RangeInclusive<u16> = 32_768..=60_999;

impl Machine {
    /// Returns the host ports that a container takes when it is started.
    pub(super) fn ports_for(&self, container: &SimContainer) -> Result<Vec<PublishedPort>, EngineError> {
        let mut taken: Vec<PublishedPort> = Vec::new();
        for (protocol, binding) in container.bindings() {
            let port = match fixed_port(protocol, binding) {
                Some(port) => self.check_port(container, &port).map(|()| port)?,
                None => self.any_port(container, protocol, binding, &taken)?,
            };
            taken.push(port);
        }
        taken.sort();
        Ok(taken)
    }

    fn any_port(
        &self,
        container: &SimContainer,
        protocol: &str,
        binding: &PortBinding,
        taken: &[PublishedPort],
    ) -> Result<PublishedPort, EngineError> {
        let is_free = |port: &PublishedPort| {
            !taken.iter().any(|other| other.clashes(port)) && self.check_port(container, port).is_ok()
        };
        FREE_PORTS
            .filter_map(|port| PublishedPort::of(&binding.host_ip, port, protocol))
            .find(is_free)
            .ok_or_else(|| EngineError::new(EngineErrorKind::Failed, "all ports are allocated"))
    }

    fn check_port(&self, container: &SimContainer, port: &PublishedPort) -> Result<(), EngineError> {
        let holds = |other: &SimContainer| other.ports.iter().any(|held| held.clashes(port));
        let place = format!("{}:{}", if port.ip.is_empty() { "0.0.0.0" } else { &port.ip }, port.port);
        let why = if self.containers.values().any(|other| other.id != container.id && holds(other)) {
            format!("Bind for {place} failed: port is already allocated")
        } else if self.foreign_ports.iter().any(|foreign| foreign.clashes(port)) {
            format!("failed to bind host port {place}/{}: address already in use", port.protocol)
        } else {
            return Ok(());
        };
        let SimContainer { name, id, .. } = container;
        Err(EngineError::new(
            EngineErrorKind::PortTaken,
            format!(
                "failed to set up container networking: driver failed programming external connectivity on endpoint {name} ({id}): {why}"
            ),
        ))
    }
}

impl SimContainer {
    /// Returns the host ports that it holds now, and those that it asks for by number.
    pub(super) fn held_and_wanted_ports(&self) -> Vec<PublishedPort> {
        let wanted = self.bindings().filter_map(|(protocol, binding)| fixed_port(protocol, binding));
        let mut ports: Vec<PublishedPort> = self.ports.iter().cloned().chain(wanted).collect();
        ports.sort();
        ports.dedup();
        ports
    }

    /// Returns what it asks for, with the protocols.
    fn bindings(&self) -> impl Iterator<Item = (&str, &PortBinding)> {
        self.request.host_config.port_bindings.iter().flat_map(|(inner, bindings)| {
            let protocol = inner.rsplit_once('/').map_or("tcp", |(_, protocol)| protocol);
            bindings.iter().map(move |binding| (protocol, binding))
        })
    }
}

/// Returns the port that is asked for by number; `None` if any will do.
fn fixed_port(protocol: &str, binding: &PortBinding) -> Option<PublishedPort> {
    PublishedPort::of(&binding.host_ip, binding.host_port.parse().ok()?, protocol)
}
