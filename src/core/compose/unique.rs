//! Stage: of items of a list that mean the same, the last one stays, at the place of the first.

use std::collections::BTreeMap;

use super::report::Report;
use super::volume;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Value;

/// What tells two items of a list apart.
#[derive(Clone, Copy)]
enum Key {
    /// The text before `=`.
    BeforeEquals,
    /// The whole text.
    Whole,
    /// The `path` of an env file.
    EnvFile,
    /// The target of a device or mount.
    Device,
    /// The target of a volume.
    Volume,
    /// The target of a config or secret, by default in this folder.
    File(&'static str),
    /// Address, host port, port and protocol.
    Port,
}

const KEYS: &[(&str, Key)] = &[
    ("networks.*.labels", Key::BeforeEquals),
    ("networks.*.ipam.options", Key::BeforeEquals),
    ("services.*.annotations", Key::BeforeEquals),
    ("services.*.build.args", Key::BeforeEquals),
    ("services.*.build.additional_contexts", Key::BeforeEquals),
    ("services.*.build.platform", Key::BeforeEquals),
    ("services.*.build.tags", Key::BeforeEquals),
    ("services.*.build.labels", Key::BeforeEquals),
    ("services.*.cap_add", Key::BeforeEquals),
    ("services.*.cap_drop", Key::BeforeEquals),
    ("services.*.configs", Key::File("")),
    ("services.*.deploy.labels", Key::BeforeEquals),
    ("services.*.devices", Key::Device),
    ("services.*.dns", Key::BeforeEquals),
    ("services.*.dns_opt", Key::BeforeEquals),
    ("services.*.dns_search", Key::BeforeEquals),
    ("services.*.environment", Key::BeforeEquals),
    ("services.*.env_file", Key::EnvFile),
    ("services.*.expose", Key::Whole),
    ("services.*.labels", Key::BeforeEquals),
    ("services.*.links", Key::BeforeEquals),
    ("services.*.networks.*.aliases", Key::BeforeEquals),
    ("services.*.networks.*.link_local_ips", Key::BeforeEquals),
    ("services.*.ports", Key::Port),
    ("services.*.profiles", Key::BeforeEquals),
    ("services.*.secrets", Key::File("/run/secrets")),
    ("services.*.sysctls", Key::BeforeEquals),
    ("services.*.tmpfs", Key::BeforeEquals),
];

/// Drops what later items of a list repeat, in the whole tree.
pub(super) fn unique(node: &mut Node, path: &Path<'_>, report: &mut Report) {
    match &mut node.value {
        Value::Map(map) => {
            for (key, child) in map.iter_mut() {
                unique(child, &path.key(key), report);
            }
        }
        Value::List(items) => {
            let rule = KEYS.iter().find(|(pattern, _)| path.matches(pattern)).map(|(_, key)| *key);
            let rule = rule.or_else(|| path.matches("services.*.volumes").then_some(Key::Volume));
            if let Some(rule) = rule {
                dedup(items, rule, path, report);
            }
        }
        _ => {}
    }
}

fn dedup(items: &mut Vec<Node>, rule: Key, path: &Path<'_>, report: &mut Report) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        match key(&item, rule) {
            Ok(key) => {
                let at = *seen.entry(key).or_insert(kept.len());
                if at == kept.len() {
                    kept.push(item);
                } else {
                    kept[at] = item;
                }
            }
            Err(message) => {
                let path = path.index(index);
                report.error("list-item", item.span, &path, format!("{path}: {message}"));
            }
        }
    }
    *items = kept;
}

fn key(item: &Node, rule: Key) -> Result<String, String> {
    let text = |key: &str| item.get(key).and_then(Node::as_str);
    let unexpected = || format!("unexpected {}", item.value.kind());
    match (rule, &item.value) {
        (Key::BeforeEquals, Value::Text(value)) => {
            Ok(value.split_once('=').map_or(value.as_str(), |(key, _)| key).to_owned())
        }
        (Key::Whole, Value::Text(_) | Value::Int(_) | Value::Uint(_)) => {
            item.scalar_text().ok_or_else(unexpected)
        }
        (Key::EnvFile, Value::Map(_)) => Ok(text("path").unwrap_or_default().to_owned()),
        (Key::EnvFile | Key::Port, Value::Text(value)) => Ok(value.clone()),
        (Key::Device, Value::Text(value)) => {
            let parts: Vec<&str> = value.split(':').collect();
            Ok((*parts.get(1).unwrap_or(&parts[0])).to_owned())
        }
        (Key::Device, Value::Map(_)) => text("target")
            .map(str::to_owned)
            .ok_or_else(|| "the device is missing a mount target: add `target:`".to_owned()),
        (Key::Volume, Value::Text(value)) => volume::parse(value).map(|volume| volume.target),
        (Key::Volume, Value::Map(_)) => text("target")
            .map(str::to_owned)
            .ok_or_else(|| "the volume is missing a mount target: add `target:`".to_owned()),
        (Key::File(folder), Value::Text(value)) => Ok(format!("{folder}/{value}")),
        (Key::File(folder), Value::Map(_)) => Ok(text("target")
            .map_or_else(|| format!("{folder}/{}", text("source").unwrap_or_default()), str::to_owned)),
        (Key::Port, Value::Int(port)) => Ok(port.to_string()),
        (Key::Port, Value::Map(_)) => {
            let Some(target) = item.get("target").and_then(Node::scalar_text) else {
                return Err("the port is missing a target port: add `target:`".into());
            };
            // compose-go tells the number 80 from the text "80" here.
            let published = item.get("published").map(|node| (node.value.kind(), node.scalar_text()));
            let host = text("host_ip").unwrap_or("0.0.0.0");
            Ok(format!("{host}:{published:?}:{target}/{}", text("protocol").unwrap_or("tcp")))
        }
        _ => Err(unexpected()),
    }
}
