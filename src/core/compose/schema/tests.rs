use super::*;
use crate::core::yaml::Limits;
use crate::core::yaml::parse;

fn errors(text: &str) -> Vec<String> {
    let mut report = Report::default();
    let file = report.sources.add("c.yaml");
    let root = parse(text, &report.sources, file, Limits::default()).expect("valid YAML").remove(0);
    check(&root, &mut report);
    report.errors().iter().map(ToString::to_string).collect()
}

#[test]
fn a_service_with_all_kinds_of_forms_is_of_the_schema() {
    let text = "
name: x
services:
  a:
    image: b
    ports: [80, '81:81', {target: 82, x-a: 1}]
    environment: {A: 1, B: null}
    depends_on: {b: {condition: service_healthy}}
    deploy: {resources: {limits: {cpus: '0.5'}}}
    networks: {n: {priority: 1}, m: }
    x-any: [1]
volumes: {v: , w: {external: {name: x}}}
x-top: 1
";
    assert_eq!(errors(text), Vec::<String>::new());
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = "
services:
  a:
    imgae: b
    ports: x
    cap_add: [A, A]
    cpu_percent: 101
    depends_on: {b: {condition: service_helthy}, c: {}}
    container_name: _
    labels: {d: 2024-01-02}
  b c: {image: x}
servces: {}
";
    assert_eq!(
        errors(text),
        [
            "c.yaml:4:5: services.a additional properties 'imgae' not allowed (did you mean `image`?)",
            "c.yaml:5:12: services.a.ports must be an array, it is a string",
            "c.yaml:6:18: services.a.cap_add[1] is there twice, array items must be unique",
            "c.yaml:7:18: services.a.cpu_percent must be less than or equal to 100",
            "c.yaml:8:33: services.a.depends_on.b.condition value must be one of 'service_started', 'service_healthy', 'service_completed_successfully' (did you mean \"service_healthy\"?)",
            "c.yaml:8:53: services.a.depends_on.c missing property 'condition'",
            "c.yaml:9:21: services.a.container_name does not match pattern \"[a-zA-Z0-9][a-zA-Z0-9_.-]+\"",
            "c.yaml:10:17: services.a.labels.d must be a string or number or boolean or null, it is a date",
            "c.yaml:11:3: services additional properties 'b c' not allowed (names have letters, digits, `.`, `_` and `-`)",
            "c.yaml:12:1: additional properties 'servces' not allowed (did you mean `services`?)",
        ]
    );
}
