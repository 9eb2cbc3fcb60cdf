//! The repository files that containers mount: what they are, and one digest for what they hold.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use sha2::Digest;
use sha2::Sha256;

use crate::core::model::EntryKind;
use crate::core::model::Tree;
use crate::core::model::TreeError;

/// The most files that a stack may mount.
pub const MOST_FILES: usize = 10_000;
/// The most bytes that they may have together.
pub const MOST_BYTES: usize = 256 << 20;
/// As deep as folders may lie in a mounted folder; links can make a loop.
const DEEPEST: usize = 64;

/// A file that a container mounts.
#[derive(Clone, PartialEq, Eq)]
pub struct MountedFile {
    /// The absolute path, the same in the tree and on the host.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
    /// It may be executed.
    pub executable: bool,
}

/// Contents may be secret, so that only their size is shown.
impl std::fmt::Debug for MountedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MountedFile")
            .field("path", &self.path)
            .field("bytes", &self.content.len())
            .field("executable", &self.executable)
            .finish()
    }
}

/// Why a mounted path cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// A file or folder of it cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The file or folder.
        path: String,
        /// Why.
        reason: TreeError,
    },
    /// A link of it points to nothing.
    #[error("{path}: the symbolic link points to nothing in the repository")]
    Dangling {
        /// The link.
        path: String,
    },
    /// It is a submodule.
    #[error("{path}: is a submodule, which is not read: commit the files themselves")]
    Submodule {
        /// The mounted path.
        path: String,
    },
    /// There is too much of it.
    #[error("{path}: a stack may mount {MOST_FILES} files and {} MiB: keep data out of the repository", MOST_BYTES >> 20)]
    TooMuch {
        /// The mounted path.
        path: String,
    },
    /// Its folders lie too deep, or its links make a loop.
    #[error("{path}: more than {DEEPEST} folders deep: its symbolic links may make a loop")]
    TooDeep {
        /// The folder that is one too deep.
        path: String,
    },
}

/// Returns the files of a mounted file or folder, sorted by path; `None` if the tree has nothing there, which is where
/// an app keeps its own data. Links are replaced by what they point to.
///
/// git's own files (`.gitignore`, `.gitkeep` and the like) and submodules in a folder are left out.
///
/// # Errors
/// Fails if anything of it cannot be read, or there is too much of it. An empty folder is no error.
pub fn read_mount(tree: &dyn Tree, path: &str) -> Result<Option<Vec<MountedFile>>, MountError> {
    let unreadable = |reason| MountError::Unreadable { path: path.into(), reason };
    let Some(kind) = tree.kind(path).map_err(unreadable)? else { return Ok(None) };
    let mut files = Vec::new();
    let mut bytes = 0;
    let mut todo = vec![(path.to_owned(), kind, 0)];
    while let Some((here, kind, depth)) = todo.pop() {
        let unreadable = |reason| MountError::Unreadable { path: here.clone(), reason };
        match kind {
            EntryKind::File { executable } => {
                let content = tree.read(&here).map_err(unreadable)?;
                bytes += content.len();
                files.push(MountedFile { path: here, content, executable });
                if files.len() > MOST_FILES || bytes > MOST_BYTES {
                    return Err(MountError::TooMuch { path: path.into() });
                }
            }
            EntryKind::Folder if depth == DEEPEST => return Err(MountError::TooDeep { path: here }),
            EntryKind::Folder => {
                for entry in tree.list(&here).map_err(unreadable)? {
                    if !is_gits_own(&entry.name) {
                        todo.push((format!("{here}/{}", entry.name), entry.kind, depth + 1));
                    }
                }
            }
            EntryKind::Symlink => match tree.kind(&here).map_err(unreadable)? {
                Some(kind) => todo.push((here, kind, depth)),
                None => return Err(MountError::Dangling { path: here }),
            },
            EntryKind::Other if depth == 0 => return Err(MountError::Submodule { path: here }),
            EntryKind::Other => {}
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Some(files))
}

/// Everything of a tree that a stack mounts, to be published together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountedContent {
    /// The files, sorted by path, each once.
    pub files: Vec<MountedFile>,
    /// The folders that are mounted themselves, which must be there even if nothing is in them.
    pub folders: Vec<String>,
}

/// Returns the files and folders of all mounted paths together. Paths that the tree does not have are left out.
///
/// # Errors
/// As [`read_mount`], also if the paths have too much only together.
pub fn collect<'a>(
    tree: &dyn Tree,
    paths: impl IntoIterator<Item = &'a str>,
) -> Result<MountedContent, MountError> {
    let mut files: BTreeMap<String, MountedFile> = BTreeMap::new();
    let mut folders = BTreeSet::new();
    let mut bytes = 0;
    for path in paths {
        let Some(mount) = read_mount(tree, path)? else { continue };
        if !matches!(mount.as_slice(), [only] if only.path == path) {
            folders.insert(path.to_owned());
        }
        for file in mount {
            if !files.contains_key(&file.path) {
                bytes += file.content.len();
                files.insert(file.path.clone(), file);
            }
        }
        if files.len() > MOST_FILES || bytes > MOST_BYTES {
            return Err(MountError::TooMuch { path: path.into() });
        }
    }
    Ok(MountedContent { files: files.into_values().collect(), folders: folders.into_iter().collect() })
}

/// Returns true for names that git gives a meaning and that are never published.
pub fn is_gits_own(name: &str) -> bool {
    name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(".git"))
}

/// Returns the digest of a mount's files: the same for the same relative paths, modes and contents, wherever it is
/// mounted from. The files are as [`read_mount`] returned them for the path.
pub fn digest(path: &str, files: &[MountedFile]) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(bytes);
    };
    for file in files {
        part(file.path.strip_prefix(path).unwrap_or(&file.path).as_bytes());
        part(if file.executable { b"x" } else { b"-" });
        part(&file.content);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::model::Entry;
    use crate::core::model::MemoryTree;

    /// A folder that contains itself.
    struct Loop;

    impl Tree for Loop {
        fn read(&self, _: &str) -> Result<Vec<u8>, TreeError> {
            Err(TreeError::IsFolder)
        }

        fn kind(&self, _: &str) -> Result<Option<EntryKind>, TreeError> {
            Ok(Some(EntryKind::Folder))
        }

        fn list(&self, _: &str) -> Result<Vec<Entry>, TreeError> {
            Ok(vec![Entry { name: "self".into(), kind: EntryKind::Symlink }])
        }
    }

    fn file(path: &str, content: &str) -> MountedFile {
        MountedFile { path: path.into(), content: content.into(), executable: false }
    }

    #[test]
    fn a_folder_is_read_whole_and_sorted_without_gits_own_files() {
        let tree = MemoryTree::new([
            ("/r/conf/b/x", "1"),
            ("/r/conf/a", "2"),
            ("/r/conf/.gitkeep", ""),
            ("/r/conf/.GitIgnore", "x"),
            ("/r/conf/.gi", "3"),
            ("/r/other", "4"),
        ]);
        let files = read_mount(&tree, "/r/conf").expect("read").expect("there");
        assert_eq!(files, [file("/r/conf/.gi", "3"), file("/r/conf/a", "2"), file("/r/conf/b/x", "1")]);
        assert_eq!(read_mount(&tree, "/r/other"), Ok(Some(vec![file("/r/other", "4")])));
        assert_eq!(read_mount(&tree, "/r/data"), Ok(None));
    }

    #[test]
    fn mounts_that_overlap_are_collected_once() {
        let tree =
            MemoryTree::new([("/r/conf/a", "1"), ("/r/conf/b", "2"), ("/r/x", "3"), ("/r/e/.gitkeep", "")]);
        let all = collect(&tree, ["/r/conf", "/r/conf/a", "/r/x", "/r/data", "/r/e"]).expect("collected");
        assert_eq!(all.files, [file("/r/conf/a", "1"), file("/r/conf/b", "2"), file("/r/x", "3")]);
        assert_eq!(all.folders, ["/r/conf", "/r/e"]);
    }

    #[test]
    fn too_many_files_and_loops_end_with_the_path() {
        let many = MemoryTree::new((0..=MOST_FILES).map(|n| (format!("/r/{n}"), "")));
        assert_eq!(read_mount(&many, "/r"), Err(MountError::TooMuch { path: "/r".into() }));
        assert!(
            matches!(read_mount(&Loop, "/r"), Err(MountError::TooDeep { path }) if path.starts_with("/r/self/self"))
        );
    }

    #[test]
    fn where_a_mount_lies_is_not_part_of_its_digest_but_how_its_bytes_are_split_is() {
        let here = digest("/a", &[file("/a/x", "1"), file("/a/y", "2")]);
        assert_eq!(here, digest("/b/c", &[file("/b/c/x", "1"), file("/b/c/y", "2")]));
        assert_ne!(here, digest("/a", &[file("/a/x", "12"), file("/a/y", "")]));
        let mut executable = file("/a/x", "1");
        executable.executable = true;
        assert_ne!(digest("/a", &[file("/a/x", "1")]), digest("/a", &[executable]));
    }

    proptest! {
        #[test]
        fn different_files_have_different_digests(
            a in proptest::collection::btree_map("[a-c]{1,2}", "[x-z]{0,2}", 0..4),
            b in proptest::collection::btree_map("[a-c]{1,2}", "[x-z]{0,2}", 0..4),
        ) {
            let files = |map: &std::collections::BTreeMap<String, String>| -> Vec<MountedFile> {
                map.iter().map(|(name, content)| file(&format!("/r/{name}"), content)).collect()
            };
            prop_assert_eq!(a == b, digest("/r", &files(&a)) == digest("/r", &files(&b)));
        }
    }
}
