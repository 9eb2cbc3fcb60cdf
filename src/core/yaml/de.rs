//! From nodes to typed values, by serde. Numbers and texts stand in for each other where compose-go lets them.

use std::fmt;

use serde::Deserialize;
use serde::de;
use serde::de::DeserializeSeed;
use serde::de::IntoDeserializer;
use serde::de::Visitor;

use super::Map;
use super::Node;
use super::Span;
use super::Value;

/// The name of the field that takes a mapping's `x-` keys.
const EXTENSIONS: &str = "#extensions";

/// Why a node is not of the wanted type, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// The path from the decoded node to the wrong one.
    pub path: String,
}

/// Decodes a node.
///
/// # Errors
/// Fails at the first value that is not of the wanted type.
pub fn decode<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, DecodeError> {
    T::deserialize(node).map_err(|mut error| {
        if error.span.line == 0 {
            error.span = node.span;
        }
        error
    })
}

impl DecodeError {
    fn within(mut self, step: &str, span: Span) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{step}{dot}{}", self.path);
        if self.span.line == 0 {
            self.span = span;
        }
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), span: Span::default(), path: String::new() }
    }
}

fn unexpected(node: &Node, wanted: &str) -> DecodeError {
    let message = match node.scalar_text() {
        Some(text) => format!("expected {wanted}, got {} `{text}`", node.value.kind()),
        None => format!("expected {wanted}, got {}", node.value.kind()),
    };
    DecodeError { message, span: node.span, path: String::new() }
}

/// Reads an integer: floats lose their fraction, texts are parsed.
fn integer(node: &Node) -> Result<i64, DecodeError> {
    match &node.value {
        Value::Int(value) => Ok(*value),
        Value::Uint(value) => Ok(value.cast_signed()),
        #[expect(clippy::cast_possible_truncation, reason = "the fraction is dropped as compose-go drops it")]
        Value::Float(value) => Ok(*value as i64),
        Value::Text(text) => text.parse().map_err(|_| unexpected(node, "an integer")),
        Value::Null => Ok(0),
        _ => Err(unexpected(node, "an integer")),
    }
}

fn float(node: &Node) -> Result<f64, DecodeError> {
    match &node.value {
        #[expect(clippy::cast_precision_loss, reason = "numbers of CPUs and the like are small")]
        Value::Int(value) => Ok(*value as f64),
        #[expect(clippy::cast_precision_loss, reason = "numbers of CPUs and the like are small")]
        Value::Uint(value) => Ok(*value as f64),
        Value::Float(value) => Ok(*value),
        Value::Text(text) => text.parse().map_err(|_| unexpected(node, "a number")),
        Value::Null => Ok(0.0),
        _ => Err(unexpected(node, "a number")),
    }
}

macro_rules! integers {
    ($($method:ident => $visit:ident($type:ty),)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let value = integer(self)?;
            let value = <$type>::try_from(value).map_err(|_| {
                DecodeError { message: format!("{value} is out of range"), span: self.span, path: String::new() }
            })?;
            visitor.$visit(value)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &'de Node {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Uint(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) | Value::Timestamp(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items { items: items.iter(), index: 0 }),
            Value::Map(map) => visitor.visit_map(Entries::all(map)),
        }
    }

    integers! {
        deserialize_i8 => visit_i8(i8),
        deserialize_i16 => visit_i16(i16),
        deserialize_i32 => visit_i32(i32),
        deserialize_i64 => visit_i64(i64),
        deserialize_u8 => visit_u8(u8),
        deserialize_u16 => visit_u16(u16),
        deserialize_u32 => visit_u32(u32),
        deserialize_u64 => visit_u64(u64),
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Text(text) => visitor.visit_f32(text.parse().map_err(|_| unexpected(self, "a number"))?),
            #[expect(clippy::cast_possible_truncation, reason = "the model's floats have 32 bits")]
            _ => visitor.visit_f32(float(self)? as f32),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_f64(float(self)?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Null => visitor.visit_bool(false),
            Value::Text(text) => match text.to_lowercase().as_str() {
                "true" | "y" | "yes" | "on" => visitor.visit_bool(true),
                "false" | "n" | "no" | "off" => visitor.visit_bool(false),
                _ => Err(unexpected(self, "a boolean")),
            },
            _ => Err(unexpected(self, "a boolean")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Int(value) => visitor.visit_string(value.to_string()),
            Value::Null => visitor.visit_borrowed_str(""),
            _ => Err(unexpected(self, "a string")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::List(items) => visitor.visit_seq(Items { items: items.iter(), index: 0 }),
            Value::Null => visitor.visit_seq(Items { items: [].iter(), index: 0 }),
            _ => Err(unexpected(self, "a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Map(map) => visitor.visit_map(Entries::all(map)),
            Value::Null => visitor.visit_map(Entries::none()),
            _ => Err(unexpected(self, "a mapping")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Map(map) => visitor.visit_map(Entries::of(map, fields)),
            Value::Null => visitor.visit_map(Entries::none()),
            _ => Err(unexpected(self, "a mapping")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier ignored_any
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Node>,
    index: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(item).map(Some).map_err(|error| error.within(&format!("[{index}]"), item.span))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The entries of a mapping. With `fields`, only those, and the `x-` keys together under [`EXTENSIONS`].
struct Entries<'de> {
    map: Option<&'de Map>,
    fields: Option<&'static [&'static str]>,
    next: usize,
    value: Option<(&'de str, &'de Node)>,
    extensions: bool,
}

impl<'de> Entries<'de> {
    fn all(map: &'de Map) -> Self {
        Self { map: Some(map), ..Self::none() }
    }

    fn none() -> Self {
        Self { map: None, fields: None, next: 0, value: None, extensions: false }
    }

    fn of(map: &'de Map, fields: &'static [&'static str]) -> Self {
        let extensions = fields.contains(&EXTENSIONS) && map.keys().any(|key| key.starts_with("x-"));
        Self { map: Some(map), fields: Some(fields), extensions, ..Self::none() }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        while let Some((key, entry)) = self.map.and_then(|map| map.at(self.next)) {
            self.next += 1;
            if self.fields.is_none_or(|fields| fields.contains(&key)) {
                self.value = Some((key, &entry.node));
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
        }
        if std::mem::take(&mut self.extensions) {
            return seed.deserialize(EXTENSIONS.into_deserializer()).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        match self.value.take() {
            Some((key, node)) => seed.deserialize(node).map_err(|error| error.within(key, node.span)),
            None => seed.deserialize(Extensions { map: self.map }),
        }
    }
}

/// The `x-` keys of a mapping, as a mapping.
struct Extensions<'de> {
    map: Option<&'de Map>,
}

impl<'de> de::Deserializer<'de> for Extensions<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let entries = self.map.into_iter().flat_map(Map::iter).filter(|(key, _)| key.starts_with("x-"));
        visitor.visit_map(de::value::MapDeserializer::new(entries.map(|(key, entry)| (key, &entry.node))))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, DecodeError> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::core::yaml::Limits;
    use crate::core::yaml::Sources;
    use crate::core::yaml::parse;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Thing {
        count: i64,
        name: String,
        on: Option<bool>,
        parts: Vec<u16>,
        #[serde(rename = "#extensions")]
        extensions: BTreeMap<String, serde_json::Value>,
    }

    fn read(text: &str) -> Result<Thing, DecodeError> {
        let mut sources = Sources::default();
        let file = sources.add("c.yaml");
        let nodes = parse(text, &sources, file, Limits::default()).expect("valid YAML");
        decode(&nodes[0])
    }

    #[test]
    fn texts_and_numbers_stand_in_for_each_other() {
        let thing = read("count: \"3\"\nname: 5\non: yes\nx-a: {b: 1}\nother: 1\n").expect("a thing");
        assert_eq!((thing.count, thing.name.as_str(), thing.on), (3, "5", Some(true)));
        assert_eq!(thing.extensions["x-a"], serde_json::json!({"b": 1}));
    }

    #[test]
    fn an_error_names_path_and_place() {
        let error = read("parts:\n  - 1\n  - x\n").expect_err("no number");
        assert_eq!((error.path.as_str(), error.span.line, error.span.column), ("parts[1]", 3, 5));
        let error = read("parts: [70000]").expect_err("too large");
        assert_eq!(error.message, "70000 is out of range");
    }
}
