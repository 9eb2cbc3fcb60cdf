//! A bare repository and a clone of it to push from, made by the `git` program: what a forge and a laptop are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

pub(crate) struct Repo {
    bare: PathBuf,
    work: PathBuf,
}

impl Repo {
    /// Makes an empty bare repository in the folder, with a clone beside it.
    pub(crate) fn new(folder: &Path) -> Self {
        let repo = Self { bare: folder.join("homelab.git"), work: folder.join("laptop") };
        fs::create_dir_all(&repo.work).expect("a folder");
        git(folder, &["init", "-q", "--bare", "--initial-branch=main", "homelab.git"]);
        git(&repo.work, &["init", "-q", "--initial-branch=main", "."]);
        git(&repo.work, &["remote", "add", "origin", &repo.url()]);
        repo
    }

    /// The address to follow.
    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.bare.display())
    }

    /// Writes a file of the clone.
    pub(crate) fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.work.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
        self
    }

    /// Lets a file of the clone be executed.
    pub(crate) fn executable(&self, path: &str) -> &Self {
        fs::set_permissions(self.work.join(path), fs::Permissions::from_mode(0o755)).expect("a file");
        self
    }

    /// Makes a symbolic link in the clone.
    pub(crate) fn link(&self, path: &str, target: &str) -> &Self {
        std::os::unix::fs::symlink(target, self.work.join(path)).expect("a link");
        self
    }

    /// Copies a folder of the clone to another place.
    pub(crate) fn copy(&self, path: &str, to: &Path) {
        let copied =
            Command::new("cp").arg("-a").arg(self.work.join(path)).arg(to).status().expect("cp runs");
        assert!(copied.success());
    }

    /// Removes a file or a folder of the clone.
    pub(crate) fn remove(&self, path: &str) -> &Self {
        git(&self.work, &["rm", "-rq", path]);
        self
    }

    /// Commits everything and pushes it. Returns the commit's id.
    pub(crate) fn push(&self, subject: &str) -> String {
        git(&self.work, &["add", "--all"]);
        git(&self.work, &["commit", "-q", "--allow-empty", "-m", subject]);
        self.push_branch("main")
    }

    /// Reverts the newest commit and pushes that. Returns the commit's id.
    pub(crate) fn revert(&self) -> String {
        git(&self.work, &["revert", "--no-edit", "HEAD"]);
        self.push_branch("main")
    }

    /// Pushes what is committed to a branch. Returns the commit's id.
    pub(crate) fn push_branch(&self, branch: &str) -> String {
        git(&self.work, &["push", "-q", "origin", &format!("HEAD:refs/heads/{branch}")]);
        git(&self.work, &["rev-parse", "HEAD"])
    }

    /// Pushes a history that has nothing to do with the one before. Returns the commit's id.
    pub(crate) fn push_other_history(&self, subject: &str) -> String {
        git(&self.work, &["add", "--all"]);
        let tree = git(&self.work, &["write-tree"]);
        let commit = git(&self.work, &["commit-tree", &tree, "-m", subject]);
        git(&self.work, &["push", "-q", "--force", "origin", &format!("{commit}:refs/heads/main")]);
        commit
    }

    /// Takes the remote away, as a network does.
    pub(crate) fn go_away(&self) {
        fs::rename(&self.bare, self.bare.with_extension("away")).expect("a rename");
    }

    /// Brings the remote back.
    pub(crate) fn come_back(&self) {
        fs::rename(self.bare.with_extension("away"), &self.bare).expect("a rename");
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("the `git` program");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
