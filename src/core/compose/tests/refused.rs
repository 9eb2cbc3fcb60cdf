//! What does not load, and what is said about it.

use super::errors;
use super::join;
use super::load_files;
use crate::core::compose::Options;
use crate::core::compose::load;
use crate::core::model::Entry;
use crate::core::model::EntryKind;
use crate::core::model::Tree;
use crate::core::model::TreeError;

#[test]
fn what_does_not_hold_together_is_told_with_its_place() {
    let cases = [
        ("services: {a: {user: x}}", "1:12: service \"a\" has neither an image nor a build context"),
        ("services: {a: {image: x, networks: [nope]}}", "service \"a\" refers to undefined network nope"),
        (
            "services: {a: {image: x, volumes: ['data:/d']}}\nvolumes: {dat: }",
            "undefined volume data (did you mean `dat`?)",
        ),
        ("services: {a: {image: x, depends_on: [b]}}", "service \"a\" depends on undefined service \"b\""),
        (
            "services: {a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}",
            "it is only in the profiles p",
        ),
        (
            "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}",
            "dependency cycle detected: a -> b -> a",
        ),
        (
            "services: {a: {image: x, network_mode: host, networks: [n]}}\nnetworks: {n: }",
            "mutually exclusive `network_mode`",
        ),
        ("services: {a: {image: x, healthcheck: {test: [x]}}}", "healthcheck.test must start either by"),
        ("services: {a: {image: x, container_name: cc, scale: 2}}", "can't set container_name and scale"),
        (
            "services: {a: {image: x, container_name: cc}, b: {image: x, container_name: cc}}",
            "already in use",
        ),
        (
            "services: {a: {image: x, mem_limit: 64m, deploy: {resources: {limits: {cpus: '1'}}}}}",
            "'mem_limit' and 'deploy.resources.limits.memory'",
        ),
        (
            "services: {a: {image: x, tmpfs: /t, volumes: ['vv:/t']}}\nvolumes: {vv: }",
            "target /t already mounted",
        ),
        (
            "services: {a: {image: x}}\nvolumes: {v: {external: true, driver: x}}",
            "conflicting parameters \"external\" and \"driver\"",
        ),
        ("services: {a: {image: x}}\nsecrets: {s: {}}", "secrets.s: one of file|environment must be set"),
        ("services: {a: {image: x, ports: [{target: 80, host_ip: x}]}}", "invalid ip address: x"),
        ("services: {a: {image: x, volumes: [{type: bind, target: /x}]}}", "field Source must not be empty"),
        (
            "services: {a: {image: x, stop_grace_period: 5x}}",
            "services.a.stop_grace_period: time: unknown unit \"x\"",
        ),
        ("services: {a: {image: x, environment: ['A =1']}}", "declared with a trailing space"),
        ("services: {a: {image: x, environment: ['à=1']}}", "declared with a trailing space"),
    ];
    for (text, expected) in cases {
        let found = errors(&[("compose.yaml", text)]);
        assert!(found.contains(expected), "{text}\n  wanted {expected}\n  got {found}");
        assert!(found.starts_with("/r/compose.yaml:"), "without a place: {found}");
    }
}

#[test]
fn files_that_do_not_fit_together_are_told_with_their_place() {
    let a = "services: {a: {image: x}}";
    let cases: [(&[(&str, &str)], &str); 9] = [
        (
            &[("compose.yaml", "include: [b.yaml]\nservices: {a: {image: y}}"), ("b.yaml", a)],
            "services.a conflicts with imported resource",
        ),
        (
            &[("compose.yaml", "include: [b.yaml]"), ("b.yaml", "include: [compose.yaml]")],
            "include cycle detected: /r/compose.yaml include /r/b.yaml",
        ),
        (&[("compose.yaml", "include: ['https://x/y.yaml']")], "remote includes are not supported"),
        (&[("compose.yaml", "include: [no.yaml]")], "open /r/no.yaml: no such file"),
        (
            &[("compose.yaml", "services: {a: {extends: b}, bb: {image: x}}")],
            "service \"b\" not found (did you mean `bb`?)",
        ),
        (
            &[("compose.yaml", "services: {a: {extends: b}, b: {extends: a}}")],
            "Circular reference: a in /r/compose.yaml extends b",
        ),
        (
            &[("compose.yaml", "services: {a: {extends: {file: b.yaml, service: z}}}"), ("b.yaml", a)],
            "service \"z\" not found in /r/b.yaml",
        ),
        (&[("compose.yaml", "services: {a: {image: x, env_file: no.env}}")], "env file /r/no.env not found"),
        (
            &[("compose.yaml", a), ("compose.override.yaml", "services: {a: [x]}")],
            "services.a must be a mapping",
        ),
    ];
    for (files, expected) in cases {
        let found = errors(files);
        assert!(found.contains(expected), "{files:?}\n  wanted {expected}\n  got {found}");
        assert!(found.starts_with("/r/"), "without a place: {found}");
    }
}

#[test]
fn a_dotenv_error_names_its_own_line() {
    let files = [("compose.yaml", "services: {a: {image: x, env_file: e}}"), ("e", "A=1\nB C=1\n")];
    assert!(errors(&files).starts_with("/r/e:2:1: failed to read /r/e: line 2: key cannot contain a space"));
}

#[test]
fn without_files_or_name_nothing_loads() {
    assert!(errors(&[]).contains("no configuration file provided"));
    assert!(errors(&[("compose.yaml", "# nothing")]).contains("empty compose file"));
    assert!(errors(&[("compose.yaml", "- a")]).contains("top-level object must be a mapping"));
    let bad_name =
        load_files(&[("compose.yaml", "services: {}")], |options| options.name = Some("A b".into()));
    assert!(bad_name.is_err_and(|errors| join(&errors).contains("invalid project name")));
}

/// A tree whose every other file is outside.
struct Fenced;

impl Tree for Fenced {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        match path {
            "/r/compose.yaml" => {
                Ok(b"services:\n  a:\n    image: x\n    env_file: ../../etc/passwd\n".to_vec())
            }
            _ => Err(TreeError::Outside),
        }
    }
    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        Ok((path == "/r/compose.yaml").then_some(EntryKind::File { executable: false }))
    }
    fn list(&self, _path: &str) -> Result<Vec<Entry>, TreeError> {
        Err(TreeError::Outside)
    }
}

#[test]
fn a_file_outside_of_the_repository_is_refused_at_the_line_that_names_it() {
    let errors = load(&Fenced, &Options { working_dir: "/r".into(), ..Options::default() });
    let errors = join(&errors.expect_err("it is outside"));
    assert_eq!(errors, "/r/compose.yaml:4:15: env file /etc/passwd: the path leaves the repository");
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
    for i in 1..9 {
        let p = i - 1;
        let aliases = vec![format!("*x{p}"); 10].join(", ");
        text = format!("{text}x{i}: &x{i} [{aliases}]\n");
    }
    assert!(errors(&[("compose.yaml", &text)]).contains("values with its aliases expanded"));
}

#[test]
fn services_of_one_name_that_extend_beside_them_are_a_circle_as_in_compose() {
    let files = [
        ("compose.yaml", "services: {a: {extends: {service: m, file: b.yaml}}}"),
        ("b.yaml", "services: {m: {extends: n}, n: {extends: {service: m, file: c.yaml}}}"),
        ("c.yaml", "services: {m: {extends: o}, o: {image: x}}"),
    ];
    assert!(errors(&files).contains("Circular reference"));
    let renamed = [files[0], files[1], ("c.yaml", "services: {m: {image: x}}")];
    assert_eq!(errors(&renamed), "loads");
}

#[test]
fn what_an_override_says_twice_is_refused_though_the_base_may_say_it_too() {
    let files = |hosts: &'static str| {
        [
            ("compose.yaml", "services: {a: {image: x, extra_hosts: ['a=1.1.1.1']}}"),
            ("compose.override.yaml", hosts),
        ]
    };
    assert_eq!(errors(&files("services: {a: {extra_hosts: ['a=1.1.1.1', 'b=1.1.1.1']}}")), "loads");
    let twice = errors(&files("services: {a: {extra_hosts: ['b=1.1.1.1', 'b=1.1.1.1']}}"));
    assert!(twice.contains("services.a.extra_hosts"), "{twice}");
}
