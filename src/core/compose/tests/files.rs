//! Which files are read, and how they are joined.

use serde_json::json;

use super::load_files;
use super::loaded;
use super::value_of;
use crate::core::compose::HashFlavor;
use crate::core::compose::LabelHash;
use crate::core::compose::discover;
use crate::core::model::MemoryTree;

#[test]
fn the_default_names_are_found_with_their_override() {
    let tree =
        MemoryTree::new([("/r/docker-compose.yml", ""), ("/r/compose.override.yaml", ""), ("/r/x/y", "")]);
    let found = discover(&tree, "/r");
    assert_eq!(found, Some(vec!["/r/docker-compose.yml".into(), "/r/compose.override.yaml".into()]));
    assert_eq!(discover(&tree, "/r/x"), None);
}

#[test]
fn files_are_looked_for_upwards_until_the_stop() {
    let files = [("compose.yaml", "services: {a: {image: x}}"), ("sub/x", "")];
    let up = load_files(&files, |options| options.working_dir = "/r/sub".into()).expect("found above");
    assert_eq!(up.project.working_dir, "/r");
    let stopped = load_files(&files, |options| {
        options.working_dir = "/r/sub".into();
        options.stop_discovery_at = Some("/r/sub".into());
    });
    assert!(stopped.is_err());
}

#[test]
fn the_name_comes_from_option_variable_file_and_folder_in_this_order() {
    let text = "name: From ${SET}\nservices: {a: {image: x}}";
    let name = |text: &str, option: Option<&str>, variable: Option<&str>| {
        let loaded = load_files(&[("compose.yaml", text)], |options| {
            options.name = option.map(str::to_owned);
            options
                .environment
                .extend(variable.map(|value| ("COMPOSE_PROJECT_NAME".to_owned(), value.to_owned())));
        });
        loaded.expect("a name").project.name
    };
    assert_eq!(name(text, Some("o"), Some("v")), "o");
    assert_eq!(name(text, None, Some("v")), "v");
    assert_eq!(name(text, None, None), "fromset");
    assert_eq!(name("services: {a: {image: x}}", None, None), "r");
}

#[test]
fn variables_come_from_the_environment_before_dot_env() {
    let files = [
        ("compose.yaml", "services: {a: {image: '${SET}-${FILE}', environment: [SET, FILE, NONE]}}"),
        (".env", "SET=no\nFILE=${SET}f\n"),
    ];
    let value = value_of(&loaded(&files).project);
    assert_eq!(value["services"]["a"]["image"], "set-setf");
    assert_eq!(value["services"]["a"]["environment"], json!({"SET": "set", "FILE": "setf", "NONE": null}));
}

#[test]
fn env_and_label_files_are_merged_below_what_the_service_says() {
    let files = [
        (
            "compose.yaml",
            "services: {a: {image: x, env_file: [one.env, {path: no.env, required: false}], label_file: l,
               environment: {B: own, C: null}, labels: {y: own}}}",
        ),
        ("one.env", "A=${SET}1\nB=file\nC=file\n"),
        ("l", "x=1\ny=2\n"),
    ];
    let loaded = loaded(&files);
    let service = loaded.project.resolved_service("a").expect("a");
    let text = |key: &str| service.environment.get(key).cloned().flatten();
    assert_eq!((text("A"), text("B"), text("C")), (Some("set1".into()), Some("own".into()), None));
    assert_eq!(service.labels.get("x").map(String::as_str), Some("1"));
    assert_eq!(service.labels.get("y").map(String::as_str), Some("own"));
    let label = loaded.project.service_label_hash("a", HashFlavor::V2);
    let printed = loaded.project.service_hash("a", HashFlavor::V2).map(LabelHash::Known);
    assert!(label.is_some() && label != printed, "the label is made over the merged environment");
}

#[test]
fn an_extended_service_brings_its_paths_from_its_own_folder() {
    let files = [
        (
            "compose.yaml",
            "services: {a: {extends: {file: base/b.yaml, service: b}, command: own, ports: !reset []}}",
        ),
        (
            "base/b.yaml",
            "services: {b: {extends: c, image: '${SET}', volumes: ['./v:/v'], ports: ['80:80'], command: base}, c: {user: u}}",
        ),
    ];
    let value = value_of(&loaded(&files).project);
    let service = &value["services"]["a"];
    assert_eq!(service["volumes"][0]["source"], "/r/base/v");
    assert_eq!(service["command"], json!(["own"]));
    assert_eq!((&service["user"], &service["image"]), (&json!("u"), &json!("set")));
    assert_eq!(service.get("ports"), None);
}

#[test]
fn an_included_project_has_its_own_folder_and_variables() {
    let files = [
        ("compose.yaml", "include: [sub/compose.yaml]\nservices: {a: {image: x, depends_on: [b]}}"),
        ("sub/compose.yaml", "services: {b: {image: '${OWN}-${SET}', volumes: ['./v:/v']}}"),
        ("sub/.env", "OWN=own\nSET=no\n"),
    ];
    let value = value_of(&loaded(&files).project);
    assert_eq!(value["services"]["b"]["image"], "own-set");
    assert_eq!(value["services"]["b"]["volumes"][0]["source"], "/r/sub/v");
}

#[test]
fn profiles_choose_the_services() {
    let text = "services: {a: {image: x}, b: {image: x, profiles: [p]}, c: {image: x, profiles: [q]}}";
    let with = |profiles: &[&str]| {
        let loaded = load_files(&[("compose.yaml", text)], |options| {
            options.profiles = profiles.iter().map(|p| (*p).to_owned()).collect();
        });
        let project = loaded.expect("loads").project;
        (project.services.keys().cloned().collect::<Vec<_>>(), project.disabled.len())
    };
    assert_eq!(with(&[]), (vec!["a".to_owned()], 2));
    assert_eq!(with(&["p"]), (vec!["a".to_owned(), "b".to_owned()], 1));
    assert_eq!(with(&["*"]).1, 0);
}

#[test]
fn later_stages_find_the_place_of_a_value() {
    let files = [
        ("compose.yaml", "services:\n  a:\n    image: x\n    network_mode: host\n"),
        ("compose.override.yaml", "services:\n  a:\n    ports:\n      - 80:80\n"),
    ];
    let loaded = loaded(&files);
    let place = |path: &str| loaded.project.place(path).map(|place| place.to_string());
    assert_eq!(place("services.a.network_mode"), Some("/r/compose.yaml:4:5".into()));
    assert_eq!(place("services.a.ports[0].target"), Some("/r/compose.override.yaml:4:9".into()));
    assert_eq!(place("services.a.nothing"), Some("/r/compose.yaml:2:3".into()));
}

#[test]
fn extensions_keep_their_places() {
    let loaded = loaded(&[("compose.yaml", "services: {a: {image: x}}\nx-evenkeel:\n  prune: true\n")]);
    let extension = loaded.extension("x-evenkeel").expect("it is there");
    let prune = extension.node.get("prune").expect("it is there");
    assert_eq!(extension.document.sources.place(prune.span).map(|p| (p.line, p.column)), Some((3, 10)));
    assert_eq!(value_of(&loaded.project)["x-evenkeel"], json!({"prune": true}));
}

#[test]
fn stages_that_are_left_out_leave_things_as_they_are_written() {
    use crate::core::compose::Skip;
    let text = "name: Shop\nservices: {a: {image: x, volumes: ['./d:/d'], links: [b], networks: [gone], env_file: e.env}}";
    let files = [("compose.yaml", text), ("e.env", "A=1")];
    let skip = Skip { consistency: true, paths: true, normalize: true };
    let project = value_of(&load_files(&files, |options| options.skip = skip).expect("loads").project);
    assert_eq!(project["name"], "Shop");
    assert_eq!(project["services"]["a"]["volumes"][0]["source"], "./d");
    assert_eq!(project["services"]["a"]["environment"]["A"], "1");
    assert_eq!(project["services"]["a"].get("depends_on"), None);
    let checked = Skip { consistency: false, ..skip };
    assert!(load_files(&files, |options| options.skip = checked).is_err());
}
