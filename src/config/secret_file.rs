//! Secrets from files, and which of them are too weak to be any.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::core::model::Secret;

/// The shortest key that is taken, in bytes.
const SHORTEST_KEY: usize = 16;

/// Parts of texts that stand in examples for a secret to be put there.
const PLACEHOLDERS: [&str; 12] = [
    "changeme",
    "change-me",
    "change_me",
    "replaceme",
    "replace-me",
    "replace_me",
    "your-secret",
    "your_secret",
    "webhook_secret",
    "webhook-secret",
    "placeholder",
    "example",
];

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    /// The file is not there.
    #[error("{} is not there", .0.display())]
    Missing(PathBuf),
    /// The file is there and holds nothing.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
    /// The file cannot be read.
    #[error("cannot read {path}: {error}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Somebody could guess it.
    #[error("the key in {path} {reason}: make one with `openssl rand -hex 32`", path = path.display())]
    Weak {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Returns what is in a file, without space around it.
///
/// # Errors
/// Fails if there is nothing to read. Nothing is said about how good a secret it is.
pub(super) fn read(path: &Path) -> Result<Secret, SecretError> {
    match std::fs::read_to_string(path).map(|text| Secret::new(text.trim())) {
        Ok(secret) if secret.is_empty() => Err(SecretError::Empty(path.into())),
        Ok(secret) => Ok(secret),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SecretError::Missing(path.into())),
        Err(error) => Err(SecretError::Unreadable { path: path.into(), error }),
    }
}

/// Returns the key for signatures that is in a file.
///
/// # Errors
/// Fails as [`read`] does, and if the key could be guessed.
pub(super) fn read_key(path: &Path) -> Result<Secret, SecretError> {
    let key = read(path)?;
    match weakness(key.expose()) {
        None => Ok(key),
        Some(reason) => Err(SecretError::Weak { path: path.into(), reason }),
    }
}

/// Says what is wrong with a key, if anything is.
fn weakness(key: &str) -> Option<&'static str> {
    let lower = key.to_ascii_lowercase();
    let first = key.chars().next();
    if key.len() < SHORTEST_KEY {
        Some("has less than 16 bytes")
    } else if key.chars().all(|c| Some(c) == first) {
        Some("is one character over and over")
    } else if PLACEHOLDERS.iter().any(|placeholder| lower.contains(placeholder)) {
        Some("is a placeholder from an example")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_could_be_guessed_are_refused() {
        for (key, reason) in [
            ("fifteen-bytes..", Some("has less than 16 bytes")),
            ("a_random_webhook_secret", Some("is a placeholder from an example")),
            ("CHANGEMECHANGEME", Some("is a placeholder from an example")),
            ("xxxxxxxxxxxxxxxxxxxx", Some("is one character over and over")),
            ("5f2b8c1d9e3a7f60", None),
        ] {
            assert_eq!(weakness(key), reason, "{key}");
        }
    }

    #[test]
    fn space_around_a_secret_is_not_part_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, " 5f2b8c1d9e3a7f60\r\n").expect("written");
        assert!(read_key(&path).is_ok_and(|key| key.expose() == "5f2b8c1d9e3a7f60"));
        std::fs::write(&path, "\n").expect("written");
        assert!(matches!(read_key(&path), Err(SecretError::Empty(_))));
        assert!(matches!(read_key(folder.path()), Err(SecretError::Unreadable { .. })));
        assert!(matches!(read_key(&folder.path().join("none")), Err(SecretError::Missing(_))));
    }
}
