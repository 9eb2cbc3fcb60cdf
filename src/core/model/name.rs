//! Names. Each kind is a type of its own, so that a stack is never passed where a service is meant.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// Why a text is not a name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} `{text}`: {rule}")]
pub struct NameError {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

impl NameError {
    pub(super) fn new(kind: &'static str, text: String, rule: &'static str) -> Self {
        Self { kind, text, rule }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Returns the name, checked.
            ///
            /// # Errors
            /// Fails if the text breaks this kind's rule.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(NameError { kind: $kind, text, rule: $rule }) }
            }

            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }
    };
}

fn dns_like(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(inner)
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

fn compose_project(text: &str) -> bool {
    let first = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.bytes().next().is_some_and(first) && text.bytes().all(|b| first(b) || matches!(b, b'-' | b'_'))
}

name! {
    /// One Evenkeel installation on an engine. Containers of other instances are never touched.
    InstanceId, "instance",
    "use letters, digits, `-`, `_` and `.`, starting with a letter or digit", dns_like
}
name! {
    /// A git repository and the ref that is followed in it.
    SourceName, "source name",
    "use letters, digits, `-`, `_` and `.`, starting with a letter or digit", dns_like
}
name! {
    /// One Compose project in a source.
    StackName, "stack name",
    "use letters, digits, `-`, `_` and `.`, starting with a letter or digit", dns_like
}
name! {
    /// The Compose project's name, the first part of each container's name.
    ProjectName, "project name",
    "it must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number",
    compose_project
}
name! {
    /// A service of a Compose project.
    ServiceName, "service name",
    "use letters, digits, `-`, `_` and `.`",
    |text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

impl ProjectName {
    /// Returns what Compose makes of a folder's name or a `name:`: lower case, without what it does not allow.
    /// `None` if nothing is left.
    pub fn normalised(text: &str) -> Option<Self> {
        let kept: String = text
            .to_lowercase()
            .chars()
            .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
            .collect();
        Self::new(kept.trim_start_matches(['-', '_'])).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_name_is_normalised_as_compose_does_it() {
        assert_eq!(ProjectName::normalised("My.Home Lab").map(String::from), Some("myhomelab".into()));
        assert_eq!(ProjectName::normalised("__x-1").map(String::from), Some("x-1".into()));
        assert_eq!(ProjectName::normalised("--"), None);
    }

    #[test]
    fn names_that_could_be_options_or_paths_are_refused() {
        for bad in ["", "-x", "../x", "a/b", "a b"] {
            assert!(StackName::new(bad).is_err(), "{bad:?} should be refused");
        }
        assert!(StackName::new("media-2.old").is_ok());
    }
}
