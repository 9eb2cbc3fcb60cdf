//! What the mirror knows of the past: who made a commit, what descends from what, what changed between two.

use std::collections::BTreeSet;

use git2::DiffOptions;
use jiff::Timestamp;

use crate::core::model::CommitId;

use super::error::GitError;
use super::mirror::Mirror;
use super::source::GitSource;
use super::source::commit_id;
use super::source::oid;

/// Who made a commit, and what they said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// The author's name, without the address.
    pub author: String,
    /// The message's first line.
    pub subject: String,
    /// When it was committed.
    pub time: Timestamp,
}

impl GitSource {
    /// Returns who made a commit.
    ///
    /// # Errors
    /// Fails if the commit is not in the mirror.
    pub fn info(&self, commit: &CommitId) -> Result<CommitInfo, GitError> {
        let mirror = self.mirror_with(commit)?;
        let commit = find(&mirror, commit)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(CommitInfo {
            author: text(commit.author().name_bytes()),
            subject: text(commit.summary_bytes().unwrap_or_default()),
            time: Timestamp::from_second(commit.time().seconds()).unwrap_or_default(),
        })
    }

    /// Returns true if `descendant` is `ancestor` or descends from it.
    ///
    /// # Errors
    /// Fails if either is not in the mirror.
    pub fn is_ancestor(&self, ancestor: &CommitId, descendant: &CommitId) -> Result<bool, GitError> {
        let mirror = self.mirror_with(ancestor)?;
        find(&mirror, ancestor)?;
        find(&mirror, descendant)?;
        mirror.descends(oid(descendant), oid(ancestor))
    }

    /// Returns the paths that differ between two commits, relative to the repository's root. A renamed file is there
    /// under both names.
    ///
    /// # Errors
    /// Fails if either is not in the mirror.
    pub fn changed_paths(&self, from: &CommitId, to: &CommitId) -> Result<BTreeSet<String>, GitError> {
        let mirror = self.mirror_with(from)?;
        let tree = |id| find(&mirror, id)?.tree().map_err(|error| GitError::of_mirror(&error, mirror.path()));
        let (old, new) = (tree(from)?, tree(to)?);
        let mut options = DiffOptions::new();
        options.skip_binary_check(true);
        let diff = mirror
            .repository
            .diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))
            .map_err(|error| GitError::of_mirror(&error, mirror.path()))?;
        Ok(diff
            .deltas()
            .flat_map(|delta| [delta.old_file().path_bytes(), delta.new_file().path_bytes()])
            .flatten()
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect())
    }

    /// Returns the commit that a branch, tag, commit id (full or short) or expression such as `HEAD~1` names, as last
    /// fetched. `HEAD` is the commit that the last poll handed out.
    ///
    /// # Errors
    /// Fails if nothing is called so, or more than one thing.
    pub fn resolve(&self, text: &str) -> Result<CommitId, GitError> {
        let unknown = || GitError::UnknownRevision(text.escape_debug().to_string());
        if text.starts_with('-') || text.chars().any(char::is_control) {
            return Err(unknown());
        }
        let mirror = self.open_mirror()?.ok_or_else(unknown)?;
        let object = mirror.repository.revparse_single(text).map_err(|_| unknown())?;
        object.peel_to_commit().map(|commit| commit_id(commit.id())).map_err(|_| unknown())
    }

    fn mirror_with(&self, commit: &CommitId) -> Result<Mirror, GitError> {
        self.open_mirror()?.ok_or_else(|| GitError::UnknownRevision(commit.to_string()))
    }
}

fn find<'a>(mirror: &'a Mirror, commit: &CommitId) -> Result<git2::Commit<'a>, GitError> {
    mirror.repository.find_commit(oid(commit)).map_err(|_| GitError::UnknownRevision(commit.to_string()))
}
