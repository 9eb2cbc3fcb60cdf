//! Stage: one tree laid over another, by compose-go's rule for each attribute.

use std::collections::BTreeSet;

use super::report::Report;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Value;

/// How two values of an attribute become one.
#[derive(Clone, Copy)]
enum Rule {
    /// The later one.
    Replace,
    /// Both as lists of `K=V`, the later behind.
    Append,
    /// As `Append`, without what the earlier one has.
    AppendNew,
    /// A text is a mapping with this one key.
    MapWith(&'static str),
    /// A list is a mapping of its items to nothing.
    Keys,
    /// A list is a mapping of its items to conditions.
    Dependencies,
    /// Merged only if both have the same driver.
    Logging,
    /// Pools of addresses, matched by subnet.
    Pools,
}

const RULES: &[(&str, Rule)] = &[
    ("networks.*.ipam.config", Rule::Pools),
    ("networks.*.labels", Rule::Append),
    ("volumes.*.labels", Rule::Append),
    ("services.*.annotations", Rule::Append),
    ("services.*.build", Rule::MapWith("context")),
    ("services.*.build.args", Rule::Append),
    ("services.*.build.additional_contexts", Rule::Append),
    ("services.*.build.extra_hosts", Rule::AppendNew),
    ("services.*.build.labels", Rule::Append),
    ("services.*.command", Rule::Replace),
    ("services.*.depends_on", Rule::Dependencies),
    ("services.*.deploy.labels", Rule::Append),
    ("services.*.dns", Rule::Append),
    ("services.*.dns_opt", Rule::Append),
    ("services.*.dns_search", Rule::Append),
    ("services.*.entrypoint", Rule::Replace),
    ("services.*.env_file", Rule::Append),
    ("services.*.label_file", Rule::Append),
    ("services.*.environment", Rule::Append),
    ("services.*.extra_hosts", Rule::AppendNew),
    ("services.*.healthcheck.test", Rule::Replace),
    ("services.*.labels", Rule::Append),
    ("services.*.volumes.[].volume.labels", Rule::Append),
    ("services.*.logging", Rule::Logging),
    ("services.*.models", Rule::Keys),
    ("services.*.networks", Rule::Keys),
    ("services.*.sysctls", Rule::Append),
    ("services.*.tmpfs", Rule::Append),
    ("services.*.ulimits.*", Rule::Replace),
    ("services.*.build.ulimits.*", Rule::Replace),
];

/// Lays `over` over `base`. What cannot be merged is reported and stays as it is in `base`.
pub(super) fn merge(base: &mut Node, over: Node, path: &Path<'_>, report: &mut Report) {
    if let Some((_, rule)) = RULES.iter().find(|(pattern, _)| path.matches(pattern)) {
        return by_rule(*rule, base, over, path, report);
    }
    if over.is_null() {
        return;
    }
    match (&mut base.value, over.value) {
        (Value::Map(map), Value::Map(other)) => mappings(map, other, path, report),
        (Value::List(items), Value::List(others)) => items.extend(others),
        (Value::Map(_) | Value::List(_), other) => {
            let message =
                format!("cannot override {path}: {} here, {} before", other.kind(), base.value.kind());
            report.error("merge-type", over.span, path, message);
        }
        (_, value) => *base = Node { filled: over.filled, ..Node::new(over.span, value) },
    }
}

fn mappings(map: &mut Map, other: Map, path: &Path<'_>, report: &mut Report) {
    for (key, entry) in other {
        match map.get_mut(&key) {
            Some(base) => merge(base, entry.node, &path.key(&key), report),
            None => {
                map.insert(key, entry.key, entry.node);
            }
        }
    }
}

fn by_rule(rule: Rule, base: &mut Node, over: Node, path: &Path<'_>, report: &mut Report) {
    match rule {
        Rule::Replace => *base = over,
        Rule::Append => {
            let mut items = into_sequence(std::mem::take(base));
            let span = over.span;
            items.extend(into_sequence(over));
            *base = Node::new(span, Value::List(items));
        }
        Rule::AppendNew => {
            let mut items = into_sequence(std::mem::take(base));
            let span = over.span;
            let known: BTreeSet<String> = items.iter().map(Node::print).collect();
            items.extend(into_sequence(over).into_iter().filter(|item| !known.contains(&item.print())));
            *base = Node::new(span, Value::List(items));
        }
        Rule::MapWith(key) => {
            let both = (into_map_with(std::mem::take(base), key), into_map_with(over, key));
            merge_maps(base, both, path, report);
        }
        Rule::Keys => {
            let both = (keys_to(std::mem::take(base), &Node::default()), keys_to(over, &Node::default()));
            merge_maps(base, both, path, report);
        }
        Rule::Dependencies => {
            let started = started();
            let both = (keys_to(std::mem::take(base), &started), keys_to(over, &started));
            merge_maps(base, both, path, report);
        }
        Rule::Logging => {
            let driver = |node: &Node| node.get("driver").cloned();
            let replace = matches!((driver(base), driver(&over)), (Some(a), Some(b)) if a != b);
            match (&mut base.value, over.value) {
                (_, value @ Value::Map(_)) if replace => *base = Node::new(over.span, value),
                (Value::Map(map), Value::Map(other)) => mappings(map, other, path, report),
                (Value::Null, value) => *base = Node::new(over.span, value),
                (_, Value::Null) => {}
                _ => report.error("merge-type", over.span, path, format!("cannot override {path}")),
            }
        }
        Rule::Pools => pools(base, &over, path, report),
    }
}

/// Merges two nodes that are known to be mappings or nothing.
fn merge_maps(base: &mut Node, (left, right): (Node, Node), path: &Path<'_>, report: &mut Report) {
    *base = left;
    match (&mut base.value, right.value) {
        (Value::Map(map), Value::Map(other)) => mappings(map, other, path, report),
        (_, Value::Null) => {}
        (Value::Null, value) => *base = Node::new(right.span, value),
        _ => report.error("merge-type", right.span, path, format!("cannot override {path}")),
    }
}

/// Returns the list form: `K=V` sorted for a mapping, one item for a text.
fn into_sequence(node: Node) -> Vec<Node> {
    match node.value {
        Value::List(items) => items,
        Value::Map(map) => {
            let mut items = Vec::with_capacity(map.len());
            for (key, entry) in map {
                match &entry.node.value {
                    Value::Null => items.push(Node::text(entry.key, key)),
                    Value::List(values) => {
                        for value in values {
                            let text = value.scalar_text().unwrap_or_default();
                            items.push(Node::text(value.span, format!("{key}={text}")));
                        }
                    }
                    _ => {
                        let text = entry.node.scalar_text().unwrap_or_default();
                        let item = Node::text(entry.key, format!("{key}={text}"));
                        items.push(Node { filled: entry.node.filled, ..item });
                    }
                }
            }
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            items
        }
        Value::Text(_) => vec![node],
        _ => Vec::new(),
    }
}

fn into_map_with(node: Node, key: &str) -> Node {
    if node.as_str().is_none() {
        return node;
    }
    let span = node.span;
    let mut map = Map::default();
    map.insert(key, span, node);
    Node::new(span, Value::Map(map))
}

/// Turns a list of texts into a mapping of each to a value.
pub(super) fn keys_to(node: Node, value: &Node) -> Node {
    let Value::List(items) = node.value else { return node };
    let mut map = Map::default();
    for item in items {
        if let Value::Text(text) = item.value {
            map.insert(text, item.span, Node { span: item.span, ..value.clone() });
        }
    }
    Node::new(node.span, Value::Map(map))
}

/// What a dependency means that is a name alone.
pub(super) fn started() -> Node {
    let mut map = Map::default();
    let nowhere = crate::core::yaml::Span::default();
    map.insert("condition", nowhere, Node::text(nowhere, "service_started"));
    map.insert("required", nowhere, Node::new(nowhere, Value::Bool(true)));
    Node::new(nowhere, Value::Map(map))
}

/// How many pairs of address pools are compared.
const MAX_POOLS: usize = 10_000;

/// compose-go's way with pools: each of the base against each of the override; the same subnet merges.
fn pools(base: &mut Node, over: &Node, path: &Path<'_>, report: &mut Report) {
    let (Value::List(bases), Value::List(others)) = (&base.value, &over.value) else {
        report.error("merge-type", over.span, path, format!("cannot override {path}: it must be a list"));
        return;
    };
    if bases.len() * others.len() > MAX_POOLS {
        let message = format!("{path}: more than {MAX_POOLS} pairs of address pools are compared");
        return report.error("limit-pools", over.span, path, message);
    }
    let mut result: Vec<Node> = Vec::new();
    let at =
        |result: &[Node], subnet: Option<&Node>| result.iter().position(|pool| pool.get("subnet") == subnet);
    for original in bases {
        for other in others {
            let known = at(&result, other.get("subnet"));
            if other.get("subnet") != original.get("subnet") && known.is_none() {
                result.push(other.clone());
                continue;
            }
            let mut merged = original.clone();
            if let (Value::Map(map), Value::Map(other)) = (&mut merged.value, &other.value) {
                mappings(map, other.clone(), path, report);
            }
            match at(&result, merged.get("subnet")) {
                Some(index) => result[index] = merged,
                None => result.push(merged),
            }
        }
    }
    base.value = Value::List(result);
}
