//! Small print of the reference: forms that few files have, each as Docker Compose 2.40 was seen to read it.

use serde_json::Value;
use serde_json::json;

use super::errors;
use super::load_files;
use super::loaded;
use super::project;
use super::value_of;
use super::yaml_of;

/// Returns one field of a service `a` with this line, or the errors.
fn field(line: &str, pointer: &str) -> Value {
    let text = format!("services: {{a: {{image: x, {line}}}}}\n");
    project(&text).pointer(&format!("/services/a/{pointer}")).cloned().unwrap_or(Value::Null)
}

fn refused(line: &str) -> String {
    errors(&[("compose.yaml", &format!("services: {{a: {{image: x, {line}}}}}\n"))])
}

#[test]
fn numbers_are_read_as_go_reads_them() {
    let cases = [
        ("cpus: \"1_0\"", "cpus", json!(10)),
        ("mem_limit: 1_000k", "mem_limit", json!("1024000")),
        ("mem_limit: 8388608t", "mem_limit", json!("-9223372036854775808")),
        ("mem_swappiness: 9223372036854775808", "mem_swappiness", Value::Null),
        ("cpu_count: 9223372036854775808", "cpu_count", json!(i64::MIN)),
        ("blkio_config: {weight: 70000}", "blkio_config/weight", json!(4464)),
        ("volumes: [{type: tmpfs, target: /t, tmpfs: {mode: 0755}}]", "volumes/0/tmpfs/mode", json!(493)),
    ];
    for (line, pointer, value) in cases {
        assert_eq!(field(line, pointer), value, "{line}");
    }
}

#[test]
fn what_is_no_number_where_one_is_due_is_refused() {
    let cases = [
        ("blkio_config: {weight: \"300\"}", "services.a.blkio_config.weight: expected an integer"),
        ("blkio_config: {weight: -1}", "-1 is out of range"),
        ("cpu_percent: 1000.0", "services.a.cpu_percent must be from 0 to 100"),
        ("oom_score_adj: 9223372036854775808", "services.a.oom_score_adj must be less than or equal to 1000"),
        ("cpus: .inf", "services.a.cpus: inf is no number"),
        ("expose: [1.5]", "services.a.expose[0]: unexpected a number"),
        ("group_add: [1.5]", "services.a.group_add: expected a string or an integer, got 1.5"),
        ("storage_opt: {a: true}", "services.a.storage_opt.a: expected a string"),
        ("networks: {default: {priority: \"1\"}}", "services.a.networks.default.priority must be a number"),
        ("volumes: [{type: tmpfs, target: /t, tmpfs: {mode: \"755\"}}]", "expected an integer"),
        ("build: {context: ., additional_contexts: {x: 1}}", "additional_contexts.x must be a string"),
    ];
    for (line, expected) in cases {
        let found = refused(line);
        assert!(found.contains(expected), "{line}\n  wanted {expected}\n  got {found}");
    }
}

#[test]
fn hosts_are_split_at_commas_in_lists_only() {
    assert_eq!(field("extra_hosts: ['a:[::1],b']", "extra_hosts"), json!(["a=::1", "a=b"]));
    assert_eq!(field("extra_hosts: {a: '1.1.1.1,2.2.2.2'}", "extra_hosts"), json!(["a=1.1.1.1,2.2.2.2"]));
    assert!(refused("extra_hosts: ['a:b=c']").contains("bad host name 'a:b'"));
    assert!(refused("extra_hosts: ['=c']").contains("bad host name ''"));
}

#[test]
fn a_published_number_is_not_the_same_port_as_a_text() {
    let ports = field("ports: ['80:80', {target: 80, published: 80}]", "ports");
    assert_eq!(ports.as_array().map(Vec::len), Some(2));
    let ports = field("ports: ['80:80', {target: 80, published: '80'}]", "ports");
    assert_eq!(ports.as_array().map(Vec::len), Some(1));
    assert_eq!(field("ports: ['[]:80:81']", "ports/0/target"), json!(81));
}

#[test]
fn a_device_without_a_target_keeps_its_path() {
    assert_eq!(field("devices: ['/dev/a:']", "devices/0/target"), json!("/dev/a"));
    assert_eq!(field("devices: [':/dev/a']", "devices/0/target"), json!("/dev/a"));
}

#[test]
fn keys_that_look_like_extensions_become_one_label() {
    assert_eq!(
        field("labels: {x-b: null, x-a: 1.50, c: d}", "labels"),
        json!({"#extensions": "map[x-a:1.5 x-b:<nil>]", "c": "d"})
    );
    assert_eq!(field("labels: [x-a=1]", "labels"), json!({"x-a": "1"}));
    assert!(refused("extra_hosts: {x-a: b}").contains("is an extension"));
    assert!(refused("labels: {'': b}").contains("additional properties '' not allowed"));
}

#[test]
fn limits_of_other_names_are_not_checked() {
    assert_eq!(field("ulimits: {NOFILE: {soft: 1}}", "ulimits/NOFILE"), json!({"soft": 1}));
    assert!(refused("ulimits: {nofile: {soft: 1}}").contains("missing property 'hard'"));
}

#[test]
fn a_tag_makes_a_text_of_a_scalar() {
    assert_eq!(field("environment: {A: !override null}", "environment/A"), json!("null"));
    assert!(refused("use_api_socket: !override true").contains("must be a boolean"));
    assert!(refused("oom_score_adj: !override 1.0").contains("\"1.0\" is not an integer"));
}

#[test]
fn the_profile_without_a_name_is_active_if_none_is_named() {
    let files = [("compose.yaml", "services: {a: {image: x, profiles: ['${NONE}']}}")];
    assert!(loaded(&files).project.services.contains_key("a"));
    let named = load_files(&files, |options| options.profiles = vec!["p".into()]).expect("loads");
    assert!(named.project.services.is_empty());
    assert_eq!(named.project.profiles, ["p"]);
}

#[test]
fn a_default_is_filled_in_even_where_it_is_not_used() {
    assert!(refused("hostname: '${SET:-${NONE:?want it}}'").contains("want it"));
}

#[test]
fn an_absent_env_file_may_have_any_format() {
    assert_eq!(
        field("env_file: [{path: no, required: false, format: foo}], hostname: h", "hostname"),
        json!("h")
    );
}

#[test]
fn keys_for_a_build_print_as_their_names() {
    assert_eq!(field("build: {context: ., ssh: [default]}", "build/ssh"), json!(["default"]));
}

#[test]
fn yaml_has_the_users_keys_in_natural_order_and_no_nothings() {
    let files = [(
        "compose.yaml",
        "services: {a10: {image: x, environment: {B10: '1', B9: '2', command: }}, a9: {image: x, x-z: {b: 1, a: 2}}}",
    )];
    assert_eq!(
        yaml_of(&loaded(&files).project),
        "name: r
services:
  a9:
    image: x
    networks:
      default: null
    x-z:
      a: 2
      b: 1
  a10:
    environment:
      B9: \"2\"
      B10: \"1\"
      command: null
    image: x
    networks:
      default: null
networks:
  default:
    name: r_default
"
    );
}

#[test]
fn yaml_writes_limits_in_full_and_devices_in_small_letters() {
    let files = [(
        "compose.yaml",
        "services: {a: {image: x, ulimits: {n: {soft: 0, hard: 1}}, blkio_config: {weight_device: [{path: /d, weight: 1}]}}}",
    )];
    let yaml = yaml_of(&loaded(&files).project);
    assert!(yaml.contains("        soft: 0\n        hard: 1\n"), "{yaml}");
    assert!(yaml.contains("      weight_device:\n        - path: /d\n          weight: 1\n"), "{yaml}");
}

#[test]
fn extensions_print_as_go_prints_what_it_has_of_them() {
    let text =
        "services: {a: {image: x, x-b: 1, x-a: [.nan, 2024-1-2]}}\nx-b: []\nx-a: {k10: [], k9: 1e21}\n";
    let project = loaded(&[("compose.yaml", text)]).project;
    assert_eq!(value_of(&project)["x-a"], json!({"k10": null, "k9": 1e21}));
    assert_eq!(value_of(&project)["x-b"], json!(null));
    assert_eq!(project.without_json_form(), None);
    let yaml = yaml_of(&project);
    assert!(yaml.contains("    x-a:\n      - .nan\n      - 2024-01-02T00:00:00Z\n    x-b: 1\n"), "{yaml}");
    assert!(yaml.ends_with("x-a:\n  k9: 1e+21\n  k10: []\nx-b: []\n"), "{yaml}");
    let project = loaded(&[("compose.yaml", "services: {a: {image: x}}\nx-a: [{b: -.inf}]\n")]).project;
    assert_eq!(project.without_json_form().as_deref(), Some("x-a: -Inf has no JSON form"));
}

#[test]
fn what_holds_extensions_only_is_printed_for_them() {
    let text = "services: {a: {image: x, deploy: {placement: {x-a: 1}, resources: {}}}}";
    let yaml = yaml_of(&loaded(&[("compose.yaml", text)]).project);
    assert!(yaml.contains("    deploy:\n      placement:\n        x-a: 1\n    image: x\n"), "{yaml}");
}

#[test]
fn labels_of_a_volume_are_not_told_apart_by_their_key() {
    let text = "services: {a: {image: x, volumes: ['data:/d']}}\nvolumes: {data: {labels: [a=1, b, b]}}\n";
    assert!(super::errors(&[("compose.yaml", text)]).contains("volumes.data.labels"));
}

#[test]
fn keys_of_a_mapping_may_end_with_a_space() {
    assert_eq!(field("environment: {'A ': 1, 'à': 2}", "environment"), json!({"A ": "1", "à": "2"}));
}
