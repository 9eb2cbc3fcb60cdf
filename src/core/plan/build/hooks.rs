//! Hooks: commands in a container after its start and before its stop.

use std::collections::BTreeSet;

use super::Builder;
use crate::core::desired::Hook;
use crate::core::observed::Container;
use crate::core::observed::State;
use crate::core::plan::Call;
use crate::core::plan::Object;
use crate::core::plan::slot::Slot;

impl<'a> Builder<'a> {
    /// Runs the service's `post_start` hooks, one after the other. Returns the nodes after which it counts as started.
    pub(super) fn after_start(
        &mut self,
        slot: &Slot<'a>,
        container: &str,
        started: BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        let object = Object::Container(slot.container.name.clone());
        slot.service.post_start.iter().fold(started, |after, hook| {
            BTreeSet::from([self.hook(hook, container, &object, "post_start", &after)])
        })
    }

    /// Runs the `pre_stop` hooks of the container's service as it is defined now, one after the other. They are no
    /// condition of the stop: the container may be older than they are. Returns the nodes that must have ended before.
    pub(super) fn before_stop(
        &mut self,
        found: &Container,
        object: &Object,
        after: &BTreeSet<usize>,
    ) -> BTreeSet<usize> {
        let service = found.compose.as_ref().and_then(|c| self.inputs.desired.services.get(&c.service));
        let hooks = service.filter(|_| found.state == State::Running).map_or(&[][..], |s| &s.pre_stop);
        let mut after = after.clone();
        let mut last = BTreeSet::new();
        for hook in hooks {
            let id = self.hook(hook, &found.id, object, "pre_stop", &after);
            self.nodes[id - 1].optional = true;
            after = BTreeSet::from([id]);
            last.clone_from(&after);
        }
        last
    }

    /// Returns true if the slot's container may have been started without its hooks: it was made for this revision, which
    /// has never proven itself.
    pub(super) fn may_lack_hooks(&self, slot: &Slot<'a>, found: &Container) -> bool {
        let made_for = found.own.as_ref().map(|own| own.revision.as_str());
        self.inputs.memory.unproven
            && found.state == State::Running
            && made_for == Some(self.inputs.desired.revision.to_string().as_str())
            && !slot.service.post_start.is_empty()
    }

    fn hook(
        &mut self,
        hook: &Hook,
        container: &str,
        object: &Object,
        kind: &str,
        after: &BTreeSet<usize>,
    ) -> usize {
        let timeout = self.inputs.desired.settings.healthy_deadline;
        let call = Call::RunHook { container: container.to_owned(), hook: hook.clone(), timeout };
        self.call(call, object.clone(), kind, after)
    }
}
