//! JSON as Go's `encoding/json` writes it: HTML characters escaped, floats in its own form.

use std::fmt::Write;

use serde_json::Value;

use crate::core::yaml::go_json_float;

/// Writes a value without white space.
pub(super) fn compact(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, None, 0);
    out
}

/// Writes an entry of an object that is so many levels deep, with an indent of two spaces.
pub(super) fn entry(key: &str, value: &Value, depth: usize) -> String {
    let mut out = INDENT.repeat(depth);
    write_string(&mut out, key);
    out.push_str(": ");
    write_value(&mut out, value, Some(INDENT), depth);
    out
}

const INDENT: &str = "  ";

fn write_value(out: &mut String, value: &Value, indent: Option<&str>, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => out.push_str(&go_json_float(float)),
            None => out.push_str(&number.to_string()),
        },
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            write_items(out, ['[', ']'], items.iter(), indent, depth, |out, item| {
                write_value(out, item, indent, depth + 1);
            });
        }
        Value::Object(map) => write_items(out, ['{', '}'], map.iter(), indent, depth, |out, (key, item)| {
            write_string(out, key);
            out.push_str(if indent.is_some() { ": " } else { ":" });
            write_value(out, item, indent, depth + 1);
        }),
    }
}

fn write_items<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = T>,
    indent: Option<&str>,
    depth: usize,
    mut write: impl FnMut(&mut String, T),
) {
    let empty = items.len() == 0;
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = indent.filter(|_| !empty) {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
    };
    out.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        line(out, depth + 1);
        write(out, item);
    }
    line(out, depth);
    out.push(close);
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("a string takes any text");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn html_characters_and_controls_are_escaped() {
        let value = json!({"a<b": "x&y>\u{2028}\u{1}\u{8}\u{7f}é\n\"\\"});
        assert_eq!(
            compact(&value),
            r#"{"a\u003cb":"x\u0026y\u003e\u2028\u0001\b"#.to_owned() + "\u{7f}é" + r#"\n\"\\"}"#
        );
    }

    #[test]
    fn floats_have_go_s_form() {
        assert_eq!(compact(&json!([1e-7, 0.5, 3.0, 1e21])), "[1e-7,0.5,3,1e+21]");
    }

    #[test]
    fn empty_lists_and_mappings_stay_on_their_line() {
        assert_eq!(
            entry("k", &json!({"a": {}, "b": [1]}), 1),
            "  \"k\": {\n    \"a\": {},\n    \"b\": [\n      1\n    ]\n  }"
        );
    }
}
