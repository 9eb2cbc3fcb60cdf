//! What holds for every project.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::json_of;
use super::load_files;
use super::yaml_of;
use crate::core::compose::HashFlavor;
use crate::core::compose::merge::merge;
use crate::core::compose::model;
use crate::core::compose::normalize::normalize;
use crate::core::compose::read::Because;
use crate::core::compose::read::Reader;
use crate::core::compose::report::Report;
use crate::core::diag::Diagnostic;
use crate::core::model::MemoryTree;
use crate::core::yaml::Limits;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Sources;
use crate::core::yaml::Span;
use crate::core::yaml::parse;

/// Fields of a service, each in a few forms.
const FIELDS: [&str; 48] = [
    "environment: {A: '1', B: null}",
    "environment: [A=1, 'C=${SET}']",
    "ports: ['8000-8002:80-82', '53:53/udp']",
    "ports: [{target: 80, published: '81', host_ip: 127.0.0.1, app_protocol: http, x-p: 1}]",
    "volumes: ['./x:/x:ro', 'data:/d', '/anon']",
    "volumes: [{type: bind, source: ./x, target: /x, bind: {propagation: rslave, create_host_path: false}}]",
    "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 64m, mode: 0700}}, {type: image, source: i, target: /i}]",
    "command: 'sh -c \"a b\"'",
    "command: [a, '$$b', '']",
    "entrypoint: []",
    "entrypoint: /x",
    "depends_on: [b]",
    "depends_on: {b: {condition: service_healthy, restart: true, required: false}}",
    "networks: {n: {aliases: [z], priority: 3}}",
    "networks: [n]",
    "healthcheck: {test: [CMD, a], interval: 90s, retries: 3}",
    "healthcheck: {test: curl x, start_period: 1d}",
    "healthcheck: {disable: true}",
    "deploy: {replicas: 2, resources: {limits: {cpus: '0.3', memory: 1g}}}",
    "deploy: {placement: {x-a: 1}, update_config: {delay: 5s, order: start-first}, labels: [a=b]}",
    "build: ./ctx",
    "build: {context: ., args: {A: 1, B: }, additional_contexts: [x=./y], secrets: [s], ssh: [default]}",
    "build: {dockerfile_inline: \"FROM x\\nRUN y\\n\", tags: [a], platforms: [linux/amd64]}",
    "develop: {watch: [{path: ./s, action: sync, target: /t, ignore: [a]}]}",
    "ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}",
    "extra_hosts: {h: [1.1.1.1, '::1']}",
    "extra_hosts: ['h=1.1.1.1', 'i:[::1]']",
    "labels: {a: 1, b: true, c: 1.50}",
    "labels: [a=1, 'b=x y', c]",
    "memswap_limit: 64m",
    "stop_grace_period: 1m",
    "init: false",
    "secrets: [{source: s, mode: 0440}]",
    "secrets: [s]",
    "configs: [{source: c, target: /c, uid: '1'}]",
    "models: {m: {endpoint_var: E}}",
    "models: [m]",
    "gpus: all",
    "gpus: [{driver: d, count: 2, options: {a: b}}]",
    "devices: ['/dev/a:/dev/b:r', 'v.com/d=x']",
    "sysctls: {a.b: 1}",
    "tmpfs: /run",
    "dns: [1.1.1.1, 8.8.8.8]",
    "blkio_config: {weight: 10, device_read_bps: [{path: /d, rate: 1k}]}",
    "post_start: [{command: a b, environment: [A=1]}]",
    "storage_opt: {size: 1G}",
    "x-a: {k10: [], k9: 'a: b', \"l\\n\": ~}",
    "x-b: [1.0, 1e21, '', \"\\t\"]",
];

fn fields() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(FIELDS.to_vec(), 0..20)
}

fn file(fields: &[&str]) -> String {
    let mut seen = std::collections::BTreeSet::new();
    let fields: Vec<&&str> = fields.iter().filter(|f| seen.insert(f.split(':').next())).collect();
    let lines: Vec<String> = fields.iter().map(|field| format!("    {field}\n")).collect();
    let lines = lines.concat();
    format!(
        "services:\n  a:\n    image: x:1\n{lines}  b:\n    image: y\nnetworks: {{n: {{driver: d, x-n: 1}}}}\n\
         volumes: {{data: {{driver_opts: {{o: 1}}}}}}\nsecrets: {{s: {{file: ./s}}}}\nconfigs: {{c: {{content: \"c $$\\n\"}}}}\n\
         models: {{m: {{model: q, context_size: 5}}}}\nx-top: {{e: [], f: {{}}}}\n"
    )
}

/// Lays documents over each other.
fn merged(base: &Node, over: &Node) -> Result<Node, Vec<Diagnostic>> {
    let (mut base, mut report) = (base.clone(), Report::default());
    merge(&mut base, over.clone(), &Path::TOP, &mut report);
    report.finish().map(|_| base)
}

/// A document that is not merged yet: some fields as they are, some without a value.
fn document() -> impl Strategy<Value = Node> {
    (fields(), proptest::collection::vec(any::<bool>(), FIELDS.len())).prop_map(|(fields, nothing)| {
        let field = |(field, nothing): (&&'static str, bool)| {
            let name = field.split(':').next().unwrap_or_default();
            if nothing { format!("{name}: ") } else { (*field).to_owned() }
        };
        // One in four has no value.
        let nothing = nothing.chunks(2).map(|pair| pair.iter().all(|b| *b)).cycle();
        let fields: Vec<String> = fields.iter().zip(nothing).map(field).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        parse(&file(&fields), &Sources::default(), 0, Limits::default()).expect("valid YAML").remove(0)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_printed_loads_to_the_same(fields in fields()) {
        let first = load_files(&[("compose.yaml", &file(&fields))], |_| {}).expect("loads").project;
        // As in Compose, JSON has no models and keys with capitals in `blkio_config`.
        let in_json = first.models.is_empty() && first.services["a"].blkio_config.is_none();
        let json = in_json.then(|| json_of(&first));
        for printed in json.into_iter().chain([yaml_of(&first)]) {
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
        // Items of these lists are not told apart.
        let appends = ["post_start", "develop", "gpus", "x-b", "blkio_config", "build"];
        let fields: Vec<&str> =
            fields.into_iter().filter(|field| !appends.iter().any(|name| field.starts_with(name))).collect();
        let text = file(&fields);
        let alone = load_files(&[("compose.yaml", &text)], |_| {}).expect("loads").project;
        let twice = load_files(&[("compose.yaml", &text), ("compose.override.yaml", &text)], |_| {});
        prop_assert_eq!(json_of(&alone), json_of(&twice.expect("loads").project));
    }

    /// compose-go's rules are associative but for three: `logging`, which a further file with a driver of its own
    /// replaces or not according to what it is laid over first, `ipam.config`, which compares each pool with each, and
    /// a list or mapping over which a scalar is laid, which fails unless another one covers the scalar before. Dropping
    /// what repeats is a stage of its own.
    #[test]
    fn it_is_the_same_in_which_order_documents_are_laid_over_each_other(
        a in document(), b in document(), c in document(),
    ) {
        let left = merged(&a, &b).and_then(|ab| merged(&ab, &c));
        let right = merged(&b, &c).and_then(|bc| merged(&a, &bc));
        if let (Ok(left), Ok(right)) = (left, right) {
            prop_assert_eq!(left.to_json(), right.to_json());
        }
    }

    #[test]
    fn what_is_normal_stays_as_it_is(fields in fields()) {
        let tree = MemoryTree::new([("/r/compose.yaml", file(&fields))]);
        let (mut reader, mut report) = (Reader::new(&tree), Report::default());
        let because = Because { span: Span::default(), kind: "compose file" };
        let files = reader.all(&["/r/compose.yaml".to_owned()], because, &mut report);
        let environment = BTreeMap::new();
        let scope = model::Scope { folder: "/r", environment: &environment, included: &[], keep_paths: false };
        let mut once = model::load(files, scope, &mut reader, &mut report);
        prop_assert!(report.finish().is_ok());
        normalize(&mut once, "r", &environment);
        let mut again = once.clone();
        normalize(&mut again, "r", &environment);
        prop_assert_eq!(again, once);
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in "(services|[a-c]|image|ports|: |\n|  |- |\\{|\\}|\\[|\\]|&a |\\*a|<<|\\$\\{|x|1|!reset ){0,40}") {
        drop(load_files(&[("compose.yaml", &text)], |_| {}));
    }
}
