//! The commands that need neither a repository's server nor a Docker Engine: what they print, and their exit codes.

use std::fs;

use tempfile::TempDir;

use crate::harness::process::Said;
use crate::harness::process::evenkeel;

const WEB: &str = "name: shop\nservices:\n  web:\n    image: nginx:1.29\n    environment: {B: two, A: one}\n";
const NOTHING: &str = "name: shop\nservices:\n  web:\n    image: nginx:1.29\n    profiles: [later]\n";

/// What the reference prints of it.
const RESOLVED: &str = "\
name: shop
services:
  web:
    environment:
      A: one
      B: two
    image: nginx:1.29
    networks:
      default: null
networks:
  default:
    name: shop_default
";

/// A folder with one compose file.
fn project(compose: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("compose.yaml"), compose).expect("a file");
    folder
}

/// Runs the program where the project is.
fn run(folder: &TempDir, arguments: &[&str]) -> Said {
    Said::by(evenkeel().args(arguments).current_dir(folder.path()))
}

const SIMULATED: [&str; 4] = ["--dir", ".", "--engine", "simulated"];

fn with_simulated<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[command], &SIMULATED[..], more].concat()
}

#[test]
fn plan_exits_with_1_if_there_is_something_to_do() {
    let said = run(&project(WEB), &with_simulated("plan", &[]));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("+   container shop-web-1"), "{said:?}");
    assert!(said.stdout.contains("Plan: "), "{said:?}");
}

#[test]
fn plan_exits_with_0_if_there_is_nothing_to_do() {
    let said = run(&project(NOTHING), &with_simulated("plan", &[]));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("Nothing to do."), "{said:?}");
}

#[test]
fn plan_exits_with_2_and_says_where_the_mistake_is() {
    let said = run(&project("services:\n  web:\n    imgae: nginx\n"), &with_simulated("plan", &[]));
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(said.stdout, "", "data alone goes to stdout");
    assert!(said.stderr.contains("compose.yaml:3:5"), "{said:?}");
    assert!(said.stderr.contains("image"), "what was meant is named: {said:?}");
}

#[test]
fn a_plan_can_be_read_by_programs_and_by_forges() {
    let folder = project(WEB);
    let json = run(&folder, &with_simulated("plan", &["--output", "json"]));
    assert_eq!(json.code, Some(1), "{json:?}");
    let plan: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON on stdout");
    assert!(plan.to_string().contains("shop-web-1"), "{plan}");
    let markdown = run(&folder, &with_simulated("plan", &["--output", "markdown"]));
    assert_eq!(markdown.code, Some(1), "{markdown:?}");
    assert!(markdown.stdout.contains("shop-web-1"), "{markdown:?}");
}

#[test]
fn apply_deploys_a_folder() {
    let folder = project(WEB);
    let data = folder.path().join("data").display().to_string();
    let more = ["--data-dir", &data, "--min-healthy-time", "0s"];
    let said = run(&folder, &with_simulated("apply", &more));
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[test]
fn apply_exits_with_2_before_any_change_if_the_file_is_wrong() {
    let said = run(&project("services: [\n"), &with_simulated("apply", &[]));
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("compose.yaml:"), "{said:?}");
}

#[test]
fn config_prints_the_resolved_model() {
    let folder = project(WEB);
    let yaml = run(&folder, &["config"]);
    assert_eq!((yaml.code, yaml.stdout.as_str()), (Some(0), RESOLVED), "{yaml:?}");
    let json = run(&folder, &["config", "--format", "json"]);
    let model: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON on stdout");
    assert_eq!(model["services"]["web"]["image"], "nginx:1.29");
    assert_eq!(run(&folder, &["config", "--services"]).stdout, "web\n");
    assert_eq!(run(&folder, &["config", "--images"]).stdout, "nginx:1.29\n");
    assert_eq!(run(&folder, &["config", "--quiet"]).stdout, "");
    assert_eq!(run(&folder, &["config", "--models"]).stdout, "");
    assert!(run(&folder, &["config", "--environment"]).stdout.contains("COMPOSE_PROJECT_NAME="));
    let digests = run(&folder, &["config", "--resolve-image-digests"]);
    assert!(digests.stdout.is_empty() && digests.stderr.contains("registries"), "{}", digests.stderr);
    let file = folder.path().join("printed.yaml");
    let printed = run(&folder, &["config", "--output", &file.to_string_lossy()]);
    assert_eq!(printed.stdout, "");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), yaml.stdout);
    let hash = run(&folder, &["config", "--hash", "web"]).stdout;
    let (service, digest) = hash.trim().split_once(' ').expect("a service and its hash");
    assert_eq!((service, digest.len()), ("web", 64));
}

#[test]
fn config_reports_every_mistake_with_its_place() {
    let said = run(&project("services:\n  web:\n    imgae: nginx\n    restart: [1]\n"), &["config"]);
    assert!(said.code.is_some_and(|code| code != 0), "{said:?}");
    assert_eq!(said.stdout, "");
    assert!(said.stderr.contains("compose.yaml:3:5"), "{said:?}");
}

#[test]
fn validate_says_whether_a_folder_can_be_deployed() {
    let good = run(&project(WEB), &["validate", "."]);
    assert_eq!(good.code, Some(0), "{good:?}");
    let bad =
        project("services:\n  web: {image: nginx, depends_on: [db]}\n  db: {image: pg, depends_on: [web]}\n");
    let bad = run(&bad, &["validate", "."]);
    assert!(bad.code.is_some_and(|code| code != 0), "{bad:?}");
    assert!(bad.stdout.contains("compose.yaml:3:19"), "findings are its data: {bad:?}");
}

#[test]
fn completions_are_made_for_common_shells() {
    let folder = project(WEB);
    for shell in ["bash", "zsh", "fish"] {
        let said = run(&folder, &["completions", shell]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.stdout.contains("evenkeel"), "{shell}");
    }
}

#[test]
fn an_unknown_option_is_an_error_that_names_it() {
    let said = run(&project(WEB), &["plan", "--revison", "main"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("--revison") && said.stderr.contains("--revision"), "{said:?}");
}

#[test]
fn a_host_file_with_a_mistake_is_refused_with_its_place() {
    let folder = project(WEB);
    fs::write(folder.path().join("config.yaml"), "sources:\n  - name: homelab\n    ulr: /srv/homelab.git\n")
        .expect("a file");
    let said = run(&folder, &["run", "--config", "config.yaml", "--data-dir", "data"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("config.yaml:3:5"), "{said:?}");
    assert!(said.stderr.contains("url"), "{said:?}");
}

#[test]
fn nothing_is_coloured_where_nobody_looks() {
    for arguments in [&["--help"][..], &["plan", "--help"], &with_simulated("plan", &[])] {
        let said = run(&project(WEB), arguments);
        assert!(!said.stdout.contains('\u{1b}') && !said.stderr.contains('\u{1b}'), "{said:?}");
    }
}
