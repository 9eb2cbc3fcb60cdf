//! The files of a commit, read from the object store. Nothing is checked out, so no filter, hook or symbolic link of
//! the repository can reach the host.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use git2::ErrorCode;
use git2::ObjectType;
use git2::Oid;
use git2::Repository;

use crate::core::model::CommitId;
use crate::core::model::Entry;
use crate::core::model::EntryKind;
use crate::core::model::Tree;
use crate::core::model::TreeError;
use crate::core::model::normalise;

use super::error::GitError;
use super::session::locked;
use super::source::oid;

/// The largest file that is read, in bytes, unless [`CommitTree::with_limit`] says otherwise.
pub const DEFAULT_FILE_LIMIT: u64 = 16 << 20;

/// As many symbolic links as Linux follows on the way to one file.
const MOST_LINKS: usize = 40;
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
const LARGEST_POINTER: usize = 1024;

const FILE_MODE_EXECUTABLE: i32 = 0o100_755;
const FILE_MODE_LINK: i32 = 0o120_000;

/// The files of one commit, named as if it were checked out at a folder of the host.
///
/// Files are as git stores them: no line endings are changed, and neither submodules nor LFS files are brought in.
pub struct CommitTree {
    repository: Mutex<Repository>,
    root: Oid,
    mount: String,
    limit: u64,
    place: PathBuf,
    suspect: Arc<AtomicBool>,
}

/// What stands at the end of a path.
#[derive(Clone, Copy)]
struct Node {
    id: Oid,
    kind: EntryKind,
}

impl CommitTree {
    /// Returns the tree of a commit. `suspect` is set when an object cannot be read.
    pub(super) fn new(
        repository: Repository,
        commit: &CommitId,
        mount: &str,
        suspect: Arc<AtomicBool>,
    ) -> Result<Self, GitError> {
        let root =
            repository.find_commit(oid(commit)).map(|commit| commit.tree_id()).map_err(
                |error| match error.code() {
                    ErrorCode::NotFound => GitError::UnknownRevision(commit.to_string()),
                    _ => GitError::of_mirror(&error, repository.path()),
                },
            )?;
        let place = repository.path().to_owned();
        let mount = normalise("/", mount);
        Ok(Self {
            repository: Mutex::new(repository),
            root,
            mount,
            limit: DEFAULT_FILE_LIMIT,
            place,
            suspect,
        })
    }

    /// Returns the tree with another limit for a file's size in bytes.
    #[must_use]
    pub fn with_limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Returns the parts of a path below the mount.
    fn parts(&self, path: &str) -> Result<Vec<String>, TreeError> {
        let path = normalise("/", path);
        let below = path.strip_prefix(self.mount.trim_end_matches('/')).ok_or(TreeError::Outside)?;
        if !below.is_empty() && !below.starts_with('/') {
            return Err(TreeError::Outside);
        }
        Ok(split(below))
    }

    /// Walks from the root to the end of the path, following links that stay inside.
    fn walk(&self, repository: &Repository, path: &str) -> Result<Option<Node>, TreeError> {
        let mut ahead = self.parts(path)?;
        ahead.reverse();
        let mut links = 0;
        let mut names: Vec<String> = Vec::new();
        let mut nodes = vec![Node { id: self.root, kind: EntryKind::Folder }];
        while let Some(part) = ahead.pop() {
            if part == ".." {
                names.pop().ok_or(TreeError::Outside)?;
                nodes.pop();
                continue;
            }
            let here = nodes[nodes.len() - 1];
            if here.kind != EntryKind::Folder {
                return Ok(None);
            }
            let folder = repository.find_tree(here.id).map_err(|error| self.unreadable(&error))?;
            let Some(entry) = folder.get_name(&part) else { return Ok(None) };
            let node = Node { id: entry.id(), kind: kind_of(&entry) };
            if node.kind == EntryKind::Symlink {
                links += 1;
                if links > MOST_LINKS {
                    return Err(TreeError::Unreadable("too many levels of symbolic links".into()));
                }
                ahead.extend(self.followed(repository, node.id)?.into_iter().rev());
                continue;
            }
            names.push(part);
            nodes.push(node);
        }
        Ok(nodes.pop())
    }

    /// Returns the parts that a link stands for, relative to its folder.
    fn followed(&self, repository: &Repository, id: Oid) -> Result<Vec<String>, TreeError> {
        let target = self.target(repository, id)?;
        if target.starts_with('/') { Err(TreeError::Outside) } else { Ok(split(&target)) }
    }

    /// Returns what a link says.
    fn target(&self, repository: &Repository, id: Oid) -> Result<String, TreeError> {
        let blob = repository.find_blob(id).map_err(|error| self.unreadable(&error))?;
        let target = std::str::from_utf8(blob.content());
        target
            .map(str::to_owned)
            .map_err(|_| TreeError::Unreadable("the symbolic link's target is not UTF-8".into()))
    }

    fn unreadable(&self, error: &git2::Error) -> TreeError {
        self.suspect.store(true, Ordering::Relaxed);
        TreeError::Unreadable(GitError::of_mirror(error, &self.place).to_string())
    }
}

impl Tree for CommitTree {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let repository = locked(&self.repository);
        let node = self.walk(&repository, path)?.ok_or(TreeError::NotFound)?;
        match node.kind {
            EntryKind::File { .. } => {}
            EntryKind::Folder => return Err(TreeError::IsFolder),
            EntryKind::Symlink | EntryKind::Other => {
                return Err(TreeError::Unreadable(
                    "is a submodule; submodules are not read: commit the files themselves".into(),
                ));
            }
        }
        let odb = repository.odb().map_err(|error| self.unreadable(&error))?;
        let (size, _) = odb.read_header(node.id).map_err(|error| self.unreadable(&error))?;
        if u64::try_from(size).unwrap_or(u64::MAX) > self.limit {
            return Err(TreeError::TooLarge { limit: self.limit });
        }
        let content = odb.read(node.id).map_err(|error| self.unreadable(&error))?.data().to_vec();
        if content.len() <= LARGEST_POINTER && content.starts_with(LFS_POINTER) {
            return Err(TreeError::Unreadable(
                "is a Git LFS pointer; LFS files are not fetched: commit the file itself".into(),
            ));
        }
        Ok(content)
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        Ok(self.walk(&locked(&self.repository), path)?.map(|node| node.kind))
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, TreeError> {
        let repository = locked(&self.repository);
        let node = self.walk(&repository, path)?.ok_or(TreeError::NotFound)?;
        if node.kind != EntryKind::Folder {
            return Err(TreeError::NotFolder);
        }
        let folder = repository.find_tree(node.id).map_err(|error| self.unreadable(&error))?;
        let mut entries = Vec::with_capacity(folder.len());
        for entry in &folder {
            let name = std::str::from_utf8(entry.name_bytes()).map_err(|_| {
                let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
                TreeError::Unreadable(format!("has an entry whose name is not UTF-8: {name}"))
            })?;
            entries.push(Entry { name: name.to_owned(), kind: kind_of(&entry) });
        }
        // git sorts a folder as if its name ended in a slash.
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn link(&self, path: &str) -> Result<String, TreeError> {
        let repository = locked(&self.repository);
        let path = normalise("/", path);
        let (folder, name) = path.rsplit_once('/').unwrap_or_default();
        let folder = self.walk(&repository, folder)?.ok_or(TreeError::NotFound)?;
        let folder = repository.find_tree(folder.id).map_err(|error| self.unreadable(&error))?;
        let entry = folder.get_name(name).ok_or(TreeError::NotFound)?;
        match kind_of(&entry) {
            EntryKind::Symlink => self.target(&repository, entry.id()),
            _ => Err(TreeError::Unreadable("is no symbolic link".into())),
        }
    }
}

fn kind_of(entry: &git2::TreeEntry<'_>) -> EntryKind {
    match entry.kind() {
        Some(ObjectType::Tree) => EntryKind::Folder,
        Some(ObjectType::Blob) if entry.filemode() == FILE_MODE_LINK => EntryKind::Symlink,
        Some(ObjectType::Blob) => EntryKind::File { executable: entry.filemode() == FILE_MODE_EXECUTABLE },
        _ => EntryKind::Other,
    }
}

fn split(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
}
