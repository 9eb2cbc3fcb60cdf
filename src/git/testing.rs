//! Repositories for the tests: an upstream that is pushed to, and a source that follows it.

use std::path::Path;
use std::path::PathBuf;

use git2::Oid;
use git2::Repository;
use git2::Signature;
use git2::Time;
use tempfile::TempDir;

use crate::core::model::CommitId;
use crate::core::model::SourceName;

use super::GitSource;
use super::RemoteUrl;
use super::SourceSpec;
use super::init;
use super::source::commit_id;

/// A bare repository in a temporary folder.
pub(super) struct Upstream {
    pub(super) folder: TempDir,
    pub(super) repository: Repository,
}

impl Upstream {
    /// Returns an empty one whose HEAD names `main`.
    pub(super) fn empty() -> Self {
        init::ready().expect("libgit2 is set up");
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::init_bare(folder.path().join("lab.git")).expect("a repository");
        repository.set_head("refs/heads/main").expect("set");
        Self { folder, repository }
    }

    /// Returns one with a first commit on `main`.
    pub(super) fn new() -> (Self, CommitId) {
        let upstream = Self::empty();
        let first = upstream.push("main", &[("compose.yaml", "services: {}\n")], "first");
        (upstream, first)
    }

    /// Returns its path.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("lab.git")
    }

    /// Returns its parent folder.
    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Adds files to a branch's tip and moves the branch.
    pub(super) fn push(&self, branch: &str, files: &[(&str, &str)], subject: &str) -> CommitId {
        let tip = self.tip(branch);
        let id = self.commit(tip, &self.tree_of(tip, files), subject);
        self.set(&format!("refs/heads/{branch}"), id);
        commit_id(id)
    }

    /// Moves a branch to a new commit that has no parent.
    pub(super) fn force_push(&self, branch: &str, files: &[(&str, &str)]) -> CommitId {
        let id = self.commit(None, &self.tree_of(None, files), "rewritten");
        self.set(&format!("refs/heads/{branch}"), id);
        commit_id(id)
    }

    /// Commits a tree of entries with modes of any kind on `main`.
    pub(super) fn push_entries(&self, entries: &[(&str, i32, Oid)]) -> CommitId {
        let mut builder = self.repository.treebuilder(None).expect("a builder");
        for (name, mode, id) in entries {
            builder.insert(name, *id, *mode).expect("inserted");
        }
        let tree = self.repository.find_tree(builder.write().expect("written")).expect("a tree");
        let id = self.commit(self.tip("main"), &tree, "entries");
        self.set("refs/heads/main", id);
        commit_id(id)
    }

    /// Stores a file's content.
    pub(super) fn blob(&self, content: &str) -> Oid {
        self.repository.blob(content.as_bytes()).expect("stored")
    }

    /// Stores a folder.
    pub(super) fn subtree(&self, entries: &[(&str, i32, Oid)]) -> Oid {
        let mut builder = self.repository.treebuilder(None).expect("a builder");
        for (name, mode, id) in entries {
            builder.insert(name, *id, *mode).expect("inserted");
        }
        builder.write().expect("written")
    }

    /// Points a ref to an object.
    pub(super) fn set(&self, name: &str, id: Oid) {
        self.repository.reference(name, id, true, "test").expect("set");
    }

    /// Returns a source that follows it, with its mirrors in `data`.
    pub(super) fn source(&self, data: &Path) -> GitSource {
        GitSource::new(self.spec(), data)
    }

    /// Returns what a source that follows it is.
    pub(super) fn spec(&self) -> SourceSpec {
        SourceSpec::new(SourceName::new("lab").expect("a name"), RemoteUrl::Local(self.path()))
    }

    fn tip(&self, branch: &str) -> Option<Oid> {
        self.repository.refname_to_id(&format!("refs/heads/{branch}")).ok()
    }

    fn tree_of(&self, tip: Option<Oid>, files: &[(&str, &str)]) -> git2::Tree<'_> {
        let before = tip.map(|tip| self.repository.find_commit(tip).and_then(|c| c.tree()).expect("a tree"));
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, content) in files {
            update.upsert(*path, self.blob(content), git2::FileMode::Blob);
        }
        let empty = self.subtree(&[]);
        let base = before.unwrap_or_else(|| self.repository.find_tree(empty).expect("a tree"));
        let id = update.create_updated(&self.repository, &base).expect("a tree");
        self.repository.find_tree(id).expect("a tree")
    }

    fn commit(&self, parent: Option<Oid>, tree: &git2::Tree<'_>, subject: &str) -> Oid {
        let who =
            Signature::new("Ada", "ada@example.org", &Time::new(1_700_000_000, 0)).expect("a signature");
        let parents: Vec<git2::Commit<'_>> =
            parent.iter().map(|id| self.repository.find_commit(*id).expect("a commit")).collect();
        let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
        self.repository.commit(None, &who, &who, subject, tree, &parents).expect("committed")
    }
}
