//! The two encodings of Compose's config hash. Compose 5 writes bind mounts in the short form otherwise than Compose 2, and
//! replaces what has the other's hash.

use super::DesiredService;
use super::label;
use crate::core::compose::HashFlavor;

/// Which encoding new containers get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HashChoice {
    /// That of the Docker Compose whose containers are on the engine; of Compose 2 if there are none.
    #[default]
    Auto,
    /// That of Compose 2.
    V2,
    /// That of Compose 5.
    V5,
}

impl HashChoice {
    /// The words that a configuration has for them.
    pub const WORDS: &'static [&'static str] = &["auto", "v2", "v5"];

    /// Reads a word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            "v2" => Some(Self::V2),
            "v5" => Some(Self::V5),
            _ => None,
        }
    }

    /// Returns the encoding that is chosen; `None` if it goes by what is on the engine.
    pub fn fixed(self) -> Option<HashFlavor> {
        match self {
            Self::Auto => None,
            Self::V2 => Some(HashFlavor::V2),
            Self::V5 => Some(HashFlavor::V5),
        }
    }
}

impl HashFlavor {
    /// Returns the encoding of a Docker Compose of that version, such as `2.40.3` or `v5.0.1`.
    pub fn of_version(version: &str) -> Self {
        let major = version.trim_start_matches('v').split('.').next();
        match major.and_then(|major| major.parse::<u32>().ok()) {
            Some(5..) => Self::V5,
            _ => Self::V2,
        }
    }

    /// Returns the other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::V2 => Self::V5,
            Self::V5 => Self::V2,
        }
    }
}

impl DesiredService {
    /// Returns the same service with the hash of the other encoding; `None` if both are the same.
    pub fn in_other_flavor(&self) -> Option<Self> {
        let other = self.other_hash.clone()?;
        let mut service = Self { other_hash: Some(self.config_hash.clone()), ..self.clone() };
        service.flavor = self.flavor.other();
        if let Some(shared) = &mut service.shared {
            shared.set_flavor(service.flavor);
        }
        service.config_hash = other;
        for container in &mut service.containers {
            let labels = &mut container.request.labels;
            labels.insert(label::compose::CONFIG_HASH.into(), service.config_hash.clone());
        }
        Some(service)
    }

    /// Returns the hash of the definition as it is written: the same in both encodings and whatever ids are filled in.
    pub fn definition_hash(&self) -> String {
        match (&self.shared, &self.other_hash) {
            (Some(shared), _) => shared.hash(HashFlavor::V2),
            (None, Some(other)) if self.flavor == HashFlavor::V5 => other.clone(),
            (None, _) => self.config_hash.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_told_by_the_version() {
        for (version, flavor) in [
            ("2.40.3", HashFlavor::V2),
            ("5.0.1", HashFlavor::V5),
            ("v5.1", HashFlavor::V5),
            ("10.0", HashFlavor::V5),
            ("dev", HashFlavor::V2),
            ("", HashFlavor::V2),
        ] {
            assert_eq!(HashFlavor::of_version(version), flavor, "{version}");
        }
    }
}
