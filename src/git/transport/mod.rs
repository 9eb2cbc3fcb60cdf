//! Our own transports for libgit2, which is built without any: HTTP(S) over rustls, ssh by the `ssh` program, and git's
//! plain protocol. They only carry bytes; what libgit2 makes of them is its own affair. Folders on this host are left
//! to libgit2's local transport.
//!
//! `docs/adr/0002` says why.

mod http;
mod plain;
mod ssh;

use std::sync::Arc;

use git2::Error;
use git2::ErrorClass;
use git2::ErrorCode;
use git2::Remote;
use git2::transport::Service;
use git2::transport::Transport;

use super::error::GitError;
use super::session;
use super::session::Session;
use super::url::RemoteUrl;

/// What is being done while the other side is silent, for errors.
const CONNECT: &str = "to connect";
const ANSWER: &str = "to answer";

/// libgit2 holds the list of refs in memory.
const LISTING_LIMIT: u64 = 64 << 20;

/// Counts what comes in: a list of refs first, then what was asked for.
struct Meter {
    limit: u64,
    left: u64,
}

impl Meter {
    /// Returns the meter for a list of refs.
    fn listing() -> Self {
        Self { limit: LISTING_LIMIT, left: LISTING_LIMIT }
    }

    /// Returns the meter for a pack.
    fn fetch(session: &Session) -> Self {
        Self { limit: session.spec.fetch_limit, left: session.spec.fetch_limit }
    }

    /// Counts bytes in.
    ///
    /// # Errors
    /// Fails if it is too much.
    fn count(&mut self, bytes: usize, session: &Session) -> Result<(), GitError> {
        let too_large = || GitError::TooLarge { url: session.url(), limit: self.limit };
        self.left = self.left.checked_sub(bytes as u64).ok_or_else(too_large)?;
        Ok(())
    }
}

/// Makes the transport for a session's address. libgit2 calls this when it connects.
pub(super) fn open(remote: &Remote<'_>) -> Result<Transport, Error> {
    let session = session::find(remote.url()?)
        .ok_or_else(|| Error::new(ErrorCode::NotFound, ErrorClass::Net, "the session is over"))?;
    match &session.spec.url {
        RemoteUrl::Http(url) => {
            let transport = http::Http::new(Arc::clone(&session), url)?;
            Transport::smart(remote, true, transport)
        }
        RemoteUrl::Ssh { .. } => Transport::smart(remote, false, ssh::Ssh::new(session)),
        RemoteUrl::Git { .. } => Transport::smart(remote, false, plain::Plain::new(session)),
        RemoteUrl::Local(_) => Err(Error::from_str("a folder needs no transport of ours")),
    }
}

/// Refuses to push: nothing here ever writes to a remote.
fn read_only(service: Service, session: &Session) -> Result<(), Error> {
    match service {
        Service::UploadPackLs | Service::UploadPack => Ok(()),
        Service::ReceivePackLs | Service::ReceivePack => {
            Err(Error::from_str(&format!("{} is only read from", session.url())))
        }
    }
}
