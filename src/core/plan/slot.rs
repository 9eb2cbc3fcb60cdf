//! Where each container's replacement stands, derived from names, labels and states alone.
//!
//! A slot is one numbered place of a service. Up to three containers can stand in it: the live one, its successor
//! (`--next`) and its predecessor (`--prev`). Every row of the recovery table ends in one of the [`Step`]s, so a
//! pass after a crash is a pass like any other.

use crate::core::desired::Desired;
use crate::core::desired::DesiredContainer;
use crate::core::desired::DesiredService;
use crate::core::observed::Container;
use crate::core::observed::Observed;
use crate::core::observed::State;

use super::NEXT;
use super::PREV;

/// One numbered place of a service, and who stands in it.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    pub(super) service: &'a DesiredService,
    pub(super) container: &'a DesiredContainer,
    /// What to do with it.
    pub(super) step: Step<'a>,
    /// Containers that stand in the way of the live one and go first.
    pub(super) debris: Vec<&'a Container>,
    /// Containers that go once the whole stack is well.
    pub(super) leftovers: Vec<&'a Container>,
}

impl<'a> Slot<'a> {
    /// Returns successors that are still here although the live container is the right one.
    pub(super) fn successors(&self) -> impl Iterator<Item = &'a Container> {
        self.leftovers.iter().copied().filter(|found| found.name.ends_with(NEXT))
    }

    /// Returns the container that will be live in the slot, if it stands.
    pub(super) fn heir(&self) -> Option<&'a Container> {
        match self.step {
            Step::Keep(found)
            | Step::Unknown(found)
            | Step::TakeBack { prev: found, .. }
            | Step::Replace { next: Some(found), .. } => Some(found),
            Step::Create | Step::Replace { next: None, .. } => None,
        }
    }

    /// Returns true if a container has to be made for it.
    pub(super) fn needs_a_container(&self) -> bool {
        matches!(self.step, Step::Create | Step::Replace { next: None, .. })
    }

    /// Returns the container that leaves its place to another one.
    pub(super) fn replaced(&self) -> Option<&'a Container> {
        match self.step {
            Step::Replace { old, .. } => Some(old),
            Step::TakeBack { live, .. } => Some(live),
            Step::Create | Step::Keep(_) | Step::Unknown(_) => None,
        }
    }
}

/// What a slot needs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    /// Nobody is here.
    Create,
    /// This one is right; it may have to be named, started, attached or freed of leftovers.
    Keep(&'a Container),
    /// This one is not right; `next` is, if it is already there.
    Replace { old: &'a Container, next: Option<&'a Container> },
    /// The live one is not right and its predecessor is: the predecessor comes back.
    TakeBack { live: &'a Container, prev: &'a Container },
    /// The engine says something of this one that we do not understand. Hands off.
    Unknown(&'a Container),
}

/// Returns true if the container is what the service's definition makes, whatever its name and state.
pub(super) fn matches(
    found: &Container,
    desired: &Desired,
    service: &DesiredService,
    wanted: &DesiredContainer,
    observed: &Observed,
) -> bool {
    let identity = found.own.as_ref().is_some_and(|own| own.digest == service.digest)
        && found
            .compose
            .as_ref()
            .is_some_and(|c| c.config_hash == service.config_hash && c.project == desired.project.as_str());
    identity
        && shares_by_name(found, service, wanted, observed)
        && wanted_networks(wanted).all(|name| attachment_is_alive(found, name, observed))
}

/// Returns true if the containers whose names the service refers to are those that the container shares with. A name is
/// that of the live one, or of its predecessor that comes back; a successor has yet to get it.
fn shares_by_name(
    found: &Container,
    service: &DesiredService,
    wanted: &DesiredContainer,
    observed: &Observed,
) -> bool {
    let (Some(shared), Some(request)) = (&service.shared, &found.request) else { return true };
    let is_named = |id: &str, name: &str| {
        let other = observed.containers.iter().find(|other| other.id == id);
        other.is_some_and(|other| other.name.strip_suffix(PREV).unwrap_or(&other.name) == name)
    };
    shared.names_are_right(&request.host_config, &wanted.request.host_config, is_named)
}

/// Returns true if the container was made from the service's definition, whatever ids that was filled in with.
pub(super) fn is_of_definition(found: &Container, service: &DesiredService) -> bool {
    found.own.as_ref().is_some_and(|own| own.digest == service.digest) && has_hash_of(found, service)
}

/// Returns true if the container has the config hash of the service, whatever ids that was filled in with.
pub(super) fn has_hash_of(found: &Container, service: &DesiredService) -> bool {
    let hash = found.compose.as_ref().map(|compose| &compose.config_hash);
    let with_its_ids = || {
        let host = &found.request.as_ref()?.host_config;
        Some(service.shared.as_ref()?.hash_with_ids_of(host))
    };
    hash == Some(&service.config_hash) || hash == with_its_ids().as_ref()
}

/// Returns the names of the networks that a container should be attached to.
pub(super) fn wanted_networks(wanted: &DesiredContainer) -> impl Iterator<Item = &str> {
    wanted
        .request
        .networking_config
        .iter()
        .flat_map(|config| config.endpoints_config.keys())
        .map(String::as_str)
}

/// A container that ended after its successor was made was stopped for it. One that had ended before, such as a job
/// that has done its work, stays as it is.
pub(super) fn stopped_for_a_swap(found: &Container, next: &Container) -> bool {
    found.finished_at.is_some() && found.finished_at >= next.created_at
}

/// Returns true if nothing but the successor says that the container is to be started again.
fn is_down_for(live: &Container, wanted: &DesiredContainer, next: &Container) -> bool {
    let policy = wanted.request.host_config.restart_policy.name.as_str();
    live.state == State::Exited
        && !matches!(policy, "always" | "unless-stopped")
        && stopped_for_a_swap(live, next)
}

/// What runs on a network that is gone cannot be helped; a stopped container, or one without an end, can be connected.
fn attachment_is_alive(found: &Container, network: &str, observed: &Observed) -> bool {
    match found.networks.get(network) {
        Some(attachment) if found.state.is_up() && !attachment.network_id.is_empty() => {
            let mut named = observed.networks.iter().filter(|n| n.name == network).peekable();
            named.peek().is_none() || named.any(|n| n.id == attachment.network_id)
        }
        _ => true,
    }
}

/// Sorts a stack's containers into slots. What belongs to no slot is the second part: orphans.
pub(super) fn slots<'a>(desired: &'a Desired, observed: &'a Observed) -> (Vec<Slot<'a>>, Vec<&'a Container>) {
    let mut rest: Vec<&Container> = observed.of(&desired.owner).collect();
    rest.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let mut slots = Vec::new();
    for service in desired.services.values() {
        for container in &service.containers {
            let (here, others): (Vec<&Container>, Vec<&Container>) =
                rest.into_iter().partition(|found| stands_in(found, service, container));
            rest = others;
            slots.push(slot(desired, observed, service, container, here));
        }
    }
    rest.retain(|found| found.compose.as_ref().is_none_or(|c| !desired.inactive.contains(&c.service)));
    (slots, rest)
}

/// Returns the slot of one container.
pub(super) fn slot_of<'a>(
    desired: &'a Desired,
    observed: &'a Observed,
    service: &'a DesiredService,
    container: &'a DesiredContainer,
) -> Slot<'a> {
    let mut here: Vec<&Container> =
        observed.of(&desired.owner).filter(|found| stands_in(found, service, container)).collect();
    here.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    slot(desired, observed, service, container, here)
}

fn stands_in(found: &Container, service: &DesiredService, container: &DesiredContainer) -> bool {
    found.compose.as_ref().is_some_and(|c| c.service == service.name && c.number == container.number)
}

fn slot<'a>(
    desired: &'a Desired,
    observed: &'a Observed,
    service: &'a DesiredService,
    container: &'a DesiredContainer,
    here: Vec<&'a Container>,
) -> Slot<'a> {
    let right = |found: &Container| matches(found, desired, service, container, observed);
    let (gone, here): (Vec<&Container>, Vec<&Container>) =
        here.into_iter().partition(|found| matches!(found.state, State::Dead));
    let mut live = None;
    let mut next = None;
    let mut prev = None;
    let mut surplus = Vec::new();
    for found in here {
        let role = if found.name.ends_with(NEXT) {
            &mut next
        } else if found.name.ends_with(PREV) {
            &mut prev
        } else {
            &mut live
        };
        match role {
            None => *role = Some(found),
            // Two in one role: somebody renamed by hand. The one with the right name stays.
            Some(first) if found.name == container.name => surplus.push(std::mem::replace(first, found)),
            Some(_) => surplus.push(found),
        }
    }
    let mut debris = gone;
    let mut leftovers = surplus;
    let unknown = [live, next, prev].into_iter().flatten().find(|c| matches!(c.state, State::Unknown(_)));
    let step = match (live, next, prev) {
        _ if unknown.is_some() => unknown.map_or(Step::Create, Step::Unknown),
        (Some(live), next, prev) if right(live) => {
            // A successor that the live one was stopped for is the only trace of that: it stays until the live one
            // runs again.
            let traces = next.filter(|next| is_down_for(live, container, next));
            debris.extend(next.filter(|_| traces.is_none()));
            leftovers.extend(traces.into_iter().chain(prev));
            Step::Keep(live)
        }
        (Some(live), next, Some(prev)) if right(prev) => {
            debris.extend(next);
            Step::TakeBack { live, prev }
        }
        (Some(live), Some(next), prev) if right(next) => {
            leftovers.extend(prev);
            Step::Replace { old: live, next: Some(next) }
        }
        (Some(live), next, prev) => {
            debris.extend(next);
            leftovers.extend(prev);
            Step::Replace { old: live, next: None }
        }
        // Between the two renames of a swap, or after somebody removed the live one by hand.
        (None, Some(next), prev) if right(next) => {
            leftovers.extend(prev);
            Step::Keep(next)
        }
        (None, next, Some(prev)) => {
            debris.extend(next);
            if right(prev) { Step::Keep(prev) } else { Step::Replace { old: prev, next: None } }
        }
        (None, Some(next), None) => {
            debris.push(next);
            Step::Create
        }
        (None, None, None) => Step::Create,
    };
    Slot { service, container, step, debris, leftovers }
}
