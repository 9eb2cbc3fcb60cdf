//! The engine's long answer on one container, as core sees it.
//!
//! The answer is read leniently from plain JSON without `null`s (see [`super::read`]), because engines differ in what
//! they leave out.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::PortBinding;
use crate::core::desired::request::RestartPolicy;
use crate::core::observed::Attachment;
use crate::core::observed::ComposeLabels;
use crate::core::observed::Container;
use crate::core::observed::Health;
use crate::core::observed::MountPoint;
use crate::core::observed::OwnLabels;
use crate::core::observed::PublishedPort;
use crate::core::observed::State;

/// Characters of a health check's output that are kept.
const OUTPUT_LIMIT: usize = 2_000;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    id: String,
    name: String,
    image: String,
    created: String,
    restart_count: u64,
    state: AnswerState,
    config: AnswerConfig,
    host_config: AnswerHostConfig,
    network_settings: AnswerNetworks,
    mounts: Vec<AnswerMount>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct AnswerState {
    status: String,
    exit_code: i64,
    error: String,
    started_at: String,
    finished_at: String,
    health: Option<AnswerHealth>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct AnswerHealth {
    status: String,
    log: Vec<AnswerHealthLog>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct AnswerHealthLog {
    exit_code: i64,
    output: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct AnswerConfig {
    image: String,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct AnswerHostConfig {
    restart_policy: RestartPolicy,
    port_bindings: BTreeMap<String, Vec<PortBinding>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct AnswerNetworks {
    pub(super) networks: BTreeMap<String, AnswerEndpoint>,
    ports: BTreeMap<String, Vec<PortBinding>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct AnswerEndpoint {
    #[serde(rename = "NetworkID")]
    network_id: String,
    aliases: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct AnswerMount {
    #[serde(rename = "Type")]
    kind: String,
    name: String,
    source: String,
    destination: String,
    #[serde(rename = "RW")]
    writable: bool,
}

/// Reads an answer without `null`s.
///
/// # Errors
/// Fails if a field that matters has another type than it should.
pub(super) fn container(answer: Value) -> Result<Container, serde_json::Error> {
    let request = request(&answer);
    let answer: Answer = serde_json::from_value(answer)?;
    let health = answer.state.health.unwrap_or_default();
    Ok(Container {
        name: answer.name.trim_start_matches('/').to_owned(),
        image: answer.config.image,
        image_id: answer.image,
        own: OwnLabels::read(&answer.config.labels),
        compose: ComposeLabels::read(&answer.config.labels),
        state: State::parse(&answer.state.status),
        exit_code: answer.state.exit_code,
        error: answer.state.error,
        health: health_word(&health.status),
        health_output: failing_output(&health.log),
        created_at: timestamp(&answer.created),
        started_at: timestamp(&answer.state.started_at),
        finished_at: timestamp(&answer.state.finished_at),
        restart_count: answer.restart_count,
        restart_policy: answer.host_config.restart_policy,
        networks: attachments(answer.network_settings.networks, &answer.id),
        mounts: answer.mounts.into_iter().map(AnswerMount::into_core).collect(),
        ports: published([answer.host_config.port_bindings, answer.network_settings.ports]),
        request: request.map(Box::new),
        id: answer.id,
    })
}

impl AnswerMount {
    /// Returns the name of the volume that it is; `None` for other kinds.
    pub(super) fn volume(&self) -> Option<&String> {
        (self.kind == "volume").then_some(&self.name)
    }

    pub(super) fn into_core(self) -> MountPoint {
        MountPoint {
            kind: self.kind,
            name: self.name,
            source: self.source,
            destination: self.destination,
            writable: self.writable,
        }
    }
}

fn health_word(word: &str) -> Option<Health> {
    match word {
        "starting" => Some(Health::Starting),
        "healthy" => Some(Health::Healthy),
        "unhealthy" => Some(Health::Unhealthy),
        _ => None,
    }
}

/// The engine writes the year 1 for "never".
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|time: &Timestamp| time.as_second() > 0)
}

fn failing_output(log: &[AnswerHealthLog]) -> String {
    match log.last() {
        Some(last) if last.exit_code != 0 => last.output.trim().chars().take(OUTPUT_LIMIT).collect(),
        _ => String::new(),
    }
}

/// Engines before API 1.45 add the short id to the aliases; nobody asked for it.
pub(super) fn attachments(
    networks: BTreeMap<String, AnswerEndpoint>,
    id: &str,
) -> BTreeMap<String, Attachment> {
    let attachment = |name: &String, endpoint: AnswerEndpoint| Attachment {
        // Podman writes the name where the id belongs: then the id is not known.
        network_id: Some(endpoint.network_id).filter(|id| id != name).unwrap_or_default(),
        aliases: endpoint.aliases.into_iter().filter(|alias| !is_short_id(alias, id)).collect(),
    };
    let attach = |(name, endpoint)| {
        let attachment = attachment(&name, endpoint);
        (name, attachment)
    };
    networks.into_iter().map(attach).collect()
}

fn is_short_id(alias: &str, id: &str) -> bool {
    alias.len() == 12 && id.starts_with(alias)
}

/// Returns each host port once, in order.
fn published(bindings: [BTreeMap<String, Vec<PortBinding>>; 2]) -> Vec<PublishedPort> {
    let ports: BTreeSet<PublishedPort> = bindings
        .into_iter()
        .flatten()
        .flat_map(|(inner, bindings)| {
            let protocol = inner.rsplit_once('/').map_or("tcp", |(_, protocol)| protocol).to_owned();
            bindings.into_iter().filter_map(move |binding| {
                PublishedPort::of(&binding.host_ip, binding.host_port.parse().ok()?, &protocol)
            })
        })
        .collect();
    ports.into_iter().collect()
}

/// Returns the answer in the form of a create request; `None` if it cannot be written as one. What the engine chose by
/// itself (addresses, the short id as alias) is left out: nobody requested it.
fn request(answer: &Value) -> Option<ContainerRequest> {
    let mut body = answer.get("Config")?.clone();
    let id = answer.get("Id").and_then(Value::as_str).unwrap_or_default();
    let networks = answer.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
    let endpoints: serde_json::Map<String, Value> = networks
        .into_iter()
        .flatten()
        .map(|(name, endpoint)| (name.clone(), requested_endpoint(endpoint, id)))
        .collect();
    let body_fields = body.as_object_mut()?;
    body_fields.insert("HostConfig".into(), answer.get("HostConfig")?.clone());
    body_fields.insert("NetworkingConfig".into(), json!({ "EndpointsConfig": endpoints }));
    serde_json::from_value(body).ok()
}

fn requested_endpoint(endpoint: &Value, id: &str) -> Value {
    let mut requested = serde_json::Map::new();
    for key in ["IPAMConfig", "Links", "DriverOpts", "GwPriority"] {
        if let Some(value) = endpoint.get(key) {
            requested.insert(key.into(), value.clone());
        }
    }
    if let Some(address) = endpoint.pointer("/IPAMConfig/IPv4Address") {
        requested.insert("IPAddress".into(), address.clone());
    }
    let aliases: Vec<Value> = endpoint
        .get("Aliases")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|alias| !alias.as_str().is_some_and(|alias| is_short_id(alias, id)))
        .cloned()
        .collect();
    requested.insert("Aliases".into(), Value::Array(aliases));
    Value::Object(requested)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::read::strip_nulls;

    fn answer() -> Value {
        let mut answer = json!({
            "Id": "0123456789abcdef", "Name": "/p-web-1", "Image": "sha256:1", "RestartCount": 2,
            "State": {
                "Status": "running", "ExitCode": 0, "Error": "", "StartedAt": "2026-01-02T03:04:05.6Z",
                "Health": { "Status": "unhealthy", "Log": [{ "ExitCode": 1, "Output": " no answer \n" }] }
            },
            "Config": {
                "Image": "web:1", "Cmd": null, "Entrypoint": [], "Env": ["A=b"], "FieldOfTomorrow": { "x": 1 },
                "Labels": { "dev.evenkeel.instance": "i", "dev.evenkeel.source": "s", "dev.evenkeel.stack": "t" }
            },
            "HostConfig": {
                "RestartPolicy": { "Name": "always", "MaximumRetryCount": 0 }, "Binds": null, "Init": null,
                "PortBindings": { "80/tcp": [{ "HostIp": "", "HostPort": "8080" }], "81/tcp": [{ "HostPort": "" }] }
            },
            "NetworkSettings": {
                "Networks": { "p_default": {
                    "NetworkID": "n1", "Aliases": ["web", "0123456789ab"], "IPAddress": "172.18.0.2", "IPAMConfig": null
                } },
                "Ports": {
                    "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8080" }, { "HostIp": "::", "HostPort": "8080" }],
                    "81/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "49153" }], "82/tcp": null
                }
            },
            "Mounts": [{ "Type": "volume", "Name": "data", "Source": "/v/data", "Destination": "/data", "RW": true }]
        });
        strip_nulls(&mut answer);
        answer
    }

    #[test]
    fn an_answer_is_read_as_core_sees_it() {
        let container = container(answer()).expect("readable");
        assert_eq!(container.name, "p-web-1");
        assert_eq!((container.state, container.health), (State::Running, Some(Health::Unhealthy)));
        assert_eq!(container.health_output, "no answer");
        assert!(container.started_at.is_some() && container.own.is_some());
        assert_eq!(container.networks["p_default"].aliases, ["web"]);
        let ports: Vec<String> =
            container.ports.iter().map(|p| format!("{}:{}/{}", p.ip, p.port, p.protocol)).collect();
        assert_eq!(ports, [":8080/tcp", "127.0.0.1:49153/tcp"]);
    }

    #[test]
    fn the_request_tells_absent_from_empty_and_leaves_out_what_the_engine_chose() {
        let request = container(answer()).expect("readable").request.expect("a request");
        assert_eq!((request.cmd.clone(), request.entrypoint.clone()), (None, Some(vec![])));
        assert_eq!(request.host_config.restart_policy.name, "always");
        let endpoint = &request.networking_config.as_ref().expect("networks").endpoints_config["p_default"];
        assert_eq!((endpoint.aliases.clone(), endpoint.ip_address.as_str()), (vec!["web".to_owned()], ""));
    }

    #[test]
    fn a_container_that_never_started_has_no_start() {
        let mut answer = answer();
        answer["State"] = json!({ "Status": "hibernating", "StartedAt": "0001-01-01T00:00:00Z" });
        let container = container(answer).expect("readable");
        assert_eq!(container.started_at, None);
        assert_eq!(container.state, State::Unknown("hibernating".into()));
        assert_eq!(container.health, None);
    }
}
