//! What holds for every project.

use proptest::prelude::*;

use super::json_of;
use super::load_files;
use super::yaml_of;
use crate::core::compose::HashFlavor;

/// Fields of a service, each in a few forms.
fn fields() -> impl Strategy<Value = Vec<&'static str>> {
    let all = [
        "environment: {A: '1', B: null}",
        "environment: [A=1, 'C=${SET}']",
        "ports: ['8000-8002:80-82', '53:53/udp']",
        "volumes: ['./x:/x:ro', 'data:/d', '/anon']",
        "command: 'sh -c \"a b\"'",
        "entrypoint: []",
        "depends_on: [b]",
        "networks: {n: {aliases: [z], priority: 3}}",
        "healthcheck: {test: [CMD, a], interval: 90s, retries: 3}",
        "deploy: {replicas: 2, resources: {limits: {cpus: '0.3', memory: 1g}}}",
        "ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}",
        "extra_hosts: {h: [1.1.1.1, '::1']}",
        "labels: {a: 1, b: true, c: 1.50}",
        "memswap_limit: 64m",
        "stop_grace_period: 1m",
        "init: false",
        "secrets: [{source: s, mode: 0440}]",
    ];
    proptest::sample::subsequence(all.to_vec(), 0..all.len())
}

fn file(fields: &[&str]) -> String {
    let mut seen = std::collections::BTreeSet::new();
    let fields: Vec<&&str> = fields.iter().filter(|f| seen.insert(f.split(':').next())).collect();
    let lines: Vec<String> = fields.iter().map(|field| format!("    {field}\n")).collect();
    let lines = lines.concat();
    format!(
        "services:\n  a:\n    image: x:1\n{lines}  b:\n    image: y\nnetworks: {{n: }}\nvolumes: {{data: }}\n\
         secrets: {{s: {{file: ./s}}}}\n"
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_printed_loads_to_the_same(fields in fields()) {
        let first = load_files(&[("compose.yaml", &file(&fields))], |_| {}).expect("loads").project;
        for printed in [json_of(&first), yaml_of(&first)] {
            let second = load_files(&[("compose.yaml", &printed)], |_| {}).expect("loads again").project;
            prop_assert_eq!(json_of(&first), json_of(&second));
            for flavor in [HashFlavor::V2, HashFlavor::V5] {
                prop_assert_eq!(first.service_hash("a", flavor), second.service_hash("a", flavor));
            }
            prop_assert_eq!(first.network_hash("n"), second.network_hash("n"));
            prop_assert_eq!(first.volume_hash("data"), second.volume_hash("data"));
        }
    }

    #[test]
    fn an_override_that_says_the_same_changes_nothing(fields in fields()) {
        let text = file(&fields);
        let alone = load_files(&[("compose.yaml", &text)], |_| {}).expect("loads").project;
        let twice = load_files(&[("compose.yaml", &text), ("compose.override.yaml", &text)], |_| {});
        prop_assert_eq!(json_of(&alone), json_of(&twice.expect("loads").project));
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in "(services|[a-c]|image|ports|: |\n|  |- |\\{|\\}|\\[|\\]|&a |\\*a|<<|\\$\\{|x|1|!reset ){0,40}") {
        drop(load_files(&[("compose.yaml", &text)], |_| {}));
    }
}
