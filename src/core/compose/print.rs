//! The project as the values that `config` prints, in its order.

use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use super::hash::to_value;
use super::natural::natural_order;
use super::project::Project;
use super::types::FileObject;
use super::types::Service;
use crate::core::yaml::Map as NodeMap;
use crate::core::yaml::Node;
use crate::core::yaml::Value as NodeValue;

/// Returns the project's JSON form. A secret's and config's content from a variable is not in it.
pub(super) fn project(project: &Project) -> Value {
    let mut map = Map::new();
    map.insert("name".into(), project.name.clone().into());
    let mut section = |key: &str, value: Value| {
        if value.as_object().is_some_and(|object| !object.is_empty()) {
            map.insert(key.into(), value);
        }
    };
    let without_content = |object: &FileObject| {
        let mut object = object.clone();
        if !object.environment.is_empty() {
            object.content.clear();
        }
        object
    };
    section("configs", objects(project.configs.iter().map(|(key, config)| (key, without_content(config)))));
    section("networks", objects(&project.networks));
    section("secrets", objects(project.secrets.iter().map(|(key, secret)| (key, without_content(secret)))));
    section("volumes", objects(&project.volumes));
    map.insert("services".into(), objects(services(project)));
    for (key, node) in extensions(project) {
        map.insert(key.to_owned(), as_go_prints(node.to_json()));
    }
    map.sort_keys();
    Value::Object(map)
}

/// Returns a value with its keys in order, as Go prints maps. Go has no empty list here: it is null.
fn as_go_prints(mut value: Value) -> Value {
    fn without_empty_lists(value: &mut Value) {
        match value {
            Value::Array(items) if items.is_empty() => *value = Value::Null,
            Value::Array(items) => items.iter_mut().for_each(without_empty_lists),
            Value::Object(map) => map.values_mut().for_each(without_empty_lists),
            _ => {}
        }
    }
    value.sort_all_objects();
    without_empty_lists(&mut value);
    value
}

fn objects<'a, T: Serialize>(objects: impl IntoIterator<Item = (&'a String, T)>) -> Value {
    Value::Object(objects.into_iter().map(|(key, object)| (key.clone(), to_value(&object))).collect())
}

/// Returns the services with the files that they name merged in, and without these names.
fn services(project: &Project) -> impl Iterator<Item = (&String, Service)> {
    project.services.keys().filter_map(|name| {
        let mut service = project.resolved_service(name)?;
        service.label_file.clear();
        service.platform.clone_from(&project.services.get(name)?.platform);
        Some((name, service))
    })
}

/// Returns the top-level `x-` keys.
pub(super) fn extensions(project: &Project) -> impl Iterator<Item = (&str, &Node)> {
    let entries = project.document.root.as_map().into_iter().flat_map(NodeMap::iter);
    entries.filter(|(key, _)| key.starts_with("x-")).map(|(key, entry)| (key, &entry.node))
}

/// Returns the project's YAML form, in the order that `config` prints it: without what says nothing, with models and
/// with the `x-` keys at every level.
pub(super) fn yaml(project: &Project) -> Node {
    let Value::Object(mut json) = self::project(project) else { return Node::default() };
    let mut map = Map::new();
    for key in ["name", "services", "networks", "volumes", "secrets", "configs"] {
        if let Some(value) = json.shift_remove(key) {
            map.insert(key.into(), value);
        }
    }
    if !project.models.is_empty() {
        map.insert("models".into(), objects(&project.models));
    }
    let mut node = Node::from(Value::Object(map));
    add_extensions(&mut node, &project.document.root, false);
    yaml_form(&mut node, false);
    node
}

/// The fields whose keys are the user's own. They are printed in natural order, the fields of all else in that of the
/// model.
const USERS_OWN: [&str; 19] = [
    "additional_contexts",
    "annotations",
    "args",
    "aux_addresses",
    "configs",
    "depends_on",
    "driver_opts",
    "environment",
    "extra_hosts",
    "labels",
    "models",
    "networks",
    "options",
    "secrets",
    "services",
    "storage_opt",
    "sysctls",
    "ulimits",
    "volumes",
];

/// JSON has some keys always, for hashes are made over it; YAML has them only if they say something.
fn yaml_form(node: &mut Node, users_own: bool) {
    match &mut node.value {
        NodeValue::List(items) => items.iter_mut().for_each(|item| yaml_form(item, false)),
        NodeValue::Map(map) if users_own => {
            map.iter_mut().for_each(|(_, value)| yaml_form(value, false));
            sort_keys(map);
        }
        NodeValue::Map(map) => {
            for (key, value) in map.iter_mut().filter(|(key, _)| !key.starts_with("x-")) {
                yaml_form(value, USERS_OWN.contains(&key));
                match key {
                    "ulimits" => both_limits(value),
                    "blkio_config" => small_letters(value),
                    _ => {}
                }
            }
            map.retain(|key, value| match key {
                "command" | "entrypoint" => !value.is_null(),
                "ipam" | "resources" | "placement" | "exec" => {
                    value.as_map().is_none_or(|map| !map.is_empty())
                }
                _ => true,
            });
        }
        _ => {}
    }
}

/// In YAML a limit that is given in two parts has both.
fn both_limits(ulimits: &mut Node) {
    for (_, limit) in ulimits.as_map_mut().into_iter().flat_map(NodeMap::iter_mut) {
        let Some(map) = limit.as_map() else { continue };
        let mut both = NodeMap::default();
        for key in ["soft", "hard"] {
            let value = map.get(key).cloned().unwrap_or_else(|| Value::from(0).into());
            both.insert(key, value.span, value);
        }
        limit.value = NodeValue::Map(both);
    }
}

/// Only JSON has keys with capitals here.
fn small_letters(blkio: &mut Node) {
    let lists = blkio.as_map_mut().into_iter().flat_map(NodeMap::iter_mut);
    for device in lists.filter_map(|(_, list)| list.as_list_mut()).flatten().filter_map(Node::as_map_mut) {
        for (key, entry) in std::mem::take(device) {
            device.insert(key.to_lowercase(), entry.key, entry.node);
        }
    }
}

/// Sorts the keys of a mapping and of all in it.
fn sort_naturally(node: &mut Node) {
    match &mut node.value {
        NodeValue::List(items) => items.iter_mut().for_each(sort_naturally),
        NodeValue::Map(map) => {
            map.iter_mut().for_each(|(_, node)| sort_naturally(node));
            sort_keys(map);
        }
        _ => {}
    }
}

fn sort_keys(map: &mut NodeMap) {
    let mut entries: Vec<_> = std::mem::take(map).into_iter().collect();
    entries.sort_by(|(a, _), (b, _)| natural_order(a, b));
    for (key, entry) in entries {
        map.insert(key, entry.key, entry.node);
    }
}

/// Adds the `x-` keys that the document has where the printed value is a mapping too, and not one of the user's own
/// keys: behind all others, in natural order.
fn add_extensions(printed: &mut Node, written: &Node, users_own: bool) {
    match (&mut printed.value, &written.value) {
        (NodeValue::Map(map), NodeValue::Map(entries)) => {
            let mut extensions = NodeMap::default();
            for (key, entry) in entries.iter() {
                match map.get_mut(key) {
                    Some(value) => {
                        let users_own = !users_own && USERS_OWN.contains(&key);
                        add_extensions(value, &entry.node, users_own);
                    }
                    None if key.starts_with("x-") && !users_own => {
                        let mut extension = entry.node.clone();
                        sort_naturally(&mut extension);
                        extensions.insert(key, entry.key, extension);
                    }
                    None => {}
                }
            }
            sort_keys(&mut extensions);
            for (key, entry) in extensions {
                map.insert(key, entry.key, entry.node);
            }
        }
        (NodeValue::List(items), NodeValue::List(nodes)) if items.len() == nodes.len() => {
            items.iter_mut().zip(nodes).for_each(|(item, node)| add_extensions(item, node, false));
        }
        _ => {}
    }
}
