//! The tree: values with a place each.

use super::Map;
use super::float::go_float;

/// A place in one of the files of a load. Resolved to names by [`super::Sources`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The index of the file.
    pub file: u16,
    /// The line, from 1; 0 is nowhere.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// What a tag asks for when files are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// `!reset`: drop the value, and what other files say.
    Reset,
    /// `!override`: drop what other files say.
    Override,
}

/// A value and where it stands. Two nodes are equal if their values are, wherever they stand.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// Where it begins.
    pub span: Span,
    /// Its merge tag, until the merge has acted on it.
    pub tag: Option<Tag>,
    /// Whether a variable's value was put into it.
    pub filled: bool,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above `i64::MAX`.
    Uint(u64),
    /// A float.
    Float(f64),
    /// A text.
    Text(String),
    /// A date as Go prints it. Nothing in Compose accepts one but `x-` keys.
    Timestamp(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping.
    Map(Map),
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Node {
    /// Returns a node at a place.
    pub fn new(span: Span, value: Value) -> Self {
        Self { span, tag: None, filled: false, value }
    }

    /// Returns how many values there are in it, itself included.
    pub fn count(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Value::Map(map) => 1 + map.iter().map(|(_, entry)| entry.node.count()).sum::<usize>(),
            Value::Text(text) => 1 + text.len() / 64,
            _ => 1,
        }
    }

    /// Drops all that does not lead to an `x-` key. Items of a list that lead to none become null, so that the others
    /// keep their index. Returns whether anything is left.
    pub fn keep_extensions(&mut self) -> bool {
        let any = match &mut self.value {
            Value::List(items) => items.iter_mut().fold(false, |any, item| item.keep_extensions() | any),
            Value::Map(map) => {
                map.retain(|key, node| key.starts_with("x-") || node.keep_extensions());
                !map.is_empty()
            }
            _ => false,
        };
        if !any {
            self.value = Value::Null;
        }
        any
    }

    /// Returns a text that equal nodes have in common and others have not.
    pub fn print(&self) -> String {
        let mut out = String::new();
        self.print_to(&mut out);
        out
    }

    fn print_to(&self, out: &mut String) {
        match &self.value {
            Value::List(items) => {
                out.push('[');
                for item in items {
                    item.print_to(out);
                    out.push(',');
                }
                out.push(']');
            }
            Value::Map(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                out.push('{');
                for (key, entry) in entries {
                    out.extend([format!("{key:?}:")]);
                    entry.node.print_to(out);
                    out.push(',');
                }
                out.push('}');
            }
            scalar => out.extend([format!("{scalar:?}")]),
        }
    }

    /// Returns a text at a place.
    pub fn text(span: Span, text: impl Into<String>) -> Self {
        Self::new(span, Value::Text(text.into()))
    }

    /// Returns the text if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the mapping if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns the mapping if it is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns the list if it is one.
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the list if it is one.
    pub fn as_list_mut(&mut self) -> Option<&mut Vec<Self>> {
        match &mut self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// Returns the value under a key, if it is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// Returns the value under a key, if it is a mapping that has it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.as_map_mut()?.get_mut(key)
    }

    /// Returns the text that a scalar prints as, in Go's way; `None` for null, lists and mappings.
    pub fn scalar_text(&self) -> Option<String> {
        match &self.value {
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Uint(value) => Some(value.to_string()),
            Value::Float(value) => Some(go_float(*value)),
            Value::Text(text) | Value::Timestamp(text) => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

impl Value {
    /// Says what it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Uint(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Timestamp(_) => "a date",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}
