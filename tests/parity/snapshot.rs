//! What the engine shows of a project at one time, as fields: paths and values, comparable with another time's.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::Engine;
use crate::engine::Kind;
use crate::engine::docker;
use crate::normal::Normal;
use crate::project::Project;

/// An object's fields by their path, as `HostConfig/Memory`. Empty objects are values, and lists as a whole.
pub(crate) type Fields = BTreeMap<String, Value>;

/// A project's objects by kind and name, as `container shop-parity-web-1`. A container's place in a network is an
/// object of its own, and so is a file in a container.
pub(crate) type Snapshot = BTreeMap<String, Fields>;

/// Looks at all that belongs to a project.
pub(crate) fn of_project(project: &Project) -> Snapshot {
    let shown = Kind::ALL.map(|kind| (kind, kind.inspect(&kind.of_project(&project.compose_name))));
    let normal = Normal::new(Engine::get(), &project.text(), &shown[0].1);
    let mut objects = Snapshot::new();
    for (kind, shown) in shown {
        objects.extend(shown.into_iter().flat_map(|shown| of_object(kind, shown, &normal)));
    }
    for (container, paths) in &project.options.look {
        let name = format!("{}-{container}", project.compose_name);
        for path in paths {
            objects.insert(format!("file {name} {path}"), of_file(&name, path));
        }
    }
    objects
}

/// Returns the fields of an object and, of a container, those of its endpoints.
pub(crate) fn of_object(kind: Kind, mut shown: Value, normal: &Normal) -> Snapshot {
    let name = shown["Name"].as_str().unwrap_or_default().trim_start_matches('/').to_owned();
    let mut parts = Vec::new();
    if kind == Kind::Container {
        let networks = shown.pointer_mut("/NetworkSettings/Networks").map(Value::take);
        for (network, endpoint) in networks.as_ref().and_then(Value::as_object).into_iter().flatten() {
            parts.push((format!("endpoint {name} {network}"), endpoint.clone()));
        }
    }
    parts.push((format!("{} {name}", kind.word()), shown));
    let own = normal.of_object(&parts);
    parts.into_iter().map(|(title, value)| (title, own.fields(value))).collect()
}

/// A file's content, rights and owner, as a program in the container sees them.
fn of_file(container: &str, path: &str) -> Fields {
    let told = |command: &[&str]| docker(&[&["exec", container], command].concat()).unwrap_or_else(|why| why);
    let mode = told(&["stat", "-c", "%F %a %u:%g", path]);
    BTreeMap::from([("stat".into(), mode.into()), ("content".into(), told(&["cat", path]).into())])
}

/// Says in which fields two snapshots differ: object and path, and what is different.
pub(crate) fn differences(expected: &Snapshot, found: &Snapshot) -> Vec<Difference> {
    let empty = Fields::new();
    let titles: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let of_object = |title: &String| {
        let sides = (expected.get(title), found.get(title));
        if let (None, Some(_)) | (Some(_), None) = sides {
            let text = if sides.0.is_some() { "is missing" } else { "is too many" };
            return vec![Difference { at: title.clone(), text: text.into() }];
        }
        let (expected, found) = (sides.0.unwrap_or(&empty), sides.1.unwrap_or(&empty));
        let paths: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
        let different = paths.into_iter().filter(|path| expected.get(*path) != found.get(*path));
        let text = |value: Option<&Value>| value.map_or_else(|| "nothing".into(), Value::to_string);
        different
            .map(|path| Difference {
                at: format!("{title}/{path}"),
                text: format!("expected {}, got {}", text(expected.get(path)), text(found.get(path))),
            })
            .collect()
    };
    titles.into_iter().flat_map(of_object).collect()
}

/// One field that is not as the reference's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The object and the field's path in it.
    pub(crate) at: String,
    /// What was expected, and what is there.
    pub(crate) text: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot(fields: &[(&str, Value)]) -> Snapshot {
        let fields = fields.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
        Snapshot::from([("container a".into(), fields)])
    }

    #[test]
    fn null_and_an_empty_list_are_different() {
        let found = differences(
            &snapshot(&[("Links", json!(null))]),
            &snapshot(&[("Links", json!([])), ("Dns", json!(1))]),
        );
        let texts: Vec<String> = found.iter().map(|d| format!("{}: {}", d.at, d.text)).collect();
        assert_eq!(
            texts,
            ["container a/Dns: expected nothing, got 1", "container a/Links: expected null, got []"]
        );
    }

    #[test]
    fn an_object_that_is_missing_or_too_many_is_one_difference() {
        let found = differences(&snapshot(&[("Links", json!([]))]), &Snapshot::new());
        assert_eq!(found[0].text, "is missing");
        assert_eq!(differences(&Snapshot::new(), &snapshot(&[("a", json!(1))]))[0].text, "is too many");
    }
}
