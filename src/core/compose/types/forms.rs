//! The forms in which values may be written where the model holds one: a list or a mapping, a number or a text.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serializer;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use super::Bytes;
use super::Command;
use super::DeviceCount;
use super::Duration;
use super::EXTENSIONS;
use super::FileMode;
use super::Hosts;
use super::SshKey;
use super::Ulimit;
use crate::core::compose::text;
use crate::core::yaml::go_float;

/// Any value, as it is read before its meaning is known.
enum Any {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Any {
    /// Returns the text that a scalar stands for; `None` for null, lists and mappings.
    fn into_text(self) -> Option<String> {
        match self {
            Self::Bool(value) => Some(value.to_string()),
            Self::Int(value) => Some(value.to_string()),
            Self::Uint(value) => Some(value.to_string()),
            Self::Float(value) => Some(go_float(value)),
            Self::Text(value) => Some(value),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyVisitor;
        impl<'de> Visitor<'de> for AnyVisitor {
            type Value = Any;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Any, E> {
                Ok(Any::Null)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Any, E> {
                Ok(Any::Bool(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Any, E> {
                Ok(Any::Int(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Any, E> {
                Ok(i64::try_from(value).map_or(Any::Uint(value), Any::Int))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Any, E> {
                Ok(Any::Float(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Any, E> {
                Ok(Any::Text(value.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Any, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Any::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Any::Map(entries))
            }
        }
        deserializer.deserialize_any(AnyVisitor)
    }
}

/// `K: V` pairs written as a mapping or as a list of `K=V`.
fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Option<String>>, D::Error> {
    pairs_of(Any::deserialize(deserializer)?)
}

fn pairs_of<E: Error>(value: Any) -> Result<BTreeMap<String, Option<String>>, E> {
    match value {
        Any::Null => Ok(BTreeMap::new()),
        Any::Map(entries) => Ok(extensions_apart(entries)),
        Any::List(items) => Ok(items
            .into_iter()
            .filter_map(Any::into_text)
            .map(|item| match item.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (item, None),
            })
            .collect()),
        _ => Err(E::custom("must be a mapping or a list of `KEY=VALUE`")),
    }
}

/// Docker Compose takes the `x-` keys of a mapping for extensions, even where every key is the user's own, and makes
/// one entry of them all, as Go prints a map.
fn extensions_apart(entries: Vec<(String, Any)>) -> BTreeMap<String, Option<String>> {
    let (extensions, own): (BTreeMap<_, _>, BTreeMap<_, _>) = entries
        .into_iter()
        .map(|(key, value)| (key, value.into_text()))
        .partition(|(key, _)| key.starts_with("x-"));
    let mut pairs: BTreeMap<String, Option<String>> = own;
    if !extensions.is_empty() {
        let print = |(key, value): (String, Option<String>)| {
            format!("{key}:{}", value.unwrap_or_else(|| "<nil>".into()))
        };
        let printed: Vec<String> = extensions.into_iter().map(print).collect();
        pairs.insert(EXTENSIONS.into(), Some(format!("map[{}]", printed.join(" "))));
    }
    pairs
}

/// An environment: a key may stand alone.
pub(super) fn environment<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Option<String>>, D::Error> {
    let value = Any::deserialize(deserializer)?;
    let is_list = matches!(value, Any::List(_));
    let pairs = pairs_of(value)?;
    // As in compose-go a list alone is looked at, and of a key its last byte, which may be half a letter.
    let space = |key: &str| matches!(key.as_bytes().last(), Some(b'\t'..=b'\r' | b' ' | 0x85 | 0xa0));
    match pairs.keys().find(|key| is_list && space(key)) {
        Some(key) => {
            Err(D::Error::custom(format!("environment variable {key} is declared with a trailing space")))
        }
        None => Ok(pairs),
    }
}

/// Labels: a key alone has an empty value.
pub(super) fn labels<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(pairs(deserializer)?.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect())
}

/// A mapping or a list of `K=V`.
pub(super) fn mapping<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    labels(deserializer)
}

/// Options of a driver: values of any scalar type.
pub(super) fn options<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    labels(deserializer)
}

/// Options that may be given several times each.
pub(super) fn multi_options<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    let Any::Map(entries) = Any::deserialize(deserializer)? else {
        return Err(D::Error::custom("must be a mapping"));
    };
    let values = |value| match value {
        Any::List(items) => items.into_iter().filter_map(Any::into_text).collect(),
        other => vec![other.into_text().unwrap_or_default()],
    };
    let entries = entries.into_iter().map(|(key, value)| (key, values(value)));
    Ok(entries.filter(|(_, values): &(_, Vec<String>)| !values.is_empty()).collect())
}

/// A list of texts, or one text.
pub(super) fn string_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    texts(deserializer)
}

/// A list of scalars of any type, or one.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    match Any::deserialize(deserializer)? {
        Any::Null => Ok(Vec::new()),
        Any::List(items) => Ok(items.into_iter().filter_map(Any::into_text).collect()),
        scalar => scalar.into_text().map(|text| vec![text]).ok_or_else(|| D::Error::custom("must be a list")),
    }
}

/// A list of texts and whole numbers.
pub(super) fn texts_and_integers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    match Any::deserialize(deserializer)? {
        Any::Null => Ok(Vec::new()),
        Any::List(items) => items
            .into_iter()
            .map(|item| match item {
                Any::Float(value) => {
                    Err(D::Error::custom(format!("expected a string or an integer, got {}", go_float(value))))
                }
                other => Ok(other.into_text().unwrap_or_default()),
            })
            .collect(),
        _ => Err(D::Error::custom("must be a list")),
    }
}

/// A 32-bit float that is a number.
pub(super) fn finite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    let value = f32::deserialize(deserializer)?;
    if value.is_finite() { Ok(value) } else { Err(D::Error::custom(format!("{value} is no number"))) }
}

/// A whole number of 16 bits; what is larger loses its upper bits, as in Go.
pub(super) fn wrapped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let value = number(deserializer)?;
    Ok(u16::try_from(value % (1 << 16)).unwrap_or(0))
}

/// A whole number from 0 that is no text.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match Any::deserialize(deserializer)? {
        Any::Null => Ok(0),
        Any::Int(value) => {
            u32::try_from(value).map_err(|_| D::Error::custom(format!("{value} is out of range")))
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the fraction is dropped"
        )]
        Any::Float(value) if value >= 0.0 => Ok(value as u32),
        _ => Err(D::Error::custom("expected an integer")),
    }
}

/// A scalar of any type.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Any::deserialize(deserializer)?.into_text().unwrap_or_default())
}

/// A boolean, true if it is null.
pub(super) fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Any::deserialize(deserializer)? {
        Any::Bool(value) => Ok(value),
        Any::Null => Ok(true),
        other => other
            .into_text()
            .and_then(|text| text::go_bool(&text))
            .ok_or_else(|| D::Error::custom("must be a boolean")),
    }
}

/// `external`: a boolean, or the old form with a name in it.
pub(super) fn external<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Any::deserialize(deserializer)? {
        Any::Map(_) => Ok(true),
        Any::Null => Ok(false),
        Any::Bool(value) => Ok(value),
        other => other
            .into_text()
            .and_then(|text| text::go_bool(&text))
            .ok_or_else(|| D::Error::custom("must be a boolean")),
    }
}

/// A health check's test: a text is a shell command.
pub(super) fn healthcheck_test<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    match Any::deserialize(deserializer)? {
        Any::Text(command) => Ok(vec!["CMD-SHELL".into(), command]),
        Any::List(items) => Ok(items.into_iter().filter_map(Any::into_text).collect()),
        _ => Ok(Vec::new()),
    }
}

/// SSH keys: `id`, `id=path` or a mapping of both.
pub(super) fn ssh<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SshKey>, D::Error> {
    let keys = match Any::deserialize(deserializer)? {
        Any::Text(text) => BTreeMap::from([key_and_path(&text)]),
        Any::List(items) => items.into_iter().filter_map(Any::into_text).map(|t| key_and_path(&t)).collect(),
        Any::Map(entries) => {
            entries.into_iter().map(|(id, path)| (id, path.into_text().unwrap_or_default())).collect()
        }
        _ => BTreeMap::new(),
    };
    Ok(keys.into_iter().map(|(id, path)| SshKey { id, path }).collect())
}

fn key_and_path(text: &str) -> (String, String) {
    let (id, path) = text.split_once('=').unwrap_or((text, ""));
    (id.to_owned(), path.to_owned())
}

/// Prints a 32-bit float with the digits it needs, not with those of its 64-bit form.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(super) fn float32<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(value.to_string().parse().unwrap_or_else(|_| f64::from(*value)))
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Any::deserialize(deserializer)? {
            Any::Null => Ok(Self(None)),
            Any::Text(line) => {
                text::shell_words(&line).map(|words| Self(Some(words))).map_err(D::Error::custom)
            }
            Any::List(items) => Ok(Self(Some(items.into_iter().filter_map(Any::into_text).collect()))),
            _ => Err(D::Error::custom("must be a text or a list")),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Any::deserialize(deserializer)? {
            Any::Int(value) => Ok(Self(value)),
            Any::Text(value) => text::bytes(&value).map(Self).map_err(D::Error::custom),
            _ => Ok(Self(0)),
        }
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Any::deserialize(deserializer)?.into_text().unwrap_or_default();
        text::duration(&value).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Any::deserialize(deserializer)? {
            Any::Int(value) => Ok(Self(value)),
            Any::Text(value) => i64::from_str_radix(&value, 8)
                .map(Self)
                .map_err(|_| D::Error::custom(format!("`{value}` is no octal number"))),
            _ => Err(D::Error::custom("must be a number")),
        }
    }
}

impl<'de> Deserialize<'de> for DeviceCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Any::deserialize(deserializer)? {
            Any::Int(value) => Ok(Self(value)),
            Any::Text(value) if value.eq_ignore_ascii_case("all") => Ok(Self(-1)),
            Any::Text(value) => value.parse().map(Self).map_err(|_| {
                D::Error::custom(format!(
                    "invalid value {value:?}, the only value allowed is 'all' or a number"
                ))
            }),
            _ => Err(D::Error::custom("must be a number or `all`")),
        }
    }
}

impl<'de> Deserialize<'de> for Ulimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = |value: Any| match value {
            Any::Int(value) => Ok(value),
            Any::Text(value) => value.parse().map_err(|_| D::Error::custom("must be a number")),
            _ => Err(D::Error::custom("must be a number")),
        };
        let Any::Map(entries) = Any::deserialize(deserializer).and_then(|any| match any {
            Any::Map(_) => Ok(any),
            single => Ok(Any::Map(vec![("single".into(), Any::Int(number(single)?))])),
        })?
        else {
            return Ok(Self::default());
        };
        let mut ulimit = Self::default();
        for (key, value) in entries {
            match key.as_str() {
                "single" => ulimit.single = number(value)?,
                "soft" => ulimit.soft = number(value)?,
                "hard" => ulimit.hard = number(value)?,
                _ => {}
            }
        }
        Ok(ulimit)
    }
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        match Any::deserialize(deserializer)? {
            Any::Null => {}
            Any::Map(entries) => {
                for (host, value) in entries {
                    if host.starts_with("x-") {
                        return Err(D::Error::custom(format!("{host:?} is an extension, not a host name")));
                    }
                    let addresses = match value {
                        Any::List(items) => items.into_iter().filter_map(Any::into_text).collect(),
                        scalar => vec![scalar.into_text().unwrap_or_default()],
                    };
                    hosts.insert(host, addresses);
                }
            }
            Any::List(items) => {
                for item in items.into_iter().filter_map(Any::into_text) {
                    let (host, addresses) = item
                        .split_once('=')
                        .or_else(|| item.split_once(':'))
                        .ok_or_else(|| D::Error::custom(format!("bad host name '{item}'")))?;
                    let known = hosts.entry(host.to_owned()).or_default();
                    known.extend(addresses.split(',').map(str::to_owned));
                }
            }
            _ => return Err(D::Error::custom("must be a mapping or a list")),
        }
        if let Some(host) = hosts.keys().find(|host| host.is_empty() || host.contains([':', '='])) {
            return Err(D::Error::custom(format!("bad host name '{host}'")));
        }
        for address in hosts.values_mut().flatten() {
            if let Some(bare) = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'))
                && !bare.is_empty()
            {
                *address = bare.to_owned();
            }
        }
        Ok(Self(hosts))
    }
}
