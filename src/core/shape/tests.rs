use std::time::Duration;

use proptest::prelude::*;

use super::Data;
use super::Field;
use super::Section;
use super::Shape;
use super::Value;
use super::check;
use super::format_duration;
use super::json_schema;
use super::parse_duration;

const ITEM: &[Field] = &[
    Field::new("name", Shape::Text, "what it is called").required(),
    Field::new("on", Shape::Flag, "if it is on").or("true"),
];
const FIELDS: &[Field] = &[
    Field::new("interval", Shape::Duration, "how often").or("60s"),
    Field::new("mode", Shape::OneOf(&["off", "warn"]), "what to do"),
    Field::new("items", Shape::List(&Shape::Map(ITEM)), "the items"),
    Field::new("words", Shape::List(&Shape::Text), "some words"),
];

fn problems(text: &str) -> Vec<String> {
    match Value::parse(text, "f.yaml") {
        Ok(value) => check(&value, FIELDS).iter().map(ToString::to_string).collect(),
        Err(problem) => vec![problem.to_string()],
    }
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let text = "\
intervall: 30s
interval: 30
mode: [off]
items:
  - name: a
    on: yes
  - nam: b
words: none
";
    insta::assert_snapshot!(problems(text).join("\n"), @r"
    f.yaml:1:1: unknown key `intervall` (did you mean `interval`?)
    f.yaml:2:11: `30` is no length of time (write a length of time with its unit, such as 30s, 5m or 1h30m)
    f.yaml:3:7: expected a word, found a list
    f.yaml:6:9: expected true or false, found text
    f.yaml:7:5: unknown key `nam` (did you mean `name`?)
    f.yaml:7:5: `name` is missing (what it is called)
    f.yaml:8:8: expected a list, found text
    ");
}

#[test]
fn a_path_leads_to_the_value() {
    let value = Value::parse("items:\n- name: a\n- {name: b, on: 1}", "f").expect("yaml");
    assert_eq!(check(&value, FIELDS)[0].path, "items[1].on");
}

#[test]
fn what_is_commented_out_is_not_there() {
    assert!(problems("").is_empty());
    assert!(problems("# nothing\n").is_empty());
    assert!(problems("items:\n  # - name: a\ninterval:\n").is_empty());
    assert_eq!(problems("items:\n- name:\n"), ["f.yaml:2:3: `name` is missing (what it is called)"]);
}

#[test]
fn a_key_given_twice_is_refused_even_if_quoted_differently() {
    assert_eq!(problems("mode: off\n'mode': warn"), ["f.yaml:2:1: `mode` is given twice, first in line 1"]);
}

#[test]
fn yaml_that_could_mean_more_than_it_says_is_refused() {
    assert_eq!(problems("mode: &a off\ninterval: *a"), ["f.yaml:2:11: aliases are not used here"]);
    assert_eq!(problems("mode: !x off"), ["f.yaml:1:7: tags such as `!x` are not used here"]);
    assert_eq!(problems("mode: off\n---\nmode: off"), ["f.yaml:2:1: only one document is read"]);
    assert_eq!(problems("? [a]\n: b"), ["f.yaml:1:3: a key must be text"]);
    assert_eq!(problems("- a").len(), 1);
    assert!(problems("mode: \"off")[0].starts_with("f.yaml:"));
}

#[test]
fn deep_nesting_is_refused_and_overflows_no_stack() {
    for text in ["- ".repeat(100_000), "[".repeat(200), "a:\n ".to_owned() + &"- ".repeat(100_000)] {
        assert!(problems(&text)[0].contains("nested too deeply"), "{:?}", problems(&text));
    }
}

#[test]
fn scalars_keep_the_text_that_was_written() {
    let value = Value::parse("words: [1.10, 0x1F, yes, '~', \"a\\tb\"]", "f").expect("yaml");
    let words: Vec<&str> = Section::root(&value).texts("words").iter().map(|word| word.text).collect();
    assert_eq!(words, ["1.10", "0x1F", "yes", "~", "a\tb"]);
    assert_eq!(Value::parse("~", "f").expect("yaml").data, Data::Null);
}

#[test]
fn a_schema_says_what_the_table_says() {
    insta::assert_snapshot!(json_schema("Test", FIELDS)["properties"]["items"], @r#"{"description":"the items","type":"array","items":{"type":"object","additionalProperties":false,"required":["name"],"properties":{"name":{"description":"what it is called","type":["string","number","boolean"]},"on":{"description":"if it is on","type":"boolean","default":true}}}}"#);
}

#[test]
fn durations_need_units() {
    assert_eq!(parse_duration("1h30m"), Ok(Duration::from_mins(90)));
    assert_eq!(parse_duration("1m1500ms"), Ok(Duration::from_millis(61_500)));
    assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
    for bad in ["", "5", "m", "5 m", "-5m", "1.5h", "5d", "99999999999999999999s", "9999999999999999h"] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_duration_reads_as_it_is_written(millis in 0..u64::MAX / 2) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z:\\-\\[\\]{}&*!?|> \n'\"#%]{0,80}") {
        drop(problems(&text));
    }
}
