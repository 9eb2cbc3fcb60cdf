//! Networks whose definition changed. The engine cannot change a network: it is taken down and made anew, and those who
//! were on it are put on the new one.
//!
//! Here is decided which networks these are, whether it may be done, and why. [`super::build`] has the order.

use ipnet::IpNet;

use super::Inputs;
use super::Refusal;
use super::preflight::changed_keys;
use super::preflight::definition_changed;
use super::slot::Slot;
use super::slot::Step;
use crate::core::desired::label;
use crate::core::desired::request::NetworkRequest;
use crate::core::observed::Container;
use crate::core::observed::Network;

/// A network to be taken down and made anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remake<'a> {
    /// As it is.
    pub(super) found: &'a Network,
    /// As it should be.
    pub(super) request: &'a NetworkRequest,
}

impl Remake<'_> {
    /// Returns true if the container is on the network, or will be again when it starts.
    pub(super) fn is_used_by(&self, container: &Container) -> bool {
        container.networks.values().any(|attachment| attachment.network_id == self.found.id)
    }
}

/// Returns the networks of the stack's own whose definition is another one now.
pub(super) fn remakes(inputs: Inputs<'_>) -> Vec<Remake<'_>> {
    changed(inputs).filter(|remake| is_ours(inputs, remake.found)).collect()
}

fn changed(inputs: Inputs<'_>) -> impl Iterator<Item = Remake<'_>> {
    let Inputs { desired, observed, .. } = inputs;
    desired.networks.values().filter_map(move |network| {
        let request = network.create.as_ref()?;
        let mut named = observed.networks.iter().filter(|found| found.name == network.name);
        let first = named.clone().next();
        let found = named.find(|found| is_ours(inputs, found)).or(first)?;
        definition_changed(&found.request.labels, &request.labels).then_some(Remake { found, request })
    })
}

fn is_ours(inputs: Inputs<'_>, found: &Network) -> bool {
    found.own.as_ref().is_some_and(|own| own.owner == inputs.desired.owner)
}

/// Returns why networks cannot be made as they should be.
pub(super) fn refusals(inputs: Inputs<'_>, slots: &[Slot<'_>], orphans: &[&Container]) -> Vec<Refusal> {
    let mut refusals = missing(inputs);
    refusals.extend(changed(inputs).filter(|remake| !is_ours(inputs, remake.found)).map(not_ours));
    let remakes = remakes(inputs);
    for remake in &remakes {
        for user in inputs.observed.containers.iter().filter(|found| remake.is_used_by(found)) {
            refusals.extend(hindrance(inputs, slots, orphans, remake, user).map(|(why, hint)| Refusal {
                code: "network-in-use",
                message: format!(
                    "the definition of network `{}` changed, so that it must be made anew, and `{}`, {why}, is on it",
                    remake.found.name, user.name
                ),
                hint,
            }));
        }
    }
    refusals.extend(overlaps(inputs, &remakes));
    refusals
}

fn missing(inputs: Inputs<'_>) -> Vec<Refusal> {
    let external = inputs.desired.networks.values().filter(|network| network.create.is_none());
    let is_there = |name: &str| inputs.observed.networks.iter().any(|found| found.name == name);
    let missing = external.map(|network| &network.name).filter(|name| !is_there(name));
    missing
        .map(|name| Refusal {
            code: "network-missing",
            message: format!("network `{name}` is declared as external and is not there"),
            hint: format!("create it with `docker network create {name}`, or drop `external`"),
        })
        .collect()
}

fn not_ours(remake: Remake<'_>) -> Refusal {
    let Network { name, own, request, .. } = remake.found;
    let whose = match (own, request.labels.get(label::compose::PROJECT)) {
        (Some(own), _) => format!("belongs to stack `{}` of source `{}`", own.owner.stack, own.owner.source),
        (None, Some(project)) => format!("was made by Docker Compose (project `{project}`)"),
        (None, None) => "is not managed by Evenkeel".to_owned(),
    };
    Refusal {
        code: "network-changed",
        message: format!("network `{name}` has another definition than this stack wants, and {whose}"),
        hint: format!(
            "give the network another `name`, declare it as `external`, or stop its users and `docker network rm {name}`"
        ),
    }
}

/// Returns what keeps a user of a network from being put on its successor, and what to do about it.
fn hindrance(
    inputs: Inputs<'_>,
    slots: &[Slot<'_>],
    orphans: &[&Container],
    remake: &Remake<'_>,
    user: &Container,
) -> Option<(String, String)> {
    let name = &user.name;
    if user.own.as_ref().is_none_or(|own| own.owner != inputs.desired.owner) {
        let whose = match (&user.own, &user.compose) {
            (Some(own), _) => format!("a container of stack `{}`", own.owner.stack),
            (None, Some(compose)) => format!("a container of Compose project `{}`", compose.project),
            (None, None) => "which Evenkeel does not manage".to_owned(),
        };
        return Some((
            whose,
            format!(
                "take it off with `docker network disconnect {} {name}`, or remove it",
                remake.found.name
            ),
        ));
    }
    let is_unknown = |slot: &Slot<'_>| matches!(slot.step, Step::Unknown(found) if found.id == user.id);
    if slots.iter().any(is_unknown) {
        return Some(("whose state Evenkeel does not know".into(), format!("see `docker inspect {name}`")));
    }
    let service = user.compose.as_ref().map(|compose| &compose.service);
    if user.state.is_up() && service.is_some_and(|service| inputs.desired.inactive.contains(service)) {
        let why = "whose service is in no active profile".to_owned();
        return Some((why, format!("stop it with `docker stop {name}`, or activate its profile")));
    }
    let is_kept = !inputs.desired.settings.prune && !inputs.undo;
    if is_kept && user.state.is_up() && orphans.iter().any(|orphan| orphan.id == user.id) {
        let why = "which left the files and is kept because `prune` is off".to_owned();
        return Some((why, format!("remove it with `docker rm -f {name}`, or turn `prune` on")));
    }
    None
}

/// The engine does not make two bridges whose subnets share addresses, whoever owns the other one.
fn overlaps(inputs: Inputs<'_>, remakes: &[Remake<'_>]) -> Vec<Refusal> {
    let Inputs { desired, observed, .. } = inputs;
    let is_remade = |id: &str| remakes.iter().any(|remake| remake.found.id == id);
    let stays = observed.networks.iter().filter(|found| !is_remade(&found.id));
    let mut taken: Vec<(&str, IpNet)> = stays
        .clone()
        .flat_map(|found| subnets(&found.request).map(|net| (found.name.as_str(), net)))
        .collect();
    let is_there = |name: &str| stays.clone().any(|found| found.name == name);
    let mut refusals = Vec::new();
    let made = desired.networks.values().filter_map(|network| network.create.as_ref());
    for request in made.filter(|request| !is_there(&request.name)) {
        for wanted in subnets(request) {
            let clash = taken.iter().find(|(_, net)| net.contains(&wanted) || wanted.contains(net));
            if let Some((other, net)) = clash {
                refusals.push(Refusal {
                    code: "network-overlaps",
                    message: format!(
                        "subnet {wanted} of network `{}` shares addresses with network `{other}` ({net})",
                        request.name
                    ),
                    hint: format!(
                        "choose another subnet; `docker network inspect {other}` shows what is taken"
                    ),
                });
            }
            taken.push((request.name.as_str(), wanted));
        }
    }
    refusals
}

/// The subnets that a bridge has to itself.
fn subnets(request: &NetworkRequest) -> impl Iterator<Item = IpNet> {
    let is_bridge = matches!(request.driver.as_str(), "" | "bridge");
    let pools = request.ipam.iter().filter(move |_| is_bridge).flat_map(|ipam| &ipam.config);
    pools.filter_map(|pool| Some(pool.subnet.parse::<IpNet>().ok()?.trunc()))
}

/// Returns why the network is made anew, at least one cause. What the engine fills in by itself is passed over.
pub(super) fn causes(remake: Remake<'_>) -> Vec<String> {
    let (was, want) = (&remake.found.request, remake.request);
    let mut causes = Vec::new();
    let mut shown = |field: &str, from: String, to: String| {
        if from != to {
            causes.push(format!("{field}: {} → {}", word(&from), word(&to)));
        }
    };
    let driver = |request: &NetworkRequest| match request.driver.as_str() {
        "" => "bridge".to_owned(),
        name => name.to_owned(),
    };
    shown("driver", driver(was), driver(want));
    shown("internal", was.internal.to_string(), want.internal.to_string());
    shown("attachable", was.attachable.to_string(), want.attachable.to_string());
    shown(
        "enable_ipv4",
        was.enable_ipv4.unwrap_or(true).to_string(),
        want.enable_ipv4.unwrap_or(true).to_string(),
    );
    shown(
        "enable_ipv6",
        was.enable_ipv6.unwrap_or(false).to_string(),
        want.enable_ipv6.unwrap_or(false).to_string(),
    );
    for name in want.options.keys().chain(was.options.keys().filter(|name| !want.options.contains_key(*name)))
    {
        let value = |request: &NetworkRequest| request.options.get(name).cloned().unwrap_or_default();
        shown(&format!("driver_opts.{name}"), value(was), value(want));
    }
    if want.ipam.is_some() {
        shown("ipam", pools(was), pools(want));
    }
    causes.extend(changed_keys("labels", &was.labels, &want.labels));
    if causes.is_empty() && want.ipam.is_none() && !pools(was).is_empty() {
        causes.push(format!("ipam: {} → what the engine chooses", pools(was)));
    }
    if causes.is_empty() {
        causes.push("its definition changed".into());
    }
    causes
}

fn word(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn pools(request: &NetworkRequest) -> String {
    let pools = request.ipam.iter().flat_map(|ipam| &ipam.config).map(|pool| {
        let parts = [("", &pool.subnet), ("range ", &pool.ip_range), ("gateway ", &pool.gateway)];
        let parts = parts.iter().filter(|(_, value)| !value.is_empty());
        parts.map(|(name, value)| format!("{name}{value}")).collect::<Vec<_>>().join(" ")
    });
    pools.collect::<Vec<_>>().join(", ")
}
