//! Stage: what the schema cannot say about a tree: which keys exclude each other, which texts are addresses.

use super::port::is_address;
use super::report::Report;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Value;

/// Checks a whole tree.
pub(super) fn check(root: &Node, report: &mut Report) {
    section(root, "volumes", report, external_has_no_more);
    section(root, "secrets", report, |object, path, report| {
        one_source(object, &["file", "environment"], path, report);
    });
    section(root, "configs", report, |object, path, report| {
        one_source(object, &["file", "environment", "content"], path, report);
    });
    section(root, "services", report, service);
}

fn section(root: &Node, key: &str, report: &mut Report, check: impl Fn(&Node, &Path<'_>, &mut Report)) {
    let path = Path::TOP.key(key);
    for (name, entry) in root.get(key).and_then(Node::as_map).into_iter().flat_map(Map::iter) {
        check(&entry.node, &path.key(name), report);
    }
}

fn external_has_no_more(volume: &Node, path: &Path<'_>, report: &mut Report) {
    if volume.get("external").is_none_or(|external| external.value != Value::Bool(true)) {
        return;
    }
    for (key, entry) in volume.as_map().into_iter().flat_map(Map::iter) {
        if !matches!(key, "name" | "external") && !key.starts_with("x-") {
            let message = format!("{path}: conflicting parameters \"external\" and {key:?} specified");
            let hint = format!("remove {key:?}: an external volume is made elsewhere");
            report.error_hint("conflict", entry.key, path, message, hint);
        }
    }
}

fn one_source(object: &Node, keys: &[&str], path: &Path<'_>, report: &mut Report) {
    let Some(map) = object.as_map() else { return };
    let names = keys.join("|");
    match keys.iter().filter(|key| map.contains(key)).count() {
        0 if !map.contains("driver") && !map.contains("external") => {
            report.error("missing-key", object.span, path, format!("{path}: one of {names} must be set"));
        }
        0 | 1 => {}
        _ => report.error(
            "conflict",
            object.span,
            path,
            format!("{path}: {names} attributes are mutually exclusive"),
        ),
    }
}

fn service(service: &Node, path: &Path<'_>, report: &mut Report) {
    let list = |node: Option<&Node>| node.and_then(Node::as_list).unwrap_or_default().to_vec();
    for (index, port) in service.get("ports").and_then(Node::as_list).unwrap_or_default().iter().enumerate() {
        let path = path.key("ports");
        let path = path.index(index);
        if let Some((node, address)) = port.get("host_ip").and_then(|node| Some((node, node.as_str()?)))
            && !is_address(address)
        {
            report.error("address", node.span, &path, format!("{path}: invalid ip address: {address}"));
        }
    }
    let watch = service.get("develop").and_then(|develop| develop.get("watch"));
    for (index, rule) in list(watch).iter().enumerate() {
        if rule.get("path").and_then(Node::as_str) == Some("") {
            let message = format!("{path}.develop.watch[{index}].path: value can't be blank");
            report.error("blank", rule.span, path, message);
        }
    }
    let reservations =
        service.get("deploy").and_then(|d| d.get("resources")).and_then(|r| r.get("reservations"));
    for (key, requests) in
        [("gpus", service.get("gpus")), ("deploy", reservations.and_then(|r| r.get("devices")))]
    {
        for request in list(requests) {
            if request.get("count").is_some() && request.get("device_ids").is_some() {
                let message = format!("{path}.{key}: \"count\" and \"device_ids\" attributes are exclusive");
                report.error("conflict", request.span, path, message);
            }
        }
    }
}
