//! Takes out of what the engine shows what is never the same twice: ids, times, addresses that it chose, and labels
//! that tell who made the object. What is taken out leaves a mark, so that its absence is a difference.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::engine::Engine;
use crate::snapshot::Fields;

/// Fields with an address or its length, by the last part of their path.
const ADDRESSES: [&str; 14] = [
    "Gateway",
    "GlobalIPv6Address",
    "GlobalIPv6PrefixLen",
    "HostPort",
    "IPAddress",
    "IPPrefixLen",
    "IPRange",
    "IPv4Address",
    "IPv6Address",
    "IPv6Gateway",
    "LinkLocalIPv6Address",
    "LinkLocalIPv6PrefixLen",
    "MacAddress",
    "Subnet",
];
/// Fields whose value is of this one run.
const OF_THE_RUN: [&str; 4] = ["State/Pid", "State/Health/Log", "GraphDriver/Data", "ExecIDs"];
/// Lists that the reference sends, or the engine shows, in random order.
const UNORDERED: [&str; 9] = [
    "Config/Env",
    "HostConfig/Binds",
    "HostConfig/ExtraHosts",
    "HostConfig/Links",
    "HostConfig/Mounts",
    "HostConfig/Ulimits",
    "HostConfig/VolumesFrom",
    "Links",
    "Mounts",
];
/// Labels that tell who made the object: our own, and the version of the reference.
const LABELS: [&str; 2] = ["dev.evenkeel.", "com.docker.compose.version"];
const CONFIG_HASH: &str = "com.docker.compose.config-hash";
const DEPENDS_ON: &str = "com.docker.compose.depends_on";

/// What is known for all objects of a project.
pub(crate) struct Normal {
    /// Texts that are replaced wherever they are.
    known: Vec<(String, String)>,
    /// The names of the project's containers by their ids.
    containers: BTreeMap<String, String>,
    /// What the project's author wrote.
    written: BTreeSet<String>,
    /// It says of a service that it shares something with another service.
    shares: bool,
    host: String,
}

/// What is known for one object in addition.
pub(crate) struct OfObject<'a> {
    normal: &'a Normal,
    ids: BTreeMap<String, String>,
    names: BTreeSet<String>,
    /// Its hash has another container's id in it. That the reference takes it for its own is seen by its next `up`.
    hashes_an_id: bool,
}

impl Normal {
    /// `written` is the text of the project's files: an address in it was not chosen by the engine.
    pub(crate) fn new(engine: &Engine, written: &str, containers: &[Value]) -> Self {
        let text =
            |container: &Value, member: &str| container[member].as_str().unwrap_or_default().to_owned();
        let named =
            |container| (text(container, "Id"), text(container, "Name").trim_start_matches('/').to_owned());
        let images = engine.images.iter().cloned();
        let root = (engine.root.clone(), "<engine>".to_owned());
        let words = written.split(|c: char| !(c.is_ascii_alphanumeric() || ".:/-_".contains(c)));
        let parts =
            words.flat_map(|word| [word].into_iter().chain(word.split('/')).chain(word.split([':', '/'])));
        Self {
            known: images.chain([root]).collect(),
            containers: containers.iter().map(named).collect(),
            written: parts.map(str::to_owned).collect(),
            // By name, as in `container:db`, is another matter: the name is what is hashed.
            shares: ["service:", "volumes_from:"].iter().any(|field| written.contains(field)),
            host: engine.host.clone(),
        }
    }

    /// Learns the ids that occur in one object's parts.
    pub(crate) fn of_object(&self, parts: &[(String, Value)]) -> OfObject<'_> {
        let mut ids = BTreeMap::new();
        let mut names = BTreeSet::new();
        for (_, part) in parts {
            names.extend(part["Name"].as_str().map(|name| name.trim_start_matches('/').to_owned()));
            for id in runs(&part.to_string()).filter(|run| is_id(run)) {
                let mark = match self.containers.get(id) {
                    Some(name) if part["Id"] != id => format!("<id of {name}>"),
                    _ => "<id>".to_owned(),
                };
                ids.entry(id[..12].to_owned()).or_insert_with(|| mark.clone());
                ids.insert(id.to_owned(), mark);
            }
        }
        let hashes_an_id = self.shares && parts.iter().any(|(_, part)| shares(&part["HostConfig"]));
        OfObject { normal: self, ids, names, hashes_an_id }
    }
}

/// Returns true if a container shares something with another one, by its id.
fn shares(host: &Value) -> bool {
    let of_container = |field: &str| host[field].as_str().is_some_and(|mode| mode.starts_with("container:"));
    ["NetworkMode", "IpcMode", "PidMode"].into_iter().any(of_container)
        || host["VolumesFrom"].as_array().is_some_and(|from| !from.is_empty())
}

impl OfObject<'_> {
    /// Returns the fields of a part, without what is never the same twice.
    pub(crate) fn fields(&self, part: Value) -> Fields {
        let mut fields = Fields::new();
        self.flatten(String::new(), part, &mut fields);
        fields
    }

    fn flatten(&self, path: String, value: Value, fields: &mut Fields) {
        match value {
            Value::Object(members) if !members.is_empty() && !OF_THE_RUN.contains(&path.as_str()) => {
                for (key, member) in members {
                    let is_label = path.ends_with("Labels");
                    if is_label && LABELS.iter().any(|label| key.starts_with(label)) {
                        continue;
                    }
                    let key = self.text(&key);
                    let path = if path.is_empty() { key } else { format!("{path}/{key}") };
                    self.flatten(path, member, fields);
                }
            }
            value => {
                let value = self.value(&path, value);
                fields.insert(path, value);
            }
        }
    }

    fn value(&self, path: &str, value: Value) -> Value {
        let name = path.rsplit('/').next().unwrap_or_default();
        if OF_THE_RUN.contains(&path) {
            return "<of this run>".into();
        }
        if path.contains("Labels/") {
            return self.label(path, value);
        }
        if ADDRESSES.contains(&name) {
            return self.address(value);
        }
        match value {
            Value::String(text) if name == "Name" && self.names.contains(text.trim_start_matches('/')) => {
                "<name>".into()
            }
            // Where the engine keeps namespaces is its own affair; which one it is, is not.
            Value::String(text) if name == "SandboxKey" => {
                self.text(text.rsplit_once("/netns/").map_or(text.as_str(), |(_, key)| key)).into()
            }
            Value::String(text) if path == "Config/Hostname" && text == self.normal.host => "<host>".into(),
            value => {
                // What was asked for is compared as it is, the ports as well.
                let mut value = self.inner(value, path.starts_with("HostConfig/"));
                let is_unordered = UNORDERED.contains(&path) || path.starts_with("NetworkSettings/Ports/");
                if let (Value::Array(items), true) = (&mut value, is_unordered) {
                    items.sort_by_key(Value::to_string);
                }
                value
            }
        }
    }

    /// A label's value may look like an id, and is none, but for the image's.
    fn label(&self, path: &str, value: Value) -> Value {
        match value {
            Value::String(text) if path.ends_with(DEPENDS_ON) => {
                let mut items: Vec<&str> = text.split(',').collect();
                items.sort_unstable();
                items.join(",").into()
            }
            Value::String(_) if path.ends_with(CONFIG_HASH) && self.hashes_an_id => {
                "<hash over an id>".into()
            }
            Value::String(text) => self.known(&text).into(),
            other => other,
        }
    }

    /// Changes texts, and members with addresses, at any depth.
    fn inner(&self, value: Value, is_asked_for: bool) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.inner(item, is_asked_for)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(key, member)| {
                    let is_chosen = !is_asked_for && ADDRESSES.contains(&key.as_str());
                    let member =
                        if is_chosen { self.address(member) } else { self.inner(member, is_asked_for) };
                    (key, member)
                })
                .collect(),
            scalar => scalar,
        }
    }

    fn address(&self, value: Value) -> Value {
        match value {
            Value::String(text) => {
                let bare = text.split('/').next().unwrap_or_default();
                let keep = text.is_empty() || self.normal.written.contains(bare);
                (if keep { text } else { "<address>".into() }).into()
            }
            Value::Number(number) if number.as_u64() != Some(0) => "<address>".into(),
            other => other,
        }
    }

    fn text(&self, text: &str) -> String {
        if text.parse::<jiff::Timestamp>().is_ok_and(|time| time.as_second() > 0) {
            return "<time>".into();
        }
        let mut text = self.known(text);
        let ids: Vec<String> =
            runs(&text).filter(|run| self.ids.contains_key(*run)).map(str::to_owned).collect();
        for id in ids {
            text = text.replace(&id, &self.ids[&id]);
        }
        text
    }

    fn known(&self, text: &str) -> String {
        let replace = |text: String, (known, mark): &(String, String)| text.replace(known, mark);
        self.normal.known.iter().fold(text.to_owned(), replace)
    }
}

/// The words of letters and digits in a text.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| !run.is_empty())
}

fn is_id(run: &str) -> bool {
    run.len() == 64 && run.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "41006c2ae99c41006c2ae99c41006c2ae99c41006c2ae99c41006c2ae99c4100";
    const OTHER: &str = "b0d96bff38cfb0d96bff38cfb0d96bff38cfb0d96bff38cfb0d96bff38cfb0d9";

    fn fields(shown: Value) -> Fields {
        let normal = Normal {
            known: vec![("/var/lib/docker".into(), "<engine>".into())],
            containers: BTreeMap::from([
                (ID.into(), "shop-web-1".into()),
                (OTHER.into(), "shop-db-1".into()),
            ]),
            written: BTreeSet::from(["198.18.1.5".into()]),
            shares: true,
            host: "nas".into(),
        };
        let parts = [("container shop-web-1".to_owned(), shown)];
        let own = normal.of_object(&parts);
        let [(_, shown)] = parts;
        own.fields(shown)
    }

    #[test]
    fn ids_are_marked_wherever_they_are_and_say_whose_they_are() {
        let found = fields(json!({
            "Id": ID, "Name": "/shop-web-1", "Config": {"Hostname": &ID[..12]},
            "LogPath": format!("/var/lib/docker/containers/{ID}/{ID}-json.log"),
            "HostConfig": {"IpcMode": format!("container:{OTHER}")},
        }));
        assert_eq!(found["Id"], "<id>");
        assert_eq!(found["Name"], "<name>");
        assert_eq!(found["Config/Hostname"], "<id>");
        assert_eq!(found["LogPath"], "<engine>/containers/<id>/<id>-json.log");
        assert_eq!(found["HostConfig/IpcMode"], "container:<id of shop-db-1>");
    }

    #[test]
    fn a_hash_in_a_label_is_no_id_and_our_own_labels_are_left_out() {
        let labels = json!({
            "com.docker.compose.config-hash": ID, "com.docker.compose.version": "2.40.3",
            "com.docker.compose.depends_on": "b:service_started:false,a:service_started:false",
            "dev.evenkeel.stack": "shop",
        });
        let found = fields(json!({"Id": OTHER, "Config": {"Labels": labels}}));
        assert_eq!(found["Config/Labels/com.docker.compose.config-hash"], ID);
        let sorted = "a:service_started:false,b:service_started:false";
        assert_eq!(found["Config/Labels/com.docker.compose.depends_on"], sorted);
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_hash_over_another_containers_id_is_never_the_same_twice() {
        let labels = json!({ "com.docker.compose.config-hash": OTHER });
        let shown = |host: Value| fields(json!({"Config": {"Labels": labels}, "HostConfig": host}));
        let hash = "Config/Labels/com.docker.compose.config-hash";
        assert_eq!(shown(json!({"NetworkMode": "bridge", "VolumesFrom": []}))[hash], OTHER);
        assert_eq!(shown(json!({"PidMode": format!("container:{OTHER}")}))[hash], "<hash over an id>");
        assert_eq!(shown(json!({"VolumesFrom": [OTHER]}))[hash], "<hash over an id>");
    }

    #[test]
    fn an_address_is_compared_if_it_was_written_and_so_is_every_port_that_was_asked_for() {
        let found = fields(json!({
            "NetworkSettings": {"IPAddress": "198.18.1.5", "Gateway": "198.18.1.1", "IPv6Gateway": ""},
            "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
        }));
        assert_eq!(found["NetworkSettings/IPAddress"], "198.18.1.5");
        assert_eq!(found["NetworkSettings/Gateway"], "<address>");
        assert_eq!(found["NetworkSettings/IPv6Gateway"], "");
        assert_eq!(found["HostConfig/PortBindings/80/tcp"], json!([{"HostPort": "8080"}]));
    }

    #[test]
    fn times_of_the_run_are_marked_and_a_time_that_never_was_stays() {
        let found = fields(json!({"State": {
            "StartedAt": "2026-11-25T01:37:20.592948823Z", "FinishedAt": "0001-01-01T00:00:00Z", "Pid": 7,
        }}));
        assert_eq!(found["State/StartedAt"], "<time>");
        assert_eq!(found["State/FinishedAt"], "0001-01-01T00:00:00Z");
        assert_eq!(found["State/Pid"], "<of this run>");
    }

    #[test]
    fn only_lists_whose_order_means_nothing_are_sorted() {
        let found = fields(json!({"Config": {"Env": ["B=1", "A=1"], "Cmd": ["b", "a"]}}));
        assert_eq!(found["Config/Env"], json!(["A=1", "B=1"]));
        assert_eq!(found["Config/Cmd"], json!(["b", "a"]));
    }
}
