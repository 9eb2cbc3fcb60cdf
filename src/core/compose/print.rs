//! The project as one JSON value, in the order that `config --format json` prints it.

use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use super::hash::to_value;
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
        map.insert(key.clone(), value.clone());
    }
    map.sort_keys();
    Value::Object(map)
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
    drop_what_says_nothing(&mut value);
    add_extensions(&mut value, &project.document.root);
    value
}

/// JSON has these keys always, for hashes are made over it; YAML has them only if they say something. Whole floats
/// lose their fraction.
fn drop_what_says_nothing(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(drop_what_says_nothing),
        Value::Number(number) => {
            let whole =
                number.as_f64().filter(|_| number.is_f64()).and_then(|float| float.to_string().parse().ok());
            if let Some(whole) = whole.map(|whole: i64| whole.into()) {
                *number = whole;
            }
        }
        Value::Object(map) => {
            map.values_mut().for_each(drop_what_says_nothing);
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

/// Adds the `x-` keys that the document has where the value is a mapping too.
fn add_extensions(value: &mut Value, node: &Node) {
    match (value, &node.value) {
        (Value::Object(map), NodeValue::Map(nodes)) => {
            for (key, entry) in nodes.iter() {
                match map.get_mut(key) {
                    Some(value) => add_extensions(value, &entry.node),
                    None if key.starts_with("x-") => {
                        if let Ok(extension) = decode(&entry.node) {
                            map.insert(key.to_owned(), extension);
                        }
                    }
                    None => {}
                }
            }
        }
        (Value::Array(items), NodeValue::List(nodes)) if items.len() == nodes.len() => {
            items.iter_mut().zip(nodes).for_each(|(item, node)| add_extensions(item, node));
        }
        _ => {}
    }
}
