//! A bare repository that is committed to without a checkout: what `evenkeel demo` pushes to, and tests too.

use std::path::Path;

use git2::FileMode;
use git2::Oid;
use git2::Repository;
use git2::Signature;
use git2::build::TreeUpdateBuilder;

use crate::core::model::CommitId;

use super::error::GitError;
use super::init;
use super::source::commit_id;
use super::source::oid;

const BRANCH: &str = "refs/heads/main";

/// A bare repository with the branch `main`.
pub struct ScratchRepository {
    repository: Repository,
}

impl ScratchRepository {
    /// Makes one in a new folder, without a commit.
    ///
    /// # Errors
    /// Fails if the folder cannot be written.
    pub fn init_bare(folder: &Path) -> Result<Self, GitError> {
        init::ready()?;
        let make = || {
            let repository = Repository::init_bare(folder)?;
            repository.set_head(BRANCH)?;
            Ok(Self { repository })
        };
        make().map_err(|error| failed("make a repository", &error))
    }

    /// Writes files, by their paths from the root, over those of the newest commit, and moves the branch to that.
    ///
    /// # Errors
    /// Fails if a path is no path in a repository, or the repository cannot be written.
    pub fn commit(
        &self,
        files: &[(String, String)],
        message: &str,
        author: &str,
    ) -> Result<CommitId, GitError> {
        let make = || {
            let mut update = TreeUpdateBuilder::new();
            for (path, content) in files {
                update.upsert(path.as_str(), self.repository.blob(content.as_bytes())?, FileMode::Blob);
            }
            let tip = self.tip()?;
            let base = match tip {
                Some(tip) => self.repository.find_commit(tip)?.tree()?,
                None => self.repository.find_tree(self.repository.treebuilder(None)?.write()?)?,
            };
            let tree = update.create_updated(&self.repository, &base)?;
            let made = self.record(tip, tree, message, author)?;
            self.move_branch(made)
        };
        make().map_err(|error| failed("make a commit", &error))
    }

    /// Undoes commits, the newest first, each by one of its own as `git revert` does, and then moves the branch once:
    /// this is one push. Returns the last of the new commits, or the tip if there is nothing to undo.
    ///
    /// # Errors
    /// Fails if a later commit changed the same lines.
    pub fn revert(&self, newest_first: &[CommitId], author: &str) -> Result<CommitId, GitError> {
        let make = || {
            let mut tip = self.repository.refname_to_id(BRANCH)?;
            for id in newest_first {
                let bad = self.repository.find_commit(oid(id))?;
                let mut index =
                    self.repository.revert_commit(&bad, &self.repository.find_commit(tip)?, 0, None)?;
                let tree = index.write_tree_to(&self.repository)?;
                let subject = bad.summary()?.unwrap_or_default();
                let message = format!("Revert \"{subject}\"\n\nThis reverts commit {id}.\n");
                tip = self.record(Some(tip), tree, &message, author)?;
            }
            self.move_branch(tip)
        };
        make().map_err(|error| failed("revert", &error))
    }

    fn tip(&self) -> Result<Option<Oid>, git2::Error> {
        match self.repository.refname_to_id(BRANCH) {
            Ok(id) => Ok(Some(id)),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn record(
        &self,
        parent: Option<Oid>,
        tree: Oid,
        message: &str,
        author: &str,
    ) -> Result<Oid, git2::Error> {
        let who = Signature::now(author, "demo@example.org")?;
        let parent = parent.map(|id| self.repository.find_commit(id)).transpose()?;
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        self.repository.commit(None, &who, &who, message, &self.repository.find_tree(tree)?, &parents)
    }

    fn move_branch(&self, to: Oid) -> Result<CommitId, git2::Error> {
        self.repository.reference(BRANCH, to, true, "push")?;
        Ok(commit_id(to))
    }
}

fn failed(doing: &str, error: &git2::Error) -> GitError {
    GitError::Other { doing: doing.into(), detail: error.message().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, content: &str) -> (String, String) {
        (path.into(), content.into())
    }

    #[test]
    fn a_revert_of_two_commits_brings_back_the_tree_before_them_and_keeps_later_work() {
        let folder = tempfile::tempdir().expect("a folder");
        let scratch = ScratchRepository::init_bare(&folder.path().join("lab.git")).expect("made");
        let tree = |id: &CommitId| {
            let commit = scratch.repository.find_commit(oid(id)).expect("a commit");
            commit.tree_id()
        };
        let first = scratch
            .commit(
                &[file("home/.env", "A=1\n"), file("home/compose.yaml", "services: {}\n")],
                "first",
                "Ada",
            )
            .expect("made");
        let change = scratch.commit(&[file("home/.env", "A=2\n")], "change", "Ada").expect("made");
        let bad = scratch.commit(&[file("home/.env", "A=3\n")], "bad", "Ada").expect("made");
        assert_ne!(tree(&bad), tree(&change));
        let back = scratch.revert(&[bad.clone(), change], "Ada").expect("reverted");
        assert_eq!(tree(&back), tree(&first));
        let tip = scratch.repository.find_commit(oid(&back)).expect("a commit");
        assert_eq!(tip.summary().expect("text"), Some("Revert \"change\""));
        assert_eq!(tip.parent(0).expect("a parent").parent_id(0).expect("a parent"), oid(&bad));
        assert_eq!(scratch.repository.refname_to_id(BRANCH).expect("a branch"), oid(&back));
    }

    #[test]
    fn what_a_later_commit_changed_again_is_not_reverted() {
        let folder = tempfile::tempdir().expect("a folder");
        let scratch = ScratchRepository::init_bare(&folder.path().join("lab.git")).expect("made");
        for content in ["A=1\n", "A=2\n"] {
            scratch.commit(&[file(".env", content)], "step", "Ada").expect("made");
        }
        let middle = commit_id(scratch.tip().expect("read").expect("a tip"));
        let tip = scratch.commit(&[file(".env", "A=3\n")], "step", "Ada").expect("made");
        scratch.revert(&[middle], "Ada").expect_err("a conflict");
        assert_eq!(scratch.tip().expect("read"), Some(oid(&tip)));
    }
}
