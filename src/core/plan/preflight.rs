//! What must hold before anything is changed: names free or ours, ports free or ours, external objects there.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Inputs;
use super::Refusal;
use super::networks;
use super::slot::Slot;
use super::slot::Step;
use crate::core::desired::Desired;
use crate::core::desired::DesiredContainer;
use crate::core::desired::label;
use crate::core::desired::request::VolumeRequest;
use crate::core::observed::Container;
use crate::core::observed::Observed;
use crate::core::observed::PublishedPort;

/// Returns why the plan must not be applied.
pub(super) fn refusals(inputs: Inputs<'_>, slots: &[Slot<'_>], orphans: &[&Container]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    names(inputs, slots, &mut refusals);
    ports(inputs, slots, &mut refusals);
    refusals.extend(networks::refusals(inputs, slots, orphans));
    volumes(inputs, &mut refusals);
    refusals
}

fn is_own(inputs: Inputs<'_>, found: &Container) -> bool {
    found.own.as_ref().is_some_and(|own| own.owner == inputs.desired.owner)
}

fn names(inputs: Inputs<'_>, slots: &[Slot<'_>], refusals: &mut Vec<Refusal>) {
    for slot in slots {
        let wanted = &slot.container.name;
        for name in [wanted.clone(), format!("{wanted}{}", super::NEXT), format!("{wanted}{}", super::PREV)] {
            if let Some(holder) = inputs.observed.named(&name).filter(|found| !is_own(inputs, found)) {
                refusals.push(name_taken(&name, holder));
            }
        }
    }
}

fn name_taken(name: &str, holder: &Container) -> Refusal {
    let id = holder.id.get(..12).unwrap_or(&holder.id);
    let (whose, hint) = match (&holder.own, &holder.compose) {
        (Some(own), _) => (
            format!(
                "belongs to stack `{}` of source `{}` (instance `{}`)",
                own.owner.stack, own.owner.source, own.owner.instance
            ),
            "give the service another `container_name`, or one of the two projects another `name`".to_owned(),
        ),
        (None, Some(compose)) => (
            format!("was started by Docker Compose (project `{}`)", compose.project),
            format!(
                "take it over as it runs with `evenkeel adopt {project}`; or stop it with `docker compose -p {project} \
                 down`, which keeps its volumes, and Evenkeel will start it anew",
                project = compose.project
            ),
        ),
        (None, None) => (
            "is not managed by Evenkeel".to_owned(),
            format!("remove it with `docker rm -f {id}`, or rename it with `docker rename {id} NEW-NAME`"),
        ),
    };
    Refusal {
        code: "name-taken",
        message: format!(
            "the container name `{name}` is taken by {id} (image {}), which {whose}",
            holder.image
        ),
        hint,
    }
}

/// Returns the host ports that a container's request binds. Ranges and ports that the engine chooses are left out.
pub(super) fn wanted_ports(wanted: &DesiredContainer) -> Vec<PublishedPort> {
    let mut ports = Vec::new();
    for (inside, bindings) in &wanted.request.host_config.port_bindings {
        let protocol = inside.split_once('/').map_or("tcp", |(_, protocol)| protocol);
        for binding in bindings {
            if let Some(port) = binding.host_port.parse().ok().filter(|port| *port != 0) {
                ports.push(PublishedPort { ip: binding.host_ip.clone(), port, protocol: protocol.into() });
            }
        }
    }
    ports
}

/// Returns the host ports that the stack binds and that no running container holds: whether a process of the host
/// does is worth asking before anything is stopped for them.
pub fn ports_to_probe(desired: &Desired, observed: &Observed) -> Vec<PublishedPort> {
    let up = || observed.containers.iter().filter(|found| found.state.is_up());
    let wanted = desired.services.values().flat_map(|service| &service.containers).flat_map(wanted_ports);
    wanted.filter(|port| !up().any(|found| found.ports.iter().any(|held| held.clashes(port)))).collect()
}

/// Docker Compose creates such containers, and the engine fails to start the second: docs/adr/0011.
fn port_twice(port: &PublishedPort, first: &str, second: &str) -> Refusal {
    let port = format!("host port {}/{}", port.port, port.protocol);
    let (message, hint) = if first == second {
        (format!("{port} is published twice by `{first}`"), "remove one of the two from `ports`")
    } else {
        (
            format!("{port} is published by both `{first}` and `{second}`"),
            "give one of them another host port; a service of several containers wants a range, or no host port",
        )
    };
    Refusal { code: "port-twice", message, hint: hint.into() }
}

fn ports(inputs: Inputs<'_>, slots: &[Slot<'_>], refusals: &mut Vec<Refusal>) {
    let mut seen: Vec<(PublishedPort, &str)> = Vec::new();
    for slot in slots {
        let running = matches!(slot.step, Step::Keep(found) if found.state.is_up());
        for port in wanted_ports(slot.container) {
            if let Some((_, other)) = seen.iter().find(|(taken, _)| taken.clashes(&port)) {
                refusals.push(port_twice(&port, other, &slot.container.name));
            }
            let holder = inputs.observed.containers.iter().find(|found| {
                found.state.is_up() && !is_own(inputs, found) && found.ports.iter().any(|p| p.clashes(&port))
            });
            if let Some(holder) = holder.filter(|_| !running) {
                refusals.push(Refusal {
                    code: "port-taken",
                    message: format!(
                        "service `{}` wants host port {}/{}, which container `{}` holds",
                        slot.service.name, port.port, port.protocol, holder.name
                    ),
                    hint: format!("stop `{}` or publish another port", holder.name),
                });
            }
            if holder.is_none() && !running && inputs.observed.held_ports.contains(&port) {
                refusals.push(Refusal {
                    code: "port-taken",
                    message: format!(
                        "service `{}` wants host port {}/{}, which a process of the host holds",
                        slot.service.name, port.port, port.protocol
                    ),
                    hint: format!(
                        "find it with `ss -lp 'sport = :{}'` and stop it, or publish another port",
                        port.port
                    ),
                });
            }
            seen.push((port, &slot.container.name));
        }
    }
}

/// An object without a recorded hash is left as it is.
pub(super) fn definition_changed(was: &BTreeMap<String, String>, is: &BTreeMap<String, String>) -> bool {
    let hash = |labels: &BTreeMap<String, String>| {
        labels.get(label::compose::CONFIG_HASH).cloned().filter(|hash| !hash.is_empty())
    };
    hash(was).is_some_and(|was| hash(is).is_some_and(|is| was != is))
}

fn volumes(inputs: Inputs<'_>, refusals: &mut Vec<Refusal>) {
    for (key, volume) in &inputs.desired.volumes {
        let name = &volume.name;
        let found = inputs.observed.volumes.iter().find(|v| v.name == volume.name);
        match (&volume.create, found) {
            (None, None) => refusals.push(Refusal {
                code: "volume-missing",
                message: format!("volume `{}` is declared as external and is not there", volume.name),
                hint: format!("create it with `docker volume create {}`, or drop `external`", volume.name),
            }),
            (Some(request), Some(found)) if definition_changed(&found.request.labels, &request.labels) => {
                refusals.push(Refusal {
                    code: "volume-changed",
                    message: format!(
                        "the definition of volume `{key}` changed ({}), and volume `{name}` exists with the old one; a \
                         volume is never recreated, because that would lose its data",
                        volume_causes(&found.request, request).join("; "),
                    ),
                    hint: format!(
                        "take the change back; or give the volume another `name` and copy the data over (`docker run --rm -v \
                         {name}:/from:ro -v NEW:/to IMAGE cp -a /from/. /to/`); or stop its users, save the data, and `docker \
                         volume rm {name}`"
                    ),
                });
            }
            _ => {}
        }
    }
}

/// Returns what differs, at least one thing. Of driver options and labels the names alone: values may hold passwords.
fn volume_causes(was: &VolumeRequest, want: &VolumeRequest) -> Vec<String> {
    let driver = |request: &VolumeRequest| match request.driver.as_str() {
        "" => "local".to_owned(),
        name => name.to_owned(),
    };
    let mut causes = Vec::new();
    if driver(was) != driver(want) {
        causes.push(format!("driver: {} → {}", driver(was), driver(want)));
    }
    causes.extend(changed_keys("driver_opts", &was.driver_opts, &want.driver_opts));
    causes.extend(changed_keys("labels", &was.labels, &want.labels));
    if causes.is_empty() {
        causes.push("its definition changed".into());
    }
    causes
}

/// Returns the user's keys that were added, changed or removed.
pub(super) fn changed_keys(
    field: &str,
    was: &BTreeMap<String, String>,
    want: &BTreeMap<String, String>,
) -> Vec<String> {
    let is_users =
        |key: &&String| !key.starts_with("com.docker.compose.") && !key.starts_with("dev.evenkeel.");
    let keys: BTreeSet<&String> = was.keys().chain(want.keys()).filter(is_users).collect();
    let changed = keys.into_iter().filter(|key| was.get(*key) != want.get(*key));
    changed
        .map(|key| match (was.contains_key(key), want.contains_key(key)) {
            (false, _) => format!("{field}.{key} added"),
            (_, false) => format!("{field}.{key} removed"),
            _ => format!("{field}.{key} changed"),
        })
        .collect()
}
