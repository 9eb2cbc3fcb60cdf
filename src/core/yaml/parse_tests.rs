use proptest::prelude::*;

use super::*;
use crate::core::yaml::Tag;
use crate::core::yaml::Value;

fn read(text: &str) -> Result<Vec<Node>, Diagnostic> {
    let mut sources = Sources::default();
    let file = sources.add("c.yaml");
    parse(text, &sources, file, Limits { depth: 20, nodes: 1000 })
}

fn one(text: &str) -> Node {
    read(text).expect("valid YAML").remove(0)
}

fn refused(text: &str) -> String {
    read(text).expect_err("should be refused").to_string()
}

#[test]
fn local_keys_win_over_merged_ones_wherever_they_stand() {
    let root = one("a: &a {x: 1, y: 1}\nb: {y: 2, <<: *a}\nc: {<<: [{x: 3}, *a]}\n");
    let number = |a: &str, b: &str| root.get(a).and_then(|n| n.get(b)).map(|n| n.value.clone());
    assert_eq!(number("b", "x"), Some(Value::Int(1)));
    assert_eq!(number("b", "y"), Some(Value::Int(2)));
    assert_eq!(number("c", "x"), Some(Value::Int(3)));
    assert_eq!(number("c", "y"), Some(Value::Int(1)));
}

#[test]
fn nodes_know_their_place() {
    let root = one("a:\n  - b: é\n");
    let item = &root.get("a").and_then(Node::as_list).expect("a list")[0];
    let entry = item.as_map().and_then(|m| m.entry("b")).expect("b");
    assert_eq!((entry.key.line, entry.key.column), (2, 5));
    assert_eq!((entry.node.span.line, entry.node.span.column), (2, 8));
}

#[test]
fn tags_of_merges_are_kept_and_others_make_texts() {
    let root =
        one("a: !reset null\nb: !override [1]\nc: !foo 1\nf: !override true\nd: !!str 2\ne: !!binary aGk=\n");
    assert_eq!(root.get("a").and_then(|n| n.tag), Some(Tag::Reset));
    assert_eq!(root.get("b").and_then(|n| n.tag), Some(Tag::Override));
    for (key, text) in [("c", "1"), ("d", "2"), ("e", "hi"), ("f", "true")] {
        assert_eq!(root.get(key).and_then(Node::as_str), Some(text));
    }
}

#[test]
fn a_tab_behind_a_colon_is_a_space() {
    let root = one("a:\tb\nc: {d:\t-x}\ne: |\n  f:\tg\n");
    assert_eq!(root.get("a").and_then(Node::as_str), Some("b"));
    assert_eq!(root.get("c").and_then(|c| c.get("d")).and_then(Node::as_str), Some("-x"));
    assert_eq!(root.get("e").and_then(Node::as_str), Some("f:\tg\n"));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let cases = [
        (
            "a: 1\nb: 2\na: 3\n",
            "c.yaml:3:1: mapping key \"a\" already defined at line 1 (keep one of the two)",
        ),
        ("a:\n  b:\n    1: x\n", "c.yaml:3:5: non-string key in a.b: 1 (write it in quotes: \"1\")"),
        ("a:\n  <<: x\n", "c.yaml:2:7: map merge requires map or sequence of maps as the value"),
        (
            "a: &a\n  b: *a\n",
            "c.yaml:2:6: an alias stands inside the value that it refers to (cycle detected)",
        ),
        (
            "%YAML 1.2\n---\na: 1\n",
            "c.yaml:1:1: yaml: found incompatible YAML document (remove the %YAML line)",
        ),
        ("a: \"x\\/y\"\n", "c.yaml:1:4: yaml: found unknown escape character (write `/` without `\\`)"),
    ];
    for (text, message) in cases {
        assert_eq!(refused(text), message);
    }
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let p = i - 1;
        text = format!("{text}a{i}: &a{i} [*a{p}, *a{p}, *a{p}, *a{p}, *a{p}]\n");
    }
    assert!(refused(&text).contains("more than 1000 values"));
    assert!(refused(&"[".repeat(50)).contains("nested more than 20 deep"));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "(\\PC|[\\n:&*!\\[\\]{}<>|#'\"-]){0,60}") {
        drop(read(&text));
    }
}
