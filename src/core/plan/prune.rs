//! What left the files goes: stopped and removed in reverse order of dependence, when the rest of the stack is well.
//! Volumes never go.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Call;
use super::Object;
use super::Verb;
use super::build::Builder;
use crate::core::desired::label;
use crate::core::model::ServiceName;
use crate::core::observed::Container;

pub(super) fn prune<'a>(builder: &mut Builder<'a>, orphans: &[&'a Container]) {
    if !builder.inputs.desired.settings.prune && !builder.inputs.undo {
        for orphan in orphans {
            builder
                .notes
                .push(format!("`{}` left the files and is kept, because `prune` is off", orphan.name));
        }
        return;
    }
    let gates = builder.gates.clone();
    let mut removed = BTreeSet::new();
    let mut stopped: BTreeMap<&ServiceName, BTreeSet<usize>> = BTreeMap::new();
    for orphan in dependants_first(orphans) {
        let object = Object::Container(orphan.name.clone());
        let service = orphan.compose.as_ref().map(|c| &c.service);
        let mut after = gates.clone();
        for dependant in orphans.iter().filter_map(|other| other.compose.as_ref()) {
            if service.is_some_and(|service| dependant.depends_on.contains(service)) {
                after.extend(stopped.get(&dependant.service).into_iter().flatten());
            }
        }
        if orphan.state.is_up() {
            let id = builder.stop(orphan, object.clone(), "it left the files", &after);
            if let Some(service) = service {
                stopped.entry(service).or_default().insert(id);
            }
            after.insert(id);
        }
        let call = Call::RemoveContainer { container: orphan.id.clone(), force: false };
        removed.insert(builder.call(call, object.clone(), "it left the files", &after));
        let mut causes = vec!["left the files".to_owned()];
        let volumes: Vec<&str> =
            orphan.mounts.iter().filter(|m| m.kind == "volume").map(|m| m.name.as_str()).collect();
        if !volumes.is_empty() {
            causes.push(format!("volumes are kept: {}", volumes.join(", ")));
        }
        builder.change(object, service, Verb::Remove, causes);
    }
    networks(builder, &removed);
}

/// Networks of ours that no desired service uses. Whoever still holds one keeps it: the engine refuses, and the next
/// pass tries again.
fn networks(builder: &mut Builder<'_>, removed: &BTreeSet<usize>) {
    let inputs = builder.inputs;
    let everything: BTreeSet<usize> = builder.nodes.iter().map(|node| node.id).collect();
    for network in &inputs.observed.networks {
        let ours = network.own.as_ref().is_some_and(|own| own.owner == inputs.desired.owner);
        let wanted = inputs.desired.networks.values().any(|wanted| wanted.name == network.name);
        let by_compose_key = network.request.labels.contains_key(label::compose::NETWORK);
        let kept_by_profile = inputs.observed.of(&inputs.desired.owner).any(|found| {
            found.networks.contains_key(&network.name)
                && found.compose.as_ref().is_some_and(|c| inputs.desired.inactive.contains(&c.service))
        });
        if !ours || wanted || !by_compose_key || kept_by_profile {
            continue;
        }
        let object = Object::Network(network.name.clone());
        let after: BTreeSet<usize> = everything.union(removed).copied().collect();
        let call = Call::RemoveNetwork { id: network.id.clone(), name: network.name.clone() };
        let id = builder.call(call, object.clone(), "no service uses it", &after);
        // Somebody else's container on it is no reason to call the deploy failed.
        builder.nodes[id - 1].optional = true;
        builder.change(object, None, Verb::Remove, vec!["left the files".into()]);
    }
}

/// Sorts so that who depends on somebody comes before them; by name where nobody does.
fn dependants_first<'a>(orphans: &[&'a Container]) -> Vec<&'a Container> {
    let mut left: Vec<&Container> = orphans.to_vec();
    let mut sorted = Vec::new();
    while !left.is_empty() {
        let free = left.iter().position(|candidate| {
            let service = candidate.compose.as_ref().map(|c| &c.service);
            left.iter().all(|other| {
                other.id == candidate.id
                    || !other
                        .compose
                        .as_ref()
                        .is_some_and(|c| service.is_some_and(|s| c.depends_on.contains(s)))
            })
        });
        sorted.push(left.remove(free.unwrap_or(0)));
    }
    sorted
}
