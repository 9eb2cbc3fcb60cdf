//! The files of this host as a tree, for the CLI: `plan --dir` and `config` read what `docker compose` would read.

use std::fs;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::PermissionsExt;

use crate::core::model::Entry;
use crate::core::model::EntryKind;
use crate::core::model::Tree;
use crate::core::model::TreeError;

/// The largest file that is read, in bytes.
const FILE_LIMIT: u64 = 16 << 20;

/// The file system of this host. Nothing is outside of it: whoever runs the command may read what they may read.
#[derive(Debug, Clone, Copy, Default)]
pub struct FolderTree;

impl Tree for FolderTree {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        let meta = fs::metadata(path).map_err(|error| reason(&error))?;
        match kind_of(&meta) {
            EntryKind::Folder => Err(TreeError::IsFolder),
            EntryKind::File { .. } if meta.len() > FILE_LIMIT => {
                Err(TreeError::TooLarge { limit: FILE_LIMIT })
            }
            EntryKind::File { .. } => fs::read(path).map_err(|error| reason(&error)),
            EntryKind::Symlink | EntryKind::Other => {
                Err(TreeError::Unreadable("is neither a file nor a folder".into()))
            }
        }
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        match fs::metadata(path).map_err(|error| reason(&error)) {
            Ok(meta) => Ok(Some(kind_of(&meta))),
            Err(TreeError::NotFound | TreeError::NotFolder) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, TreeError> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| reason(&error))? {
            let entry = entry.map_err(|error| reason(&error))?;
            let name = entry.file_name().into_string().map_err(|name| {
                TreeError::Unreadable(format!("has an entry whose name is not UTF-8: {}", name.display()))
            })?;
            // The entry's own metadata: a link is listed as a link.
            match entry.metadata() {
                Ok(meta) => entries.push(Entry { name, kind: kind_of(&meta) }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(reason(&error)),
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn link(&self, path: &str) -> Result<String, TreeError> {
        let target = fs::read_link(path).map_err(|error| reason(&error))?;
        let target = target.into_os_string().into_string();
        target.map_err(|_| TreeError::Unreadable("the symbolic link's target is not UTF-8".into()))
    }
}

fn kind_of(meta: &Metadata) -> EntryKind {
    let kind = meta.file_type();
    if kind.is_dir() {
        EntryKind::Folder
    } else if kind.is_file() {
        EntryKind::File { executable: meta.permissions().mode() & 0o100 != 0 }
    } else if kind.is_symlink() {
        EntryKind::Symlink
    } else {
        EntryKind::Other
    }
}

fn reason(error: &io::Error) -> TreeError {
    match error.kind() {
        io::ErrorKind::NotFound => TreeError::NotFound,
        io::ErrorKind::NotADirectory => TreeError::NotFolder,
        io::ErrorKind::IsADirectory => TreeError::IsFolder,
        io::ErrorKind::PermissionDenied => TreeError::Unreadable("permission denied".into()),
        _ => TreeError::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_host_is_read_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir(at("conf")).expect("made");
        fs::write(at("conf/run.sh"), "#!/bin/sh").expect("written");
        fs::set_permissions(at("conf/run.sh"), fs::Permissions::from_mode(0o755)).expect("set");
        std::os::unix::fs::symlink(at("conf/run.sh"), at("link")).expect("linked");
        std::os::unix::fs::symlink("nowhere", at("dangling")).expect("linked");

        let file = EntryKind::File { executable: true };
        assert_eq!(FolderTree.read(&at("link")), Ok(b"#!/bin/sh".to_vec()));
        assert_eq!(FolderTree.kind(&at("link")), Ok(Some(file)));
        assert_eq!(FolderTree.kind(&at("dangling")), Ok(None));
        assert_eq!(FolderTree.link(&at("dangling")).as_deref(), Ok("nowhere"));
        assert!(FolderTree.link(&at("conf")).is_err());
        assert_eq!(FolderTree.kind(&at("conf/run.sh/x")), Ok(None));
        assert_eq!(FolderTree.read(&at("conf")), Err(TreeError::IsFolder));
        assert_eq!(FolderTree.read(&at("none")), Err(TreeError::NotFound));
        assert_eq!(FolderTree.list(&at("link")), Err(TreeError::NotFolder));
        assert_eq!(FolderTree.list(&at("conf")), Ok(vec![Entry { name: "run.sh".into(), kind: file }]));
        let kinds: Vec<EntryKind> = FolderTree
            .list(&folder.path().display().to_string())
            .expect("listed")
            .iter()
            .map(|e| e.kind)
            .collect();
        assert_eq!(kinds, [EntryKind::Folder, EntryKind::Symlink, EntryKind::Symlink]);
    }

    #[test]
    fn what_is_neither_file_nor_folder_is_not_waited_for() {
        assert!(matches!(FolderTree.read("/dev/zero"), Err(TreeError::Unreadable(_))));
    }
}
