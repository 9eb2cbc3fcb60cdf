//! Stage: what a file includes is loaded on its own and copied in.

use std::collections::BTreeMap;

use super::files::is_remote;
use super::files::read_dotenv;
use super::model;
use super::model::Scope;
use super::read::Because;
use super::read::Reader;
use super::report::Failed;
use super::report::Report;
use crate::core::model::EntryKind;
use crate::core::model::normalise;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Span;
use crate::core::yaml::Value;

/// How many files may include each other in a row.
const MAX_DEPTH: usize = 50;

/// The sections that are copied.
const SECTIONS: [&str; 6] = ["services", "volumes", "networks", "secrets", "configs", "models"];

/// One item of `include`.
#[derive(Debug, Default)]
struct Include {
    span: Span,
    paths: Vec<String>,
    project_directory: Option<String>,
    env_files: Vec<String>,
}

/// Loads what a document includes into it. What cannot be included is reported and left out.
pub(super) fn apply(
    document: &mut Node,
    file: &str,
    scope: Scope<'_>,
    reader: &mut Reader<'_>,
    report: &mut Report,
) {
    let Some(include) = document.as_map_mut().and_then(|map| map.remove("include")) else { return };
    let mut included = scope.included.to_vec();
    included.push(file.to_owned());
    let scope = Scope { included: &included, ..scope };
    let Ok(items) = items(&include, report) else { return report.lacks_a_part() };
    for item in items {
        match load(&item, scope, reader, report) {
            Ok(imported) => copy(imported, document, &item, report),
            Err(Failed) => report.lacks_a_part(),
        }
    }
}

fn items(node: &Node, report: &mut Report) -> Result<Vec<Include>, Failed> {
    let path = Path::TOP.key("include");
    let items = match &node.value {
        Value::Null => return Ok(Vec::new()),
        Value::List(items) => items,
        other => {
            report.error(
                "type",
                node.span,
                &path,
                format!("`include` must be a list, it is {}", other.kind()),
            );
            return Err(Failed);
        }
    };
    let mut includes = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = path.index(index);
        match &item.value {
            Value::Text(text) => {
                includes.push(Include { span: item.span, paths: vec![text.clone()], ..Include::default() });
            }
            Value::Map(map) => {
                let known = ["path", "project_directory", "env_file"];
                for (key, entry) in map.iter().filter(|(key, _)| !known.contains(key)) {
                    let message = format!("{path}: unknown key {key:?} is ignored");
                    report.warning("unknown-key", entry.key, &path, message);
                }
                let project_directory =
                    item.get("project_directory").and_then(Node::as_str).filter(|d| !d.is_empty());
                includes.push(Include {
                    span: item.span,
                    paths: texts(item.get("path"), &path.key("path"), report)?,
                    project_directory: project_directory.map(str::to_owned),
                    env_files: texts(item.get("env_file"), &path.key("env_file"), report)?,
                });
            }
            other => {
                report.error(
                    "type",
                    item.span,
                    &path,
                    format!("{path} must be a string or mapping, it is {}", other.kind()),
                );
                return Err(Failed);
            }
        }
    }
    Ok(includes)
}

/// A text or a list of texts.
fn texts(node: Option<&Node>, path: &Path<'_>, report: &mut Report) -> Result<Vec<String>, Failed> {
    let items = match node.map(|node| &node.value) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Text(text)) => return Ok(vec![text.clone()]),
        Some(Value::List(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    items.ok_or_else(|| {
        let span = node.map(|node| node.span).unwrap_or_default();
        report.error("type", span, path, format!("{path} must be a string or a list of strings"));
        Failed
    })
}

fn load(
    item: &Include,
    scope: Scope<'_>,
    reader: &mut Reader<'_>,
    report: &mut Report,
) -> Result<Node, Failed> {
    let path = Path::TOP.key("include");
    let files: Vec<String> = item.paths.iter().map(|path| normalise(scope.folder, path)).collect();
    if let Some(remote) = item.paths.iter().find(|path| is_remote(path)) {
        let message = format!("{remote} is elsewhere: remote includes are not supported");
        report.error_hint("remote", item.span, &path, message, "copy the file into the repository");
        return Err(Failed);
    }
    let Some(first) = files.first() else { return Ok(Node::default()) };
    if scope.included.contains(first) || scope.included.len() > MAX_DEPTH {
        let steps: Vec<&str> = scope.included.iter().chain([first]).map(String::as_str).collect();
        let message = format!("include cycle detected: {}", steps.join(" include "));
        report.error("include-cycle", item.span, &path, message);
        return Err(Failed);
    }
    let folder = match &item.project_directory {
        Some(folder) => normalise(scope.folder, folder),
        None => first
            .rsplit_once('/')
            .map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder })
            .to_owned(),
    };
    let environment = environment(item, &folder, scope, reader, report)?;
    let because = Because { span: item.span, kind: "included file" };
    let files = reader.all(&files, because, report);
    let scope =
        Scope { folder: &folder, environment: &environment, included: scope.included, keep_paths: false };
    Ok(model::load(files, scope, reader, report))
}

/// Returns the variables of an include: the including file's, then those of its env files.
fn environment(
    item: &Include,
    folder: &str,
    scope: Scope<'_>,
    reader: &mut Reader<'_>,
    report: &mut Report,
) -> Result<BTreeMap<String, String>, Failed> {
    let path = Path::TOP.key("include");
    let mut files: Vec<String> = Vec::new();
    if item.env_files.is_empty() {
        let file = normalise(folder, ".env");
        if matches!(reader.tree().kind(&file), Ok(Some(EntryKind::File { .. }))) {
            files.push(file);
        }
    }
    for file in item.env_files.iter().filter(|file| *file != "/dev/null") {
        let file = normalise(scope.folder, file);
        if matches!(reader.tree().kind(&file), Ok(Some(EntryKind::Folder))) {
            report.error("env-file", item.span, &path, format!("{file} is not a file"));
            return Err(Failed);
        }
        files.push(file);
    }
    let mut found = BTreeMap::new();
    for file in files {
        let because = Because { span: item.span, kind: "env file" };
        let Some(text) = reader.text(&file, because, report)? else {
            report.error("env-file", item.span, &path, format!("stat {file}: no such file or directory"));
            return Err(Failed);
        };
        read_dotenv(&text, &file, &file, &mut found, scope.environment, report)?;
    }
    let mut environment = scope.environment.clone();
    for (key, value) in found {
        environment.entry(key).or_insert(value);
    }
    Ok(environment)
}

/// Copies what was loaded. The same name twice is borne only if both say the same.
fn copy(imported: Node, document: &mut Node, item: &Include, report: &mut Report) {
    let (Value::Map(mut imported), Some(target)) = (imported.value, document.as_map_mut()) else { return };
    for section in SECTIONS {
        let Some(Value::Map(objects)) = imported.remove(section).map(|node| node.value) else { continue };
        if target.get(section).is_none_or(Node::is_null) {
            target.insert(section, Span::default(), Node::new(Span::default(), Value::Map(Map::default())));
        }
        let Some(existing) = target.get_mut(section).and_then(Node::as_map_mut) else { continue };
        for (key, entry) in objects {
            match existing.entry(&key) {
                None => {
                    existing.insert(key, entry.key, entry.node);
                }
                Some(known) if known.node == entry.node => {}
                Some(known) => {
                    let path = Path::TOP.key(section);
                    let message = format!("{section}.{key} conflicts with imported resource");
                    let hint = match report.sources.place(entry.key) {
                        Some(place) => format!("{} includes another at {place}", item.paths.join(", ")),
                        None => format!("{} includes another", item.paths.join(", ")),
                    };
                    report.error_hint("include-conflict", known.key, &path.key(&key), message, hint);
                }
            }
        }
    }
}
