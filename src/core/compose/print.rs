//! The project as one JSON value, in the order that `config --format json` prints it.

use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use super::hash::to_value;
use super::natural::natural_order;
use super::project::Project;
use super::types::FileObject;
use super::types::Service;
use crate::core::yaml::Node;
use crate::core::yaml::Value as NodeValue;
use crate::core::yaml::decode;

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
    for (key, value) in &project.extensions {
        map.insert(key.clone(), sorted(value.clone()));
    }
    map.sort_keys();
    Value::Object(map)
}

/// Returns an extension with its keys in order, as Go prints maps.
fn sorted(mut extension: Value) -> Value {
    extension.sort_all_objects();
    extension
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

/// Returns the project's YAML form, in the order that `config` prints it: without what says nothing, with models and
/// with the `x-` keys at every level.
pub(super) fn yaml(project: &Project) -> Value {
    let Value::Object(mut json) = self::project(project) else { return Value::Null };
    let mut map = Map::new();
    for key in ["name", "services", "networks", "volumes", "secrets", "configs"] {
        if let Some(value) = json.shift_remove(key) {
            map.insert(key.into(), value);
        }
    }
    if !project.models.is_empty() {
        map.insert("models".into(), objects(&project.models));
    }
    map.extend(json);
    let mut value = Value::Object(map);
    add_extensions(&mut value, &project.document.root, false);
    yaml_form(&mut value, false);
    value
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
fn yaml_form(value: &mut Value, users_own: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| yaml_form(item, false)),
        Value::Object(map) if users_own => {
            map.values_mut().for_each(|value| yaml_form(value, false));
            sort_keys(map);
        }
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                if key.starts_with("x-") {
                    sort_naturally(value);
                } else {
                    yaml_form(value, USERS_OWN.contains(&key.as_str()));
                }
                match key.as_str() {
                    "ulimits" => both_limits(value),
                    "blkio_config" => small_letters(value),
                    _ => {}
                }
            }
            map.retain(|key, value| match key.as_str() {
                "command" | "entrypoint" => !value.is_null(),
                "ipam" | "resources" | "placement" | "exec" => {
                    value.as_object().is_none_or(|map| !map.is_empty())
                }
                _ => true,
            });
        }
        _ => {}
    }
}

/// In YAML a limit that is given in two parts has both.
fn both_limits(ulimits: &mut Value) {
    let limits = ulimits.as_object_mut().into_iter().flat_map(Map::values_mut);
    for limit in limits.filter_map(Value::as_object_mut) {
        let [soft, hard] = ["soft", "hard"].map(|key| limit.get(key).cloned().unwrap_or_else(|| 0.into()));
        *limit = Map::from_iter([("soft".to_owned(), soft), ("hard".to_owned(), hard)]);
    }
}

/// Only JSON has keys with capitals here.
fn small_letters(blkio: &mut Value) {
    let lists = blkio.as_object_mut().into_iter().flat_map(Map::values_mut).filter_map(Value::as_array_mut);
    for device in lists.flatten().filter_map(Value::as_object_mut) {
        *device = std::mem::take(device).into_iter().map(|(key, v)| (key.to_lowercase(), v)).collect();
    }
}

/// Sorts the keys of a mapping and of all in it.
fn sort_naturally(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(sort_naturally),
        Value::Object(map) => {
            map.values_mut().for_each(sort_naturally);
            sort_keys(map);
        }
        _ => {}
    }
}

fn sort_keys(map: &mut Map<String, Value>) {
    let mut entries: Vec<(String, Value)> = std::mem::take(map).into_iter().collect();
    entries.sort_by(|(a, _), (b, _)| natural_order(a, b));
    map.extend(entries);
}

/// Adds the `x-` keys that the document has where the value is a mapping too, and not one of the user's own keys.
fn add_extensions(value: &mut Value, node: &Node, users_own: bool) {
    match (value, &node.value) {
        (Value::Object(map), NodeValue::Map(nodes)) => {
            for (key, entry) in nodes.iter() {
                match map.get_mut(key) {
                    Some(value) => {
                        let users_own = !users_own && USERS_OWN.contains(&key);
                        add_extensions(value, &entry.node, users_own);
                    }
                    None if key.starts_with("x-") && !users_own => {
                        if let Ok(extension) = decode(&entry.node) {
                            map.insert(key.to_owned(), extension);
                        }
                    }
                    None => {}
                }
            }
        }
        (Value::Array(items), NodeValue::List(nodes)) if items.len() == nodes.len() => {
            items.iter_mut().zip(nodes).for_each(|(item, node)| add_extensions(item, node, false));
        }
        _ => {}
    }
}
