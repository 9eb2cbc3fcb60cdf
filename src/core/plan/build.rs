//! Puts the plan together: stage by stage, each stage's nodes after those that they need.
//!
//! The order of a plan, whatever the stack: images, files, networks, volumes; every container created; and only then
//! is anything stopped or started, dependencies first; names swapped one by one as gates pass; and when all gates
//! have passed, what is no longer needed is removed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Action;
use super::Call;
use super::Change;
use super::Gate;
use super::Inputs;
use super::NEXT;
use super::Node;
use super::Object;
use super::Plan;
use super::Refusal;
use super::Verb;
use super::Want;
use super::images;
use super::preflight;
use super::prune;
use super::slot;
use super::slot::Slot;
use super::slot::Step;
use crate::core::desired::Condition;
use crate::core::desired::label;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::Mount;
use crate::core::desired::request::RestartPolicy;
use crate::core::model::ServiceName;
use crate::core::observed::Container;

/// The plan while it grows.
pub(super) struct Builder<'a> {
    pub(super) inputs: Inputs<'a>,
    pub(super) nodes: Vec<Node>,
    pub(super) changes: Vec<Change>,
    pub(super) notes: Vec<String>,
    pub(super) refusals: Vec<Refusal>,
    /// Nodes that fetch, publish or create: nothing is stopped or started before all of them.
    barrier: BTreeSet<usize>,
    /// Nodes that must have passed before anything is removed.
    pub(super) gates: BTreeSet<usize>,
    /// Stops, with the container that each frees the ports of.
    pub(super) stops: Vec<(usize, &'a Container)>,
    /// What each service's dependants can wait for.
    reached: BTreeMap<ServiceName, Reached>,
}

/// The nodes after which a service has reached a condition; empty where it already has.
#[derive(Debug, Clone, Default)]
struct Reached {
    started: BTreeSet<usize>,
    containers: Vec<Standing>,
    replaced: bool,
    healthy: Option<BTreeSet<usize>>,
    completed: Option<BTreeSet<usize>>,
}

/// A container that dependants may have to wait for.
#[derive(Debug, Clone)]
struct Standing {
    /// By name or id.
    container: String,
    /// What the plan shows.
    object: Object,
    /// It is healthy already.
    healthy: bool,
    /// It has ended with exit code 0 already.
    completed: bool,
}

pub(super) fn build(inputs: Inputs<'_>) -> Plan {
    let (slots, orphans) = slot::slots(inputs.desired, inputs.observed);
    let mut builder = Builder {
        inputs,
        nodes: Vec::new(),
        changes: Vec::new(),
        notes: Vec::new(),
        refusals: preflight::refusals(inputs, &slots),
        barrier: BTreeSet::new(),
        gates: BTreeSet::new(),
        stops: Vec::new(),
        reached: BTreeMap::new(),
    };
    let chosen = builder.images(&slots);
    builder.files();
    builder.networks_and_volumes();
    let ready = builder.creates(&slots, &chosen);
    builder.early_stops(&slots, &orphans);
    builder.swaps(&slots, &ready);
    prune::prune(&mut builder, &orphans);
    let Builder { nodes, mut changes, notes, refusals, .. } = builder;
    changes.sort_by(|a, b| (a.verb == Verb::Remove, &a.object).cmp(&(b.verb == Verb::Remove, &b.object)));
    Plan {
        owner: inputs.desired.owner.clone(),
        revision: inputs.desired.revision.clone(),
        changes,
        nodes,
        refusals,
        notes,
    }
}

impl<'a> Builder<'a> {
    pub(super) fn call(
        &mut self,
        call: Call,
        object: Object,
        cause: impl Into<String>,
        after: &BTreeSet<usize>,
    ) -> usize {
        self.node(Action::Call(call), object, cause, after)
    }

    fn node(
        &mut self,
        action: Action,
        object: Object,
        cause: impl Into<String>,
        after: &BTreeSet<usize>,
    ) -> usize {
        let id = self.nodes.len() + 1;
        self.nodes.push(Node {
            id,
            action,
            object,
            cause: cause.into(),
            after: after.clone(),
            after_any: BTreeSet::new(),
            optional: false,
        });
        id
    }

    pub(super) fn change(
        &mut self,
        object: Object,
        service: Option<&ServiceName>,
        verb: Verb,
        causes: Vec<String>,
    ) {
        self.changes.push(Change { object, service: service.cloned(), verb, causes });
    }

    /// Chooses the image of each service that needs a new container; pulls what is not here.
    fn images(&mut self, slots: &[Slot<'a>]) -> BTreeMap<ServiceName, Option<String>> {
        let mut chosen = BTreeMap::new();
        let mut pulls: BTreeSet<(String, Option<String>)> = BTreeSet::new();
        for slot in
            slots.iter().filter(|slot| matches!(slot.step, Step::Create | Step::Replace { next: None, .. }))
        {
            let standing = self.inputs.observed.of(&self.inputs.desired.owner).find(|found| {
                found.compose.as_ref().is_some_and(|c| c.service == slot.service.name)
                    && slot::matches(
                        found,
                        self.inputs.desired,
                        slot.service,
                        slot.container,
                        self.inputs.observed,
                    )
            });
            let choice = match images::choose(self.inputs, slot.service, standing) {
                images::Choice::Here(id) => Some(id),
                images::Choice::Refused(refusal) => {
                    if !self.refusals.contains(&refusal) {
                        self.refusals.push(refusal);
                    }
                    None
                }
                images::Choice::Pull => {
                    pulls.insert((slot.service.image.clone(), slot.service.platform.clone()));
                    None
                }
            };
            chosen.insert(slot.service.name.clone(), choice);
        }
        for (image, platform) in pulls {
            let timeout = self.inputs.desired.settings.pull_timeout;
            let here = self.inputs.observed.image_id(&image).is_some();
            let cause = if here { "pull_policy is always" } else { "not on this engine" };
            let call = Call::PullImage { image: image.clone(), platform, timeout };
            let id = self.call(call, Object::Image(image), cause, &BTreeSet::new());
            self.barrier.insert(id);
        }
        chosen
    }

    fn files(&mut self) {
        if self.inputs.stale_files.is_empty() {
            return;
        }
        let causes: Vec<String> = self.inputs.stale_files.to_vec();
        let cause = format!("{} differ on the host", causes.join(", "));
        let id = self.node(Action::PublishFiles, Object::Files, cause, &self.barrier.clone());
        self.barrier.insert(id);
        self.change(Object::Files, None, Verb::Update, causes);
    }

    fn networks_and_volumes(&mut self) {
        let before = self.barrier.clone();
        let Inputs { desired, observed, .. } = self.inputs;
        for network in desired.networks.values() {
            if let Some(request) = &network.create
                && !observed.networks.iter().any(|n| n.name == network.name)
            {
                let object = Object::Network(network.name.clone());
                let id = self.call(
                    Call::CreateNetwork(request.clone()),
                    object.clone(),
                    "no such network",
                    &before,
                );
                self.barrier.insert(id);
                self.change(object, None, Verb::Create, vec!["not there".into()]);
            }
        }
        for volume in desired.volumes.values() {
            if let Some(request) = &volume.create
                && !observed.volumes.iter().any(|v| v.name == volume.name)
            {
                let object = Object::Volume(volume.name.clone());
                let id =
                    self.call(Call::CreateVolume(request.clone()), object.clone(), "no such volume", &before);
                self.barrier.insert(id);
                self.change(object, None, Verb::Create, vec!["not there".into()]);
            }
        }
    }

    /// Creates every container that is missing. Returns, slot by slot, what must be done before it may be started.
    fn creates(
        &mut self,
        slots: &[Slot<'a>],
        chosen: &BTreeMap<ServiceName, Option<String>>,
    ) -> Vec<BTreeSet<usize>> {
        let before = self.barrier.clone();
        let mut ready = Vec::new();
        for slot in slots {
            let object = Object::Container(slot.container.name.clone());
            let mut cleared = before.clone();
            for debris in &slot.debris {
                let call = Call::RemoveContainer { container: debris.id.clone(), force: true };
                let cause = format!("`{}` was left by an unfinished deploy", debris.name);
                cleared.insert(self.call(call, object.clone(), cause, &before));
            }
            let create = match slot.step {
                Step::Create => Some((slot.container.name.clone(), None)),
                Step::Replace { old, next: None } => {
                    Some((format!("{}{NEXT}", slot.container.name), Some(old)))
                }
                _ => None,
            };
            let Some((name, old)) = create else {
                self.barrier.extend(cleared.difference(&before));
                ready.push(cleared.difference(&before).copied().collect());
                continue;
            };
            let image = chosen.get(&slot.service.name).cloned().flatten();
            let mut request = with_image(slot, image, self.inputs);
            carry_anonymous_volumes(&mut request, old);
            let further = self.split_endpoints(&mut request);
            let cause = if old.is_some() { "replaces the running one" } else { "no such container" };
            let call = Call::CreateContainer {
                name: name.clone(),
                platform: slot.service.platform.clone(),
                request: Box::new(request),
            };
            let created = self.call(call, object.clone(), cause, &cleared);
            let mut done = BTreeSet::from([created]);
            for (network, endpoint) in further {
                let call =
                    Call::ConnectNetwork { network: network.clone(), container: name.clone(), endpoint };
                let cause = format!("network `{network}`, which this engine cannot take at create");
                done.insert(self.call(call, object.clone(), cause, &BTreeSet::from([created])));
            }
            self.barrier.extend(&done);
            ready.push(done);
        }
        ready
    }

    /// Engines before API 1.44 take one endpoint at create; the others are connected one by one.
    fn split_endpoints(
        &self,
        request: &mut ContainerRequest,
    ) -> Vec<(String, Box<crate::core::desired::request::Endpoint>)> {
        let Some(config) = request.networking_config.as_mut() else { return Vec::new() };
        if self.inputs.observed.engine.creates_with_many_endpoints() || config.endpoints_config.len() < 2 {
            return Vec::new();
        }
        let primary = request.host_config.network_mode.clone();
        let (kept, further) =
            std::mem::take(&mut config.endpoints_config).into_iter().partition(|(name, _)| *name == primary);
        config.endpoints_config = kept;
        let further: BTreeMap<String, crate::core::desired::request::Endpoint> = further;
        further.into_iter().map(|(name, endpoint)| (name, Box::new(endpoint))).collect()
    }

    /// Stops that something else's start waits for: the old holder of a port, address or name.
    fn early_stops(&mut self, slots: &[Slot<'a>], orphans: &[&'a Container]) {
        let starting: BTreeSet<_> = slots
            .iter()
            .filter(|slot| !matches!(slot.step, Step::Keep(found) if found.state.is_up()))
            .flat_map(|slot| preflight::wanted_ports(slot.container))
            .collect();
        let clashing =
            |found: &Container| found.ports.iter().any(|held| starting.iter().any(|port| port.clashes(held)));
        for found in orphans.iter().filter(|found| found.state.is_up() && clashing(found)) {
            let object = Object::Container(found.name.clone());
            self.stop(found, object, "another container takes over its port", &BTreeSet::new());
        }
        for slot in slots {
            let (Step::Replace { old, .. } | Step::TakeBack { live: old, .. }) = slot.step else { continue };
            let others: BTreeSet<_> = slots
                .iter()
                .filter(|other| other.container.name != slot.container.name)
                .filter(|other| !matches!(other.step, Step::Keep(found) if found.state.is_up()))
                .flat_map(|other| preflight::wanted_ports(other.container))
                .collect();
            if old.state.is_up() && old.ports.iter().any(|held| others.iter().any(|port| port.clashes(held)))
            {
                let object = Object::Container(slot.container.name.clone());
                self.stop(old, object, "another container takes over its port", &BTreeSet::new());
            }
        }
    }

    /// Stops a container so that an engine restart cannot wake it. Its policy is put back if it is kept after all.
    pub(super) fn stop(
        &mut self,
        found: &'a Container,
        object: Object,
        cause: &str,
        after: &BTreeSet<usize>,
    ) -> usize {
        if let Some((id, _)) = self.stops.iter().find(|(_, stopped)| stopped.id == found.id) {
            return *id;
        }
        let mut after: BTreeSet<usize> = after.union(&self.barrier).copied().collect();
        if !found.restart_policy.is_never() {
            let call = Call::SetRestartPolicy { container: found.id.clone(), policy: RestartPolicy::never() };
            after = BTreeSet::from([self.call(
                call,
                object.clone(),
                "an engine restart must not wake it",
                &after,
            )]);
        }
        let grace = found
            .request
            .as_ref()
            .and_then(|request| request.stop_timeout)
            .and_then(|seconds| u64::try_from(seconds).ok())
            .unwrap_or(10);
        let call =
            Call::StopContainer { container: found.id.clone(), grace: std::time::Duration::from_secs(grace) };
        let id = self.call(call, object, cause, &after);
        self.stops.push((id, found));
        id
    }

    /// Starts, gates and names, service by service with dependencies first.
    fn swaps(&mut self, slots: &[Slot<'a>], ready: &[BTreeSet<usize>]) {
        let mut finishing: Vec<(&Slot<'a>, BTreeSet<usize>)> = Vec::new();
        for name in self.service_order() {
            let of_service = slots.iter().filter(|slot| slot.service.name == name);
            let waits = if self.starts_any(of_service) { self.dependencies(&name) } else { Waits::default() };
            for (slot, ready) in slots.iter().zip(ready).filter(|(slot, _)| slot.service.name == name) {
                finishing.push((slot, self.swap(slot, ready, &waits)));
            }
        }
        // Whatever may still fail comes first: after a removal there is no way back to the same container.
        let named: BTreeSet<usize> = finishing.iter().flat_map(|(_, named)| named).copied().collect();
        self.gates.extend(named);
        let after = self.gates.clone();
        for (slot, _) in finishing {
            let replaced = match slot.step {
                Step::Replace { old, .. } => Some(old),
                Step::TakeBack { live, .. } => Some(live),
                _ => None,
            };
            let object = Object::Container(slot.container.name.clone());
            for gone in slot.leftovers.iter().copied().chain(replaced) {
                let call = Call::RemoveContainer { container: gone.id.clone(), force: false };
                if gone.state.is_up() && replaced.is_none_or(|replaced| replaced.id != gone.id) {
                    let stopped = self.stop(gone, object.clone(), "left by an unfinished deploy", &after);
                    let mut after = after.clone();
                    after.insert(stopped);
                    self.call(call, object.clone(), "the whole stack is well", &after);
                } else {
                    self.call(call, object.clone(), "the whole stack is well", &after);
                }
            }
        }
    }

    /// Returns true if a container of these slots is to be started: only then anything is waited for.
    fn starts_any<'s>(&self, mut slots: impl Iterator<Item = &'s Slot<'a>>) -> bool
    where
        'a: 's,
    {
        slots.any(|slot| match slot.step {
            Step::Keep(found) => swap::reason_to_start(slot, found).is_some() || self.is_restarted(slot),
            Step::Unknown(_) => false,
            Step::Create | Step::Replace { .. } | Step::TakeBack { .. } => true,
        })
    }

    /// Returns true if a service that this one depends on with `restart: true` is replaced.
    fn is_restarted(&self, slot: &Slot<'a>) -> bool {
        let replaced = |name| self.reached.get(name).is_some_and(|reached| reached.replaced);
        slot.service.depends_on.iter().any(|dependency| dependency.restart && replaced(&dependency.service))
    }

    /// Dependencies first; services in a cycle, which the loader refuses, come last and by name.
    fn service_order(&self) -> Vec<ServiceName> {
        let services = &self.inputs.desired.services;
        let mut left: BTreeSet<&ServiceName> = services.keys().collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let free = left.iter().find(|name| {
                services[**name].depends_on.iter().all(|d| !left.contains(&d.service) || d.service == ***name)
            });
            let Some(name) = free.or_else(|| left.first()).copied() else { break };
            left.remove(name);
            order.push(name.clone());
        }
        order
    }

    /// Returns what a service's start waits for: nodes that must succeed, and nodes that must only end.
    fn dependencies(&mut self, name: &ServiceName) -> Waits {
        let mut waits = Waits::default();
        let desired = self.inputs.desired;
        for dependency in &desired.services[name].depends_on {
            let Some(reached) = self.reached.get(&dependency.service).cloned() else { continue };
            let nodes = match dependency.condition {
                Condition::ServiceStarted => reached.started.clone(),
                Condition::ServiceHealthy => {
                    self.wait(&dependency.service, &reached, Want::Healthy, dependency.required)
                }
                Condition::ServiceCompletedSuccessfully => {
                    self.wait(&dependency.service, &reached, Want::Completed, dependency.required)
                }
            };
            waits.restart |= dependency.restart && reached.replaced;
            if dependency.required { &mut waits.must } else { &mut waits.may }.extend(nodes);
        }
        waits
    }

    /// Adds the wait for a dependency's condition, once for all that wait for it.
    fn wait(
        &mut self,
        service: &ServiceName,
        reached: &Reached,
        want: Want,
        required: bool,
    ) -> BTreeSet<usize> {
        let known = if want == Want::Healthy { &reached.healthy } else { &reached.completed };
        let nodes = match known {
            Some(nodes) => nodes.clone(),
            None => self.wait_nodes(service, reached, want),
        };
        for id in &nodes {
            // Optional as long as nobody requires it.
            let node = &mut self.nodes[*id - 1];
            node.optional = !required && (known.is_none() || node.optional);
        }
        if let Some(entry) = self.reached.get_mut(service) {
            let known = if want == Want::Healthy { &mut entry.healthy } else { &mut entry.completed };
            *known = Some(nodes.clone());
        }
        nodes
    }

    fn wait_nodes(&mut self, service: &ServiceName, reached: &Reached, want: Want) -> BTreeSet<usize> {
        let mut nodes = BTreeSet::new();
        let deadline = self.inputs.desired.settings.healthy_deadline;
        for standing in &reached.containers {
            if if want == Want::Healthy { standing.healthy } else { standing.completed } {
                continue;
            }
            let gate = Gate {
                container: standing.container.clone(),
                want,
                min_healthy_time: std::time::Duration::ZERO,
                deadline,
            };
            let cause = format!("other services wait for `{service}`");
            nodes.insert(self.node(Action::Wait(gate), standing.object.clone(), cause, &reached.started));
        }
        nodes
    }
}

/// What a start waits for.
#[derive(Debug, Default)]
pub(super) struct Waits {
    must: BTreeSet<usize>,
    may: BTreeSet<usize>,
    restart: bool,
}

mod swap;

fn with_image(slot: &Slot<'_>, image: Option<String>, inputs: Inputs<'_>) -> ContainerRequest {
    let mut request = slot.container.request.clone();
    if let Some(id) = image {
        if inputs.observed.image_id(&slot.service.image) != Some(&id) {
            request.image.clone_from(&id);
        }
        request.labels.insert(label::compose::IMAGE.into(), id);
    }
    request
}

/// Volumes that the engine named itself stay with the service's next container, as Compose does it.
fn carry_anonymous_volumes(request: &mut ContainerRequest, old: Option<&Container>) {
    let Some(old) = old else { return };
    for mount in old.mounts.iter().filter(|mount| mount.is_anonymous_volume()) {
        let host = &mut request.host_config;
        let bound = host.binds.iter().any(|bind| bind.split(':').nth(1) == Some(&mount.destination));
        let tmpfs = host.tmpfs.contains_key(&mount.destination);
        let place = host.mounts.iter_mut().find(|m| m.target == mount.destination);
        match place {
            Some(anonymous) if anonymous.kind == "volume" && anonymous.source.is_empty() => {
                anonymous.source.clone_from(&mount.name);
            }
            Some(_) => {}
            None if bound || tmpfs => {}
            None => host.mounts.push(Mount {
                kind: "volume".into(),
                source: mount.name.clone(),
                target: mount.destination.clone(),
                read_only: !mount.writable,
                ..Mount::default()
            }),
        }
    }
}
