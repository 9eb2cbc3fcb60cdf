//! All that is wrong is told at once, whatever stage finds it, and nothing that only follows from something else.

use super::errors;

fn lines(files: &[(&str, &str)]) -> Vec<String> {
    errors(files).lines().map(|line| line.strip_prefix("/r/").unwrap_or(line).to_owned()).collect()
}

#[test]
fn every_stage_says_what_it_finds() {
    let text = "
services:
  a:
    image: ${MISSING:?set it}
    portz: [80]
  b:
    image: x
    ports: [70000:80]
    networks: [nowhere]
    env_file: [gone.env]
  c:
    image: y
    extends: {service: nobody}
  d:
    build: {context: ., dockerfile: D, dockerfile_inline: FROM x}
secrets:
  s: {file: f, environment: E}
";
    let found = lines(&[("compose.yaml", text), ("compose.override.yaml", "services: {e: {image: [z]}}")]);
    let expected = [
        "compose.override.yaml:1:23: services.e.image must be a string, it is a list",
        "compose.yaml:4:12: error while interpolating services.a.image: required variable MISSING is missing a value: set it (set MISSING in the environment or in .env)",
        "compose.yaml:5:5: services.a additional properties 'portz' not allowed (did you mean `ports`?)",
        "compose.yaml:8:13: ",
        "compose.yaml:9:16: service \"b\" refers to undefined network nowhere",
        "compose.yaml:10:16: env file /r/gone.env not found: ",
        "compose.yaml:13:14: cannot extend service \"c\" in /r/compose.yaml: service \"nobody\" not found",
        "compose.yaml:15:5: service \"d\" declares mutualy exclusive dockerfile and dockerfile_inline",
        "compose.yaml:17:6: secrets.s: file|environment attributes are mutually exclusive",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn a_value_that_is_refused_does_not_hide_what_else_is_wrong_with_its_service() {
    let text = "services:\n  a:\n    image: [x]\n    networks: [nowhere]\n    env_file: [gone.env]\n";
    let found = lines(&[("compose.yaml", text)]);
    let expected = [
        "compose.yaml:3:12: services.a.image must be a string",
        "compose.yaml:4:16: service \"a\" refers to undefined network nowhere",
        "compose.yaml:5:16: env file /r/gone.env not found",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    assert!(found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected)), "{found:#?}");
}

#[test]
fn what_follows_from_a_mistake_is_not_told() {
    let one = |files: &[(&str, &str)]| {
        let found = lines(files);
        assert_eq!(found.len(), 1, "{found:#?}");
    };
    // The service has no image because the image is wrong; the network is there although it is wrong.
    one(&[("compose.yaml", "services: {a: {image: [x]}, b: {image: y, depends_on: [a]}}")]);
    one(&[("compose.yaml", "services: {a: {image: x, networks: [n]}}\nnetworks: {n: {driver: [x]}}")]);
    one(&[("compose.yaml", "services: {a: 5, b: {image: y, depends_on: [a]}}")]);
    one(&[("compose.yaml", "services: {a: {extends: b}, b: {extends: a}, c: {extends: b}}")]);
    // What a file that cannot be read would have brought is not missing.
    one(&[(
        "compose.yaml",
        "include: [gone.yaml]\nservices: {a: {image: x, networks: [n], depends_on: [b]}}",
    )]);
    one(&[
        ("compose.yaml", "services: {a: {image: x, volumes: ['v:/v']}}"),
        ("compose.override.yaml", "volumes: {v: \n]"),
    ]);
}

#[test]
fn mistakes_of_several_files_are_told_together() {
    let found = lines(&[("compose.yaml", "services: {a: {image: x}"), ("compose.override.yaml", "]")]);
    assert_eq!(found.len(), 2, "{found:#?}");
}
