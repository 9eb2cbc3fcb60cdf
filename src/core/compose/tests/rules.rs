//! How values of several files become one, and what is added to what is said.

use serde_json::Value;
use serde_json::json;

use super::loaded;
use super::merged;
use super::project;
use super::value_of;
use super::yaml_of;

#[test]
fn each_attribute_merges_by_its_rule() {
    let cases = [
        ("image: x\ncommand: [a]", "command: [b]", "command", json!(["b"])),
        (
            "image: x\nenvironment: {A: 1, B: 1}",
            "environment: [B=2, C]",
            "environment",
            json!({"A": "1", "B": "2", "C": null}),
        ),
        ("image: x\nlabels: [a=1]", "labels: {a: 2, b: 3}", "labels", json!({"a": "2", "b": "3"})),
        ("image: x\nports: ['80:80']", "ports: ['80:80', '81:81']", "ports/1/published", json!("81")),
        ("image: x\nvolumes: ['aa:/d']", "volumes: ['./b:/d']", "volumes/0/source", json!("/r/b")),
        ("image: x\ndns: 1.1.1.1", "dns: [8.8.8.8]", "dns", json!(["1.1.1.1", "8.8.8.8"])),
        (
            "image: x\nlogging: {driver: a, options: {x: 1}}",
            "logging: {driver: b}",
            "logging",
            json!({"driver": "b"}),
        ),
        (
            "image: x\nlogging: {driver: a}",
            "logging: {options: {y: 2}}",
            "logging",
            json!({"driver": "a", "options": {"y": "2"}}),
        ),
        ("image: x\nulimits: {n: {soft: 1, hard: 2}}", "ulimits: {n: 5}", "ulimits/n", json!(5)),
        (
            "image: x\nextra_hosts: [a=1.1.1.1]",
            "extra_hosts: [a=2.2.2.2]",
            "extra_hosts",
            json!(["a=1.1.1.1", "a=2.2.2.2"]),
        ),
        ("image: x\nhostname: h", "hostname:", "hostname", json!("h")),
        ("image: x\ncap_add: [A]", "cap_add: [A, B]", "cap_add", json!(["A", "B"])),
        ("image: x\nsecurity_opt: [a]", "security_opt: [b]", "security_opt", json!(["a", "b"])),
        (
            "build: .",
            "build: {target: t}",
            "build",
            json!({"context": "/r", "dockerfile": "Dockerfile", "target": "t"}),
        ),
    ];
    for (base, over, pointer, expected) in cases {
        assert_eq!(merged(base, over, pointer), expected, "{base:?} with {over:?}");
    }
}

#[test]
fn a_key_that_is_reset_beside_a_merge_key_has_what_is_merged() {
    let text =
        "x-a: &a {cpu_quota: 5, user: u}\nservices: {a: {image: x, <<: *a, cpu_quota: !reset 7, user: v}}";
    let service = &project(text)["services"]["a"];
    assert_eq!((&service["cpu_quota"], &service["user"]), (&json!(5), &json!("v")));
}

#[test]
fn paths_of_keys_for_a_build_are_absolute_in_both_forms() {
    for form in ["[k=./key, default]", "{k: ./key, default: }"] {
        let text = format!("services: {{a: {{build: {{context: ., ssh: {form}}}}}}}");
        let yaml = yaml_of(&loaded(&[("compose.yaml", &text)]).project);
        assert!(yaml.contains("        - default\n        - 'k: /r/key'\n"), "{yaml}");
    }
}

#[test]
fn resets_and_overrides_act_on_the_base() {
    assert_eq!(merged("image: x\nports: ['80:80']", "ports: !reset []", "ports"), Value::Null);
    assert_eq!(merged("image: x\ncap_add: [A]", "cap_add: !override [B]", "cap_add"), json!(["B"]));
    assert_eq!(
        merged("image: x\nenvironment: {A: 1, B: 2}", "environment: {A: !reset null}", "environment"),
        json!({"B": "2"})
    );
}

#[test]
fn dependencies_follow_from_references() {
    let services = project(
        "services:
  a: {image: x, links: ['b:alias'], network_mode: 'service:c', volumes_from: [d]}
  b: {image: x}
  c: {image: x}
  d: {image: x}
",
    );
    let restarted = json!({"condition": "service_started", "restart": true, "required": true});
    let started = json!({"condition": "service_started", "required": true});
    assert_eq!(
        services["services"]["a"]["depends_on"],
        json!({"b": restarted, "c": restarted, "d": started})
    );
}

#[test]
fn networks_and_names_are_completed() {
    let text = "
services:
  a: {image: x, networks: [n, e], volumes: ['vol:/v']}
  b: {image: x}
networks: {n: , e: {external: true}, unused: }
volumes: {vol: {name: own}}
";
    let value = project(text);
    assert_eq!(
        value["networks"],
        json!({
            "default": {"name": "r_default", "ipam": {}},
            "e": {"name": "e", "ipam": {}, "external": true},
            "n": {"name": "r_n", "ipam": {}},
        })
    );
    assert_eq!(value["volumes"], json!({"vol": {"name": "own"}}));
    assert_eq!(value["services"]["b"]["networks"], json!({"default": null}));
}

#[test]
fn secrets_and_configs_get_their_files_and_hide_their_values() {
    let text = "
services: {a: {image: x, secrets: [s, {source: v, target: t}], configs: [c]}}
secrets: {s: {file: ./s}, v: {environment: SET}}
configs: {c: {content: 'a ${SET}'}}
";
    let loaded = loaded(&[("compose.yaml", text)]);
    let value = value_of(&loaded.project);
    assert_eq!(
        value["services"]["a"]["secrets"],
        json!([{"source": "s", "target": "/run/secrets/s"}, {"source": "v", "target": "t"}])
    );
    assert_eq!(value["secrets"]["v"], json!({"name": "r_v", "environment": "SET"}));
    assert_eq!(value["secrets"]["s"]["file"], "/r/s");
    assert_eq!(value["configs"]["c"]["content"], "a set");
    assert!(loaded.project.secret_value("v").is_some_and(|secret| secret.expose() == "set"));
    assert!(loaded.project.secret_value("s").is_none());
}

#[test]
fn defaults_fill_what_is_not_said() {
    let value =
        project("services: {a: {image: x, gpus: all, ports: [{target: 80}], pull_policy: if_not_present}}");
    let service = &value["services"]["a"];
    assert_eq!(service["gpus"], json!([{"count": -1}]));
    assert_eq!(service["ports"], json!([{"mode": "ingress", "target": 80, "protocol": "tcp"}]));
    assert_eq!(service["pull_policy"], "missing");
}

#[test]
fn values_print_in_their_canonical_form() {
    let value = project(
        "services: {a: {image: x, mem_limit: 1.5g, stop_grace_period: 90s, cpus: '0.3', shm_size: 64m,
           healthcheck: {test: curl x, interval: 1m30s}, command: 'sh -c \"a b\"', secrets: [{source: s, mode: 0440}]}}
secrets: {s: {file: /s}}",
    );
    let service = &value["services"]["a"];
    assert_eq!(service["mem_limit"], "1610612736");
    assert_eq!(service["stop_grace_period"], "1m30s");
    assert_eq!(service["cpus"], json!(0.3));
    assert_eq!(service["healthcheck"], json!({"test": ["CMD-SHELL", "curl x"], "interval": "1m30s"}));
    assert_eq!(service["command"], json!(["sh", "-c", "a b"]));
    assert_eq!(service["secrets"][0]["mode"], "0440");
}

#[test]
fn yaml_leaves_out_what_says_nothing_and_keeps_extensions() {
    let text = "services: {a: {image: x, x-a: 1, deploy: {x-d: 2}}}\nx-top: [1]";
    let loaded = loaded(&[("compose.yaml", text)]);
    assert_eq!(
        yaml_of(&loaded.project),
        "name: r
services:
  a:
    deploy:
      x-d: 2
    image: x
    networks:
      default: null
    x-a: 1
networks:
  default:
    name: r_default
x-top:
  - 1
"
    );
}
