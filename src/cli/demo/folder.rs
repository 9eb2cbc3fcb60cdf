//! A folder of the demo's own, which goes away with it.

use std::fs;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::path::PathBuf;

/// A folder that only this user can enter. It is removed with all that is in it when this is dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes it among the temporary files.
    ///
    /// # Errors
    /// Fails if it cannot be made, or is there already.
    pub(super) fn make(name: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Returns a path in it.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns its path.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in the temporary files, where the system removes it.
        drop(fs::remove_dir_all(&self.0));
    }
}
