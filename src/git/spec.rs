//! What a source is: its address, what is followed, how to log in, and how long to wait. Values only.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::core::model::CommitId;
use crate::core::model::SourceName;

use super::url::RemoteUrl;

/// Everything that a [`super::GitSource`] needs to know.
#[derive(Debug, Clone)]
pub struct SourceSpec {
    /// The source's name; the mirror's folder is named after it.
    pub name: SourceName,
    /// Where the repository is.
    pub url: RemoteUrl,
    /// What is followed in it.
    pub follow: Follow,
    /// How to log in.
    pub auth: Auth,
    /// More certificate authorities to trust, as a file in PEM form. The system's are trusted always.
    pub ca_file: Option<PathBuf>,
    /// If the followed ref may move to a commit that does not descend from the one before.
    pub allow_force_push: bool,
    /// How long each step may take.
    pub deadlines: Deadlines,
    /// The most bytes that one fetch may bring.
    pub fetch_limit: u64,
    /// The `ssh` program.
    pub ssh_program: PathBuf,
}

impl SourceSpec {
    /// Returns the source at an address with everything else as most have it.
    pub fn new(name: SourceName, url: RemoteUrl) -> Self {
        Self {
            name,
            url,
            follow: Follow::Default,
            auth: Auth::None,
            ca_file: None,
            allow_force_push: false,
            deadlines: Deadlines::default(),
            fetch_limit: 2 << 30,
            ssh_program: "ssh".into(),
        }
    }
}

/// What is followed in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follow {
    /// The branch that the remote calls its default.
    Default,
    /// A branch, without `refs/heads/`.
    Branch(String),
    /// A tag, without `refs/tags/`.
    Tag(String),
    /// This commit for ever.
    Commit(CommitId),
}

impl Follow {
    /// Returns the full name on the remote; a commit has none.
    pub(super) fn full_name(&self) -> Option<String> {
        match self {
            Self::Default => Some("HEAD".into()),
            Self::Branch(name) => Some(format!("refs/heads/{name}")),
            Self::Tag(name) => Some(format!("refs/tags/{name}")),
            Self::Commit(_) => None,
        }
    }
}

impl fmt::Display for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default branch"),
            Self::Branch(name) => write!(f, "branch `{name}`"),
            Self::Tag(name) => write!(f, "tag `{name}`"),
            Self::Commit(id) => write!(f, "commit {}", id.short()),
        }
    }
}

/// How to log in. Files are read anew for each connection, so that a rotated secret needs no restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// HTTP basic authentication.
    Basic {
        /// The user's name.
        username: String,
        /// A file with the token and nothing else; space around it is cut off.
        token_file: PathBuf,
    },
    /// A key for ssh.
    SshKey {
        /// The private key, without a passphrase.
        private_key_file: PathBuf,
        /// The host keys to trust. Nothing is trusted on first use.
        known_hosts_file: PathBuf,
    },
}

/// How long the network may take. libgit2 itself would wait for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Until a connection stands.
    pub connect: Duration,
    /// Without a byte from the other side.
    pub idle: Duration,
    /// For everything that one poll does.
    pub total: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            total: Duration::from_mins(5),
        }
    }
}
