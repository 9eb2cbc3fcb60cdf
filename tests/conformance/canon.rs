//! The rules by which create requests are compared: the same as the conformance cases' own checker.

use serde_json::Value;

/// Members whose emptiness means something.
const KEEP_EMPTY: [&str; 4] = ["Cmd", "Entrypoint", "MaskedPaths", "ReadonlyPaths"];
/// Members that are kept unless they are null.
const KEEP_ANY: [&str; 6] =
    ["StopTimeout", "PidsLimit", "MemorySwappiness", "EnableIPv6", "EnableIPv4", "Init"];
/// Objects whose keys are data: nothing in them is left out.
const MAPS: [&str; 11] = [
    "Labels",
    "EndpointsConfig",
    "ExposedPorts",
    "PortBindings",
    "Tmpfs",
    "Sysctls",
    "Config",
    "DriverOpts",
    "Options",
    "Annotations",
    "StorageOpt",
];
/// Lists that the reference writes in random order.
const UNORDERED: [&str; 4] = ["ExtraHosts", "Binds", "Mounts", "Ulimits"];

/// Returns the request without zero values, its unordered lists sorted, and without what only we or only a running
/// engine knows: our labels, Compose's version and the image's id.
pub(crate) fn canon(mut body: Value) -> Value {
    sort(&mut body, "Env");
    if let Some(host) = body.get_mut("HostConfig") {
        for list in UNORDERED {
            sort(host, list);
        }
    }
    if let Some(labels) = body.get_mut("Labels").and_then(Value::as_object_mut) {
        labels.retain(|key, _| {
            !key.starts_with("dev.evenkeel.")
                && key != "com.docker.compose.version"
                && key != "com.docker.compose.image"
        });
        if let Some(Value::String(depends_on)) = labels.get_mut("com.docker.compose.depends_on") {
            let mut items: Vec<&str> = depends_on.split(',').collect();
            items.sort_unstable();
            *depends_on = items.join(",");
        }
    }
    strip(body, "")
}

fn sort(body: &mut Value, list: &str) {
    if let Some(Value::Array(items)) = body.get_mut(list) {
        items.sort_by_key(|item| {
            let key = item.get("Target").or_else(|| item.get("Name")).unwrap_or(item);
            key.as_str().map(str::to_owned)
        });
    }
}

fn strip(value: Value, parent: &str) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, member)| {
                let member = strip(member, &key);
                (key, member)
            })
            .filter(|(key, member)| {
                let key = key.as_str();
                (KEEP_EMPTY.contains(&key) && member.is_array())
                    || (KEEP_ANY.contains(&key) && !member.is_null())
                    || MAPS.contains(&parent)
                    || !is_zero(member)
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| strip(item, "[]")).collect(),
        scalar => scalar,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Says where two values differ.
pub(crate) fn differences(want: &Value, got: &Value, path: &str) -> Vec<String> {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            let missing = want
                .iter()
                .filter(|(key, _)| !got.contains_key(*key))
                .map(|(key, value)| format!("{path}/{key}: missing, expected {value}"));
            let unexpected = got
                .iter()
                .filter(|(key, _)| !want.contains_key(*key))
                .map(|(key, value)| format!("{path}/{key}: unexpected {value}"));
            let inside = want.iter().filter_map(|(key, value)| {
                got.get(key).map(|other| differences(value, other, &format!("{path}/{key}")))
            });
            missing.chain(unexpected).chain(inside.flatten()).collect()
        }
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => want
            .iter()
            .zip(got)
            .enumerate()
            .flat_map(|(index, (want, got))| differences(want, got, &format!("{path}/{index}")))
            .collect(),
        (want, got) if want == got => Vec::new(),
        (want, got) => vec![format!("{path}: expected {want}, got {got}")],
    }
}
