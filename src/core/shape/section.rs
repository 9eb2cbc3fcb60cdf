//! Reading what [`super::check`] has accepted.

use std::fmt::Display;
use std::time::Duration;

use super::Data;
use super::Value;
use super::check::join;
use super::parse_duration;
use crate::core::diag::Diagnostic;
use crate::core::diag::Place;

/// A mapping of a checked file.
///
/// What is not there, or is there with the wrong shape and so already reported, reads as `None` or as empty.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    value: &'a Value,
    path: String,
}

/// A text of a checked file, with its place.
#[derive(Debug, Clone)]
pub struct Text<'a> {
    /// The text.
    pub text: &'a str,
    /// Where it stands.
    pub place: &'a Place,
    /// Its path in the document.
    pub path: String,
}

impl<'a> Section<'a> {
    /// Returns a document's outermost mapping.
    pub fn root(value: &'a Value) -> Self {
        Self::at(value, "")
    }

    /// Returns the mapping that stands at a path of its document.
    pub fn at(value: &'a Value, path: impl Into<String>) -> Self {
        Self { value, path: path.into() }
    }

    /// Returns where it begins.
    pub fn place(&self) -> &'a Place {
        &self.value.place
    }

    /// Returns a text.
    pub fn text(&self, key: &str) -> Option<Text<'a>> {
        text_of(self.get(key)?, join(&self.path, key))
    }

    /// Returns a flag.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.text(key)?.text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Returns a length of time.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        parse_duration(self.text(key)?.text).ok()
    }

    /// Returns a mapping.
    pub fn section(&self, key: &str) -> Option<Self> {
        let value = self.get(key)?;
        matches!(value.data, Data::Map(_)).then(|| Self::at(value, join(&self.path, key)))
    }

    /// Returns a list of mappings.
    pub fn sections(&self, key: &str) -> Vec<Self> {
        self.list(key, |value, path| matches!(value.data, Data::Map(_)).then_some(Self { value, path }))
    }

    /// Returns a list of texts.
    pub fn texts(&self, key: &str) -> Vec<Text<'a>> {
        self.list(key, text_of)
    }

    /// Returns an error about the value of a key, or about the whole mapping if the key is not there.
    pub fn error(&self, key: &str, code: &'static str, message: impl Into<String>) -> Diagnostic {
        let error = Diagnostic::error(code, message);
        match self.get(key) {
            Some(value) => error.at(value.place.clone()).path(join(&self.path, key)),
            None => error.at(self.value.place.clone()).path(self.path.clone()),
        }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        let Data::Map(entries) = &self.value.data else { return None };
        entries.iter().find(|entry| entry.name == key).map(|entry| &entry.value)
    }

    fn list<T>(&self, key: &str, read: impl Fn(&'a Value, String) -> Option<T>) -> Vec<T> {
        let Some(Value { data: Data::List(values), .. }) = self.get(key) else { return Vec::new() };
        let path = join(&self.path, key);
        values
            .iter()
            .enumerate()
            .filter_map(|(index, value)| read(value, format!("{path}[{index}]")))
            .collect()
    }
}

impl<'a> Text<'a> {
    /// Returns an error about it.
    pub fn error(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, message).at(self.place.clone()).path(self.path.clone())
    }

    /// Returns what `read` makes of it, and notes its error.
    pub fn parse<T, E: Display>(
        &self,
        code: &'static str,
        problems: &mut Vec<Diagnostic>,
        read: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Option<T> {
        read(self.text).map_err(|error| problems.push(self.error(code, error.to_string()))).ok()
    }
}

fn text_of(value: &Value, path: String) -> Option<Text<'_>> {
    match &value.data {
        Data::Scalar { text, .. } => Some(Text { text, place: &value.place, path }),
        _ => None,
    }
}
