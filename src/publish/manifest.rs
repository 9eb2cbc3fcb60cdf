//! The list of what was written, kept at the root: only what is on it is ever changed or removed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;

use super::dir::Dir;
use super::dir::Found;
use super::dir::in_the_way;
use super::error::PublishError;
use super::relative::MANIFEST;
use super::relative::check;

/// A longer list is not one of ours.
const LONGEST: u64 = 16 << 20;

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// Files by their path relative to the root, with the sha256 of what was written.
    pub(super) files: BTreeMap<String, String>,
    /// Folders that were made.
    pub(super) folders: BTreeSet<String>,
}

impl Manifest {
    /// Reads the list; an empty one if there is none.
    ///
    /// # Errors
    /// Fails if it is not a list of ours. Paths that are never written are left out: a container may have written them.
    pub(super) fn load(root: &Dir) -> Result<Self, PublishError> {
        let path = root.at(MANIFEST);
        let text = match root.look(MANIFEST, LONGEST)? {
            Found::Nothing => return Ok(Self::default()),
            Found::File { content, .. } => content,
            found => return Err(in_the_way(&path, &found)),
        };
        let mut manifest: Self = serde_json::from_slice(&text).map_err(|error| PublishError::Manifest {
            path,
            detail: format!("is not a list of files: {error}"),
        })?;
        manifest.files.retain(|path, _| check(path).is_ok());
        manifest.folders.retain(|path| check(path).is_ok());
        Ok(manifest)
    }

    /// Writes the list, or removes it if nothing is on it.
    pub(super) fn save(&self, root: &Dir) -> Result<(), PublishError> {
        if *self == Self::default() {
            return root.remove(MANIFEST);
        }
        let mut text = serde_json::to_vec_pretty(self).expect("maps and sets of text are JSON");
        text.push(b'\n');
        root.write(MANIFEST, &text, false)
    }
}

/// Returns the sha256 of a file's content, as it stands in the list.
pub(super) fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}
