//! One source's loop: when to look for commits, when to look at the stacks, and what to do with what was found.
//!
//! Looking for commits goes on while stacks are being deployed, so that a newer commit ends the waits of an older one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::batch;
use super::batch::Batch;
use super::batch::BatchReport;
use super::definition::Site;
use super::pass::Reconciler;
use super::tell_source::SourceTeller;
use crate::core::model::Revision;
use crate::core::run::Initiator;
use crate::core::schedule::Backoff;
use crate::core::schedule::Schedule;
use crate::git::GitError;
use crate::git::GitSource;
use crate::git::News;
use crate::git::Poll;

/// Events of the engine come in swarms: the pass that they lead to waits for this long after the first.
const DEBOUNCE: Duration = Duration::from_millis(500);

/// A look at a remote costs next to nothing: it is not put off for longer than this, however long it was away.
const LONGEST_WAIT_FOR_A_REMOTE: Duration = Duration::from_mins(1);

/// Passes that only events ask for keep this distance, whatever crashes and restarts meanwhile.
const EVENT_PASSES_APART: Duration = Duration::from_secs(5);

/// One source to look after.
pub struct SourceTask {
    /// What holds for its stacks.
    pub site: Arc<Site>,
    /// The repository.
    pub git: Arc<GitSource>,
    /// The folder in it that holds the stacks; empty for the root.
    pub path: String,
    /// When to look for commits.
    pub schedule: Schedule,
    /// How long to wait after failures.
    pub retry: Backoff,
    /// How often to look at the stacks without a reason.
    pub drift_interval: Duration,
    /// Its stacks are looked at and not touched.
    pub suspend: bool,
    /// Somebody says that there is news.
    pub look: Arc<Notify>,
    /// The engine says that something happened to one of its stacks.
    pub hints: mpsc::Receiver<()>,
    /// What passes need.
    pub reconciler: Reconciler,
    /// Called when the source was read.
    pub on_read: Arc<dyn Fn() + Send + Sync>,
}

/// What is under way and what is due.
struct State {
    revision: Option<Revision>,
    running: Option<(JoinHandle<BatchReport>, CancellationToken)>,
    poll_at: Instant,
    pass_at: Option<Instant>,
    last_pass: Option<Instant>,
    pass_reason: Initiator,
    failures: u32,
    failed_passes: u32,
}

impl SourceTask {
    /// Looks after the source until it is told to end. Then waits at no gate, and for what is under way.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let now = Instant::now();
        let mut state = State {
            revision: None,
            running: None,
            poll_at: now,
            pass_at: None,
            last_pass: None,
            pass_reason: Initiator::Startup,
            failures: 0,
            failed_passes: 0,
        };
        let mut why = Initiator::Startup;
        loop {
            let pass_at = state.pass_at.filter(|_| state.running.is_none());
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                report = finished(&mut state.running) => self.take_in(&mut state, &report),
                () = self.look.notified() => {
                    why = Initiator::Webhook;
                    self.poll(&mut state, why).await;
                }
                () = tokio::time::sleep_until(state.poll_at) => self.poll(&mut state, why).await,
                Some(()) = self.hints.recv() => hint(&mut state),
                () = sleep_until(pass_at) => {
                    let reason = state.pass_reason;
                    self.begin(&mut state, reason).await;
                }
            }
            why = Initiator::Poll;
        }
        if let Some((handle, cancel)) = state.running.take() {
            cancel.cancel();
            // A panic in a pass was logged where it happened.
            handle.await.ok();
        }
    }

    /// Looks once and brings all stacks to what was found.
    ///
    /// # Errors
    /// Fails if the source cannot be read.
    pub async fn once(&self, cancel: &CancellationToken) -> Result<BatchReport, GitError> {
        let polled = self.git.run(GitSource::poll).await?;
        let revision = polled.revision();
        SourceTeller::new(&self.reconciler, &self.site.source).fetched(&polled).await;
        Ok(batch::run(self.batch(revision, Initiator::Cli), cancel.clone()).await)
    }

    fn batch(&self, revision: Revision, initiator: Initiator) -> Batch {
        Batch {
            site: Arc::clone(&self.site),
            git: Arc::clone(&self.git),
            path: self.path.clone(),
            suspend: self.suspend,
            reconciler: self.reconciler.clone(),
            revision,
            initiator,
        }
    }

    async fn poll(&self, state: &mut State, why: Initiator) {
        let polled = self.git.run(GitSource::poll).await;
        let teller = SourceTeller::new(&self.reconciler, &self.site.source);
        let random = batch::random();
        match polled {
            Ok(polled) => {
                state.failures = 0;
                (self.on_read)();
                teller.fetched(&polled).await;
                state.poll_at = self.next_poll(random);
                self.news(state, &polled, why).await;
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                teller.not_fetched(&error).await;
                let retry = self.retry.at_most(LONGEST_WAIT_FOR_A_REMOTE);
                state.poll_at = Instant::now() + retry.delay(state.failures, random);
            }
        }
    }

    async fn news(&self, state: &mut State, polled: &Poll, why: Initiator) {
        let revision = polled.revision();
        if state.revision.as_ref() == Some(&revision) {
            return;
        }
        let initiator = match (&polled.news, why) {
            (News::Unchanged { .. }, Initiator::Poll) => Initiator::Startup,
            (_, why) => why,
        };
        state.revision = Some(revision);
        // Earlier failures say nothing of this revision.
        state.failed_passes = 0;
        self.begin(state, initiator).await;
    }

    fn next_poll(&self, random: f64) -> Instant {
        let now = self.reconciler.clock.now();
        let due = self.schedule.next_due(Some(now), now, random);
        Instant::now() + Duration::try_from(due.duration_since(now)).unwrap_or_default()
    }

    /// Begins a round of passes, after the one under way has been ended.
    async fn begin(&self, state: &mut State, initiator: Initiator) {
        let Some(revision) = state.revision.clone() else { return };
        if let Some((handle, cancel)) = state.running.take() {
            cancel.cancel();
            handle.await.ok();
        }
        let cancel = CancellationToken::new();
        let handle = tokio::spawn(batch::run(self.batch(revision, initiator), cancel.clone()));
        state.running = Some((handle, cancel));
        state.pass_at = None;
        state.last_pass = Some(Instant::now());
    }

    fn take_in(&self, state: &mut State, report: &BatchReport) {
        state.running = None;
        let now = Instant::now();
        let regular = now + self.drift_interval;
        let (at, reason) = if report.retry {
            state.failed_passes = state.failed_passes.saturating_add(1);
            (now + self.retry.delay(state.failed_passes, batch::random()), Initiator::Retry)
        } else {
            state.failed_passes = 0;
            (regular, Initiator::Drift)
        };
        let at = at.min(regular);
        if state.pass_at.is_none_or(|due| due > at) {
            state.pass_at = Some(at);
            state.pass_reason = reason;
        }
    }
}

/// Something happened: look soon, but not again and again.
fn hint(state: &mut State) {
    let now = Instant::now();
    let earliest = state.last_pass.map_or(now, |last| last + EVENT_PASSES_APART);
    let at = (now + DEBOUNCE).max(earliest);
    if state.pass_at.is_none_or(|due| due > at) {
        state.pass_at = Some(at);
        state.pass_reason = Initiator::Engine;
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Waits for the round under way; for ever if there is none.
async fn finished(running: &mut Option<(JoinHandle<BatchReport>, CancellationToken)>) -> BatchReport {
    match running {
        Some((handle, _)) => handle.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a round of passes ended unexpectedly");
            BatchReport { retry: true, ..BatchReport::default() }
        }),
        None => std::future::pending().await,
    }
}
