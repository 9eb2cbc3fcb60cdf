//! The bare repository on our disk: made, opened, checked, and its refs kept. Never talks to a remote.
//!
//! Its branches and tags are the remote's as last fetched. Two more kinds of ref are ours alone: `refs/evenkeel/held/…`
//! is the commit that was last handed out for what is followed, `refs/evenkeel/kept/…` are commits that the remote let
//! go of and that would be unreachable without.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use git2::ErrorCode;
use git2::ObjectType;
use git2::Oid;
use git2::Reference;
use git2::Repository;
use git2::RepositoryInitOptions;

use crate::core::model::CommitId;

use super::error::GitError;
use super::remote::RemoteRef;
use super::source::oid;

const HELD: &str = "refs/evenkeel/held/";
const KEPT: &str = "refs/evenkeel/kept/";
const MESSAGE: &str = "evenkeel";
/// Larger files are looked up but not read when a commit is checked.
const CHECKED_WHOLE: usize = 1 << 20;

/// A mirror that can be opened.
pub(super) struct Mirror {
    pub(super) repository: Repository,
    path: PathBuf,
}

impl Mirror {
    /// Opens the mirror at the path; `None` if nothing is there.
    ///
    /// # Errors
    /// Fails with [`GitError::MirrorBroken`] if what is there is no repository.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, GitError> {
        if !path.exists() {
            return Ok(None);
        }
        let repository = Repository::open_bare(path).map_err(|error| GitError::of_mirror(&error, path))?;
        Ok(Some(Self { repository, path: path.into() }))
    }

    /// Makes an empty mirror, in place of whatever is there.
    ///
    /// # Errors
    /// Fails if the folder cannot be written.
    pub(super) fn create(path: &Path) -> Result<Self, GitError> {
        remove_folder(path).map_err(|error| GitError::of_io(&error, "clear", path))?;
        let mut options = RepositoryInitOptions::new();
        options.bare(true).mkpath(true).external_template(false).no_reinit(true);
        let repository =
            Repository::init_opts(path, &options).map_err(|error| GitError::of_mirror(&error, path))?;
        Ok(Self { repository, path: path.into() })
    }

    /// Returns the mirror's folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns true if the object is in the mirror.
    pub(super) fn has(&self, id: Oid) -> bool {
        self.repository.odb().is_ok_and(|odb| odb.exists(id))
    }

    /// Returns the commit that an object is or that a tag stands for; `None` if it is something else.
    pub(super) fn commit(&self, id: Oid) -> Result<Option<Oid>, GitError> {
        let object = self.repository.find_object(id, None).map_err(|error| self.broken(&error))?;
        Ok(object.peel(ObjectType::Commit).ok().map(|commit| commit.id()))
    }

    /// Returns git2's id of a commit if it is in the mirror.
    pub(super) fn commit_named(&self, id: &CommitId) -> Option<Oid> {
        self.repository.find_commit(oid(id)).ok().map(|commit| commit.id())
    }

    /// Returns true if the mirror has the ref where the remote has it, and what it points to.
    pub(super) fn points_to(&self, name: &str, id: Oid) -> bool {
        self.repository.refname_to_id(name).is_ok_and(|ours| ours == id) && self.has(id)
    }

    /// Reads everything that a commit's tree holds.
    ///
    /// # Errors
    /// Fails with [`GitError::MirrorBroken`] if anything of it is missing or is not what its name says.
    pub(super) fn check(&self, commit: Oid) -> Result<(), GitError> {
        let tree = self
            .repository
            .find_commit(commit)
            .and_then(|commit| commit.tree())
            .map_err(|error| self.broken(&error))?;
        let odb = self.repository.odb().map_err(|error| self.broken(&error))?;
        let mut folders = vec![tree.id()];
        while let Some(folder) = folders.pop() {
            let folder = self.repository.find_tree(folder).map_err(|error| self.broken(&error))?;
            for entry in &folder {
                match entry.kind() {
                    Some(ObjectType::Tree) => folders.push(entry.id()),
                    Some(ObjectType::Blob) => {
                        let (size, _) = odb.read_header(entry.id()).map_err(|error| self.broken(&error))?;
                        if size <= CHECKED_WHOLE {
                            odb.read(entry.id()).map_err(|error| self.broken(&error))?;
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Moves the mirror's branches and tags to where the remote's are, and removes those it no longer has.
    ///
    /// # Errors
    /// Fails if a ref cannot be written.
    pub(super) fn follow_refs(&self, remote: &[RemoteRef]) -> Result<(), GitError> {
        let ours = |name: &str| name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        let wanted: Vec<&RemoteRef> = remote
            .iter()
            .filter(|reference| ours(&reference.name) && Reference::is_valid_name(&reference.name))
            .collect();
        // Removed first: `a` may have become `a/b`.
        for mut reference in self.references()? {
            let name = reference.name().unwrap_or_default().to_owned();
            if ours(&name) && !wanted.iter().any(|wanted| wanted.name == name) {
                reference.delete().map_err(|error| self.broken(&error))?;
            }
        }
        for reference in wanted {
            self.set(&reference.name, reference.id)?;
        }
        Ok(())
    }

    /// Returns the commit that was last handed out for a followed name.
    pub(super) fn held(&self, followed: &str) -> Option<Oid> {
        self.repository.refname_to_id(&format!("{HELD}{followed}")).ok()
    }

    /// Hands out another commit for the followed name. Whatever was handed out before stays reachable.
    ///
    /// # Errors
    /// Fails if a ref cannot be written.
    pub(super) fn hold(&self, followed: &str, commit: Oid) -> Result<(), GitError> {
        if self.held(followed) == Some(commit) {
            return Ok(());
        }
        let name = format!("{HELD}{followed}");
        for mut reference in self.references()? {
            let other = reference.name().unwrap_or_default().to_owned();
            let Some(before) = reference.target().filter(|_| other.starts_with(HELD)) else { continue };
            let descends = self.repository.graph_descendant_of(commit, before).unwrap_or(false);
            if before != commit && !descends && self.has(before) {
                self.keep(before)?;
            }
            if other != name {
                reference.delete().map_err(|error| self.broken(&error))?;
            }
        }
        self.repository.set_head_detached(commit).map_err(|error| self.broken(&error))?;
        self.set(&name, commit)
    }

    /// Keeps a commit reachable for ever.
    ///
    /// # Errors
    /// Fails if the ref cannot be written.
    pub(super) fn keep(&self, commit: Oid) -> Result<(), GitError> {
        self.set(&format!("{KEPT}{commit}"), commit)
    }

    /// Returns true if `descendant` is `ancestor` or descends from it.
    ///
    /// # Errors
    /// Fails if either commit is not in the mirror.
    pub(super) fn descends(&self, descendant: Oid, ancestor: Oid) -> Result<bool, GitError> {
        Ok(descendant == ancestor
            || self
                .repository
                .graph_descendant_of(descendant, ancestor)
                .map_err(|error| self.broken(&error))?)
    }

    fn references(&self) -> Result<Vec<Reference<'_>>, GitError> {
        self.repository.references().and_then(Iterator::collect).map_err(|error| self.broken(&error))
    }

    fn set(&self, name: &str, id: Oid) -> Result<(), GitError> {
        match self.repository.refname_to_id(name) {
            Ok(there) if there == id => Ok(()),
            _ => self
                .repository
                .reference(name, id, true, MESSAGE)
                .map(drop)
                .map_err(|error| self.broken(&error)),
        }
    }

    fn broken(&self, error: &git2::Error) -> GitError {
        if error.code() == ErrorCode::Locked {
            let detail = format!("a lock was left behind: {}", error.message());
            return GitError::MirrorBroken { path: self.path.clone(), detail };
        }
        GitError::of_mirror(error, &self.path)
    }
}

/// Removes what a killed process left in a mirror: lock files and half-written packs. Returns the lock files' names.
/// Only for whoever holds the mirror's own lock, for then no other process is at work in it.
///
/// # Errors
/// Fails if a folder cannot be read or a file not be removed.
pub(super) fn clear_leftovers(mirror: &Path) -> io::Result<Vec<String>> {
    let mut locks = Vec::new();
    let mut folders = vec![mirror.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "lock") {
                fs::remove_file(&path)?;
                locks.push(path.strip_prefix(mirror).unwrap_or(&path).display().to_string());
            } else if name.starts_with("pack_git2_") || name.starts_with("tmp_") {
                fs::remove_file(&path)?;
            }
        }
    }
    locks.sort();
    Ok(locks)
}

/// Puts a new mirror in the place of an old one.
///
/// # Errors
/// Fails if a folder cannot be renamed. Either the old or the new mirror is in place then.
pub(super) fn swap(new: &Path, place: &Path) -> Result<(), GitError> {
    let failed = |error: io::Error| GitError::of_io(&error, "replace", place);
    let old = place.with_extension("git.old");
    remove_folder(&old).map_err(failed)?;
    match fs::rename(place, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    if let Err(error) = fs::rename(new, place) {
        // The old one is better than none; if even that fails, the next poll makes a new one.
        fs::rename(&old, place).ok();
        return Err(failed(error));
    }
    remove_folder(&old).map_err(failed)
}

/// Removes a folder with all it holds, or a file that stands in its place; nothing there is no error.
pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
