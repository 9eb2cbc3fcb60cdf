//! What the callers of the core need of the world: small traits over core types.
//!
//! Nothing here decides, and no adapter's types appear in a signature.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::core::observed::Container;
use crate::core::observed::EngineInfo;
use crate::core::observed::Focus;
use crate::core::observed::Image;
use crate::core::observed::Observed;
use crate::core::observed::PublishedPort;
use crate::core::plan::Call;
use crate::core::plan::Node;
use crate::core::run::Event;
use crate::core::run::StepChange;

/// Why a call to the engine failed. The message is the engine's own where it gave one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What it means for the caller.
    pub kind: EngineErrorKind,
    /// What happened, fit for people; never with a request's body.
    pub message: String,
}

/// What a failed call means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineErrorKind {
    /// 404: the container, image or network is not there.
    NotFound,
    /// 409: the name is taken, a removal is in progress.
    Conflict,
    /// 400 and the like: the engine will not take this request, however often it is asked.
    Invalid,
    /// A host port is held by somebody else.
    PortTaken,
    /// No space is left on the engine's disk.
    DiskFull,
    /// The registry refused, is limited, or is not reachable.
    Registry,
    /// The engine does not answer: nothing is known of the call's effect.
    Unreachable,
    /// The deadline passed: nothing is known of the call's effect.
    TimedOut,
    /// The answer could not be read: nothing is known of the call's effect.
    Unreadable,
    /// Any other failure that the engine reported.
    Failed,
}

impl EngineError {
    /// Returns an error of a kind.
    pub fn new(kind: EngineErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Returns true if a later try with the same input may well succeed.
    pub fn is_transient(&self) -> bool {
        use EngineErrorKind as K;
        matches!(
            self.kind,
            K::Unreachable
                | K::TimedOut
                | K::Unreadable
                | K::Registry
                | K::DiskFull
                | K::PortTaken
                | K::Conflict
        )
    }
}

/// What a call gave back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallOutcome {
    /// The new object's id, or that of the image that was pulled or built; empty where there is none.
    pub id: String,
    /// False if the engine found nothing to do (already started, already stopped).
    pub changed: bool,
}

/// Something that happened on the engine. A hint to look, never a fact to build on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    /// `container`, `network`, `volume`, `image`, ….
    pub kind: String,
    /// `die`, `destroy`, `health_status: unhealthy`, ….
    pub action: String,
    /// The object's id, or name for volumes.
    pub id: String,
    /// The object's labels and the like.
    pub attributes: std::collections::BTreeMap<String, String>,
}

/// A Docker Engine, real or simulated.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Asks what the engine is. Also the way to see that it answers.
    async fn info(&self) -> Result<EngineInfo, EngineError>;

    /// Returns what the engine last said that it is, without asking it. It may be another by now: a snapshot says what
    /// it was when that was taken.
    fn last_info(&self) -> Option<EngineInfo> {
        None
    }

    /// Takes a snapshot. Containers with our labels or of the given Compose projects are inspected; of the rest only
    /// what a listing says is known (names, ports, states), and their `request` is `None`.
    async fn observe(&self, projects: &[String]) -> Result<Observed, EngineError>;

    /// Takes a snapshot of what matters for one stack, in as few calls as that takes: without images, and where it can
    /// be, without volumes and a close look at the containers that the focus is not on. The whole is a good answer too.
    async fn observe_for(&self, focus: &Focus) -> Result<Observed, EngineError> {
        self.observe(&focus.projects).await
    }

    /// Looks at one container, by name or id; `None` if it is not there.
    async fn inspect(&self, container: &str) -> Result<Option<Container>, EngineError>;

    /// Returns those of the ports that cannot be bound on the engine's host now. An engine whose host cannot be asked
    /// names none: then only the start will show it.
    async fn held_ports(&self, ports: &[PublishedPort]) -> Vec<PublishedPort> {
        let _ = ports;
        Vec::new()
    }

    /// Returns those images that the engine knows by these references or ids. Its list of images would not do: some
    /// engines write the registry in front of a name.
    async fn images_named(&self, references: &[String]) -> Result<Vec<Image>, EngineError> {
        let _ = references;
        Ok(Vec::new())
    }

    /// Makes one changing call.
    async fn call(&self, call: &Call) -> Result<CallOutcome, EngineError>;

    /// Returns the last lines that a container wrote, oldest first. They may hold secrets: redact them.
    async fn logs(&self, container: &str, lines: usize) -> Result<Vec<String>, EngineError>;

    /// Follows what happens from now on. The stream ends when the connection does.
    async fn events(&self) -> Result<BoxStream<'static, EngineEvent>, EngineError>;
}

/// Returns how long an engine lets a call take before it gives up with [`EngineErrorKind::TimedOut`]. What became of
/// the call is not known then.
pub fn deadline(call: &Call) -> Duration {
    const MOST_CALLS: Duration = Duration::from_mins(2);
    const STOP_MARGIN: Duration = Duration::from_secs(30);
    match call {
        Call::PullImage { timeout, .. }
        | Call::BuildImage { timeout, .. }
        | Call::RunHook { timeout, .. } => *timeout,
        Call::StopContainer { grace, .. } => *grace + STOP_MARGIN,
        Call::RestartContainer { grace, .. } => *grace + STOP_MARGIN + MOST_CALLS,
        _ => MOST_CALLS,
    }
}

/// An event on its way to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The outbox's number for it.
    pub number: i64,
    /// The event.
    pub event: Event,
    /// The event's JSON: the same bytes at every try.
    pub body: String,
    /// How often it was tried before.
    pub attempts: u32,
}

/// What a provider is to get next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// This, now.
    Now(Box<Delivery>),
    /// Nothing before this time.
    At(Timestamp),
    /// Nothing.
    Nothing,
}

/// Whether and when a delivery is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextTry {
    /// Not before this time.
    At {
        /// The time.
        at: Timestamp,
        /// The provider itself is at fault, not this event: what else waits for it waits too.
        provider_down: bool,
    },
    /// Not any more. It stays visible.
    Never,
}

/// A try that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedDelivery {
    /// Why, for people; never with the provider's address or answer.
    pub error: String,
    /// What is next.
    pub next: NextTry,
}

/// The outbox cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutboxError(pub String);

/// Events that providers have yet to get. Delivery is at least once, and in order per object.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Returns what a provider is to get next.
    async fn due(&self, provider: &str, now: Timestamp) -> Result<Due, OutboxError>;

    /// Says that the provider got it.
    async fn delivered(&self, delivery: &Delivery, now: Timestamp) -> Result<(), OutboxError>;

    /// Says that the provider did not get it.
    async fn failed(&self, delivery: &Delivery, failure: FailedDelivery) -> Result<(), OutboxError>;

    /// Returns a counter that changes as events are added.
    fn appended(&self) -> watch::Receiver<u64>;
}

/// The time. Injected, so that tests can set it.
pub trait Clock: Send + Sync {
    /// Returns the wall clock's time.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Writes down what happens to the steps of a run. For history and for people: nothing is ever decided by it.
pub trait Journal: Send + Sync {
    /// Records a change of a step's state; `message` says why it failed or was skipped, and is empty otherwise.
    fn step(&self, node: &Node, change: StepChange, message: &str);
}

/// Writes a stack's mounted files to their stable place on the host.
#[async_trait]
pub trait Publish: Send + Sync {
    /// Writes what differs. Returns what changed, as the user knows it.
    ///
    /// # Errors
    /// Fails if a file cannot be written or stands in the way of somebody else's; the text says which and why.
    async fn publish(&self) -> Result<Vec<String>, String>;
}
