//! Networks that are made anew, and how containers come onto their networks.
//!
//! A changed network is taken down when every new container stands and before anything is started: who runs on it is
//! disconnected, it is removed, made anew, and who was on it is connected again and restarted in the order in which
//! services start. The containers stay the same.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Builder;
use super::stop::grace;
use crate::core::desired::request::Endpoint;
use crate::core::observed::Container;
use crate::core::observed::Network;
use crate::core::observed::State;
use crate::core::plan::Call;
use crate::core::plan::Object;
use crate::core::plan::Verb;
use crate::core::plan::networks;
use crate::core::plan::networks::Remake;
use crate::core::plan::slot;
use crate::core::plan::slot::Slot;

/// A network that a container has to come onto.
struct Joining<'n> {
    network: &'n str,
    /// The container has an end of it that is not the right one.
    leave_first: bool,
    cause: String,
}

impl<'a> Builder<'a> {
    /// Returns true if the network of that name is made anew by this plan.
    pub(super) fn is_remade(&self, network: &str) -> bool {
        self.remakes.iter().any(|remake| remake.found.name == network)
    }

    /// Takes changed networks down and makes them anew: all are down before the first is made, because they may swap
    /// subnets.
    pub(super) fn remake_networks(&mut self, slots: &[Slot<'a>]) {
        let debris: BTreeSet<&str> =
            slots.iter().flat_map(|slot| &slot.debris).map(|found| found.id.as_str()).collect();
        let before = self.barrier.clone();
        let mut removed = BTreeSet::new();
        let remakes = self.remakes.clone();
        for remake in &remakes {
            let object = Object::Network(remake.found.name.clone());
            let causes = networks::causes(*remake);
            let after = before.union(&self.clear(*remake, &debris, &before)).copied().collect();
            let call = Call::RemoveNetwork { id: remake.found.id.clone(), name: remake.found.name.clone() };
            removed.insert(self.call(call, object.clone(), causes.join("; "), &after));
            self.change(object, None, Verb::Replace, causes);
        }
        for remake in &remakes {
            let object = Object::Network(remake.found.name.clone());
            let call = Call::CreateNetwork(remake.request.clone());
            let id = self.call(call, object, "made anew", &removed);
            self.barrier.insert(id);
        }
    }

    /// Lets everybody who runs leave the network.
    fn clear(
        &mut self,
        remake: Remake<'a>,
        debris: &BTreeSet<&str>,
        before: &BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        let inputs = self.inputs;
        let ours = inputs.observed.of(&inputs.desired.owner);
        let mut left = BTreeSet::new();
        let runs_on_it = |found: &&Container| found.state.is_up() && remake.is_used_by(found);
        for user in ours.filter(runs_on_it).filter(|found| !debris.contains(found.id.as_str())) {
            let object = Object::Container(user.name.clone());
            let network = &remake.found.name;
            let call = match user.state {
                // Between two runs it cannot be disconnected, and remembers the network.
                State::Restarting => Call::StopContainer { container: user.id.clone(), grace: grace(user) },
                _ => Call::DisconnectNetwork { network: remake.found.id.clone(), container: user.id.clone() },
            };
            left.insert(self.call(call, object, format!("network `{network}` is made anew"), before));
        }
        left
    }

    /// Takes the addresses out of a new container's request that belong to a network which is yet to be made anew: they
    /// are given when it is connected.
    pub(super) fn without_addresses_to_come(&self, endpoints: &mut BTreeMap<String, Endpoint>) {
        for (network, endpoint) in endpoints {
            if self.is_remade(network) && has_addresses(endpoint) {
                endpoint.ip_address.clear();
                endpoint.ipv6_gateway.clear();
                endpoint.ipam_config = None;
            }
        }
    }

    /// Connects the slot's container, found or just created, to networks that it should be on and is not.
    pub(super) fn attach(
        &mut self,
        slot: &Slot<'a>,
        container: &str,
        found: Option<&Container>,
        after: &BTreeSet<usize>,
        causes: &mut Vec<String>,
    ) -> BTreeSet<usize> {
        let after: BTreeSet<usize> = after.union(&self.barrier).copied().collect();
        let object = Object::Container(slot.container.name.clone());
        let mut done = BTreeSet::new();
        for Joining { network, leave_first, cause } in self.joinings(slot, found) {
            let mut after = after.clone();
            if leave_first {
                let call = Call::DisconnectNetwork { network: network.into(), container: container.into() };
                after = BTreeSet::from([self.call(call, object.clone(), cause.clone(), &after)]);
            }
            let call = Call::ConnectNetwork {
                network: network.into(),
                container: container.into(),
                endpoint: Box::new(wanted_endpoint(slot, network).cloned().unwrap_or_default()),
            };
            done.insert(self.call(call, object.clone(), cause.clone(), &after));
            causes.push(if self.is_remade(network) { cause } else { format!("networks: + {network}") });
        }
        done
    }

    fn joinings<'s>(&self, slot: &'s Slot<'a>, found: Option<&Container>) -> Vec<Joining<'s>> {
        let mut joinings = Vec::new();
        for network in slot::wanted_networks(slot.container) {
            let is_remade = self.is_remade(network);
            let joining = |leave_first, cause: String| Joining { network, leave_first, cause };
            let Some(found) = found else {
                if is_remade && wanted_endpoint(slot, network).is_some_and(has_addresses) {
                    joinings.push(joining(
                        true,
                        format!("its address on network `{network}`, which is made anew"),
                    ));
                }
                continue;
            };
            match found.networks.get(network) {
                None => joinings.push(joining(false, format!("not on network `{network}`"))),
                Some(end)
                    if self.is_gone(network, &end.network_id)
                        || (is_remade && (found.state.is_up() || !end.network_id.is_empty())) =>
                {
                    joinings.push(joining(false, format!("network `{network}` is made anew")));
                }
                Some(_) if found.state == State::Created && lacks_address(slot, found, network) => {
                    joinings.push(joining(true, format!("not at its address on network `{network}`")));
                }
                Some(_) => {}
            }
        }
        joinings
    }

    fn is_gone(&self, network: &str, id: &str) -> bool {
        !id.is_empty()
            && self.inputs.observed.networks.iter().all(|known| known.name != network || known.id != id)
    }

    /// Returns the network for which a running container must be restarted: it is made anew by this plan, or was by a plan
    /// for this very revision that did not come to its end.
    pub(super) fn moved_to(&self, slot: &Slot<'a>, found: &Container) -> Option<&'a str> {
        let may_be_unfinished = self.inputs.memory.unproven || self.inputs.undo;
        let unfinished = |name: &str| {
            let network = self.inputs.observed.networks.iter().find(|network| network.name == name);
            match (network, found.networks.get(name)) {
                (None, end) => end.is_none(),
                (Some(network), None) => self.is_of_this_revision(network),
                (Some(network), Some(_)) => {
                    self.is_of_this_revision(network) && network.created_at > found.started_at
                }
            }
        };
        let container = slot.container;
        slot::wanted_networks(container).find(|network| {
            found.state.is_up() && (self.is_remade(network) || (may_be_unfinished && unfinished(network)))
        })
    }

    fn is_of_this_revision(&self, network: &Network) -> bool {
        let revision = self.inputs.desired.revision.to_string();
        network.own.as_ref().is_some_and(|own| own.revision == revision)
    }
}

fn wanted_endpoint<'s>(slot: &'s Slot<'_>, network: &str) -> Option<&'s Endpoint> {
    slot.container.request.networking_config.as_ref()?.endpoints_config.get(network)
}

fn addresses(endpoint: &Endpoint) -> (&str, &str) {
    endpoint.ipam_config.as_ref().map_or(("", ""), |ipam| (&ipam.ipv4_address, &ipam.ipv6_address))
}

fn has_addresses(endpoint: &Endpoint) -> bool {
    addresses(endpoint) != ("", "")
}

/// Returns true if the container was created without the addresses that it should have.
fn lacks_address(slot: &Slot<'_>, found: &Container, network: &str) -> bool {
    let (Some(wanted), Some(request)) = (wanted_endpoint(slot, network), &found.request) else {
        return false;
    };
    let has = request.networking_config.as_ref().and_then(|config| config.endpoints_config.get(network));
    has_addresses(wanted) && has.is_none_or(|has| addresses(has) != addresses(wanted))
}
