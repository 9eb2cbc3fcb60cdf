//! Stage: the merged tree against the Compose Specification's schema: which keys there are and of what type.
//!
//! The tables beside this file say the same as the schema that Docker Compose embeds; this file reads them. Everything
//! that is wrong is told, not the first thing only.

mod deploy;
mod service;
mod top;

use std::collections::BTreeSet;

use super::report::Report;
use crate::core::diag::did_you_mean;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Value;

/// What a value may be.
#[derive(Debug)]
enum Shape {
    /// A scalar of one of these kinds.
    Scalar(u8),
    /// A scalar of one of these kinds; if a number, in this range.
    Ranged(u8, i64, i64),
    /// One of these texts.
    Words(&'static [&'static str]),
    /// A text of a form, and that form.
    Like(fn(&str) -> bool, &'static str),
    /// A list of this.
    List(&'static Self),
    /// A list of this in which nothing is twice.
    Set(&'static Self),
    /// A mapping.
    Map(&'static Keys),
    /// One of these, told apart by their kinds.
    Either(&'static [&'static Self]),
}

/// The keys of a mapping.
#[derive(Debug)]
struct Keys {
    known: &'static [(&'static str, &'static Shape)],
    required: &'static [&'static str],
    others: Others,
}

/// What keys there may be beside the known ones.
#[derive(Debug)]
enum Others {
    /// `x-` keys.
    Extensions,
    /// None.
    Refused,
    /// Any.
    Free,
    /// Names of the user's with this value; a name of another form is refused.
    Named(&'static Shape),
    /// Names of the user's with this value; a name of another form has any.
    NamedOrFree(&'static Shape),
    /// Any key but the empty one, with this value.
    Each(&'static Shape),
    /// Any key, with this value if it is of small letters only.
    Lowercase(&'static Shape),
}

const TEXT: u8 = 1;
const INTEGER: u8 = 2;
const NUMBER: u8 = 4;
const BOOLEAN: u8 = 8;
const NULL: u8 = 16;
const LIST: u8 = 32;
const MAP: u8 = 64;
const OTHER: u8 = 128;

/// The names of kinds, for messages.
const KINDS: [(u8, &str); 7] = [
    (TEXT, "string"),
    (INTEGER, "integer"),
    (NUMBER, "number"),
    (BOOLEAN, "boolean"),
    (NULL, "null"),
    (LIST, "array"),
    (MAP, "mapping"),
];

/// Checks a whole file's tree.
pub(super) fn check(root: &Node, report: &mut Report) {
    shape(root, &Path::TOP, &top::FILE, report);
}

/// Returns the kinds that a value is of. A whole float is an integer too.
fn kinds_of(node: &Node) -> u8 {
    match &node.value {
        Value::Null => NULL,
        Value::Bool(_) => BOOLEAN,
        Value::Int(_) | Value::Uint(_) => INTEGER | NUMBER,
        Value::Float(value) if value.fract() == 0.0 => INTEGER | NUMBER,
        Value::Float(_) => NUMBER,
        Value::Text(_) => TEXT,
        Value::Timestamp(_) => OTHER,
        Value::List(_) => LIST,
        Value::Map(_) => MAP,
    }
}

impl Shape {
    fn kinds(&self) -> u8 {
        match self {
            Self::Scalar(kinds) | Self::Ranged(kinds, ..) => *kinds,
            Self::Words(_) | Self::Like(..) => TEXT,
            Self::List(_) | Self::Set(_) => LIST,
            Self::Map(_) => MAP,
            Self::Either(shapes) => shapes.iter().fold(0, |all, shape| all | shape.kinds()),
        }
    }
}

fn shape(node: &Node, path: &Path<'_>, wanted: &Shape, report: &mut Report) {
    let kinds = kinds_of(node);
    if wanted.kinds() & kinds == 0 {
        let message = format!("{path} must be {}, it is {}", names(wanted.kinds()), node.value.kind());
        return report.error("type", node.span, path, message);
    }
    match (wanted, &node.value) {
        (Shape::Either(shapes), _) => {
            if let Some(fitting) = shapes.iter().find(|shape| shape.kinds() & kinds != 0) {
                shape(node, path, fitting, report);
            }
        }
        (Shape::Ranged(_, min, max), Value::Int(value)) if value < min || value > max => {
            let bound = if value < min {
                format!("greater than or equal to {min}")
            } else {
                format!("less than or equal to {max}")
            };
            report.error("range", node.span, path, format!("{path} must be {bound}"));
        }
        #[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53, or that of all integers")]
        (Shape::Ranged(_, min, max), Value::Float(value)) if *value < *min as f64 || *value > *max as f64 => {
            let message = format!("{path} must be from {min} to {max}");
            report.error("range", node.span, path, message);
        }
        (Shape::Ranged(_, _, max), Value::Uint(_)) if *max < i64::MAX => {
            report.error("range", node.span, path, format!("{path} must be less than or equal to {max}"));
        }
        (Shape::Words(words), Value::Text(text)) if !words.contains(&text.as_str()) => {
            let message = format!("{path} value must be one of {}", quoted(words));
            match did_you_mean(text, words.iter().copied()) {
                Some(meant) => {
                    report.error_hint("value", node.span, path, message, format!("did you mean {meant:?}?"));
                }
                None => report.error("value", node.span, path, message),
            }
        }
        (Shape::Like(holds, pattern), Value::Text(text)) if !holds(text) => {
            report.error("pattern", node.span, path, format!("{path} does not match pattern {pattern:?}"));
        }
        (Shape::List(item) | Shape::Set(item), Value::List(items)) => {
            for (index, child) in items.iter().enumerate() {
                shape(child, &path.index(index), item, report);
            }
            if matches!(wanted, Shape::Set(_)) {
                refuse_doubles(items, path, report);
            }
        }
        (Shape::Map(keys), Value::Map(map)) => check_keys(node, map, path, keys, report),
        _ => {}
    }
}

/// Names kinds: `a string or number`.
fn names(kinds: u8) -> String {
    let kinds = if kinds & NUMBER != 0 { kinds & !INTEGER } else { kinds };
    let names: Vec<&str> =
        KINDS.iter().filter(|(kind, _)| kinds & kind != 0).map(|(_, name)| *name).collect();
    let vowel = names.first().is_some_and(|name| name.starts_with(['a', 'i']));
    format!("{} {}", if vowel { "an" } else { "a" }, names.join(" or "))
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}

fn refuse_doubles(items: &[Node], path: &Path<'_>, report: &mut Report) {
    let mut scalars: BTreeSet<(u8, String)> = BTreeSet::new();
    let mut others: BTreeSet<String> = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let double = if let Some(text) = item.scalar_text() {
            !scalars.insert((kinds_of(item) & TEXT, text))
        } else {
            !others.insert(item.print())
        };
        if double {
            let path = path.index(index);
            report.error(
                "double",
                item.span,
                &path,
                format!("{path} is there twice, array items must be unique"),
            );
        }
    }
}

fn check_keys(node: &Node, map: &Map, path: &Path<'_>, keys: &Keys, report: &mut Report) {
    for (key, entry) in map.iter() {
        let child = path.key(key);
        if let Some((_, wanted)) = keys.known.iter().find(|(known, _)| *known == key) {
            shape(&entry.node, &child, wanted, report);
            continue;
        }
        match keys.others {
            Others::Extensions if key.starts_with("x-") => {}
            Others::Each(wanted) if !key.is_empty() => shape(&entry.node, &child, wanted, report),
            Others::Lowercase(wanted) => {
                if !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase()) {
                    shape(&entry.node, &child, wanted, report);
                }
            }
            Others::Named(wanted) | Others::NamedOrFree(wanted) if is_name(key) => {
                shape(&entry.node, &child, wanted, report);
            }
            Others::Free | Others::NamedOrFree(_) => {}
            Others::Named(_) => {
                let message = format!("{path} additional properties '{key}' not allowed");
                let hint = "names have letters, digits, `.`, `_` and `-`";
                report.error_hint("name", entry.key, &child, message, hint);
            }
            Others::Extensions | Others::Refused | Others::Each(_) => {
                let message = if path.to_string().is_empty() {
                    format!("additional properties '{key}' not allowed")
                } else {
                    format!("{path} additional properties '{key}' not allowed")
                };
                match did_you_mean(key, keys.known.iter().map(|(known, _)| *known)) {
                    Some(meant) => {
                        report.error_hint(
                            "unknown-key",
                            entry.key,
                            &child,
                            message,
                            format!("did you mean `{meant}`?"),
                        );
                    }
                    None => report.error("unknown-key", entry.key, &child, message),
                }
            }
        }
    }
    for required in keys.required {
        if !map.contains(required) {
            report.error("missing-key", node.span, path, format!("{path} missing property '{required}'"));
        }
    }
}

fn is_name(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
