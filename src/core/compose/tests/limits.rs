//! What is too large is refused by a limit that is named. How fast and in how much memory is told by `benches`.

use super::errors;

/// A project of this file is refused with words that name the limit.
fn refused_with(text: &str, limit: &str) {
    let found = errors(&[("compose.yaml", text)]);
    assert!(found.contains(limit), "wanted {limit}, got {}", &found[..found.len().min(300)]);
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.extend([format!("a{level}: &a{level} [{aliases}]\n")]);
    }
    refused_with(&bomb, "more than 500000 values with its aliases expanded");
}

#[test]
fn a_long_text_counts_as_many_values() {
    let text = format!("x-a: &a {}\nx-b: [{}]\n", "y".repeat(1 << 20), "*a, ".repeat(1000));
    refused_with(&text, "more than 500000 values");
}

#[test]
fn deep_nesting_is_refused() {
    refused_with(&"[".repeat(10_000), "nested more than 100 deep");
    let lines: Vec<String> = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let block = lines.concat();
    refused_with(&block, "nested more than 100 deep");
    let text = format!("services: {{a: {{image: '{}{}'}}}}", "${A:-".repeat(100), "}".repeat(100));
    refused_with(&text, "defaults are nested more than 50 deep");
}

#[test]
fn many_documents_over_much_are_refused() {
    let documents: Vec<String> = (0..5000).map(|i| format!("---\nx-{i}: 1\n")).collect();
    refused_with(&documents.concat(), "documents are laid over more than 5000000 values");
    let base = format!("services: {{m: {{image: x}}}}\n{}", documents.concat());
    let main = "services: {a: {extends: {service: m, file: b.yaml}}}";
    let found = errors(&[("compose.yaml", main), ("b.yaml", &base)]);
    assert!(found.contains("documents are laid over"), "{found}");
}

#[test]
fn a_large_file_is_refused() {
    refused_with(&format!("# {}", "x".repeat(5 << 20)), "the file is larger than 4194304 bytes");
}

#[test]
fn many_includes_and_much_to_read_are_refused() {
    let main = format!("include: [{}]\n", "b.yaml, ".repeat(2500));
    let b = "services: {b: {image: x}}";
    let found = errors(&[("compose.yaml", &main), ("b.yaml", b)]);
    assert!(found.contains("more than 2000 files are read"), "{found}");
    let large = format!("# {}\n{b}", "x".repeat(4_000_000));
    let found = errors(&[("compose.yaml", &main), ("b.yaml", &large)]);
    assert!(found.contains("more than 67108864 bytes are read in all"), "{found}");
}

#[test]
fn includes_and_extensions_of_each_other_are_refused() {
    let found = errors(&[("compose.yaml", "include: [b.yaml]"), ("b.yaml", "include: [b.yaml]")]);
    assert!(found.contains("include cycle detected: /r/compose.yaml include /r/b.yaml include /r/b.yaml"));
    let chain: Vec<String> = (0..60).map(|i| format!("s{i}: {{extends: s{}}}", i + 1)).collect();
    refused_with(
        &format!("services: {{{}, s60: {{image: x}}}}", chain.join(", ")),
        "more than 50 services extend",
    );
}

#[test]
fn services_that_multiply_by_extending_are_refused() {
    let labels: Vec<String> = (0..2000).map(|i| format!("l{i}: v")).collect();
    let others: Vec<String> = (0..2000).map(|i| format!("s{i}: {{extends: base}}")).collect();
    let text =
        format!("services: {{base: {{image: x, labels: {{{}}}}}, {}}}", labels.join(", "), others.join(", "));
    refused_with(&text, "services get more than 1000000 values from those that they extend");
}

#[test]
fn ranges_of_ports_that_multiply_are_refused() {
    let ports: Vec<String> = (1..5).map(|i| format!("'127.0.0.{i}:1-65535:1-65535'")).collect();
    refused_with(
        &format!("services: {{a: {{image: x, ports: [{}]}}}}", ports.join(", ")),
        "ranges stand for more than 200000 ports",
    );
}

#[test]
fn variables_that_multiply_are_refused() {
    let mut env = format!("A0={}\n", "x".repeat(1000));
    for level in 1..30 {
        env.extend([format!("A{level}=${{A{0}}}${{A{0}}}\n", level - 1)]);
    }
    let found = errors(&[("compose.yaml", "services: {a: {image: x}}"), (".env", &env)]);
    assert!(found.contains("bytes together"), "{}", &found[..300.min(found.len())]);

    let env = format!("A={}\n", "x".repeat(1 << 20));
    let text = format!("services: {{a: {{image: x, labels: ['a={}']}}}}", "$A".repeat(100));
    let found = errors(&[("compose.yaml", &text), (".env", &env)]);
    assert!(found.contains("the variables' values have more than 4194304 bytes together"), "{found}");

    let items = (0..100).map(|i| format!("l{i}: $A")).collect::<Vec<_>>().join(", ");
    let text = format!("services: {{a: {{image: x, labels: {{{items}}}}}}}");
    let found = errors(&[("compose.yaml", &text), (".env", &env)]);
    assert!(found.contains("variables bring in more than 16777216 bytes"), "{}", &found[..300]);
}

#[test]
fn no_more_errors_are_told_than_can_be_read() {
    let keys: Vec<String> = (0..5000).map(|i| format!("k{i}: 1")).collect();
    let found = errors(&[("compose.yaml", &format!("services: {{a: {{image: x, {}}}}}", keys.join(", ")))]);
    assert_eq!(found.lines().count(), 1000);
}
