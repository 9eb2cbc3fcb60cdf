//! Stage: values that are there when nothing is said.

use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Span;
use crate::core::yaml::Value;

/// Adds the defaults to a whole tree.
pub(super) fn add(root: &mut Node) {
    let services = root.get_mut("services").and_then(Node::as_map_mut);
    for (_, service) in services.into_iter().flat_map(Map::iter_mut) {
        if let Some(build) = service.get_mut("build").and_then(Node::as_map_mut) {
            missing(build, "context", ".");
        }
        for port in items(service.get_mut("ports")) {
            missing(port, "protocol", "tcp");
            missing(port, "mode", "ingress");
        }
        for secret in items(service.get_mut("secrets")) {
            let target =
                format!("/run/secrets/{}", secret.get("source").and_then(Node::as_str).unwrap_or_default());
            missing(secret, "target", &target);
        }
        let reserved = ["resources", "reservations", "devices"];
        let devices =
            reserved.iter().fold(service.get_mut("deploy"), |node, key| node.and_then(|n| n.get_mut(key)));
        items(devices).for_each(all_devices);
        items(service.get_mut("gpus")).for_each(all_devices);
    }
}

/// Returns the mappings of a list.
fn items(node: Option<&mut Node>) -> impl Iterator<Item = &mut Map> {
    node.and_then(Node::as_list_mut).into_iter().flatten().filter_map(Node::as_map_mut)
}

fn missing(map: &mut Map, key: &str, value: &str) {
    if !map.contains(key) {
        map.insert(key, Span::default(), Node::text(Span::default(), value));
    }
}

fn all_devices(request: &mut Map) {
    if !request.contains("count") && !request.contains("device_ids") {
        request.insert("count", Span::default(), Node::new(Span::default(), Value::Text("all".into())));
    }
}
