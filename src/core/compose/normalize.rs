//! Stage: what follows from what is said: the default network, implied dependencies, names, values of lone keys.

use std::collections::BTreeMap;

use super::canonical::clean;
use super::merge;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Span;
use crate::core::yaml::Value;

/// Completes a whole tree.
pub(super) fn normalize(root: &mut Node, name: &str, environment: &BTreeMap<String, String>) {
    networks(root);
    let services = root.get_mut("services").and_then(Node::as_map_mut);
    for (_, node) in services.into_iter().flat_map(Map::iter_mut) {
        if let Some(map) = node.as_map_mut() {
            service(map, environment);
        }
    }
    for section in ["networks", "volumes", "configs", "secrets"] {
        let objects = root.get_mut(section).and_then(Node::as_map_mut);
        for (key, object) in objects.into_iter().flat_map(Map::iter_mut) {
            if object.is_null() {
                object.value = Value::Map(Map::default());
            }
            let external = object.get("external").is_some_and(|external| external.value == Value::Bool(true));
            let own = if external { key.to_owned() } else { format!("{name}_{key}") };
            let span = object.span;
            if object.get("name").is_none_or(Node::is_null)
                && let Some(map) = object.as_map_mut()
            {
                map.insert("name", span, Node::text(span, own));
            }
        }
    }
}

/// Gives a variable's value to keys that stand alone: in the environment of services, before anything is merged away.
pub(super) fn lone_keys(root: &mut Node, environment: &BTreeMap<String, String>) {
    let services = root.get_mut("services").and_then(Node::as_map_mut);
    for (_, service) in services.into_iter().flat_map(Map::iter_mut) {
        if let Some(list) = service.get_mut("environment").filter(|node| node.as_list().is_some()) {
            resolve(list, environment, true);
        }
    }
    let configs = root.get_mut("configs").and_then(Node::as_map_mut);
    for (_, config) in configs.into_iter().flat_map(Map::iter_mut) {
        let Some(variable) = config.get("environment").filter(|node| node.as_str().is_some()) else {
            continue;
        };
        let span = variable.span;
        if let Some(value) = variable.as_str().and_then(|variable| environment.get(variable)) {
            let content = Node::text(span, value.as_str());
            if let Some(map) = config.as_map_mut() {
                map.insert("content", span, content);
            }
        }
    }
}

/// Gives lone keys of a list or mapping their variable's value; those without one stay or go.
fn resolve(node: &mut Node, environment: &BTreeMap<String, String>, keep: bool) {
    match &mut node.value {
        Value::List(items) => items.retain_mut(|item| {
            let Value::Text(text) = &mut item.value else { return true };
            if text.contains('=') {
                return true;
            }
            let value = environment.get(text.as_str());
            if let Some(value) = value {
                *text = format!("{text}={value}");
                item.filled = true;
                return true;
            }
            keep
        }),
        Value::Map(map) => map.retain(|key, value| {
            if !value.is_null() {
                return true;
            }
            if let Some(known) = environment.get(key) {
                value.value = Value::Text(known.clone());
                value.filled = true;
                return true;
            }
            keep
        }),
        _ => {}
    }
}

fn networks(root: &mut Node) {
    let mut default_is_used = false;
    let services = root.get_mut("services").and_then(Node::as_map_mut);
    for (_, service) in services.into_iter().flat_map(Map::iter_mut) {
        let Some(map) = service.as_map_mut() else { continue };
        if map.contains("provider") || map.contains("network_mode") {
            continue;
        }
        let networks = map.get("networks").and_then(Node::as_map);
        if networks.is_none_or(Map::is_empty) {
            let mut networks = Map::default();
            networks.insert("default", Span::default(), Node::default());
            map.insert("networks", Span::default(), Node::new(Span::default(), Value::Map(networks)));
            default_is_used = true;
        } else {
            default_is_used |= networks.is_some_and(|networks| networks.contains("default"));
        }
    }
    let Some(root) = root.as_map_mut() else { return };
    if !default_is_used {
        return;
    }
    if root.get("networks").and_then(Node::as_map).is_none() {
        root.insert("networks", Span::default(), Node::new(Span::default(), Value::Map(Map::default())));
    }
    if let Some(networks) = root.get_mut("networks").and_then(Node::as_map_mut)
        && !networks.contains("default")
    {
        networks.insert("default", Span::default(), Node::default());
    }
}

fn service(service: &mut Map, environment: &BTreeMap<String, String>) {
    if let Some(policy) = service.get_mut("pull_policy")
        && policy.as_str() == Some("if_not_present")
    {
        policy.value = Value::Text("missing".into());
    }
    if let Some(build) = service.get_mut("build").and_then(Node::as_map_mut) {
        let nowhere = Span::default();
        if build.get("context").is_none_or(Node::is_null) {
            build.insert("context", nowhere, Node::text(nowhere, "."));
        }
        let absent = |key: &str| build.get(key).is_none_or(Node::is_null);
        if absent("dockerfile") && absent("dockerfile_inline") {
            build.insert("dockerfile", nowhere, Node::text(nowhere, "Dockerfile"));
        }
        if let Some(args) = build.get_mut("args") {
            resolve(args, environment, false);
        }
    }
    if let Some(variables) = service.get_mut("environment") {
        resolve(variables, environment, true);
    }
    for mount in service.get_mut("volumes").and_then(Node::as_list_mut).into_iter().flatten() {
        if let Some(Value::Text(target)) = mount.get_mut("target").map(|node| &mut node.value) {
            *target = if target.is_empty() { ".".into() } else { clean(target) };
        }
    }
    dependencies(service);
}

/// Adds the dependencies that links, shared namespaces and shared mounts imply.
fn dependencies(service: &mut Map) {
    let mut implied: Vec<(String, Span, bool)> = Vec::new();
    for link in service.get("links").and_then(Node::as_list).unwrap_or_default() {
        if let Some(text) = link.as_str() {
            let parts: Vec<&str> = text.split(':').collect();
            let target = if parts.len() == 2 { parts[0] } else { text };
            implied.push((target.to_owned(), link.span, true));
        }
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        if let Some(node) = service.get(key)
            && let Some(target) = node.as_str().and_then(|text| text.strip_prefix("service:"))
        {
            implied.push((target.to_owned(), node.span, true));
        }
    }
    for from in service.get("volumes_from").and_then(Node::as_list).unwrap_or_default() {
        if let Some(text) = from.as_str().filter(|text| !text.starts_with("container:")) {
            implied.push((text.split(':').next().unwrap_or_default().to_owned(), from.span, false));
        }
    }
    if implied.is_empty() {
        return;
    }
    if service.get("depends_on").and_then(Node::as_map).is_none() {
        service.insert("depends_on", Span::default(), Node::new(Span::default(), Value::Map(Map::default())));
    }
    let Some(depends_on) = service.get_mut("depends_on").and_then(Node::as_map_mut) else { return };
    for (target, span, restart) in implied {
        if depends_on.contains(&target) {
            continue;
        }
        let mut dependency = merge::started();
        if let Some(map) = dependency.as_map_mut() {
            map.insert("restart", span, Node::new(span, Value::Bool(restart)));
        }
        depends_on.insert(target, span, dependency);
    }
}
