//! Asks a remote for its refs and fetches from it, over one connection. Knows nothing of what is followed.

use std::path::Path;
use std::sync::Arc;

use git2::AutotagOption;
use git2::Direction;
use git2::FetchOptions;
use git2::Oid;
use git2::RemoteCallbacks;
use git2::Repository;

use super::error::GitError;
use super::session::Session;
use super::session::Ticket;
use super::url::RemoteUrl;

/// What is fetched: all branches and tags, so that any of them can be planned for without asking again.
const EVERYTHING: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// A ref of the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteRef {
    /// The full name; an annotated tag is listed a second time with `^{}` and the commit it stands for.
    pub(super) name: String,
    /// What it points to.
    pub(super) id: Oid,
}

/// What a remote told about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// All refs, sorted by name.
    pub(super) refs: Vec<RemoteRef>,
    /// The full name of the default branch, if the remote says one that exists.
    pub(super) default: Option<String>,
}

/// A connection that has listed its refs.
pub(super) struct Connection<'repo> {
    remote: git2::Remote<'repo>,
    session: Arc<Session>,
    mirror: &'repo Path,
    _ticket: Ticket,
}

impl<'repo> Connection<'repo> {
    /// Connects and asks for the refs.
    ///
    /// # Errors
    /// Fails if the remote cannot be reached in time, refuses us, or is no repository. An empty one is no error.
    pub(super) fn open(
        repository: &'repo Repository,
        session: &Arc<Session>,
    ) -> Result<(Self, Listing), GitError> {
        let mirror = repository.path();
        let ticket = Ticket::of(session);
        let address = match &session.spec.url {
            RemoteUrl::Local(path) => local_address(path, session)?,
            _ => ticket.address(),
        };
        let of_mirror = |error: git2::Error| GitError::of_mirror(&error, mirror);
        let mut remote = repository.remote_anonymous(&address).map_err(of_mirror)?;
        remote.connect(Direction::Fetch).map_err(|error| session.reason(&error, mirror))?;
        let mut refs: Vec<RemoteRef> = remote
            .list()
            .map_err(|error| session.reason(&error, mirror))?
            .iter()
            .map(|head| RemoteRef { name: head.name().to_owned(), id: head.oid() })
            .collect();
        refs.sort_by(|a, b| a.name.cmp(&b.name));
        let default = remote.default_branch().ok().and_then(|name| name.as_str().ok().map(str::to_owned));
        let connection = Self { remote, session: Arc::clone(session), mirror, _ticket: ticket };
        Ok((connection, Listing { refs, default }))
    }

    /// Brings all branches and tags into the mirror's object store. Moves no ref.
    ///
    /// # Errors
    /// Fails if the remote breaks off, a deadline passes, or the disk is full. What arrived by then is unused.
    pub(super) fn fetch(mut self) -> Result<(), GitError> {
        let session = &self.session;
        let mut callbacks = RemoteCallbacks::new();
        callbacks.transfer_progress(|progress| match within_limits(session, progress.received_bytes()) {
            Ok(()) => true,
            Err(error) => {
                session.fail(error);
                false
            }
        });
        let mut options = FetchOptions::new();
        options.remote_callbacks(callbacks).download_tags(AutotagOption::None);
        self.remote
            .download(&EVERYTHING, Some(&mut options))
            .map_err(|error| session.reason(&error, self.mirror))
    }
}

fn within_limits(session: &Session, received: usize) -> Result<(), GitError> {
    session.patience("to fetch")?;
    let limit = session.spec.fetch_limit;
    if u64::try_from(received).unwrap_or(u64::MAX) > limit {
        return Err(GitError::TooLarge { url: session.url(), limit });
    }
    Ok(())
}

/// A path that is not there would be taken for another kind of address.
fn local_address(path: &Path, session: &Session) -> Result<String, GitError> {
    if !path.is_dir() {
        let detail = "there is no such folder".into();
        return Err(GitError::NotARepository { url: session.url(), detail });
    }
    let text = path.to_str().ok_or_else(|| GitError::Other {
        doing: format!("use {}", path.display()),
        detail: "its name is not UTF-8".into(),
    })?;
    reqwest::Url::from_file_path(text).map(String::from).map_err(|()| GitError::Other {
        doing: format!("use {text}"),
        detail: "it is not an absolute path".into(),
    })
}
