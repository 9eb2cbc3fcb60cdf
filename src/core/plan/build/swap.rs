//! One slot's way from what stands in it to the right container, started, proven and named.

use std::collections::BTreeSet;

use super::Builder;
use super::wait::Reached;
use super::wait::Standing;
use super::wait::Waits;
use crate::core::observed::Container;
use crate::core::observed::Health;
use crate::core::observed::State;
use crate::core::plan::Action;
use crate::core::plan::Call;
use crate::core::plan::Gate;
use crate::core::plan::NEXT;
use crate::core::plan::Object;
use crate::core::plan::PREV;
use crate::core::plan::Verb;
use crate::core::plan::Want;
use crate::core::plan::explain;
use crate::core::plan::preflight;
use crate::core::plan::slot;
use crate::core::plan::slot::Slot;
use crate::core::plan::slot::Step;

impl<'a> Builder<'a> {
    /// Plans one slot. Returns the nodes after which its names are as they should be.
    pub(super) fn swap(
        &mut self,
        slot: &Slot<'a>,
        ready: &BTreeSet<usize>,
        waits: &Waits,
    ) -> BTreeSet<usize> {
        let name = &slot.container.name;
        match slot.step {
            Step::Unknown(found) => {
                self.notes
                    .push(format!("`{}` is in a state that Evenkeel does not know: left alone", found.name));
                BTreeSet::new()
            }
            Step::Create => {
                self.change(object(slot), Some(&slot.service.name), Verb::Create, vec!["not there".into()]);
                let ready = self.joined(slot, name, None, ready);
                let gate = self.start(slot, name, None, &ready, waits, "created");
                BTreeSet::from([gate])
            }
            Step::Keep(found) => self.keep(slot, found, ready, waits),
            Step::Replace { old, next } => {
                let causes = explain::causes(old, slot.service, slot.container);
                let summary = causes.join("; ");
                self.change(object(slot), Some(&slot.service.name), Verb::Replace, causes);
                let successor = next.map_or_else(|| format!("{name}{NEXT}"), |next| next.id.clone());
                let mut before = self.joined(slot, &successor, next, ready);
                if old.state.is_up() {
                    before.insert(self.stop(old, object(slot), &summary, &waits.must));
                }
                let gate = self.start(slot, &successor, next, &before, waits, "replaces the old one");
                self.exchange_names(slot, old, &successor, gate)
            }
            Step::TakeBack { live, prev } => self.take_back(slot, live, prev, ready, waits),
        }
    }

    /// Puts the slot's next live container on its networks, as part of what is told of it already.
    fn joined(
        &mut self,
        slot: &Slot<'a>,
        container: &str,
        found: Option<&Container>,
        ready: &BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        let mut told = Vec::new();
        let joined = self.attach(slot, container, found, ready, &mut told);
        ready.union(&joined).copied().collect()
    }

    /// Stops what else runs in the slot, copies files in, starts, and waits at the gate. Returns the gate.
    fn start(
        &mut self,
        slot: &Slot<'a>,
        container: &str,
        found: Option<&Container>,
        before: &BTreeSet<usize>,
        waits: &Waits,
        cause: &str,
    ) -> usize {
        let object = object(slot);
        let mut before: BTreeSet<usize> = before.union(&self.barrier).copied().collect();
        before.extend(&waits.must);
        for other in slot.leftovers.iter().filter(|other| other.state.is_up() && other.id != container) {
            before.insert(self.stop(other, object.clone(), "another one runs in its place", &waits.must));
        }
        before.extend(self.port_holders(slot));
        let moved = found.and_then(|found| self.moved_to(slot, found));
        let started = if let (Some(network), Some(found)) = (moved, found) {
            BTreeSet::from([self.restart(slot, found, &anew(network), &before)])
        } else if found.is_some_and(|found| found.state.is_up()) {
            before.clone()
        } else {
            let mut copied = before.clone();
            for file in &slot.container.archives {
                let call = Call::CopyFile { container: container.into(), file: file.clone() };
                let cause = format!("`{}` is in no file on the host", file.path);
                copied.insert(self.call(call, object.clone(), cause, &before));
            }
            let call = Call::StartContainer { container: container.into() };
            let id = self.call(call, object.clone(), cause, &copied);
            self.nodes[id - 1].after_any.extend(&waits.may);
            BTreeSet::from([id])
        };
        let started = self.after_start(slot, container, started);
        let gate = self.gate(slot, container, &started);
        let entry = self.comes_up(slot, container, &started);
        entry.replaced = true;
        entry.restarted |= moved.is_some() || found.is_none_or(|found| !found.state.is_up());
        gate
    }

    /// The stops of other containers that hold a port which this slot's container binds.
    fn port_holders(&self, slot: &Slot<'a>) -> BTreeSet<usize> {
        let wanted = preflight::wanted_ports(slot.container);
        let clash =
            |found: &Container| found.ports.iter().any(|held| wanted.iter().any(|port| port.clashes(held)));
        self.stops.iter().filter(|(_, found)| clash(found)).map(|(id, _)| *id).collect()
    }

    fn gate(&mut self, slot: &Slot<'a>, container: &str, after: &BTreeSet<usize>) -> usize {
        let settings = &self.inputs.desired.settings;
        let gate = Gate {
            container: container.into(),
            want: Want::Stable,
            min_healthy_time: settings.min_healthy_time,
            deadline: settings.healthy_deadline,
        };
        let id = self.node(Action::Wait(gate), object(slot), "it must prove itself", after);
        self.gates.insert(id);
        id
    }

    /// The old one steps back to `--prev`, the new one takes the name.
    fn exchange_names(
        &mut self,
        slot: &Slot<'a>,
        old: &Container,
        successor: &str,
        gate: usize,
    ) -> BTreeSet<usize> {
        let name = &slot.container.name;
        let mut after = BTreeSet::from([gate]);
        let predecessor = slot.leftovers.iter().find(|found| found.name == format!("{name}{PREV}"));
        // One of this very definition, with ids that are gone, is an earlier try. What ran before it is the way back.
        if predecessor.is_some() && slot::is_of_definition(old, slot.service) {
            let call = Call::RemoveContainer { container: old.id.clone(), force: true };
            after = BTreeSet::from([self.call(call, object(slot), "an earlier try", &after)]);
            let call = Call::RenameContainer { container: successor.into(), name: name.clone() };
            return BTreeSet::from([self.call(call, object(slot), "proven", &after)]);
        }
        if let Some(leftover) = predecessor {
            let call = Call::RemoveContainer { container: leftover.id.clone(), force: true };
            after = BTreeSet::from([self.call(call, object(slot), "an older predecessor", &after)]);
        }
        if old.name != format!("{name}{PREV}") {
            let call = Call::RenameContainer { container: old.id.clone(), name: format!("{name}{PREV}") };
            after =
                BTreeSet::from([self.call(call, object(slot), "kept until the whole stack is well", &after)]);
        }
        let call = Call::RenameContainer { container: successor.into(), name: name.clone() };
        BTreeSet::from([self.call(call, object(slot), "proven", &after)])
    }

    /// The right container is here. It may have to be named, attached, started, restarted or waited for.
    fn keep(
        &mut self,
        slot: &Slot<'a>,
        found: &'a Container,
        ready: &BTreeSet<usize>,
        waits: &Waits,
    ) -> BTreeSet<usize> {
        let object = object(slot);
        let mut causes = Vec::new();
        let mut done = ready.clone();
        for debris in &slot.debris {
            causes.push(format!("`{}` is left over", debris.name));
        }
        let policy = &slot.container.request.host_config.restart_policy;
        let equal = found.restart_policy == *policy || (found.restart_policy.is_never() && policy.is_never());
        if !equal {
            let call = Call::SetRestartPolicy { container: found.id.clone(), policy: policy.clone() };
            done.insert(self.call(call, object.clone(), "its restart policy was changed", &done.clone()));
            causes.push(format!("restart: {} → {}", word(&found.restart_policy.name), word(&policy.name)));
        }
        done.extend(self.attach(slot, &found.id, Some(found), &done.clone(), &mut causes));
        let gate = self.wake(slot, found, &done, waits, &mut causes);
        let unfinished = !slot.leftovers.is_empty() || found.name != slot.container.name;
        let gate = gate.or_else(|| unfinished.then(|| self.gate(slot, &found.id, &done)));
        done.extend(gate);
        if found.name != slot.container.name {
            let call =
                Call::RenameContainer { container: found.id.clone(), name: slot.container.name.clone() };
            let cause = format!("it is named `{}`", found.name);
            causes.push(format!("name: {} → {}", found.name, slot.container.name));
            done = BTreeSet::from([self.call(call, object.clone(), cause, &done)]);
        }
        for leftover in &slot.leftovers {
            causes.push(format!("`{}` is left over", leftover.name));
        }
        if !causes.is_empty() {
            self.change(object, Some(&slot.service.name), Verb::Update, causes);
        }
        done
    }

    /// Starts the container if it should run and does not. Returns the gate if there is one.
    fn wake(
        &mut self,
        slot: &Slot<'a>,
        found: &'a Container,
        done: &BTreeSet<usize>,
        waits: &Waits,
        causes: &mut Vec<String>,
    ) -> Option<usize> {
        if let Some(why) = reason_to_start(slot, found) {
            causes.push(why.clone());
            return Some(self.start(slot, &found.id, Some(found), done, waits, &why));
        }
        let lost = self
            .lost_namespace(slot)
            .map(|other| format!("the namespace that it shares with `{other}` is made anew"));
        let replaced =
            || waits.restart.then(|| "a service that it depends on (`restart: true`) is replaced".to_owned());
        let moved = || self.moved_to(slot, found).map(anew);
        if let Some(why) = lost.or_else(replaced).or_else(moved).filter(|_| found.state.is_up()) {
            if !causes.contains(&why) {
                causes.push(why.clone());
            }
            let after = waits.must.union(done).copied().collect();
            let id = self.restart(slot, found, &why, &after);
            let started = self.after_start(slot, &found.id, BTreeSet::from([id]));
            self.comes_up(slot, &found.id, &started).restarted = true;
            return Some(self.gate(slot, &found.id, &started));
        }
        self.stands(slot, found, done);
        if found.state == State::Paused {
            causes.push("it is paused".into());
            let call = Call::UnpauseContainer { container: found.id.clone() };
            let id = self.call(call, object(slot), "it is paused", done);
            return Some(self.gate(slot, &found.id, &BTreeSet::from([id])));
        }
        if self.may_lack_hooks(slot, found) {
            causes.push("its `post_start` hooks may not have run".into());
            let started = self.after_start(slot, &found.id, done.clone());
            return Some(self.gate(slot, &found.id, &started));
        }
        let well = found.state == State::Running && matches!(found.health, None | Some(Health::Healthy));
        let unproven = self.inputs.memory.unproven && found.state.is_up() && !well;
        unproven.then(|| self.gate(slot, &found.id, done))
    }

    /// Dependants wait for what the container reaches after these nodes.
    fn comes_up(&mut self, slot: &Slot<'a>, container: &str, started: &BTreeSet<usize>) -> &mut Reached {
        let standing =
            Standing { container: container.into(), object: object(slot), healthy: false, completed: false };
        let entry = self.reached.entry(slot.service.name.clone()).or_default();
        entry.started.extend(started);
        entry.containers.push(standing);
        entry
    }

    /// Stops and starts a container that runs.
    fn restart(&mut self, slot: &Slot<'a>, found: &Container, why: &str, after: &BTreeSet<usize>) -> usize {
        let hooks = self.before_stop(found, &object(slot), after);
        let call = Call::RestartContainer { container: found.id.clone(), grace: slot.service.stop_grace };
        let id = self.call(call, object(slot), why, after);
        self.nodes[id - 1].after_any.extend(hooks);
        id
    }

    /// Nothing is to do here; dependants may still have to wait for what it has not reached yet.
    fn stands(&mut self, slot: &Slot<'a>, found: &Container, done: &BTreeSet<usize>) {
        let standing = Standing {
            container: found.id.clone(),
            object: object(slot),
            healthy: found.state == State::Running && found.health == Some(Health::Healthy),
            completed: found.state == State::Exited && found.exit_code == 0,
        };
        let entry: &mut Reached = self.reached.entry(slot.service.name.clone()).or_default();
        if slot.container.number == 1 && found.state == State::Running {
            entry.since = found.started_at;
        }
        entry.started.extend(done);
        entry.containers.push(standing);
    }

    /// The live container is wrong and its predecessor right: the undo of a swap whose names were exchanged.
    fn take_back(
        &mut self,
        slot: &Slot<'a>,
        live: &'a Container,
        prev: &'a Container,
        ready: &BTreeSet<usize>,
        waits: &Waits,
    ) -> BTreeSet<usize> {
        let object = object(slot);
        let name = &slot.container.name;
        self.change(
            object.clone(),
            Some(&slot.service.name),
            Verb::Replace,
            explain::causes(live, slot.service, slot.container)
                .into_iter()
                .map(|c| format!("back: {c}"))
                .collect(),
        );
        let mut done = self.joined(slot, &prev.id, Some(prev), ready);
        if live.state.is_up() {
            done.insert(self.stop(live, object.clone(), "its predecessor comes back", &waits.must));
        }
        let call = Call::RenameContainer { container: live.id.clone(), name: format!("{name}{NEXT}") };
        let after: BTreeSet<usize> = done.union(&self.barrier).copied().collect();
        let freed = self.call(call, object.clone(), "it makes room for its predecessor", &after);
        let call = Call::RenameContainer { container: prev.id.clone(), name: name.clone() };
        let named = self.call(call, object.clone(), "it comes back", &BTreeSet::from([freed]));
        let mut before = BTreeSet::from([named]);
        let policy = &slot.container.request.host_config.restart_policy;
        if prev.restart_policy != *policy {
            let call = Call::SetRestartPolicy { container: prev.id.clone(), policy: policy.clone() };
            before = BTreeSet::from([self.call(call, object, "as it was", &before)]);
        }
        if prev.state == State::Exited
            && policy_is_never(&policy.name)
            && !slot::stopped_for_a_swap(prev, live)
        {
            self.stands(slot, prev, &before);
            return before;
        }
        let gate = self.start(slot, &prev.id, Some(prev), &before, waits, "it comes back");
        BTreeSet::from([gate])
    }
}

/// Returns why the right container of a slot is to be started; `None` if it runs, or has ended as it should.
pub(super) fn reason_to_start(slot: &Slot<'_>, found: &Container) -> Option<String> {
    let policy = slot.container.request.host_config.restart_policy.name.as_str();
    match found.state {
        State::Created => Some("it was created and not started".to_owned()),
        State::Exited if matches!(policy, "always" | "unless-stopped") => {
            Some(format!("it is stopped (exit code {})", found.exit_code))
        }
        State::Exited if slot.successors().any(|next| slot::stopped_for_a_swap(found, next)) => {
            Some("it was stopped for a deploy that failed".to_owned())
        }
        _ => None,
    }
}

fn anew(network: &str) -> String {
    format!("network `{network}` is made anew")
}

fn word(policy: &str) -> &str {
    if policy_is_never(policy) { "no" } else { policy }
}

fn policy_is_never(policy: &str) -> bool {
    matches!(policy, "" | "no")
}

fn object(slot: &Slot<'_>) -> Object {
    Object::Container(slot.container.name.clone())
}
