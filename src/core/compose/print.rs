//! The project in the forms that `config` prints: JSON and YAML, each as a value and as text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use super::hash::to_value;
use super::json;
use super::natural::natural_order;
use super::project::Project;
use super::types::FileObject;
use super::types::Service;
use crate::core::yaml::Node;
use crate::core::yaml::Value as NodeValue;
use crate::core::yaml::decode;
use crate::core::yaml::emit;

/// A top-level key's value, the largest of which is made when it is wanted.
enum Section {
    Services,
    Other(Value),
}

/// Returns the top level of the JSON form. A secret's and config's content from a variable is not in it.
fn sections(project: &Project) -> Vec<(String, Section)> {
    let without_content = |object: &FileObject| {
        let mut object = object.clone();
        if !object.environment.is_empty() {
            object.content.clear();
        }
        object
    };
    let files = |files: &BTreeMap<String, FileObject>| {
        objects(files.iter().map(|(key, file)| (key, without_content(file))))
    };
    let optional = [
        ("configs", files(&project.configs)),
        ("networks", objects(&project.networks)),
        ("secrets", files(&project.secrets)),
        ("volumes", objects(&project.volumes)),
    ];
    let optional =
        optional.into_iter().filter(|(_, value)| value.as_object().is_some_and(|map| !map.is_empty()));
    let others = std::iter::once(("name", project.name.clone().into())).chain(optional);
    let extensions = project.extensions.iter().map(|(key, value)| (key.clone(), sorted(value.clone())));
    let others = others.map(|(key, value)| (key.to_owned(), value)).chain(extensions);
    let mut sections: Vec<_> = others.map(|(key, value)| (key, Section::Other(value))).collect();
    sections.push(("services".into(), Section::Services));
    sections.sort_by(|(a, _), (b, _)| a.cmp(b));
    sections
}

/// Writes what `config --format json` prints, in pieces: a large project is not held as a whole once more.
///
/// # Errors
/// Fails if writing does.
pub(super) fn json_text<E>(project: &Project, mut write: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    let mut before = "{\n";
    for (key, section) in sections(project) {
        write(before)?;
        before = ",\n";
        match section {
            Section::Other(value) => write(&json::entry(&key, &doubled(value), 1))?,
            Section::Services if project.services.is_empty() => {
                write(&json::entry(&key, &Value::Object(Map::new()), 1))?;
            }
            Section::Services => {
                write("  \"services\": {\n")?;
                for (index, (name, service)) in services(project).enumerate() {
                    write(if index > 0 { ",\n" } else { "" })?;
                    write(&json::entry(&doubled_text(name), &doubled(to_value(&service)), 2))?;
                }
                write("\n  }")?;
            }
        }
    }
    write("\n}\n")
}

/// Writes what `config` prints, in pieces.
///
/// # Errors
/// Fails if writing does.
pub(super) fn yaml_text<E>(project: &Project, mut write: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
    let one =
        |key: &str, value: Value| emit(&doubled(Value::Object(Map::from_iter([(key.to_owned(), value)]))));
    for (key, section) in yaml_sections(project) {
        match section {
            Section::Other(value) => write(&one(&key, value))?,
            Section::Services if project.services.is_empty() => write(&one(&key, Value::Object(Map::new())))?,
            Section::Services => {
                let mut names: Vec<&String> = project.services.keys().collect();
                names.sort_by(|a, b| natural_order(a, b));
                for (index, name) in names.into_iter().enumerate() {
                    let Some(service) = yaml_service(project, name) else { continue };
                    let text = one(&key, Value::Object(Map::from_iter([(name.clone(), service)])));
                    let heading = text.find('\n').filter(|_| index > 0).map_or(0, |end| end + 1);
                    write(&text[heading..])?;
                }
            }
        }
    }
    Ok(())
}

/// Returns a value with every `$` in its texts doubled, so that the output can be loaded again.
fn doubled(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(doubled_text(&text).into_owned()),
        Value::Array(items) => Value::Array(items.into_iter().map(doubled).collect()),
        Value::Object(map) => Value::Object(
            map.into_iter().map(|(key, value)| (doubled_text(&key).into_owned(), doubled(value))).collect(),
        ),
        other => other,
    }
}

fn doubled_text(text: &str) -> Cow<'_, str> {
    if text.contains('$') { text.replace('$', "$$").into() } else { text.into() }
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
    project.services.keys().filter_map(|name| Some((name, service(project, name)?)))
}

fn service(project: &Project, name: &str) -> Option<Service> {
    let mut service = project.resolved_service(name)?;
    service.label_file.clear();
    service.platform.clone_from(&project.services.get(name)?.platform);
    Some(service)
}

/// Returns the top level of the YAML form, in the order that `config` prints it: without what says nothing, with models
/// and with the `x-` keys at every level.
fn yaml_sections(project: &Project) -> Vec<(String, Section)> {
    let mut rest = sections(project);
    let mut sections = Vec::new();
    for key in ["name", "services", "networks", "volumes", "secrets", "configs"] {
        if let Some(at) = rest.iter().position(|(known, _)| known == key) {
            sections.push(rest.remove(at));
        }
    }
    if !project.models.is_empty() {
        sections.push(("models".into(), Section::Other(objects(&project.models))));
    }
    sections.extend(rest);
    for (key, section) in &mut sections {
        let Section::Other(value) = section else { continue };
        let users_own = USERS_OWN.contains(&key.as_str());
        if key.starts_with("x-") {
            sort_naturally(value);
            continue;
        }
        if let Some(node) = project.document.extensions.get(key) {
            add_extensions(value, node, users_own);
        }
        yaml_form(value, users_own);
    }
    sections
}

fn yaml_service(project: &Project, name: &str) -> Option<Value> {
    let mut value = to_value(&service(project, name)?);
    if let Some(node) = project.document.extensions.get("services").and_then(|services| services.get(name)) {
        add_extensions(&mut value, node, false);
    }
    yaml_form(&mut value, false);
    Some(value)
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
