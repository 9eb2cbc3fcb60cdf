//! A folder that is held open. Everything below it is reached name by name from an open folder, so that no path can be
//! bent by a symbolic link that somebody puts in while we look away.

use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::AtFlags;
use rustix::fs::FileType;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::error::PublishError;
use super::relative::UNFINISHED;

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Not blocking: a pipe would wait for a writer.
const LOOK: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);
const FOLDER_MODE: Mode = Mode::from_bits_retain(0o755);
const FILE_MODE: Mode = Mode::from_bits_retain(0o644);
const EXECUTABLE_MODE: Mode = Mode::from_bits_retain(0o755);

/// An open folder.
pub(super) struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

/// What is found under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    File {
        content: Vec<u8>,
        executable: bool,
    },
    Folder,
    Link,
    /// A socket, pipe or device.
    Special,
}

impl Dir {
    /// Opens the root, and makes it if it is not there. The path to it is trusted.
    pub(super) fn root(path: &Path) -> Result<Self, PublishError> {
        let failed = |error: &std::io::Error| {
            let errno = Errno::from_io_error(error).unwrap_or(Errno::IO);
            PublishError::io("make the folder", path, errno)
        };
        std::fs::create_dir_all(path).map_err(|error| failed(&error))?;
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| PublishError::io("open the folder", path, errno))?;
        Ok(Self { fd, path: path.into() })
    }

    /// Returns the same folder once more.
    pub(super) fn again(&self) -> Result<Self, PublishError> {
        let failed = |error: &std::io::Error| {
            let errno = Errno::from_io_error(error).unwrap_or(Errno::IO);
            PublishError::io("open the folder", &self.path, errno)
        };
        let fd = self.fd.try_clone().map_err(|error| failed(&error))?;
        Ok(Self { fd, path: self.path.clone() })
    }

    /// Returns the path of an entry, for errors.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a folder in this one; `None` if nothing is there.
    ///
    /// # Errors
    /// Fails if something else than a folder is there, a link to one included.
    pub(super) fn enter(&self, name: &str) -> Result<Option<Self>, PublishError> {
        match rustix::fs::openat(&self.fd, name, FOLDER, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path: self.at(name) })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => Err(self.in_the_way(name)),
            Err(errno) => Err(PublishError::io("open the folder", &self.at(name), errno)),
        }
    }

    /// Opens a folder in this one, made if it is not there.
    pub(super) fn make(&self, name: &str) -> Result<Self, PublishError> {
        let failed = |errno| PublishError::io("make the folder", &self.at(name), errno);
        if let Some(there) = self.enter(name)? {
            return Ok(there);
        }
        rustix::fs::mkdirat(&self.fd, name, FOLDER_MODE).map_err(failed)?;
        let made = self.enter(name)?.ok_or_else(|| failed(Errno::NOENT))?;
        // Whatever the process's mask is: containers run as other users.
        rustix::fs::fchmod(&made.fd, FOLDER_MODE).map_err(failed)?;
        Ok(made)
    }

    /// Looks at what is there, and reads it if it is a file of at most `limit` bytes; a longer one is cut.
    pub(super) fn look(&self, name: &str, limit: u64) -> Result<Found, PublishError> {
        let failed = |errno| PublishError::io("read", &self.at(name), errno);
        let kind = match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode),
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            Err(errno) => return Err(failed(errno)),
        };
        match kind {
            FileType::RegularFile => {}
            FileType::Directory => return Ok(Found::Folder),
            FileType::Symlink => return Ok(Found::Link),
            _ => return Ok(Found::Special),
        }
        let fd = rustix::fs::openat(&self.fd, name, LOOK, Mode::empty()).map_err(failed)?;
        let stat = rustix::fs::fstat(&fd).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(Found::Special);
        }
        let mut content = Vec::new();
        File::from(fd)
            .take(limit)
            .read_to_end(&mut content)
            .map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        let executable = Mode::from_raw_mode(stat.st_mode).contains(Mode::XUSR);
        Ok(Found::File { content, executable })
    }

    /// Writes a file beside the one that may be there, and puts it in its place in one step.
    pub(super) fn write(&self, name: &str, content: &[u8], executable: bool) -> Result<(), PublishError> {
        let failed = |errno| PublishError::io("write", &self.at(name), errno);
        let result = self
            .write_unfinished(content, executable)
            .and_then(|()| rustix::fs::renameat(&self.fd, UNFINISHED, &self.fd, name));
        if result.is_err() {
            rustix::fs::unlinkat(&self.fd, UNFINISHED, AtFlags::empty()).ok();
        }
        match result {
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => Err(self.in_the_way(name)),
            result => result.map_err(failed),
        }
    }

    fn write_unfinished(&self, content: &[u8], executable: bool) -> Result<(), Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || rustix::fs::openat(&self.fd, UNFINISHED, flags, FILE_MODE);
        let fd = match create() {
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(&self.fd, UNFINISHED, AtFlags::empty())?;
                create()?
            }
            result => result?,
        };
        rustix::fs::fchmod(&fd, if executable { EXECUTABLE_MODE } else { FILE_MODE })?;
        File::from(fd).write_all(content).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// Removes a file; nothing there is no error.
    pub(super) fn remove(&self, name: &str) -> Result<(), PublishError> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(PublishError::io("remove", &self.at(name), errno)),
        }
    }

    /// Removes a folder if it is empty. True if it is not there any more.
    pub(super) fn remove_empty(&self, name: &str) -> Result<bool, PublishError> {
        if let Ok(Some(folder)) = self.enter(name) {
            folder.remove(UNFINISHED)?;
        }
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::BUSY) => Ok(false),
            Err(errno) => Err(PublishError::io("remove the folder", &self.at(name), errno)),
        }
    }

    /// Returns the error that names what is there instead of what was wanted.
    fn in_the_way(&self, name: &str) -> PublishError {
        in_the_way(&self.at(name), &self.look(name, 0).unwrap_or(Found::Special))
    }
}

/// Returns the error that names what is there instead of what was wanted.
pub(super) fn in_the_way(path: &Path, found: &Found) -> PublishError {
    let there = match found {
        Found::Link => return PublishError::Link { path: path.into() },
        Found::Folder => "a folder",
        Found::File { .. } => "a file",
        Found::Special | Found::Nothing => "something that is neither file nor folder",
    };
    PublishError::InTheWay { path: path.into(), there }
}
