//! A value against the table: unknown and missing keys, wrong kinds of values.

use super::Data;
use super::Entry;
use super::Field;
use super::Shape;
use super::Value;
use super::parse_duration;
use crate::core::diag::Diagnostic;
use crate::core::diag::did_you_mean;

/// Returns everything that is wrong with a mapping, in the order of the file. An empty file has no keys.
pub fn check(value: &Value, fields: &'static [Field]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    match &value.data {
        Data::Null => missing(&[], value, fields, "", &mut problems),
        _ => check_value(value, Shape::Map(fields), "", &mut problems),
    }
    problems
}

fn check_value(value: &Value, shape: Shape, path: &str, problems: &mut Vec<Diagnostic>) {
    match (shape, &value.data) {
        (Shape::Map(fields), Data::Map(entries)) => check_map(value, entries, fields, path, problems),
        (Shape::List(item), Data::List(values)) => {
            for (index, value) in values.iter().enumerate() {
                check_value(value, *item, &format!("{path}[{index}]"), problems);
            }
        }
        (Shape::Text, Data::Scalar { .. }) => {}
        (Shape::Flag, Data::Scalar { text, plain: true }) if matches!(text.as_str(), "true" | "false") => {}
        (Shape::Duration, Data::Scalar { text, .. }) => {
            if let Err(error) = parse_duration(text) {
                problems.push(
                    problem("bad-duration", format!("`{text}` is no length of time"), value, path)
                        .hint(error.to_string()),
                );
            }
        }
        (Shape::OneOf(words), Data::Scalar { text, .. }) => {
            if !words.contains(&text.as_str()) {
                let message = format!("`{text}` is none of {}", words.join(", "));
                problems.push(suggest(problem("bad-word", message, value, path), text, words));
            }
        }
        (wanted, _) => {
            let message = format!("expected {}, found {}", wanted.kind(), value.kind());
            problems.push(problem("wrong-type", message, value, path));
        }
    }
}

fn check_map(
    value: &Value,
    entries: &[Entry],
    fields: &'static [Field],
    path: &str,
    problems: &mut Vec<Diagnostic>,
) {
    for (index, entry) in entries.iter().enumerate() {
        let path = join(path, &entry.name);
        if let Some(first) = entries[..index].iter().find(|other| other.name == entry.name) {
            let message = format!("`{}` is given twice, first in line {}", entry.name, first.place.line);
            problems.push(Diagnostic::error("duplicate-key", message).at(entry.place.clone()).path(path));
            continue;
        }
        match fields.iter().find(|field| field.name == entry.name) {
            // A key without a value, or with all of it commented out, is a key that is not there.
            Some(_) if entry.value.data == Data::Null => {}
            Some(field) => check_value(&entry.value, field.shape, &path, problems),
            None => {
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                let unknown = Diagnostic::error("unknown-key", format!("unknown key `{}`", entry.name))
                    .at(entry.place.clone())
                    .path(path);
                problems.push(suggest(unknown, &entry.name, &names));
            }
        }
    }
    missing(entries, value, fields, path, problems);
}

fn missing(
    entries: &[Entry],
    value: &Value,
    fields: &'static [Field],
    path: &str,
    problems: &mut Vec<Diagnostic>,
) {
    let given = |name: &str| entries.iter().any(|entry| entry.name == name && entry.value.data != Data::Null);
    for field in fields.iter().filter(|field| field.required && !given(field.name)) {
        let message = format!("`{}` is missing", field.name);
        problems.push(problem("missing-key", message, value, path).hint(field.doc));
    }
}

fn problem(code: &'static str, message: String, value: &Value, path: &str) -> Diagnostic {
    Diagnostic::error(code, message).at(value.place.clone()).path(path)
}

/// Adds what was most likely meant, or else what is known.
fn suggest(problem: Diagnostic, given: &str, known: &[&'static str]) -> Diagnostic {
    match did_you_mean(given, known.iter().copied()) {
        Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
        None => problem.hint(format!("known here: {}", known.join(", "))),
    }
}

/// Returns the path of a key in the mapping at a path.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Shape {
    fn kind(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Flag => "true or false",
            Self::Duration => "a length of time such as 30s",
            Self::OneOf(_) => "a word",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}
