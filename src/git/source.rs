//! One source: polls its remote, keeps its mirror whole, and hands out commits.

use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use git2::Oid;

use crate::core::model::CommitId;
use crate::core::model::Revision;

use super::error::GitError;
use super::init;
use super::mirror;
use super::mirror::Mirror;
use super::remote::Connection;
use super::session::Session;
use super::spec::Follow;
use super::spec::SourceSpec;
use super::target;
use super::target::Target;
use super::tree::CommitTree;

/// How much longer than the total deadline async callers wait, so that the reason can still arrive.
const GRACE: Duration = Duration::from_secs(1);

/// A repository that is followed, and its mirror on our disk.
///
/// All methods but [`GitSource::run`] block.
#[derive(Debug)]
pub struct GitSource {
    spec: SourceSpec,
    folder: PathBuf,
    polling: Mutex<()>,
    suspect: Arc<AtomicBool>,
}

/// What one poll found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// The branch or tag without its prefix, or the commit's short id: the first part of the revision.
    pub reference: String,
    /// What is new.
    pub news: News,
    /// What was wrong with the mirror and has been put right. Said once, by the poll that did it.
    pub repair: Option<Repair>,
    /// How often the remote was asked for its refs.
    pub listings: u32,
    /// How often it was asked for objects.
    pub fetches: u32,
}

/// What is new at the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Nothing.
    Unchanged {
        /// The commit, as before.
        commit: CommitId,
    },
    /// The followed ref is at another commit.
    Updated {
        /// Where it was; `None` if it was never looked at before.
        from: Option<CommitId>,
        /// Where it is.
        to: CommitId,
        /// If the new commit descends from the old one. False is only reported where force-pushes are allowed.
        fast_forward: bool,
    },
    /// The followed ref is at a commit that does not descend from the one before, and that is not allowed.
    /// Each poll says so until the remote goes back or force-pushes are allowed.
    Refused {
        /// The commit that stays.
        held: CommitId,
        /// The commit that is not taken.
        offered: CommitId,
    },
}

/// What was wrong with a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// A killed process had left locks. They are removed; the mirror was whole.
    StaleLocks {
        /// The lock files, relative to the mirror.
        files: Vec<String>,
    },
    /// The mirror was damaged and has been fetched anew.
    MadeAnew {
        /// What was wrong.
        reason: String,
    },
}

impl Poll {
    /// Returns the commit to deploy.
    pub fn commit(&self) -> &CommitId {
        match &self.news {
            News::Unchanged { commit }
            | News::Updated { to: commit, .. }
            | News::Refused { held: commit, .. } => commit,
        }
    }

    /// Returns the revision to deploy.
    pub fn revision(&self) -> Revision {
        Revision::of(self.reference.clone(), self.commit().clone())
    }
}

impl GitSource {
    /// Returns the source. Nothing is read or written until it is polled.
    pub fn new(spec: SourceSpec, data_dir: &Path) -> Self {
        Self {
            spec,
            folder: data_dir.join("git"),
            polling: Mutex::new(()),
            // A process that starts does not know how the last one ended.
            suspect: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Returns what the source is.
    pub fn spec(&self) -> &SourceSpec {
        &self.spec
    }

    /// Does blocking work with the source on a thread for that, and gives up waiting shortly after the total deadline.
    ///
    /// # Errors
    /// Fails as the work does, or with [`GitError::TimedOut`]. The thread ends by the transports' own deadlines.
    pub async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T, GitError>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T, GitError> + Send + 'static,
    {
        let source = Arc::clone(self);
        let total = self.spec.deadlines.total;
        let task = tokio::task::spawn_blocking(move || work(&source));
        match tokio::time::timeout(total + GRACE, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(stopped)) => {
                Err(GitError::Other { doing: format!("read {}", self.spec.url), detail: stopped.to_string() })
            }
            Err(_) => {
                Err(GitError::TimedOut { url: self.spec.url.to_string(), doing: "in all", after: total })
            }
        }
    }

    /// Asks the remote for its refs, and fetches if the followed one is not where the mirror has it.
    ///
    /// A mirror that is damaged is fetched anew beside the old one and put in its place; until that succeeds, the
    /// old one stays.
    ///
    /// # Errors
    /// Fails as [`GitError`] says. The mirror still has what it had.
    pub fn poll(&self) -> Result<Poll, GitError> {
        init::ready()?;
        let place = self.place();
        let busy = || GitError::Busy { path: place.clone() };
        let _polling = self.polling.try_lock().map_err(|_| busy())?;
        let _lock = self.lock()?.ok_or_else(busy)?;
        let suspect = self.suspect.swap(false, Ordering::Relaxed);
        let result = self.poll_locked(&place, suspect);
        if suspect && result.is_err() {
            self.suspect.store(true, Ordering::Relaxed);
        }
        result
    }

    /// Returns the files of a commit, named as if it were checked out at `mount`.
    ///
    /// Keep it for one pass only: the packs that it has open outlive a mirror that is made anew.
    ///
    /// # Errors
    /// Fails if the commit is not in the mirror.
    pub fn tree(&self, commit: &CommitId, mount: &str) -> Result<CommitTree, GitError> {
        let mirror = self.open_mirror()?.ok_or_else(|| GitError::UnknownRevision(commit.to_string()))?;
        CommitTree::new(mirror.repository, commit, mount, Arc::clone(&self.suspect))
    }

    /// Opens the mirror; `None` before the first successful poll.
    pub(super) fn open_mirror(&self) -> Result<Option<Mirror>, GitError> {
        init::ready()?;
        Mirror::open(&self.place())
    }

    fn place(&self) -> PathBuf {
        self.folder.join(format!("{}.git", self.spec.name))
    }

    /// Takes the mirror's lock, so that no other process works in it and locks of git's found inside are stale.
    fn lock(&self) -> Result<Option<File>, GitError> {
        let path = self.folder.join(format!("{}.lock", self.spec.name));
        let failed = |error: &std::io::Error| GitError::of_io(error, "lock", &path);
        fs::create_dir_all(&self.folder).map_err(|error| failed(&error))?;
        let file = File::options().create(true).append(true).open(&path).map_err(|error| failed(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(&error)),
        }
    }

    fn poll_locked(&self, place: &Path, suspect: bool) -> Result<Poll, GitError> {
        let session = Session::start(&self.spec);
        let mut stale = Vec::new();
        if suspect && place.is_dir() {
            stale = mirror::clear_leftovers(place)
                .map_err(|error| GitError::of_io(&error, "clear the leftovers in", place))?;
        }
        let mut held = None;
        match self.poll_in_place(place, suspect, &session, &mut held) {
            Ok(Some(mut poll)) => {
                poll.repair = (!stale.is_empty()).then_some(Repair::StaleLocks { files: stale });
                Ok(poll)
            }
            Ok(None) => self.make_anew(place, &session, None),
            Err(GitError::MirrorBroken { detail, .. }) => {
                let mut poll = self.make_anew(place, &session, held)?;
                poll.repair = Some(Repair::MadeAnew { reason: detail });
                Ok(poll)
            }
            Err(error) => Err(error),
        }
    }

    /// Polls with the mirror that is there; `None` if there is none. Leaves in `held` what the mirror held.
    fn poll_in_place(
        &self,
        place: &Path,
        suspect: bool,
        session: &Arc<Session>,
        held: &mut Option<Oid>,
    ) -> Result<Option<Poll>, GitError> {
        let Some(mirror) = Mirror::open(place)? else { return Ok(None) };
        *held = mirror.held(&self.followed());
        if let Some(commit) = held.filter(|_| suspect) {
            mirror.check(commit)?;
        }
        self.pass(&mirror, session, *held).map(Some)
    }

    fn make_anew(&self, place: &Path, session: &Arc<Session>, held: Option<Oid>) -> Result<Poll, GitError> {
        let beside = place.with_extension("git.new");
        let polled = Mirror::create(&beside).and_then(|mirror| self.pass(&mirror, session, held));
        match polled {
            Ok(poll) => mirror::swap(&beside, place).map(|()| poll),
            Err(error) => {
                mirror::remove_folder(&beside).ok();
                Err(match error {
                    // A new mirror is what the remote sent, so that it is the remote which is damaged.
                    GitError::MirrorBroken { detail, .. } => {
                        GitError::Other { doing: format!("use what {} sends", self.spec.url), detail }
                    }
                    error => error,
                })
            }
        }
    }

    fn pass(&self, mirror: &Mirror, session: &Arc<Session>, held: Option<Oid>) -> Result<Poll, GitError> {
        if let Follow::Commit(id) = &self.spec.follow
            && let Some(commit) = mirror.commit_named(id)
        {
            let news = self.judge(mirror, commit, held)?;
            return Ok(Poll { reference: id.short().into(), news, repair: None, listings: 0, fetches: 0 });
        }
        let (connection, listing) = Connection::open(&mirror.repository, session)?;
        let found = target::find(&self.spec.follow, &listing, &session.url())?;
        let known = match &found {
            Target::Ref { name, id, .. } => mirror.points_to(name, *id),
            Target::Commit(_) => false,
        };
        if !known {
            connection.fetch()?;
            mirror.follow_refs(&listing.refs)?;
        }
        let commit = match &found {
            Target::Ref { id, .. } => mirror.commit(*id)?,
            Target::Commit(id) => mirror.commit_named(id),
        };
        let commit = commit.ok_or_else(|| target::not_found(&self.spec.follow, &listing, &session.url()))?;
        if !known {
            mirror.check(commit)?;
        }
        let news = self.judge(mirror, commit, held.filter(|held| mirror.has(*held)))?;
        Ok(Poll { reference: found.shown(), news, repair: None, listings: 1, fetches: u32::from(!known) })
    }

    /// Decides if the commit is handed out, and remembers it.
    fn judge(&self, mirror: &Mirror, commit: Oid, held: Option<Oid>) -> Result<News, GitError> {
        let to = commit_id(commit);
        let Some(before) = held else {
            mirror.hold(&self.followed(), commit)?;
            return Ok(News::Updated { from: None, to, fast_forward: true });
        };
        if before == commit {
            mirror.hold(&self.followed(), commit)?;
            return Ok(News::Unchanged { commit: to });
        }
        let fast_forward = mirror.descends(commit, before)?;
        if !fast_forward && !self.spec.allow_force_push {
            mirror.hold(&self.followed(), before)?;
            return Ok(News::Refused { held: commit_id(before), offered: to });
        }
        mirror.hold(&self.followed(), commit)?;
        Ok(News::Updated { from: Some(commit_id(before)), to, fast_forward })
    }

    /// The name under which the mirror remembers what it handed out: what is asked for, not what it stands for today.
    fn followed(&self) -> String {
        self.spec.follow.full_name().unwrap_or_else(|| "commit".into())
    }
}

/// Returns git2's id as ours.
pub(super) fn commit_id(id: Oid) -> CommitId {
    CommitId::parse(&id.to_string()).expect("libgit2 prints a SHA-1 id as 40 hexadecimal digits")
}

/// Returns our id as git2's.
pub(super) fn oid(id: &CommitId) -> Oid {
    Oid::from_str(id.as_str()).expect("a commit id is 40 hexadecimal digits")
}
