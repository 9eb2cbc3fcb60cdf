//! One conversation with a remote: its deadlines, and the place where a transport leaves the reason of its failure.
//!
//! libgit2 carries errors as text. A transport of ours therefore leaves the [`GitError`] here and gives libgit2 any
//! error at all; whoever called libgit2 takes the real one out again.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::error::GitError;
use super::spec::SourceSpec;

/// The scheme under which libgit2 knows our transports. What follows it is a session's number, never an address.
pub(super) const SCHEME: &str = "evenkeel";

static OPEN: Mutex<BTreeMap<u64, Arc<Session>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(1);

/// One conversation.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) spec: SourceSpec,
    until: Instant,
    failure: Mutex<Option<GitError>>,
}

impl Session {
    /// Starts the clock.
    pub(super) fn start(spec: &SourceSpec) -> Arc<Self> {
        let until = Instant::now() + spec.deadlines.total;
        Arc::new(Self { spec: spec.clone(), until, failure: Mutex::new(None) })
    }

    /// Returns the remote's address as it may be shown.
    pub(super) fn url(&self) -> String {
        self.spec.url.to_string()
    }

    /// Returns how long the other side may stay silent now: the idle deadline, or less if the total one is nearer.
    pub(super) fn patience(&self, doing: &'static str) -> Result<Duration, GitError> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.timed_out(doing)) } else { Ok(left.min(self.spec.deadlines.idle)) }
    }

    /// Returns the error of a deadline that has passed: the total one if it has, else the idle one.
    pub(super) fn timed_out(&self, doing: &'static str) -> GitError {
        let total = self.until <= Instant::now();
        let after = if total { self.spec.deadlines.total } else { self.spec.deadlines.idle };
        GitError::TimedOut { url: self.url(), doing, after }
    }

    /// Keeps the reason, the first one only: what fails after it fails because of it.
    pub(super) fn fail(&self, error: GitError) -> git2::Error {
        let text = error.to_string();
        locked(&self.failure).get_or_insert(error);
        git2::Error::new(git2::ErrorCode::User, git2::ErrorClass::Net, text)
    }

    /// As [`Session::fail`], for streams.
    pub(super) fn fail_io(&self, error: GitError) -> io::Error {
        io::Error::other(self.fail(error).message().to_owned())
    }

    /// Returns the reason that a transport left, or what libgit2's error says.
    pub(super) fn reason(&self, error: &git2::Error, mirror: &Path) -> GitError {
        locked(&self.failure).take().unwrap_or_else(|| GitError::of_remote(error, self.url(), mirror))
    }
}

/// Makes a session known to the transports until it is dropped.
pub(super) struct Ticket(u64);

impl Ticket {
    pub(super) fn of(session: &Arc<Session>) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        locked(&OPEN).insert(number, Arc::clone(session));
        Self(number)
    }

    /// Returns the address to give to libgit2.
    pub(super) fn address(&self) -> String {
        format!("{SCHEME}://{}", self.0)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        locked(&OPEN).remove(&self.0);
    }
}

/// Returns the session that a ticket's address names.
pub(super) fn find(address: &str) -> Option<Arc<Session>> {
    let number = address.strip_prefix(SCHEME)?.strip_prefix("://")?.parse().ok()?;
    locked(&OPEN).get(&number).cloned()
}

/// A panic elsewhere leaves nothing half-done behind these locks: each holds one value that is replaced as a whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
