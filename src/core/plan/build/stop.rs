//! Stops: none before everything is fetched, published and created.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Builder;
use crate::core::desired::request::RestartPolicy;
use crate::core::observed::Container;
use crate::core::plan::Call;
use crate::core::plan::Object;
use crate::core::plan::preflight;
use crate::core::plan::slot::Slot;
use crate::core::plan::slot::Step;

impl<'a> Builder<'a> {
    /// Stops that something else's start waits for: the old holder of a port, address or name.
    pub(super) fn early_stops(&mut self, slots: &[Slot<'a>], orphans: &[&'a Container]) {
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

    /// Stops what shares a namespace with a container and goes too: left without it, it could only fail.
    fn stop_sharers(&mut self, owner: &'a Container) -> BTreeSet<usize> {
        let shares = |(found, _): &&(&'a Container, &'a str)| {
            found.state.is_up() && found.id != owner.id && shares_namespace(found, owner)
        };
        let sharers: Vec<_> = self.replaced.iter().filter(shares).copied().collect();
        let mut stopped = BTreeSet::new();
        for (sharer, place) in sharers {
            let cause = format!("it shares a namespace with `{}`, which is stopped", owner.name);
            stopped.insert(self.stop(sharer, Object::Container(place.into()), &cause, &BTreeSet::new()));
        }
        stopped
    }

    /// Stops a container so that an engine restart cannot wake it. Its policy is put back if it is kept after all.
    pub(in crate::core::plan) fn stop(
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
        after.extend(self.stop_sharers(found));
        if !found.restart_policy.is_never() {
            let call = Call::SetRestartPolicy { container: found.id.clone(), policy: RestartPolicy::never() };
            after = BTreeSet::from([self.call(
                call,
                object.clone(),
                "an engine restart must not wake it",
                &after,
            )]);
        }
        let hooks = self.before_stop(found, &object, &after);
        let call = Call::StopContainer { container: found.id.clone(), grace: grace(found) };
        let id = self.call(call, object, cause, &after);
        self.nodes[id - 1].after_any.extend(hooks);
        self.stops.push((id, found));
        id
    }
}

/// Returns how long the engine waits between a container's stop signal and its kill.
pub(super) fn grace(found: &Container) -> Duration {
    let asked = found.request.as_ref().and_then(|request| request.stop_timeout);
    Duration::from_secs(asked.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(10))
}

/// Returns true if a container lives in a namespace of another one.
fn shares_namespace(found: &Container, owner: &Container) -> bool {
    let Some(host) = found.request.as_ref().map(|request| &request.host_config) else { return false };
    let modes = [&host.network_mode, &host.ipc_mode, &host.pid_mode];
    modes.into_iter().any(|mode| mode.strip_prefix("container:") == Some(&owner.id))
}
