//! What is sent to the builder: the files of a folder of the tree that are not ignored, and the Dockerfile.
//!
//! Only what each file is called, what it holds (as a digest) and how long it is are kept. The files themselves are read
//! when they are sent, one by one, and what is no longer what it was is not sent.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::Digest;
use sha2::Sha256;

use super::ignore::Ignored;
use crate::core::model::EntryKind;
use crate::core::model::Tree;
use crate::core::model::TreeError;

/// The most files, folders and links that a context may have.
const MOST_ENTRIES: usize = 20_000;
/// The most bytes that its files may have together.
const MOST_BYTES: u64 = 512 << 20;

/// What the Dockerfile is called where it is no file of the context.
const DOCKERFILE: &str = ".evenkeel.dockerfile";
/// The file by which the engine knows what to take away again once it has read the Dockerfile.
const DOCKERIGNORE: &str = ".dockerignore";

/// A build's context: what is in it, and where to read it.
#[derive(Clone)]
pub struct BuildContext {
    pub(super) tree: Arc<dyn Tree>,
    root: String,
    entries: BTreeMap<String, ContextEntry>,
}

/// One entry of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextEntry {
    /// A folder.
    Folder,
    /// A file of the tree.
    File {
        /// It may be executed.
        executable: bool,
        /// Its length in bytes.
        size: u64,
        /// The digest of its content.
        sha256: [u8; 32],
    },
    /// A file that is made, not read.
    Made(String),
    /// A symbolic link and what it says. It may lead anywhere: the engine follows none out of the context.
    Link(String),
}

/// Why a context cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// Something in it cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// What.
        path: String,
        /// Why.
        reason: TreeError,
    },
    /// A submodule, socket, device or the like.
    #[error("{path}: is a submodule, socket or device, which cannot be sent: name it in .dockerignore")]
    Odd {
        /// What.
        path: String,
    },
    /// There is too much of it.
    #[error(
        "{path}: a build context may have {MOST_ENTRIES} entries and {} MiB: name what the build does not need in \
         .dockerignore",
        MOST_BYTES >> 20
    )]
    TooMuch {
        /// The context.
        path: String,
    },
    /// It is not what it was when the build was planned.
    #[error("{path}: has changed since the build was planned")]
    Changed {
        /// What.
        path: String,
    },
}

impl BuildContext {
    /// Reads what is in the folder `root` of the tree and not ignored. `.git` is never part of it: a commit has none.
    pub(super) fn read(tree: &Arc<dyn Tree>, root: &str, ignored: &Ignored) -> Result<Self, ContextError> {
        let root = root.trim_end_matches('/').to_owned();
        let mut context = Self { tree: Arc::clone(tree), root, entries: BTreeMap::new() };
        let mut folders = vec![String::new()];
        let (mut looked_at, mut bytes) = (0, 0);
        let mut needed = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            let at = context.path_of(&folder);
            let unreadable = |reason| ContextError::Unreadable { path: at.clone(), reason };
            for entry in tree.list(&at).map_err(unreadable)? {
                if entry.name == ".git" {
                    continue;
                }
                let path = if folder.is_empty() { entry.name } else { format!("{folder}/{}", entry.name) };
                let is_ignored = ignored.contains(&path);
                looked_at += 1;
                if entry.kind == EntryKind::Folder && (!is_ignored || ignored.has_exceptions()) {
                    folders.push(path.clone());
                }
                if !is_ignored {
                    let entry = context.entry(&path, entry.kind)?;
                    bytes += entry.size();
                    if !matches!(entry, ContextEntry::Folder) {
                        needed.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
                    }
                    context.entries.insert(path, entry);
                }
                if looked_at > MOST_ENTRIES || bytes > MOST_BYTES {
                    return Err(ContextError::TooMuch { path: context.root });
                }
            }
        }
        for folder in needed {
            context.entries.entry(folder).or_insert(ContextEntry::Folder);
        }
        Ok(context)
    }

    fn entry(&self, path: &str, kind: EntryKind) -> Result<ContextEntry, ContextError> {
        let at = self.path_of(path);
        let unreadable = |reason| ContextError::Unreadable { path: at.clone(), reason };
        Ok(match kind {
            EntryKind::Folder => ContextEntry::Folder,
            EntryKind::Symlink => ContextEntry::Link(self.tree.link(&at).map_err(unreadable)?),
            EntryKind::Other => return Err(ContextError::Odd { path: at }),
            EntryKind::File { executable } => {
                let content = self.tree.read(&at).map_err(unreadable)?;
                let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
                ContextEntry::File { executable, size, sha256: Sha256::digest(&content).into() }
            }
        })
    }

    /// Makes sure that the Dockerfile is sent, and returns what it is called. `own` is its path in the context, if it has
    /// one. Where it is ignored or lies elsewhere, it is sent under a name of its own, and the engine is told to take
    /// that away before it copies anything, as Docker's own client does it.
    pub(super) fn with_dockerfile(&mut self, own: Option<&str>, text: &str) -> String {
        if let Some(own) = own.filter(|own| self.entries.contains_key(*own)) {
            return own.to_owned();
        }
        let written = self.entries.get(DOCKERIGNORE).map(|_| self.tree.read(&self.path_of(DOCKERIGNORE)));
        let written = written.and_then(Result::ok);
        let written = written.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let kept = written.unwrap_or_else(|| DOCKERIGNORE.to_owned());
        self.entries.insert(DOCKERIGNORE.into(), ContextEntry::Made(format!("{kept}\n{DOCKERFILE}\n")));
        self.entries.insert(DOCKERFILE.into(), ContextEntry::Made(text.to_owned()));
        DOCKERFILE.to_owned()
    }

    /// Returns the entries, sorted by their paths relative to the context: folders before what is in them.
    pub fn entries(&self) -> &BTreeMap<String, ContextEntry> {
        &self.entries
    }

    /// Reads the content of a file of the context.
    ///
    /// # Errors
    /// Fails if it cannot be read, or is not what it was when the context was looked through.
    pub fn content(&self, path: &str, entry: &ContextEntry) -> Result<Vec<u8>, ContextError> {
        match entry {
            ContextEntry::Folder | ContextEntry::Link(_) => Ok(Vec::new()),
            ContextEntry::Made(text) => Ok(text.clone().into_bytes()),
            ContextEntry::File { sha256, .. } => {
                let at = self.path_of(path);
                let content = self.tree.read(&at);
                let content =
                    content.map_err(|reason| ContextError::Unreadable { path: at.clone(), reason })?;
                let is_the_same = Sha256::digest(&content).as_slice() == sha256;
                if is_the_same { Ok(content) } else { Err(ContextError::Changed { path: at }) }
            }
        }
    }

    /// Gives each part of what the context is to `part`, so that equal contexts give equal parts.
    pub(super) fn parts(&self, mut part: impl FnMut(&[u8])) {
        for (path, entry) in &self.entries {
            part(path.as_bytes());
            match entry {
                ContextEntry::Folder => part(b"folder"),
                ContextEntry::Link(target) => {
                    part(b"link");
                    part(target.as_bytes());
                }
                ContextEntry::Made(text) => {
                    part(b"file -");
                    part(&Sha256::digest(text));
                }
                ContextEntry::File { executable, sha256, .. } => {
                    part(if *executable { b"file x" } else { b"file -" });
                    part(sha256);
                }
            }
        }
    }

    fn path_of(&self, path: &str) -> String {
        if path.is_empty() { self.root.clone() } else { format!("{}/{path}", self.root) }
    }
}

impl ContextEntry {
    /// Returns how many bytes of content it has.
    pub fn size(&self) -> u64 {
        match self {
            Self::Folder | Self::Link(_) => 0,
            Self::Made(text) => u64::try_from(text.len()).unwrap_or(u64::MAX),
            Self::File { size, .. } => *size,
        }
    }
}

impl std::fmt::Debug for BuildContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuildContext").field("root", &self.root).finish_non_exhaustive()
    }
}
