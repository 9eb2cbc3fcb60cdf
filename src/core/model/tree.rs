//! A read-only tree of files. The Compose loader reads through it and nothing else, so that a commit can be read
//! without a checkout and nothing outside the repository can be named.

use std::collections::BTreeMap;

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// It may be executed.
        executable: bool,
    },
    /// A folder.
    Folder,
    /// A symbolic link. No tree follows one out of itself.
    Symlink,
    /// A submodule, socket, device or the like: there is nothing to read.
    Other,
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name without its folder.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// Why a path could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Nothing is there.
    #[error("no such file or directory")]
    NotFound,
    /// A folder stands where a file was wanted.
    #[error("is a directory")]
    IsFolder,
    /// A file stands where a folder was wanted.
    #[error("not a directory")]
    NotFolder,
    /// The path leaves the tree, by `..`, as an absolute path or through a symbolic link.
    #[error("the path leaves the repository")]
    Outside,
    /// The file is larger than this tree reads.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The file exists and cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

/// A read-only tree of files, named by absolute paths with `/` between the parts.
///
/// A folder on this host is named as it is there. A commit is named as if it were checked out at the stable folder
/// that its stack's files are published to, because Compose's config hashes contain those paths.
/// Implementations resolve symbolic links inside the tree and answer [`TreeError::Outside`] for any other.
pub trait Tree: Send + Sync {
    /// Reads a whole file.
    ///
    /// # Errors
    /// Fails as [`TreeError`] says. An empty file is not an error.
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError>;

    /// Returns what stands at the path, links followed; `None` if nothing is there.
    ///
    /// # Errors
    /// Fails if the path leaves the tree or cannot be looked at.
    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError>;

    /// Lists a folder, sorted by name.
    ///
    /// # Errors
    /// Fails if there is no folder at the path.
    fn list(&self, path: &str) -> Result<Vec<Entry>, TreeError>;

    /// Returns what the symbolic link at the path says, which may lead anywhere. The links on the way to it are followed.
    ///
    /// # Errors
    /// Fails if there is no link at the path. A tree that has no links need not know more.
    fn link(&self, path: &str) -> Result<String, TreeError> {
        let _ = path;
        Err(TreeError::Unreadable("is no symbolic link".into()))
    }
}

/// Returns the path made absolute against `base`, with `.` and `..` resolved by text alone.
pub fn normalise(base: &str, path: &str) -> String {
    let joined = if path.starts_with('/') { path.to_owned() } else { format!("{base}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// A tree held in memory, for tests and for files that are made rather than read.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryTree {
    /// Returns a tree of the given absolute paths and contents.
    pub fn new<P: Into<String>, C: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, C)>) -> Self {
        Self { files: files.into_iter().map(|(p, c)| (normalise("/", &p.into()), c.into())).collect() }
    }
}

impl Tree for MemoryTree {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let path = normalise("/", path);
        match self.files.get(&path) {
            Some(content) => Ok(content.clone()),
            None if self.kind(&path)?.is_some() => Err(TreeError::IsFolder),
            None => Err(TreeError::NotFound),
        }
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        let path = normalise("/", path);
        if self.files.contains_key(&path) {
            return Ok(Some(EntryKind::File { executable: false }));
        }
        let inside = if path == "/" { path } else { format!("{path}/") };
        Ok(self.files.keys().any(|name| name.starts_with(&inside)).then_some(EntryKind::Folder))
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, TreeError> {
        let path = normalise("/", path);
        match self.kind(&path)? {
            None => return Err(TreeError::NotFound),
            Some(EntryKind::Folder) => {}
            Some(_) => return Err(TreeError::NotFolder),
        }
        let inside = if path == "/" { path } else { format!("{path}/") };
        let mut entries: BTreeMap<String, EntryKind> = BTreeMap::new();
        for rest in self.files.keys().filter_map(|name| name.strip_prefix(&inside)) {
            match rest.split_once('/') {
                Some((folder, _)) => entries.insert(folder.into(), EntryKind::Folder),
                None => entries.insert(rest.into(), EntryKind::File { executable: false }),
            };
        }
        Ok(entries.into_iter().map(|(name, kind)| Entry { name, kind }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_by_text() {
        assert_eq!(normalise("/a/b", "../c/./d"), "/a/c/d");
        assert_eq!(normalise("/a", "/x//y/"), "/x/y");
        assert_eq!(normalise("/a", "../../.."), "/");
    }

    #[test]
    fn a_tree_in_memory_lists_and_reads() {
        let tree = MemoryTree::new([("/r/compose.yaml", "a"), ("/r/conf/x", "b")]);
        assert_eq!(tree.read("/r/conf/x"), Ok(b"b".to_vec()));
        assert_eq!(tree.read("/r/conf"), Err(TreeError::IsFolder));
        assert_eq!(tree.read("/r/none"), Err(TreeError::NotFound));
        let names: Vec<String> = tree.list("/r").expect("a folder").into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["compose.yaml", "conf"]);
    }
}
