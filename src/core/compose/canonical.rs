//! Stage: every short form becomes its long form. The tree is of the schema when it comes here, or part of a file that
//! another one extends.

use super::merge;
use super::port;
use super::report::MAX_PORTS;
use super::report::Report;
use super::volume;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Span;
use crate::core::yaml::Value;

/// Rewrites a whole file's tree.
pub(super) fn canonical(root: &mut Node, report: &mut Report) {
    if let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) {
        let path = Path::TOP.key("services");
        for (name, service) in services.iter_mut() {
            if let Some(map) = service.as_map_mut() {
                canonical_service(map, &path.key(name), report);
            }
        }
    }
    for section in ["volumes", "networks", "secrets", "configs"] {
        let path = Path::TOP.key(section);
        if let Some(objects) = root.get_mut(section).and_then(Node::as_map_mut) {
            for (name, object) in objects.iter_mut() {
                external_name(object, &path.key(name), report);
            }
        }
    }
}

fn canonical_service(service: &mut Map, path: &Path<'_>, report: &mut Report) {
    for (key, node) in service.iter_mut() {
        let path = path.key(key);
        match key {
            "build" => build(node, &path, report),
            "depends_on" => depends_on(node),
            "env_file" => env_file(node),
            "extends" if node.as_str().is_some() => wrap(node, "service"),
            "gpus" if node.as_str().is_some() => {
                wrap(node, "count");
                into_list(node);
            }
            "networks" | "models" => *node = merge::keys_to(std::mem::take(node), &Node::default()),
            "volumes" => each(node, &path, report, mount),
            "label_file" | "dns" if node.as_str().is_some() => into_list(node),
            "devices" => each(node, &path, report, device),
            "secrets" | "configs" => each(node, &path, report, |node, _, _| file_reference(node)),
            "ports" => ports(node, &path, report),
            _ => {}
        }
    }
    if let Some(dns) = service.get_mut("dns").and_then(Node::as_list_mut) {
        dns.retain(|item| !item.is_null() && item.as_str() != Some(""));
    }
}

/// Makes a mapping with the node under one key.
fn wrap(node: &mut Node, key: &str) {
    let span = node.span;
    let mut map = Map::default();
    map.insert(key, span, std::mem::take(node));
    *node = Node::new(span, Value::Map(map));
}

/// Makes a list with the node as its only item.
fn into_list(node: &mut Node) {
    let span = node.span;
    *node = Node::new(span, Value::List(vec![std::mem::take(node)]));
}

fn each(
    node: &mut Node,
    path: &Path<'_>,
    report: &mut Report,
    rewrite: impl Fn(&mut Node, &Path<'_>, &mut Report),
) {
    for (index, item) in node.as_list_mut().into_iter().flatten().enumerate() {
        rewrite(item, &path.index(index), report);
    }
}

fn build(node: &mut Node, path: &Path<'_>, report: &mut Report) {
    if node.as_str().is_some() {
        return wrap(node, "context");
    }
    if let Some(secrets) = node.get_mut("secrets") {
        each(secrets, &path.key("secrets"), report, |node, _, _| file_reference(node));
    }
    if let Some(contexts) = node.get_mut("additional_contexts") {
        let path = path.key("additional_contexts");
        key_values(contexts, &path, report);
        let others =
            contexts.as_map().into_iter().flat_map(Map::iter).filter(|(_, e)| e.node.as_str().is_none());
        for (name, entry) in others {
            let message = format!("{path}.{name} must be a string, it is {}", entry.node.value.kind());
            report.error("type", entry.node.span, &path.key(name), message);
        }
    }
}

/// Turns a list of `K=V` into a mapping.
fn key_values(node: &mut Node, path: &Path<'_>, report: &mut Report) {
    let Value::List(items) = &mut node.value else { return };
    let mut map = Map::default();
    for item in std::mem::take(items) {
        let text = item.scalar_text().unwrap_or_default();
        if let Some((key, value)) = text.split_once('=') {
            map.insert(key, item.span, Node::text(item.span, value));
        } else {
            let message = format!("{path}: invalid value {text}, expected key=value");
            report.error("key-value", item.span, path, message);
        }
    }
    node.value = Value::Map(map);
}

fn depends_on(node: &mut Node) {
    let started = merge::started();
    *node = merge::keys_to(std::mem::take(node), &started);
    for (_, dependency) in node.as_map_mut().into_iter().flat_map(Map::iter_mut) {
        let Some(map) = dependency.as_map_mut() else { continue };
        for (key, entry) in started.as_map().into_iter().flat_map(Map::iter) {
            if !map.contains(key) {
                map.insert(key, entry.key, entry.node.clone());
            }
        }
    }
}

fn env_file(node: &mut Node) {
    if node.as_str().is_some() {
        into_list(node);
    }
    for item in node.as_list_mut().into_iter().flatten() {
        if item.as_str().is_some() {
            wrap(item, "path");
        }
        if let Some(map) = item.as_map_mut()
            && !map.contains("required")
        {
            map.insert("required", Span::default(), Node::new(Span::default(), Value::Bool(true)));
        }
    }
}

fn file_reference(node: &mut Node) {
    if node.as_str().is_some() {
        wrap(node, "source");
    }
}

fn device(node: &mut Node, path: &Path<'_>, report: &mut Report) {
    let Some(text) = node.as_str() else { return };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts.as_slice() {
        [source] => (*source, *source, "rwm"),
        [source, target] => (*source, *target, "rwm"),
        [source, target, permissions] => (*source, *target, *permissions),
        _ => {
            let message = format!("{path}: confusing device mapping, please use long syntax: {text}");
            return report.error("device", node.span, path, message);
        }
    };
    let target = if target.is_empty() { source } else { target };
    let mut map = Map::default();
    for (key, value) in [("source", source), ("target", target), ("permissions", permissions)] {
        map.insert(key, node.span, Node::text(node.span, value));
    }
    *node = Node::new(node.span, Value::Map(map));
}

/// Makes a mapping of texts; empty ones are left out.
fn texts(span: Span, fields: &[(&str, &str)]) -> Node {
    let mut map = Map::default();
    for (key, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        map.insert(*key, span, Node::text(span, *value));
    }
    Node::new(span, Value::Map(map))
}

fn mount(node: &mut Node, path: &Path<'_>, report: &mut Report) {
    let Some(text) = node.as_str() else { return };
    let short = match volume::parse(text) {
        Ok(short) => short,
        Err(message) => return report.error("volume", node.span, path, format!("{path}: {message}")),
    };
    let span = node.span;
    let truth = |value| Node::new(span, Value::Bool(value));
    let target = clean(&short.target);
    let kind = if short.bind { "bind" } else { "volume" };
    let mut long = texts(span, &[("type", kind), ("source", &short.source), ("target", &target)]);
    let mut options = texts(
        span,
        &[
            ("propagation", short.propagation.as_deref().unwrap_or_default()),
            ("selinux", short.selinux.as_deref().unwrap_or_default()),
        ],
    );
    let Some(map) = long.as_map_mut() else { return };
    if short.read_only {
        map.insert("read_only", span, truth(true));
    }
    if short.bind || options.as_map().is_some_and(|map| !map.is_empty()) {
        if short.bind
            && let Some(options) = options.as_map_mut()
        {
            options.insert("create_host_path", span, truth(true));
        }
        map.insert("bind", span, options);
    }
    if short.nocopy || !(short.bind || short.bare) {
        let mut options = Map::default();
        if short.nocopy {
            options.insert("nocopy", span, truth(true));
        }
        map.insert("volume", span, Node::new(span, Value::Map(options)));
    }
    *node = long;
}

/// Shortens a path by its text as Go's `path.Clean` does; the empty path stays.
pub(super) fn clean(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") => parts.push(part),
                Some(_) => {
                    parts.pop();
                }
                None if rooted => {}
                None => parts.push(part),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

fn ports(node: &mut Node, path: &Path<'_>, report: &mut Report) {
    let Value::List(items) = &mut node.value else { return };
    let mut long = Vec::with_capacity(items.len());
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        let path = path.index(index);
        match &item.value {
            Value::Int(_) | Value::Uint(_) | Value::Text(_) => {
                match port::parse(&item.scalar_text().unwrap_or_default()) {
                    Ok(ports) if report.are_too_many_ports(ports.len()) => {
                        let message = format!("{path}: ranges stand for more than {MAX_PORTS} ports");
                        return report.error("limit-ports", item.span, &path, message);
                    }
                    Ok(ports) => long.extend(ports.iter().map(|port| long_port(item.span, port))),
                    Err(message) => report.error("port", item.span, &path, format!("{path}: {message}")),
                }
            }
            Value::Map(_) => long.push(item),
            other => {
                let message = format!("{path}: {} is no port", other.kind());
                report.error("port", item.span, &path, message);
            }
        }
    }
    *items = long;
}

fn long_port(span: Span, port: &port::ShortPort) -> Node {
    let fields = [
        ("mode", "ingress"),
        ("host_ip", port.host_ip.as_str()),
        ("published", port.published.as_str()),
        ("protocol", port.protocol.as_str()),
    ];
    let mut node = texts(span, &fields);
    if let Some(map) = node.as_map_mut()
        && port.target > 0
    {
        map.insert("target", span, Node::new(span, Value::Int(i64::from(port.target))));
    }
    node
}

/// The old form `external: {name: x}`.
fn external_name(node: &mut Node, path: &Path<'_>, report: &mut Report) {
    let Some(external) = node.get("external").filter(|external| external.as_map().is_some()) else { return };
    let span = external.span;
    let external_name = external.get("name").cloned();
    let Some(map) = node.as_map_mut() else { return };
    map.insert("external", span, Node::new(span, Value::Bool(true)));
    let Some(external_name) = external_name else { return };
    let message = format!("{path}: external.name is deprecated. Please set name and external: true");
    report.warning("deprecated", span, path, message);
    match map.get("name") {
        Some(name) if *name != external_name => {
            let message = format!("{path}: name and external.name conflict; only use name");
            report.error("conflict", span, path, message);
        }
        Some(_) => {}
        None => {
            map.insert("name", span, external_name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::yaml::Limits;
    use crate::core::yaml::parse;

    fn service(text: &str) -> (serde_json::Value, Vec<String>) {
        let mut report = Report::default();
        let file = report.sources.add("c.yaml");
        let text = format!("services: {{a: {text}}}");
        let mut root = parse(&text, &report.sources, file, Limits::default()).expect("valid YAML").remove(0);
        canonical(&mut root, &mut report);
        let service = root.get("services").and_then(|s| s.get("a")).expect("the service");
        let value = crate::core::yaml::decode(service).expect("any value decodes");
        (value, report.errors().iter().map(|e| e.message.clone()).collect())
    }

    #[test]
    fn short_forms_become_long() {
        let (value, errors) = service(
            "{build: ., depends_on: [b], env_file: x, networks: [n], gpus: all, devices: ['/dev/x']}",
        );
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(
            value,
            serde_json::json!({
                "build": {"context": "."},
                "depends_on": {"b": {"condition": "service_started", "required": true}},
                "env_file": [{"path": "x", "required": true}],
                "networks": {"n": null},
                "gpus": [{"count": "all"}],
                "devices": [{"source": "/dev/x", "target": "/dev/x", "permissions": "rwm"}],
            })
        );
    }

    #[test]
    fn mounts_and_ports_become_long() {
        let (value, _) = service("{volumes: ['./a:/b/../c:ro', 'dd:/d', x], ports: ['1-2:3-4', 5]}");
        assert_eq!(
            value,
            serde_json::json!({
                "volumes": [
                    {"type": "bind", "source": "./a", "target": "/c", "read_only": true,
                     "bind": {"create_host_path": true}},
                    {"type": "volume", "source": "dd", "target": "/d", "volume": {}},
                    {"type": "volume", "target": "x"},
                ],
                "ports": [
                    {"mode": "ingress", "target": 3, "published": "1", "protocol": "tcp"},
                    {"mode": "ingress", "target": 4, "published": "2", "protocol": "tcp"},
                    {"mode": "ingress", "target": 5, "protocol": "tcp"},
                ],
            })
        );
    }

    #[test]
    fn paths_are_cleaned_as_go_cleans_them() {
        for (path, cleaned) in
            [("/a/../b/", "/b"), ("a/./b", "a/b"), ("../a/..", ".."), ("/..", "/"), ("a/..", ".")]
        {
            assert_eq!(clean(path), cleaned);
        }
    }
}
