//! The loader as a whole: small projects in memory, and what comes of them.

mod files;
mod findings;
mod limits;
mod properties;
mod quirks;
mod refused;
mod rules;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::Loaded;
use super::Options;
use super::Project;
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

/// Returns what `config --format json` prints.
fn json_of(project: &Project) -> String {
    let mut printed = String::new();
    let written = project.write_json(|text| fmt::Write::write_str(&mut printed, text));
    written.expect("a string takes any text");
    printed
}

/// Returns what `config` prints.
fn yaml_of(project: &Project) -> String {
    let mut printed = String::new();
    let written = project.write_yaml(|text| fmt::Write::write_str(&mut printed, text));
    written.expect("a string takes any text");
    printed
}

/// Returns what `config --format json` prints, as a value.
fn value_of(project: &Project) -> Value {
    serde_json::from_str(&json_of(project)).expect("valid JSON")
}

/// Loads a project of one file that must load.
fn project(text: &str) -> Value {
    value_of(&loaded(&[("compose.yaml", text)]).project)
}

fn loaded(files: &[(&str, &str)]) -> Loaded {
    load_files(files, |_| {}).unwrap_or_else(|errors| panic!("should load: {}", join(&errors)))
}

/// Returns one value of a service `a` of a project of a main and an override file.
fn merged(base: &str, over: &str, pointer: &str) -> Value {
    let file = |fields: &str| format!("services:\n  a:\n    {}\n", fields.replace('\n', "\n    "));
    let files = [("compose.yaml", file(base)), ("compose.override.yaml", file(over))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    value_of(&loaded(&files).project)
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
