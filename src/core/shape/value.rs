//! YAML text to values that know their place.
//!
//! This is not the reader for Compose files: that one resolves scalars as Go does and then knows no more that a git
//! tag was written `1.10`. Here a scalar is the text that was written, and what it means is the table's to say.

use saphyr_parser::Event;
use saphyr_parser::Marker;
use saphyr_parser::Parser;
use saphyr_parser::ScalarStyle;

use crate::core::diag::Diagnostic;
use crate::core::diag::Place;
use crate::core::yaml;
use crate::core::yaml::Node;
use crate::core::yaml::Sources;

/// How deep values may lie in one another. None of our files comes near.
const MAX_DEPTH: usize = 32;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub data: Data,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Nothing was written.
    Null,
    /// Text, a number or a flag, as written.
    Scalar {
        /// The text, quotes and escapes resolved.
        text: String,
        /// If it stands without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Value>),
    /// A mapping, in the order written.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub name: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub value: Value,
}

impl Value {
    /// Reads a file of one document. No file or only comments make [`Data::Null`].
    ///
    /// # Errors
    /// Fails if the text is no YAML, has more than one document, or uses anchors, tags or keys that are not text.
    pub fn parse(text: &str, file: &str) -> Result<Self, Diagnostic> {
        let mut builder = Builder { file, open: Vec::new(), root: None };
        for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
            let (event, span) = event.map_err(|error| {
                Diagnostic::error("yaml", error.info().to_owned()).at(builder.place(*error.marker()))
            })?;
            let place = builder.place(span.start);
            builder.event(event, place)?;
        }
        let start = Place { file: file.into(), line: 1, column: 1 };
        Ok(builder.root.unwrap_or(Self { place: start, data: Data::Null }))
    }

    /// Returns a value of a Compose file, such as `x-evenkeel`. What a variable was put into is text and may still be
    /// meant as a flag, so all of its scalars count as unquoted.
    pub fn of_node(node: &Node, sources: &Sources) -> Self {
        let nowhere = Place { file: String::new(), line: 0, column: 0 };
        of_node(node, sources, &nowhere)
    }

    /// Returns what it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "nothing",
            Data::Scalar { .. } => "text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        }
    }
}

/// A node that no file wrote stands where the one around it stands.
fn of_node(node: &Node, sources: &Sources, around: &Place) -> Value {
    let place_of = |span| sources.place(span).unwrap_or_else(|| around.clone());
    let place = place_of(node.span);
    let data = match &node.value {
        yaml::Value::List(items) => {
            Data::List(items.iter().map(|item| of_node(item, sources, &place)).collect())
        }
        yaml::Value::Map(map) => {
            let entry = |(name, entry): (&str, &yaml::Entry)| Entry {
                name: name.to_owned(),
                place: place_of(entry.key),
                value: of_node(&entry.node, sources, &place),
            };
            Data::Map(map.iter().map(entry).collect())
        }
        _ => match node.scalar_text() {
            Some(text) => Data::Scalar { text, plain: true },
            None => Data::Null,
        },
    };
    Value { place, data }
}

/// What is being read: the root, and the collections that have begun and not ended.
struct Builder<'a> {
    file: &'a str,
    open: Vec<Open>,
    root: Option<Value>,
}

/// A collection that has begun, and in a mapping the key that waits for its value.
struct Open {
    value: Value,
    key: Option<(String, Place)>,
}

impl Builder<'_> {
    fn place(&self, marker: Marker) -> Place {
        Place { file: self.file.into(), line: marker.line(), column: marker.col() + 1 }
    }

    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), Diagnostic> {
        match event {
            Event::Scalar(_, _, _, Some(tag))
            | Event::SequenceStart(_, Some(tag))
            | Event::MappingStart(_, Some(tag)) => {
                Err(Diagnostic::error("yaml-tag", format!("tags such as `{tag}` are not used here"))
                    .at(place))
            }
            Event::Alias(_) => Err(Diagnostic::error("yaml-alias", "aliases are not used here").at(place)),
            Event::Scalar(text, style, _, None) => {
                let plain = style == ScalarStyle::Plain;
                let data = if plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    Data::Null
                } else {
                    Data::Scalar { text: text.into_owned(), plain }
                };
                self.put(Value { place, data })
            }
            Event::SequenceStart(_, None) => self.begin(Value { place, data: Data::List(Vec::new()) }),
            Event::MappingStart(_, None) => self.begin(Value { place, data: Data::Map(Vec::new()) }),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(done) => self.put(done.value),
                None => Ok(()),
            },
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Diagnostic::error("yaml-documents", "only one document is read").at(place))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, value: Value) -> Result<(), Diagnostic> {
        if self.open.len() == MAX_DEPTH {
            return Err(Diagnostic::error("yaml-depth", "the values are nested too deeply").at(value.place));
        }
        self.open.push(Open { value, key: None });
        Ok(())
    }

    fn put(&mut self, value: Value) -> Result<(), Diagnostic> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        match (&mut open.value.data, open.key.take(), value.data) {
            (Data::Map(entries), Some((name, place)), data) => {
                entries.push(Entry { name, place, value: Value { place: value.place, data } });
            }
            (Data::Map(_), None, Data::Scalar { text, .. }) => open.key = Some((text, value.place)),
            (Data::Map(_), None, _) => {
                return Err(Diagnostic::error("yaml-key", "a key must be text").at(value.place));
            }
            (Data::List(values), _, data) => values.push(Value { place: value.place, data }),
            (Data::Null | Data::Scalar { .. }, _, _) => {}
        }
        Ok(())
    }
}
