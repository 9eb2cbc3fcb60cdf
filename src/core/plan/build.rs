//! Puts the plan together: stage by stage, each stage's nodes after those that they need.
//!
//! The order of a plan, whatever the stack: images, files, networks, volumes; every container created; and only then
//! are changed networks made anew and is anything stopped or started, dependencies first; names swapped one by one as gates pass; and when all gates
//! have passed, what is no longer needed is removed.

mod create;
mod hooks;
mod networks;
mod prepare;
mod stop;
mod swap;
mod wait;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Action;
use super::Call;
use super::Change;
use super::Inputs;
use super::Node;
use super::Object;
use super::Plan;
use super::Refusal;
use super::Verb;
use super::networks::Remake;
use super::networks::remakes;
use super::preflight;
use super::prune;
use super::slot;
use super::slot::Slot;
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
    reached: BTreeMap<ServiceName, wait::Reached>,
    /// Containers that leave their places, with the names of the places.
    replaced: Vec<(&'a Container, &'a str)>,
    /// Services that refer to a container that has yet to be created.
    unresolved: BTreeSet<ServiceName>,
    /// Networks that are made anew.
    remakes: Vec<Remake<'a>>,
}

pub(super) fn build(inputs: Inputs<'_>, unresolved: BTreeSet<ServiceName>) -> Plan {
    let (slots, orphans) = slot::slots(inputs.desired, inputs.observed);
    let mut builder = Builder {
        inputs,
        nodes: Vec::new(),
        changes: Vec::new(),
        notes: Vec::new(),
        refusals: preflight::refusals(inputs, &slots, &orphans),
        barrier: BTreeSet::new(),
        gates: BTreeSet::new(),
        stops: Vec::new(),
        reached: BTreeMap::new(),
        replaced: slots
            .iter()
            .filter_map(|slot| Some((slot.replaced()?, slot.container.name.as_str())))
            .collect(),
        unresolved,
        remakes: remakes(inputs),
    };
    let chosen = builder.images(&slots);
    builder.names_of_built(&slots, &chosen);
    builder.files();
    builder.networks_and_volumes();
    let ready = builder.creates(&slots, &chosen);
    let first_part = builder.nodes.len();
    builder.remake_networks(&slots);
    builder.early_stops(&slots, &orphans);
    builder.swaps(&slots, &ready);
    prune::prune(&mut builder, &orphans);
    let Builder { mut nodes, mut changes, notes, refusals, unresolved, .. } = builder;
    if !unresolved.is_empty() {
        nodes.truncate(first_part);
    }
    changes.sort_by(|a, b| (a.verb == Verb::Remove, &a.object).cmp(&(b.verb == Verb::Remove, &b.object)));
    Plan {
        owner: inputs.desired.owner.clone(),
        revision: inputs.desired.revision.clone(),
        changes,
        nodes,
        unresolved,
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

    /// Starts, gates and names, service by service with dependencies first.
    fn swaps(&mut self, slots: &[Slot<'a>], ready: &[BTreeSet<usize>]) {
        let mut finishing: Vec<(&Slot<'a>, BTreeSet<usize>)> = Vec::new();
        for name in self.service_order() {
            let of_service = slots.iter().filter(|slot| slot.service.name == name);
            let waits =
                if self.starts_any(of_service) { self.dependencies(&name) } else { wait::Waits::default() };
            for (slot, ready) in slots.iter().zip(ready).filter(|(slot, _)| slot.service.name == name) {
                finishing.push((slot, self.swap(slot, ready, &waits)));
            }
        }
        // Whatever may still fail comes first: after a removal there is no way back to the same container.
        let named: BTreeSet<usize> = finishing.iter().flat_map(|(_, named)| named).copied().collect();
        self.gates.extend(named);
        let after = self.gates.clone();
        for (slot, _) in finishing {
            let replaced = slot.replaced();
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
}
