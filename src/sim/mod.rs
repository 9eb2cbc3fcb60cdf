//! An engine in memory, with the real one's measured behaviour and faults to inject.
//!
//! The state and its transitions ([`machine`]) know neither clock nor locks; what is here adds the time (tokio's, so
//! that a test can pause it), waiting, and faults. It never touches the world.

mod behaviour;
mod command;
mod fault;
mod machine;
mod outside;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::core::model::familiar;
use crate::core::observed::Container;
use crate::core::observed::EngineInfo;
use crate::core::observed::Focus;
use crate::core::observed::Image;
use crate::core::observed::Observed;
use crate::core::plan::Call;
use crate::ports::CallOutcome;
use crate::ports::Engine;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;
use crate::ports::EngineEvent;
use crate::ports::deadline;
use fault::Rule;
use machine::Machine;

pub use behaviour::Behaviour;
pub use behaviour::Exit;
pub use behaviour::HealthScript;
pub use fault::Fault;
pub use outside::Outside;

/// How long `evenkeel demo`'s engine takes for a call, so that people can follow.
const DEMO_LATENCY: Duration = Duration::from_millis(40);

/// An engine in memory. Clones are the same engine.
#[derive(Clone)]
pub struct SimEngine {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    epoch: Instant,
    /// Counts up whenever there may be something new for those who follow events.
    news: watch::Sender<u64>,
}

struct Inner {
    machine: Machine,
    rules: Vec<Rule>,
    calls: Vec<Call>,
    latency: Duration,
    pull_time: Duration,
    reachable: bool,
    /// Event streams of an earlier life of the engine have ended.
    life: u64,
}

impl std::fmt::Debug for SimEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimEngine").finish_non_exhaustive()
    }
}

impl SimEngine {
    /// Returns an empty engine. Its ids are the same for the same seed and calls, and its clock says `started` now.
    pub fn new(seed: u64, started: Timestamp) -> Self {
        let inner = Inner {
            machine: Machine::new(seed, started),
            rules: Vec::new(),
            calls: Vec::new(),
            latency: Duration::ZERO,
            pull_time: Duration::ZERO,
            reachable: true,
            life: 0,
        };
        let shared = Shared { inner: Mutex::new(inner), epoch: Instant::now(), news: watch::Sender::new(0) };
        Self { shared: Arc::new(shared) }
    }

    /// Returns an engine that can pull any image, for trying Evenkeel without Docker. Containers run for ever and are
    /// healthy soon; those of an image tagged `bad` or `…-bad` are never healthy.
    pub fn demo(started: Timestamp) -> Self {
        let engine = Self::new(0, started);
        engine.with(Machine::open_registry);
        engine.set_latency(DEMO_LATENCY);
        engine.set_pull_time(DEMO_LATENCY * 5);
        engine
    }

    /// Says what the engine answers when it is asked what it is.
    pub fn set_info(&self, info: EngineInfo) {
        self.with(|machine| machine.info = info);
    }

    /// Says how long each call takes.
    pub fn set_latency(&self, latency: Duration) {
        self.inner().latency = latency;
    }

    /// Says how long each pull and each build takes.
    pub fn set_pull_time(&self, time: Duration) {
        self.inner().pull_time = time;
    }

    /// Publishes content under a reference in the registry and returns the image's id. A tag that is there moves; what
    /// it named before can still be pulled by digest.
    pub fn publish(&self, reference: &str, content: &str) -> String {
        self.with(|machine| machine.publish(reference, content))
    }

    /// Takes a reference out of the registry.
    pub fn unpublish(&self, reference: &str) {
        self.with(|machine| machine.unpublish(reference));
    }

    /// Publishes content under a reference and puts the image on the engine, without a call. Returns its id.
    pub fn add_image(&self, reference: &str, content: &str) -> String {
        self.with(|machine| {
            let id = machine.publish(reference, content);
            machine.pull(reference).map_or(id, |pulled| pulled.id)
        })
    }

    /// Says what the containers of an image do, from their next start on.
    pub fn set_behaviour(&self, image: &str, behaviour: Behaviour) {
        self.with(|machine| machine.set_behaviour(image, behaviour));
    }

    /// Lets something go wrong with the next call that matches. Several faults wait side by side.
    pub fn fail_next(&self, matches: impl Fn(&Call) -> bool + Send + 'static, fault: Fault) {
        self.inner().rules.push(Rule { matches: Box::new(matches), fault });
    }

    /// Returns all changing calls that were sent, answered or not, in order.
    pub fn mutating_calls(&self) -> Vec<Call> {
        self.inner().calls.clone()
    }

    /// Forgets the calls until now.
    pub fn forget_calls(&self) {
        self.inner().calls.clear();
    }

    /// Returns the references that were pulled, in order.
    pub fn pulls(&self) -> Vec<String> {
        self.with(|machine| machine.pulls().to_vec())
    }

    /// Lets each build of an image of that name fail with what the builder says; with `None` they go well again.
    pub fn set_broken_build(&self, image: &str, output: Option<&str>) {
        self.with(|machine| machine.set_broken_build(image, output));
    }

    /// Returns the tags of the images that were built, in order.
    pub fn builds(&self) -> Vec<String> {
        self.with(|machine| machine.builds().to_vec())
    }

    /// Returns somebody else at this engine.
    pub fn outside(&self) -> Outside<'_> {
        Outside { engine: self }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the machine as it is now.
    fn with<T>(&self, work: impl FnOnce(&mut Machine) -> T) -> T {
        let mut inner = self.inner();
        inner.machine.advance(self.shared.epoch.elapsed());
        let result = work(&mut inner.machine);
        drop(inner);
        self.shared.news.send_modify(|count| *count += 1);
        result
    }

    fn set_reachable(&self, reachable: bool) {
        self.inner().reachable = reachable;
        self.end_streams();
    }

    fn end_streams(&self) {
        self.inner().life += 1;
        self.shared.news.send_modify(|count| *count += 1);
    }

    fn check_reachable(&self) -> Result<(), EngineError> {
        if self.inner().reachable { Ok(()) } else { Err(gone("connection refused")) }
    }

    /// Does a call after the time it takes.
    async fn perform(&self, call: &Call) -> Result<CallOutcome, EngineError> {
        let (latency, pull_time) = {
            let inner = self.inner();
            (inner.latency, inner.pull_time)
        };
        let takes = if call.fetches() { pull_time } else { latency };
        let limit = deadline(call);
        if takes > limit {
            return Err(no_answer(call, limit).await);
        }
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        self.check_reachable()?;
        self.with(|machine| machine.apply(call))
    }
}

#[async_trait]
impl Engine for SimEngine {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.check_reachable()?;
        Ok(self.with(|machine| machine.info.clone()))
    }

    fn last_info(&self) -> Option<EngineInfo> {
        Some(self.with(|machine| machine.info.clone()))
    }

    async fn observe(&self, projects: &[String]) -> Result<Observed, EngineError> {
        self.check_reachable()?;
        Ok(self.with(|machine| machine.observe(projects)))
    }

    async fn observe_for(&self, focus: &Focus) -> Result<Observed, EngineError> {
        self.check_reachable()?;
        Ok(self.with(|machine| machine.observe_for(focus)))
    }

    async fn inspect(&self, container: &str) -> Result<Option<Container>, EngineError> {
        self.check_reachable()?;
        Ok(self.with(|machine| machine.inspect(container)))
    }

    async fn images_named(&self, references: &[String]) -> Result<Vec<Image>, EngineError> {
        self.check_reachable()?;
        let observed = self.with(|machine| machine.observe(&[]));
        let known = references.iter().filter_map(|reference| {
            let id = observed.image_id(reference)?;
            let image = observed.images.iter().find(|image| image.id == id)?;
            Some(Image { references: vec![familiar(reference)], ..image.clone() })
        });
        Ok(known.collect())
    }

    async fn call(&self, call: &Call) -> Result<CallOutcome, EngineError> {
        let fault = {
            let mut inner = self.inner();
            inner.calls.push(call.clone());
            fault::take(&mut inner.rules, call)
        };
        self.check_reachable()?;
        match fault {
            None => self.perform(call).await,
            Some(Fault::ErrorBefore(error)) => Err(error),
            Some(Fault::LostReply) => {
                drop(self.perform(call).await);
                Err(gone("connection reset by peer"))
            }
            Some(Fault::HangUntilTimeout) => {
                drop(self.perform(call).await);
                Err(no_answer(call, deadline(call)).await)
            }
            Some(Fault::CancelledStart) => {
                if let Call::StartContainer { container } = call {
                    self.with(|machine| machine.cancel_start(container))?;
                }
                Err(gone("connection closed before the answer"))
            }
        }
    }

    async fn logs(&self, container: &str, lines: usize) -> Result<Vec<String>, EngineError> {
        self.check_reachable()?;
        self.with(|machine| machine.logs(container, lines))
    }

    async fn events(&self) -> Result<BoxStream<'static, EngineEvent>, EngineError> {
        self.check_reachable()?;
        let follower = Follower {
            engine: self.clone(),
            news: self.shared.news.subscribe(),
            seen: self.with(|machine| machine.events_seen()),
            life: self.inner().life,
        };
        let batches = stream::unfold(follower, |mut follower| async {
            let events = follower.next().await?;
            Some((stream::iter(events), follower))
        });
        Ok(batches.flatten().boxed())
    }
}

/// Somebody who follows the events.
struct Follower {
    engine: SimEngine,
    news: watch::Receiver<u64>,
    seen: u64,
    life: u64,
}

impl Follower {
    /// Waits for events; `None` when the engine went away.
    async fn next(&mut self) -> Option<Vec<EngineEvent>> {
        loop {
            self.news.borrow_and_update();
            let (events, next_change) = {
                let mut inner = self.engine.inner();
                if inner.life != self.life {
                    return None;
                }
                inner.machine.advance(self.engine.shared.epoch.elapsed());
                let events = inner.machine.events_after(self.seen);
                self.seen = inner.machine.events_seen();
                (events, inner.machine.next_change())
            };
            if !events.is_empty() {
                return Some(events);
            }
            let due = next_change.map(|after| self.engine.shared.epoch + after);
            let wait_for_due = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = self.news.changed() => changed.ok()?,
                () = wait_for_due => {}
            }
        }
    }
}

fn gone(why: &str) -> EngineError {
    EngineError::new(EngineErrorKind::Unreachable, format!("the simulated engine cannot be reached: {why}"))
}

async fn no_answer(call: &Call, limit: Duration) -> EngineError {
    tokio::time::sleep(limit).await;
    EngineError::new(
        EngineErrorKind::TimedOut,
        format!("{}: no answer from the engine within {} s", call.name(), limit.as_secs()),
    )
}

#[cfg(test)]
mod tests;
