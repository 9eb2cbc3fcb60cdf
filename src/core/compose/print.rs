//! The project as the text that `config` prints, JSON and YAML, in its order.

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
use crate::core::yaml::Map as NodeMap;
use crate::core::yaml::Node;
use crate::core::yaml::Span;
use crate::core::yaml::Value as NodeValue;
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
    let extensions = extensions(project).map(|(key, node)| (key.to_owned(), as_go_prints(node.to_json())));
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
            Section::Other(value) => write(&doubled_text(&json::entry(&key, &value, 1)))?,
            Section::Services if project.services.is_empty() => {
                write(&json::entry(&key, &Value::Object(Map::new()), 1))?;
            }
            Section::Services => {
                write("  \"services\": {\n")?;
                for (index, (name, service)) in services(project).enumerate() {
                    write(if index > 0 { ",\n" } else { "" })?;
                    write(&doubled_text(&json::entry(name, &to_value(&service), 2)))?;
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
    let one = |key: &str, node: Node| {
        let mut map = NodeMap::default();
        map.insert(key, Span::default(), node);
        Node::new(Span::default(), NodeValue::Map(map))
    };
    for (key, node) in yaml_sections(project) {
        if key != "services" || project.services.is_empty() {
            let node = if key == "services" {
                Node::new(node.span, NodeValue::Map(NodeMap::default()))
            } else {
                node
            };
            write(&doubled_text(&emit(&one(&key, node))))?;
            continue;
        }
        let mut names: Vec<&String> = project.services.keys().collect();
        names.sort_by(|a, b| natural_order(a, b));
        for (index, name) in names.into_iter().enumerate() {
            let Some(service) = yaml_service(project, name) else { continue };
            let text = emit(&one(&key, one(name, service)));
            let heading = text.find('\n').filter(|_| index > 0).map_or(0, |end| end + 1);
            write(&doubled_text(&text[heading..]))?;
        }
    }
    Ok(())
}

/// Doubles every `$`, so that the output can be loaded again.
fn doubled_text(text: &str) -> Cow<'_, str> {
    if text.contains('$') { text.replace('$', "$$").into() } else { text.into() }
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
    project.services.keys().filter_map(|name| Some((name, service(project, name)?)))
}

fn service(project: &Project, name: &str) -> Option<Service> {
    let mut service = project.resolved_service(name)?;
    service.label_file.clear();
    service.platform.clone_from(&project.services.get(name)?.platform);
    Some(service)
}

/// Returns the top-level `x-` keys.
pub(super) fn extensions(project: &Project) -> impl Iterator<Item = (&str, &Node)> {
    let entries = project.document.extensions.as_map().into_iter().flat_map(NodeMap::iter);
    entries.filter(|(key, _)| key.starts_with("x-")).map(|(key, entry)| (key, &entry.node))
}

/// Returns the top level of the YAML form, in the order that `config` prints it: without what says nothing, with models
/// and with the `x-` keys at every level. The services are not in it.
fn yaml_sections(project: &Project) -> Vec<(String, Node)> {
    let mut rest = sections(project);
    let mut found: Vec<(String, Node)> = Vec::new();
    for key in ["name", "services", "networks", "volumes", "secrets", "configs"] {
        match rest.iter().position(|(known, _)| known == key).map(|at| rest.remove(at)) {
            Some((key, Section::Other(value))) => found.push((key, Node::from(value))),
            Some((key, Section::Services)) => found.push((key, Node::default())),
            None => {}
        }
    }
    if !project.models.is_empty() {
        found.push(("models".into(), Node::from(objects(&project.models))));
    }
    for (key, node) in &mut found {
        complete(node, project.document.extensions.get(key), USERS_OWN.contains(&key.as_str()));
    }
    let mut extensions: Vec<_> =
        extensions(project).map(|(key, node)| (key.to_owned(), node.clone())).collect();
    extensions.sort_by(|(a, _), (b, _)| natural_order(a, b));
    for (_, node) in &mut extensions {
        sort_naturally(node);
    }
    found.extend(extensions);
    found
}

fn yaml_service(project: &Project, name: &str) -> Option<Node> {
    let mut node = Node::from(to_value(&service(project, name)?));
    let written = project.document.extensions.get("services").and_then(|services| services.get(name));
    complete(&mut node, written, false);
    Some(node)
}

/// Gives a printed value its `x-` keys and the form that YAML has.
fn complete(printed: &mut Node, written: Option<&Node>, users_own: bool) {
    if let Some(written) = written {
        add_extensions(printed, written, users_own);
    }
    yaml_form(printed, users_own);
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
