//! Why a container is replaced, down to the field.
//!
//! The running container's own configuration is compared with the create request. The engine fills in much that no
//! file sets (the image's environment, defaults), so only what the request names, or what both sides name, is
//! compared. Values that may hold secrets (environment, command, labels) are never shown.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::core::desired::DesiredContainer;
use crate::core::desired::DesiredService;
use crate::core::desired::label;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::HealthConfig;
use crate::core::desired::request::HostConfig;
use crate::core::model::same_image;
use crate::core::observed::Container;

/// Returns the causes, at least one.
pub(super) fn causes(found: &Container, service: &DesiredService, wanted: &DesiredContainer) -> Vec<String> {
    let mut causes = Vec::new();
    if !same_image(&found.image, &service.image) && found.image != wanted.request.image {
        causes.push(change("image", &found.image, &service.image));
    }
    if let Some(was) = &found.request {
        fields(&mut causes, was, &wanted.request);
    }
    shared(&mut causes, found, service, wanted);
    let own_digest = found.own.as_ref().map_or("", |own| own.digest.as_str());
    if own_digest != service.digest {
        let names: Vec<&str> = service.content.keys().map(String::as_str).collect();
        causes.push(match names.as_slice() {
            [] => "mounted files: no longer any".into(),
            names => format!("content changed of {}", names.join(" or ")),
        });
    }
    for network in super::slot::wanted_networks(wanted) {
        if !found.networks.contains_key(network) {
            causes.push(format!("networks: + {network}"));
        }
    }
    for network in found.networks.keys() {
        if !super::slot::wanted_networks(wanted).any(|name| name == network) {
            causes.push(format!("networks: - {network}"));
        }
    }
    if let Some(was) = &found.request {
        endpoints(&mut causes, was, &wanted.request);
    }
    if causes.is_empty() {
        let same_hash = found.compose.as_ref().is_some_and(|c| c.config_hash == service.config_hash);
        causes.push(if same_hash { "a network was made anew" } else { "its definition changed" }.into());
    }
    causes
}

/// What is shared with another service's container, by the name of that service.
fn shared(causes: &mut Vec<String>, found: &Container, service: &DesiredService, wanted: &DesiredContainer) {
    let (Some(shared), Some(was)) = (&service.shared, &found.request) else { return };
    let only_the_id = found
        .compose
        .as_ref()
        .is_some_and(|compose| compose.config_hash == shared.hash_with_ids_of(&was.host_config));
    for (field, other) in shared.references() {
        let (was, want) =
            (shared_value(field, &was.host_config), shared_value(field, &wanted.request.host_config));
        if was != want {
            causes.push(match only_the_id {
                true => format!("{field}: service:{other} was replaced"),
                false => change(field, &short(&was), &format!("service:{other}")),
            });
        }
    }
}

fn shared_value(field: &str, host: &HostConfig) -> String {
    match field {
        "network_mode" => host.network_mode.clone(),
        "ipc" => host.ipc_mode.clone(),
        "pid" => host.pid_mode.clone(),
        _ => host.volumes_from.join(" "),
    }
}

/// An id is for machines: its beginning will do.
fn short(mode: &str) -> String {
    match mode.split_once(':') {
        Some((kind, id)) => format!("{kind}:{}", id.get(..12).unwrap_or(id)),
        None => mode.to_owned(),
    }
}

/// Of networks that it is on and stays on: fixed addresses and names.
fn endpoints(causes: &mut Vec<String>, was: &ContainerRequest, want: &ContainerRequest) {
    let ends = |request: &ContainerRequest| {
        request.networking_config.as_ref().map(|config| config.endpoints_config.clone()).unwrap_or_default()
    };
    let was = ends(was);
    for (network, want) in ends(want) {
        let Some(was) = was.get(&network) else { continue };
        let (from, to) = (was.ipam_config.clone().unwrap_or_default(), want.ipam_config.unwrap_or_default());
        for (field, from, to) in [
            ("ipv4_address", from.ipv4_address, to.ipv4_address),
            ("ipv6_address", from.ipv6_address, to.ipv6_address),
        ] {
            if from != to {
                causes.push(change(&format!("networks.{network}.{field}"), &from, &to));
            }
        }
        let names = |aliases: &[String]| {
            aliases
                .iter()
                .map(String::as_str)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join(" ")
        };
        let (from, to) = (names(&was.aliases), names(&want.aliases));
        if from != to {
            causes.push(change(&format!("networks.{network}.aliases"), &from, &to));
        }
    }
}

fn change(field: &str, from: &str, to: &str) -> String {
    let word = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    format!("{field}: {} → {}", word(from), word(to))
}

fn fields(causes: &mut Vec<String>, was: &ContainerRequest, want: &ContainerRequest) {
    let mut shown = |field: &str, from: String, to: String| {
        if from != to {
            causes.push(change(field, &from, &to));
        }
    };
    let (h, w) = (&was.host_config, &want.host_config);
    let policy =
        |p: &crate::core::desired::request::RestartPolicy| match (p.name.as_str(), p.maximum_retry_count) {
            ("" | "no", _) => "no".to_owned(),
            (name, 0) => name.to_owned(),
            (name, n) => format!("{name}:{n}"),
        };
    shown("restart", policy(&h.restart_policy), policy(&w.restart_policy));
    shown("ports", ports(was), ports(want));
    shown("mem_limit", h.memory.to_string(), w.memory.to_string());
    shown("cpus", cpus(h.nano_cpus), cpus(w.nano_cpus));
    shown("privileged", h.privileged.to_string(), w.privileged.to_string());
    shown("read_only", h.readonly_rootfs.to_string(), w.readonly_rootfs.to_string());
    shown("cap_add", sorted(&h.cap_add), sorted(&w.cap_add));
    shown("cap_drop", sorted(&h.cap_drop), sorted(&w.cap_drop));
    shown("volumes", mounts(was), mounts(want));
    if !want.user.is_empty() {
        shown("user", was.user.clone(), want.user.clone());
    }
    if !want.hostname.is_empty() {
        shown("hostname", was.hostname.clone(), want.hostname.clone());
    }
    if let Some(check) = &want.healthcheck {
        healthcheck(causes, was.healthcheck.as_ref(), check);
    }
    for (field, from, to) in
        [("command", &was.cmd, &want.cmd), ("entrypoint", &was.entrypoint, &want.entrypoint)]
    {
        if to.is_some() && from != to {
            causes.push(format!("{field} changed"));
        }
    }
    environment(causes, was, want);
    labels(causes, &was.labels, &want.labels);
}

fn healthcheck(causes: &mut Vec<String>, was: Option<&HealthConfig>, want: &HealthConfig) {
    let none = HealthConfig::default();
    let was = was.unwrap_or(&none);
    if !want.test.is_empty() && was.test != want.test {
        causes.push("healthcheck.test changed".into());
    }
    let seconds = |nanos: i64| format!("{}s", jiff::SignedDuration::from_nanos(nanos).as_secs_f64());
    for (field, from, to) in [
        ("interval", was.interval, want.interval),
        ("timeout", was.timeout, want.timeout),
        ("start_period", was.start_period, want.start_period),
    ] {
        if to != 0 && from != to {
            causes.push(change(&format!("healthcheck.{field}"), &seconds(from), &seconds(to)));
        }
    }
    if want.retries != 0 && was.retries != want.retries {
        causes.push(change("healthcheck.retries", &was.retries.to_string(), &want.retries.to_string()));
    }
}

/// Names of variables alone: values may be secrets. What only the container has may come from its image.
fn environment(causes: &mut Vec<String>, was: &ContainerRequest, want: &ContainerRequest) {
    let split = |env: &[String]| -> BTreeMap<String, String> {
        env.iter().filter_map(|item| item.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
    };
    let (was, want) = (split(&was.env), split(&want.env));
    for (name, value) in &want {
        match was.get(name) {
            None => causes.push(format!("environment.{name} added")),
            Some(old) if old != value => causes.push(format!("environment.{name} changed")),
            Some(_) => {}
        }
    }
}

fn labels(causes: &mut Vec<String>, was: &BTreeMap<String, String>, want: &BTreeMap<String, String>) {
    let users =
        |name: &&String| !name.starts_with("com.docker.compose.") && !name.starts_with("dev.evenkeel.");
    for name in want.keys().filter(users) {
        match was.get(name) {
            None => causes.push(format!("labels.{name} added")),
            Some(old) if Some(old) != want.get(name) => causes.push(format!("labels.{name} changed")),
            Some(_) => {}
        }
    }
    if let (Some(old), Some(new)) = (was.get(label::compose::PROJECT), want.get(label::compose::PROJECT))
        && old != new
    {
        causes.push(change("project", old, new));
    }
}

fn ports(request: &ContainerRequest) -> String {
    let mut all = BTreeSet::new();
    for (inside, bindings) in &request.host_config.port_bindings {
        for binding in bindings {
            let ip = match binding.host_ip.as_str() {
                "" | "0.0.0.0" => String::new(),
                ip => format!("{ip}:"),
            };
            all.insert(format!("{ip}{}:{inside}", binding.host_port));
        }
    }
    all.into_iter().collect::<Vec<_>>().join(" ")
}

fn mounts(request: &ContainerRequest) -> String {
    let binds = request.host_config.binds.iter().map(|bind| bind.trim_end_matches(":rw").to_owned());
    let long = request.host_config.mounts.iter().filter(|mount| !mount.source.is_empty());
    let long = long.map(|m| format!("{}:{}{}", m.source, m.target, if m.read_only { ":ro" } else { "" }));
    let all: BTreeSet<String> = binds.chain(long).collect();
    all.into_iter().collect::<Vec<_>>().join(" ")
}

#[expect(clippy::cast_precision_loss, reason = "billionths of a CPU, for people")]
fn cpus(nano: i64) -> String {
    (nano as f64 / 1e9).to_string()
}

fn sorted(list: &[String]) -> String {
    let all: BTreeSet<&str> = list.iter().map(|cap| cap.trim_start_matches("CAP_")).collect();
    all.into_iter().collect::<Vec<_>>().join(" ")
}
