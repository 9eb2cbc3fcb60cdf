//! What services wait for: the order in which they come, and the nodes after which a dependency is as it should be.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::Builder;
use super::swap;
use crate::core::desired::Condition;
use crate::core::model::ServiceName;
use crate::core::plan::Action;
use crate::core::plan::Gate;
use crate::core::plan::Object;
use crate::core::plan::Want;
use crate::core::plan::slot::Slot;
use crate::core::plan::slot::Step;

/// The nodes after which a service has reached a condition; empty where it already has.
#[derive(Debug, Clone, Default)]
pub(super) struct Reached {
    pub(super) started: BTreeSet<usize>,
    pub(super) containers: Vec<Standing>,
    pub(super) replaced: bool,
    /// Its first container gets new namespaces.
    pub(super) restarted: bool,
    /// When its first container, which is left as it is, was started.
    pub(super) since: Option<Timestamp>,
    pub(super) healthy: Option<BTreeSet<usize>>,
    pub(super) completed: Option<BTreeSet<usize>>,
}

/// A container that dependants may have to wait for.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    /// By name or id.
    pub(super) container: String,
    /// What the plan shows.
    pub(super) object: Object,
    /// It is healthy already.
    pub(super) healthy: bool,
    /// It has ended with exit code 0 already.
    pub(super) completed: bool,
}

/// What a start waits for.
#[derive(Debug, Default)]
pub(super) struct Waits {
    pub(super) must: BTreeSet<usize>,
    pub(super) may: BTreeSet<usize>,
    pub(super) restart: bool,
}

impl<'a> Builder<'a> {
    /// Returns true if a container of these slots is to be started: only then anything is waited for.
    pub(super) fn starts_any<'s>(&self, mut slots: impl Iterator<Item = &'s Slot<'a>>) -> bool
    where
        'a: 's,
    {
        slots.any(|slot| match slot.step {
            Step::Keep(found) => {
                swap::reason_to_start(slot, found).is_some()
                    || self.is_restarted(slot)
                    || self.moved_to(slot, found).is_some()
            }
            Step::Unknown(_) => false,
            Step::Create | Step::Replace { .. } | Step::TakeBack { .. } => true,
        })
    }

    /// Returns true if a running container of the slot must be restarted because of another service.
    fn is_restarted(&self, slot: &Slot<'a>) -> bool {
        let replaced = |name| self.reached.get(name).is_some_and(|reached| reached.replaced);
        slot.service.depends_on.iter().any(|dependency| dependency.restart && replaced(&dependency.service))
            || self.lost_namespace(slot).is_some()
    }

    /// Returns the service whose namespace the slot's container shares and which was or will be started after it: the
    /// namespace that it lives in is gone.
    pub(super) fn lost_namespace(&self, slot: &Slot<'a>) -> Option<ServiceName> {
        let (Step::Keep(found), Some(shared)) = (slot.step, &slot.service.shared) else { return None };
        shared.namespaces_of().into_iter().find(|other| {
            let reached = self.reached.get(other);
            reached.is_some_and(|reached| reached.restarted || reached.since > found.started_at)
        })
    }

    /// Dependencies first; services in a cycle, which the loader refuses, come last and by name.
    pub(super) fn service_order(&self) -> Vec<ServiceName> {
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
    pub(super) fn dependencies(&mut self, name: &ServiceName) -> Waits {
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
                min_healthy_time: Duration::ZERO,
                deadline,
            };
            let cause = format!("other services wait for `{service}`");
            nodes.insert(self.node(Action::Wait(gate), standing.object.clone(), cause, &reached.started));
        }
        nodes
    }
}
