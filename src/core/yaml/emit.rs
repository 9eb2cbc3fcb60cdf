//! From a node to YAML text, in the style of go-yaml v3 with an indent of two: block style, a text is quoted only where
//! it must be.

use std::fmt::Write;

use super::Map;
use super::Node;
use super::Value;
use super::float::go_float;
use super::scalar;

/// A key that is longer is written behind `?`, as one with a line break is.
const MAX_KEY: usize = 128;

/// Writes a value, keys in the order that they have.
pub fn emit(node: &Node) -> String {
    let mut out = String::new();
    match &node.value {
        Value::Map(map) if !map.is_empty() => mapping(&mut out, map, 0, false),
        Value::List(items) if !items.is_empty() => list(&mut out, items, 0, false),
        scalar => {
            plain_or_quoted(&mut out, scalar, 0);
            out.push('\n');
        }
    }
    out
}

/// Writes a mapping's lines; with `started`, the first line has its indent already.
fn mapping(out: &mut String, map: &Map, indent: usize, mut started: bool) {
    for (key, entry) in map.iter() {
        if !std::mem::take(&mut started) {
            pad(out, indent);
        }
        let complex = key.len() > MAX_KEY || key.contains(is_break);
        if complex {
            out.push_str("? ");
        }
        match key {
            // As a plain key it would be a merge.
            "<<" => out.push_str("\"<<\""),
            _ => text(out, key, complex.then_some(indent + 2)),
        }
        if complex {
            out.push('\n');
            pad(out, indent);
        }
        out.push(':');
        match &entry.node.value {
            Value::Map(inner) if !inner.is_empty() => {
                out.push(if complex { ' ' } else { '\n' });
                mapping(out, inner, indent + 2, complex);
            }
            Value::List(items) if !items.is_empty() => {
                out.push(if complex { ' ' } else { '\n' });
                list(out, items, indent + 2, complex);
            }
            scalar => {
                out.push(' ');
                plain_or_quoted(out, scalar, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn list(out: &mut String, items: &[Node], indent: usize, mut started: bool) {
    for item in items {
        if !std::mem::take(&mut started) {
            pad(out, indent);
        }
        out.push_str("- ");
        match &item.value {
            Value::Map(inner) if !inner.is_empty() => mapping(out, inner, indent + 2, true),
            Value::List(inner) if !inner.is_empty() => list(out, inner, indent + 2, true),
            scalar => {
                plain_or_quoted(out, scalar, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Writes a scalar, or an empty list or mapping.
fn plain_or_quoted(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Uint(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&float(*value)),
        Value::Text(content) => text(out, content, Some(indent)),
        Value::Timestamp(date) => out.push_str(date),
        Value::List(_) => out.push_str("[]"),
        Value::Map(_) => out.push_str("{}"),
    }
}

fn float(value: f64) -> String {
    match value {
        f64::INFINITY => ".inf".into(),
        f64::NEG_INFINITY => "-.inf".into(),
        value if value.is_nan() => ".nan".into(),
        value => go_float(value),
    }
}

/// Writes a text. A key that is not behind `?` has no indent, for it must stay on its line.
fn text(out: &mut String, content: &str, indent: Option<usize>) {
    let form = Form::of(content);
    match indent {
        Some(indent) if content.contains('\n') && form.block => literal(out, content, indent),
        _ if content.contains('\n') || !reads_back(content) => double_quoted(out, content),
        _ if form.plain => out.push_str(content),
        _ if form.single_quoted => {
            out.push('\'');
            out.push_str(&content.replace('\'', "''"));
            out.push('\'');
        }
        _ => double_quoted(out, content),
    }
}

/// Whether a text without quotes is that text again, for readers of YAML 1.1 too.
fn reads_back(text: &str) -> bool {
    const OLD_BOOLEANS: [&str; 8] = ["y", "yes", "on", "n", "no", "off", "Y", "N"];
    let is_old_boolean =
        OLD_BOOLEANS.contains(&text) || ["Yes", "YES", "On", "ON", "No", "NO", "Off", "OFF"].contains(&text);
    matches!(scalar::resolve(text), Value::Text(_)) && !is_old_boolean && !is_base_60(text)
}

/// Whether the text is `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`, a number of base 60 in YAML 1.1.
fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let mut others = parts.peekable();
    others.peek().is_some()
        && first.starts_with(|c: char| c.is_ascii_digit())
        && digits(first)
        && digits(fraction)
        && others.all(|part| match part.as_bytes() {
            [one] => one.is_ascii_digit(),
            [ten, one] => (b'0'..=b'5').contains(ten) && one.is_ascii_digit(),
            _ => false,
        })
}

/// In which forms a text may be written.
struct Form {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Form {
    fn of(text: &str) -> Self {
        let mut form = Self { plain: true, single_quoted: true, block: true };
        if text.starts_with("---") || text.starts_with("...") {
            form.plain = false;
        }
        let mut previous: Option<char> = None;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let next = rest.peek().copied();
            let before_space = next.is_none_or(is_blank);
            let indicates = match (previous, c) {
                (None, '?' | ':' | '-') | (Some(_), ':') => before_space,
                (None, _) => "#,[]{}&*!|>'\"%@`".contains(c),
                (Some(previous), '#') => is_blank(previous),
                _ => false,
            };
            if indicates {
                form.plain = false;
            }
            if c == '\t' || !is_printable(c) {
                form.plain = false;
                form.single_quoted = false;
                form.block &= c == '\t';
            }
            form.follow(previous, c, next);
            previous = Some(c);
        }
        form
    }

    /// Spaces at an end or beside a line break, and line breaks themselves, get lost in some forms.
    fn follow(&mut self, previous: Option<char>, c: char, next: Option<char>) {
        let at_end = previous.is_none() || next.is_none();
        if is_break(c) || (c == ' ' && at_end) {
            self.plain = false;
        }
        if c == ' ' && next.is_none() {
            self.block = false;
        }
        if c == ' ' && previous.is_some_and(is_break) {
            self.single_quoted = false;
        }
        if is_break(c) && previous == Some(' ') {
            self.single_quoted = false;
            self.block = false;
        }
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t' || is_break(c)
}

/// go-yaml prints nothing above the basic plane as it is.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

fn literal(out: &mut String, content: &str, indent: usize) {
    out.push('|');
    // go-yaml does not do so for a tab, and cannot read what it wrote.
    if content.starts_with([' ', '\t', '\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        out.push('2');
    }
    let body = content.trim_end_matches('\n');
    match content.len() - body.len() {
        0 => out.push('-'),
        1 if !body.is_empty() => {}
        _ => out.push('+'),
    }
    for line in content.strip_suffix('\n').unwrap_or(content).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

fn double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            c if is_printable(c) => out.push(c),
            c => {
                let code = u32::from(c);
                let written = match code {
                    0..=0xff => write!(out, "\\x{code:02X}"),
                    0x100..=0xffff => write!(out, "\\u{code:04X}"),
                    _ => write!(out, "\\U{code:08X}"),
                };
                written.expect("a string takes any text");
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::core::yaml::Limits;
    use crate::core::yaml::Sources;
    use crate::core::yaml::decode;
    use crate::core::yaml::parse;

    #[test]
    fn texts_are_quoted_where_they_must_be() {
        let cases = [
            ("a b", "a b"),
            ("", r#""""#),
            ("yes", r#""yes""#),
            ("1", r#""1""#),
            ("0x10", r#""0x10""#),
            ("22:22", r#""22:22""#),
            ("2024-01-02", r#""2024-01-02""#),
            ("a: b", "'a: b'"),
            ("a:b", "a:b"),
            ("it's: x", "'it''s: x'"),
            ("# x", "'# x'"),
            ("a#b", "a#b"),
            ("- x", "'- x'"),
            ("-x", "-x"),
            ("[x]", "'[x]'"),
            (" x", "' x'"),
            ("a\tb", r#""a\tb""#),
            ("😀", r#""\U0001F600""#),
            ("é", "é"),
        ];
        for (content, written) in cases {
            assert_eq!(emit(&json!(content).into()), format!("{written}\n"));
        }
    }

    #[test]
    fn lists_and_mappings_are_written_as_blocks() {
        let value =
            json!({"a": [{"b": 1, "c": [true]}, [null]], "d": {}, "e": [], "f": {"g": 1.5}, "h": "x\ny\n"});
        assert_eq!(
            emit(&value.into()),
            "a:\n  - b: 1\n    c:\n      - true\n  - - null\nd: {}\ne: []\nf:\n  g: 1.5\nh: |\n  x\n  y\n"
        );
    }

    #[test]
    fn keys_with_line_breaks_and_long_ones_are_written_behind_a_question_mark() {
        let value = json!({"k": {"a\nb": "1", "c\u{85}": {"d": 1, "e": 2}, "f\n": [1]}});
        assert_eq!(
            emit(&value.into()),
            "k:\n  ? |-\n    a\n    b\n  : \"1\"\n  ? \"c\\N\"\n  : d: 1\n    e: 2\n  ? |\n    f\n  : - 1\n"
        );
    }

    #[test]
    fn the_ends_of_blocks_are_kept() {
        for content in ["a\nb", "a\n", "a\n\n", "\n", "\n\n", "\na", " a\nb", "a\n \nb\n", "a \nb", "a\n b\n"]
        {
            let text = emit(&json!({"k": content}).into());
            let root = parse(&text, &Sources::default(), 0, Limits::default()).expect(&text).remove(0);
            assert_eq!(decode::<serde_json::Value>(&root), Ok(json!({"k": content})), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_text_reads_back(key in "[a-z:# ?'-]{1,6}", content in "\\PC{0,9}|[-a1:#' \n\t?.]{0,9}") {
            let value = json!({key: [content.clone(), {"k": content}]});
            let text = emit(&value.clone().into());
            let root = parse(&text, &Sources::default(), 0, Limits::default());
            let root = root.map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?.remove(0);
            prop_assert_eq!(decode::<serde_json::Value>(&root), Ok(value), "{}", text);
        }
    }
}
