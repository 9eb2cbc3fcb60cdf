//! What is fuzzed, as plain functions: `fuzz_targets` runs them under libFuzzer, `tests/fuzz.rs` with seeded inputs.
//!
//! A target panics if a promise is broken: no input makes the loader panic, and what it prints loads again.

use std::collections::BTreeMap;

use evenkeel::core::compose::HashFlavor;
use evenkeel::core::compose::Loaded;
use evenkeel::core::compose::Options;
use evenkeel::core::compose::lint;
use evenkeel::core::compose::load;
use evenkeel::core::model::MemoryTree;

/// A file beside the fuzzed one, for `extends`, `include` and `env_file`.
const BESIDE: &str = "services: {base: {image: x, environment: {A: '1'}, ports: ['80-82:80-82']}}\n";

fn project_of(files: &[(&str, &[u8])]) -> Option<Loaded> {
    let tree = MemoryTree::new(files.iter().map(|(name, bytes)| (format!("/r/{name}"), bytes.to_vec())));
    let options = Options {
        working_dir: "/r".into(),
        environment: BTreeMap::from([
            ("SET".to_owned(), "a b".to_owned()),
            ("NONE".to_owned(), String::new()),
        ]),
        ..Options::default()
    };
    load(&tree, &options).ok()
}

/// YAML to a project: loads, hashes, prints and lints it.
pub fn project(data: &[u8]) {
    let Some(loaded) = project_of(&[("compose.yaml", data), ("b.yaml", BESIDE.as_bytes())]) else { return };
    let project = &loaded.project;
    for name in project.services.keys() {
        for flavor in [HashFlavor::V2, HashFlavor::V5] {
            assert!(project.service_hash(name, flavor).is_some());
            assert!(project.service_label_hash(name, flavor).is_some());
        }
    }
    project.write_json(|_| Ok::<(), ()>(())).expect("nothing is written");
    project.write_yaml(|_| Ok::<(), ()>(())).expect("nothing is written");
    drop(lint(&loaded));
}

/// A text with variables, in a value.
pub fn interpolation(data: &[u8]) {
    let text = serde_json::json!({"services": {"a": {"image": "x", "labels": {"v": String::from_utf8_lossy(data)}}}});
    let Some(loaded) = project_of(&[("compose.yaml", text.to_string().as_bytes())]) else { return };
    let labels = &loaded.project.services["a"].labels;
    // The variables' values are no longer than their names, and bytes that are no UTF-8 become three each.
    assert!(labels["v"].len() <= 3 * data.len());
}

/// A file of variables, as `.env`, `env_file` and `label_file`.
pub fn dotenv(data: &[u8]) {
    let text = b"services: {a: {image: 'x${A}', env_file: [v, {path: v, format: raw}], label_file: v}}";
    drop(project_of(&[("compose.yaml", text), ("v", data)]));
    drop(project_of(&[("compose.yaml", text), (".env", data), ("v", b"A=1")]));
}
