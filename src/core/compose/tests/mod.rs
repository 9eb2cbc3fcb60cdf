//! The loader as a whole: small projects in memory, and what comes of them.

mod files;
mod limits;
mod properties;
mod quirks;
mod refused;
mod rules;

use std::collections::BTreeMap;

use serde_json::Value;

use super::Loaded;
use super::Options;
use super::load;
use crate::core::diag::Diagnostic;
use crate::core::model::MemoryTree;

/// Loads the project at `/r` of these files.
fn load_files(files: &[(&str, &str)], change: impl FnOnce(&mut Options)) -> Result<Loaded, Vec<Diagnostic>> {
    let tree = MemoryTree::new(files.iter().map(|(path, text)| (format!("/r/{path}"), *text)));
    let mut options = Options {
        working_dir: "/r".into(),
        environment: BTreeMap::from([
            ("SET".to_owned(), "set".to_owned()),
            ("HOME".to_owned(), "/home/u".to_owned()),
        ]),
        ..Options::default()
    };
    change(&mut options);
    load(&tree, &options)
}

/// Loads a project of one file that must load.
fn project(text: &str) -> Value {
    loaded(&[("compose.yaml", text)]).project.to_json()
}

fn loaded(files: &[(&str, &str)]) -> Loaded {
    load_files(files, |_| {}).unwrap_or_else(|errors| panic!("should load: {}", join(&errors)))
}

/// Returns one value of a service `a` of a project of a main and an override file.
fn merged(base: &str, over: &str, pointer: &str) -> Value {
    let file = |fields: &str| format!("services:\n  a:\n    {}\n", fields.replace('\n', "\n    "));
    let files = [("compose.yaml", file(base)), ("compose.override.yaml", file(over))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    loaded(&files)
        .project
        .to_json()
        .pointer(&format!("/services/a/{pointer}"))
        .cloned()
        .unwrap_or(Value::Null)
}

fn errors(files: &[(&str, &str)]) -> String {
    match load_files(files, |_| {}) {
        Ok(_) => "loads".into(),
        Err(errors) => join(&errors),
    }
}

fn join(errors: &[Diagnostic]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
