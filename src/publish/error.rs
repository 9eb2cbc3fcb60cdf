//! Why a file could not be written to its place, and what to do next.

use std::path::Path;
use std::path::PathBuf;

use rustix::io::Errno;

/// Why the files of a stack could not be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The path is not one that is ever written.
    #[error("{path}: {rule}")]
    Refused {
        /// The path as given.
        path: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A file that somebody else wrote is there, with other content.
    #[error("{}: a file that did not come from the repository is there", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A symbolic link is where a file or folder is wanted.
    #[error("{}: a symbolic link is in the way, and none is followed", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Something of another kind is where a file or folder is wanted.
    #[error("{}: {there} is in the way", path.display())]
    InTheWay {
        /// Where.
        path: PathBuf,
        /// What is there.
        there: &'static str,
    },
    /// The list of what was written before cannot be read.
    #[error("{}: {detail}", path.display())]
    Manifest {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// No space is left.
    #[error("{}: no space left on the disk", path.display())]
    DiskFull {
        /// What was to be written.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {doing} {}: {detail}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
}

impl PublishError {
    /// Returns what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "rename it in the repository",
            Self::Foreign { .. } => {
                "move it away, or commit its content; a file of the same content is taken over"
            }
            Self::Link { .. } | Self::InTheWay { .. } => "move it away; nothing has been written",
            Self::Manifest { .. } => "remove it; files that are as they should be are taken over",
            Self::DiskFull { .. } => "free some space; it is tried again",
            Self::Io { .. } => "check who owns the folder and that it can be written; it is tried again",
        }
    }

    pub(super) fn io(doing: &'static str, path: &Path, errno: Errno) -> Self {
        match errno {
            Errno::NOSPC | Errno::DQUOT => Self::DiskFull { path: path.into() },
            _ => Self::Io { doing, path: path.into(), detail: std::io::Error::from(errno).to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_trouble() {
        let path = Path::new("/srv/lab/a");
        let full = PublishError::DiskFull { path: path.into() };
        assert_eq!(PublishError::io("write", path, Errno::NOSPC), full);
        assert_eq!(PublishError::io("write", path, Errno::DQUOT), full);
        assert!(
            PublishError::io("write", path, Errno::ACCESS).to_string().starts_with("cannot write /srv/lab/a")
        );
    }
}
