//! Takes events from the outbox to providers: signed webhooks, at least once, in order per stack.
//!
//! Each provider has a worker of its own, so that a slow one holds up no other. A worker sleeps until an event is added
//! or a retry is due. It knows nothing of what events mean, follows no redirect, shows no answer's body, and names a
//! provider by scheme and host alone, because the rest of its address may be a password.

mod post;
mod retry;
mod worker;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::core::model::Redactor;
use crate::core::run::EventBuilder;
use crate::core::run::EventType;
use crate::core::run::ObjectKind;
use crate::core::run::ObjectRef;
use crate::core::run::Stamp;
use crate::core::run::Ulid;
use crate::core::schedule::Backoff;
use crate::ports::Clock;
use crate::ports::Outbox;

pub use post::PostError;
pub use post::Provider;
pub use post::ProviderError;

use post::Poster;
use worker::Worker;

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// One try, from the connection to the answer's status.
    pub per_try: Duration,
    /// The waits between tries.
    pub backoff: Backoff,
    /// The wait after the outbox itself could not be used.
    pub after_outbox_error: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            per_try: Duration::from_secs(10),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_mins(15)),
            after_outbox_error: Duration::from_secs(30),
        }
    }
}

/// Notifications cannot be sent at all.
#[derive(Debug, thiserror::Error)]
#[error("no notification can be sent: {0}")]
pub struct ClientError(String);

/// Delivers what is in the outbox until it is told to stop. A POST under way is finished first, which takes
/// [`Timing::per_try`] at most.
///
/// The outbox must know the providers by the same names. Failures are logged and tried again, for three days.
///
/// # Errors
/// Fails at once if there can be no HTTP client, and not after that.
pub async fn run(
    outbox: Arc<dyn Outbox>,
    providers: Vec<Provider>,
    clock: Arc<dyn Clock>,
    timing: Timing,
    stop: CancellationToken,
) -> Result<(), ClientError> {
    if providers.is_empty() {
        return Ok(());
    }
    let poster = Poster::new(timing.per_try)?;
    let mut workers = JoinSet::new();
    for provider in providers {
        let worker = Worker {
            outbox: Arc::clone(&outbox),
            provider,
            poster: poster.clone(),
            clock: Arc::clone(&clock),
            timing,
            stop: stop.clone(),
        };
        workers.spawn(worker.run());
    }
    workers.join_all().await;
    Ok(())
}

/// Why a test did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// Nothing can be sent at all.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The provider did not take it.
    #[error(transparent)]
    Post(#[from] PostError),
}

/// Sends one event of type `notify.test` to a provider, once and past the outbox. Returns the answer's status.
///
/// # Errors
/// Fails if the provider does not answer, or not with a status of 2xx.
pub async fn test_delivery(
    provider: &Provider,
    instance: &str,
    clock: &dyn Clock,
    random: [u8; 10],
) -> Result<u16, TestError> {
    let object = ObjectRef::other(ObjectKind::Provider, provider.name());
    let at = clock.now();
    let stamp =
        Stamp { id: Ulid::new(at, random), at, sequence: 1, run: None, instance: instance.to_owned() };
    let event = EventBuilder::new(
        EventType::NotifyTest,
        object,
        "a test: notifications of this instance arrive here",
    )
    .finish(&Redactor::default())
    .stamp(stamp);
    let body = serde_json::to_string(&event).map_err(|error| ClientError(error.to_string()))?;
    Ok(Poster::new(Timing::default().per_try)?.post(provider, &event, body).await?)
}
