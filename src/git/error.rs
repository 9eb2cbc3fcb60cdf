//! What can go wrong with a repository, in words that say what to do next. No message carries a secret: addresses are
//! printed without user and password, and what a server sent is quoted only in its first line.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use super::url::UrlError;

/// Why something with a repository did not work. [`GitError::hint`] says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// The address cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// No connection, or it broke off.
    #[error("cannot reach {url}: {detail}")]
    Unreachable {
        /// The remote.
        url: String,
        /// What the network said.
        detail: String,
    },
    /// The remote wants other credentials, or does not show the repository to these.
    #[error("{url} refused the credentials: {detail}")]
    AuthRefused {
        /// The remote.
        url: String,
        /// What the remote said.
        detail: String,
    },
    /// The kind of credentials does not go with the address.
    #[error("{url} needs {needs} to log in")]
    WrongAuth {
        /// The remote.
        url: String,
        /// What goes with it.
        needs: &'static str,
    },
    /// The server's certificate is not trusted.
    #[error("the certificate of {url} is not trusted: {detail}")]
    Certificate {
        /// The remote.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A file with credentials, host keys or certificates cannot be used.
    #[error("cannot use the {what} {}: {detail}", path.display())]
    Credential {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The host's key is not one that is trusted.
    #[error("the host key of {url} is not trusted: {detail}")]
    HostKey {
        /// The remote.
        url: String,
        /// What `ssh` said.
        detail: String,
    },
    /// The remote sends elsewhere.
    #[error("{url} redirects to {to}, which is not followed")]
    Redirected {
        /// The remote.
        url: String,
        /// Where it sends.
        to: String,
    },
    /// The followed ref is not there.
    #[error("{url} has no {wanted}{}", listed(branches))]
    RefNotFound {
        /// The remote.
        url: String,
        /// What was looked for.
        wanted: String,
        /// The branches that are there, nearest names first, five at most.
        branches: Vec<String>,
    },
    /// There is no commit in it.
    #[error("{url} is empty: it has no commit yet")]
    Empty {
        /// The remote.
        url: String,
    },
    /// Something else answers there.
    #[error("{url} is not a git repository: {detail}")]
    NotARepository {
        /// The remote.
        url: String,
        /// What answered.
        detail: String,
    },
    /// It took too long.
    #[error("{url} took longer than {} s {doing}", after.as_secs_f32())]
    TimedOut {
        /// The remote.
        url: String,
        /// What was going on.
        doing: &'static str,
        /// The deadline.
        after: Duration,
    },
    /// It would bring more than is allowed.
    #[error("{url} sends more than {limit} bytes")]
    TooLarge {
        /// The remote.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The local mirror cannot be read.
    #[error("the mirror at {} is damaged: {detail}", path.display())]
    MirrorBroken {
        /// The mirror's folder.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// There is no space left.
    #[error("no space left on the disk of {}", path.display())]
    DiskFull {
        /// Where something was to be written.
        path: PathBuf,
    },
    /// Another poll of the same mirror is going on.
    #[error("the mirror at {} is in use", path.display())]
    Busy {
        /// The mirror's folder.
        path: PathBuf,
    },
    /// Nothing in the mirror is called so.
    #[error("`{0}` names no commit of the repository")]
    UnknownRevision(String),
    /// Anything else.
    #[error("cannot {doing}: {detail}")]
    Other {
        /// What was tried.
        doing: String,
        /// What happened.
        detail: String,
    },
}

impl GitError {
    /// Returns what to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Url(_) => "correct `url` of the source",
            Self::Unreachable { .. } => "check that the host is up and its name resolves; it is tried again",
            Self::AuthRefused { .. } => {
                "check that the repository's address is right and that the token or key is valid and may read it"
            }
            Self::WrongAuth { .. } => "correct the source's `auth`",
            Self::Certificate { .. } => {
                "if the authority is your own, give its certificate as the source's `caFile`; else check both clocks"
            }
            Self::Credential { .. } => {
                "correct the file or its path in the source's `auth`; it is read anew each time"
            }
            Self::HostKey { .. } => {
                "compare the host's key with `ssh-keyscan HOST` on a trusted network and put it into the known-hosts file"
            }
            Self::Redirected { .. } => {
                "if the repository moved, set the source's `url` to the new address; credentials are never sent on"
            }
            Self::RefNotFound { .. } => {
                "push it, or set the source's `branch`, `tag` or `commit` to one that exists"
            }
            Self::Empty { .. } => "push a first commit; it is picked up by the next poll",
            Self::NotARepository { .. } => {
                "check the path in the source's `url`; many hosts hide a private repository from those who may not read it"
            }
            Self::TimedOut { .. } => "check the network and the host's load; it is tried again",
            Self::TooLarge { .. } => {
                "keep large files out of the repository, or raise the source's fetch limit"
            }
            Self::MirrorBroken { .. } => "nothing: the mirror is a copy and is made anew by the next poll",
            Self::DiskFull { .. } => "free some space; it is tried again",
            Self::Busy { .. } => "wait for the other process, or give this one another data folder",
            Self::UnknownRevision(_) => "give a branch, a tag or a commit id that has been pushed",
            Self::Other { .. } => "look at the message above; it is tried again",
        }
    }

    /// Returns what libgit2 said about the mirror.
    pub(super) fn of_mirror(error: &git2::Error, path: &Path) -> Self {
        if is_disk_full(error.message()) {
            return Self::DiskFull { path: path.into() };
        }
        Self::MirrorBroken { path: path.into(), detail: first_line(error.message()) }
    }

    /// Returns what libgit2 said while talking to a remote and storing what it sent.
    pub(super) fn of_remote(error: &git2::Error, url: String, mirror: &Path) -> Self {
        let detail = first_line(error.message());
        if is_disk_full(error.message()) {
            return Self::DiskFull { path: mirror.into() };
        }
        match (error.class(), error.code()) {
            (_, git2::ErrorCode::Auth) => Self::AuthRefused { url, detail },
            (git2::ErrorClass::Repository, _) => Self::NotARepository { url, detail },
            (git2::ErrorClass::Net | git2::ErrorClass::Http | git2::ErrorClass::Ssh, _)
            | (_, git2::ErrorCode::Eof) => Self::Unreachable { url, detail },
            (class, _) if is_store(class) => Self::MirrorBroken { path: mirror.into(), detail },
            _ => Self::Other { doing: format!("read {url}"), detail },
        }
    }

    /// Returns what the operating system said about a file of ours.
    pub(super) fn of_io(error: &std::io::Error, doing: &str, path: &Path) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::DiskFull { path: path.into() };
        }
        Self::Other { doing: format!("{doing} {}", path.display()), detail: error.to_string() }
    }
}

/// Returns true for the parts of libgit2 that read and write the mirror.
fn is_store(class: git2::ErrorClass) -> bool {
    use git2::ErrorClass as Class;
    matches!(class, Class::Odb | Class::Zlib | Class::Object | Class::Indexer | Class::Reference)
}

/// libgit2 hands on the operating system's words and nothing else.
fn is_disk_full(message: &str) -> bool {
    message.contains("No space left on device") || message.contains("Disk quota exceeded")
}

/// Returns the first line that says something, without control characters and no longer than a line is.
pub(super) fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn listed(branches: &[String]) -> String {
    if branches.is_empty() { String::new() } else { format!("; its branches are {}", branches.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_damaged_mirror() {
        let words = "failed to write chunk: No space left on device";
        let error = git2::Error::new(git2::ErrorCode::GenericError, git2::ErrorClass::Os, words);
        let path = Path::new("/data/git/lab.git");
        assert_eq!(GitError::of_mirror(&error, path), GitError::DiskFull { path: path.into() });
        assert_eq!(
            GitError::of_remote(&error, "https://h/x".into(), path),
            GitError::DiskFull { path: path.into() }
        );
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(GitError::of_io(&full, "write", path), GitError::DiskFull { path: path.into() });
    }

    #[test]
    fn what_a_server_sends_is_cut_to_one_clean_line() {
        assert_eq!(first_line("\r\n  \u{1b}[31mdenied\r\nmore"), "[31mdenied");
        assert_eq!(first_line(""), "no reason given");
        assert_eq!(first_line(&"x".repeat(5000)).len(), 300);
    }
}
