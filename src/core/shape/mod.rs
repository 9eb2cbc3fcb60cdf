//! The shape of Evenkeel's own YAML (host file, `evenkeel.yaml`, `x-evenkeel`) as data: one table of fields says what
//! is known, what a value may be and what it means.
//!
//! The table checks a file, is published as a JSON Schema, and is the reference that people read. What it cannot say
//! (a name that must be unique, a file that must be there) is said by whoever reads the values. Compose files have
//! their own reader; this one has no merge keys, no interpolation and no anchors.

mod check;
mod duration;
mod json_schema;
mod section;
#[cfg(test)]
mod tests;
mod value;

pub use check::check;
pub use duration::DurationError;
pub use duration::format_duration;
pub use duration::parse_duration;
pub use json_schema::json_schema;
pub use section::Section;
pub use section::Text;
pub use value::Data;
pub use value::Entry;
pub use value::Value;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text, quoted or not.
    Text,
    /// `true` or `false`.
    Flag,
    /// A length of time such as `1h30m`.
    Duration,
    /// One of some words.
    OneOf(&'static [&'static str]),
    /// A list of values of one shape.
    List(&'static Self),
    /// A mapping with these keys and no others.
    Map(&'static [Field]),
}

/// A key of a mapping.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What its value may be.
    pub shape: Shape,
    /// What it means, for the reference and for editors.
    pub doc: &'static str,
    /// If it may not be left out.
    pub required: bool,
    /// What holds if it is left out, as it would be written.
    pub default: Option<&'static str>,
}

impl Field {
    /// Returns an optional field.
    pub const fn new(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { name, shape, doc, required: false, default: None }
    }

    /// Makes it one that may not be left out.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Says what holds if it is left out.
    #[must_use]
    pub const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }
}
