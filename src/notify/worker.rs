//! The worker of one provider.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Timing;
use super::post::PostError;
use super::post::Poster;
use super::post::Provider;
use super::retry::next_try;
use crate::ports::Clock;
use crate::ports::Delivery;
use crate::ports::Due;
use crate::ports::FailedDelivery;
use crate::ports::NextTry;
use crate::ports::Outbox;
use crate::ports::OutboxError;

pub(super) struct Worker {
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) provider: Provider,
    pub(super) poster: Poster,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timing: Timing,
    pub(super) stop: CancellationToken,
}

impl Worker {
    /// Delivers until it is told to stop, or until nobody can add events any more.
    pub(super) async fn run(self) {
        let mut appended = self.outbox.appended();
        while !self.stop.is_cancelled() {
            // Before the look, so that what is added after it is not slept over.
            appended.mark_unchanged();
            let now = self.clock.now();
            let wait = match self.outbox.due(self.provider.name(), now).await {
                Ok(Due::Now(delivery)) => {
                    self.deliver(*delivery).await;
                    continue;
                }
                Ok(Due::At(at)) => Some(wait_of(at.duration_since(now))),
                Ok(Due::Nothing) => None,
                Err(error) => {
                    self.pause(&error).await;
                    continue;
                }
            };
            if !self.sleep(&mut appended, wait).await {
                return;
            }
        }
    }

    /// Sleeps until an event is added, the wait is over, or it is told to stop. Returns false if nothing can follow.
    async fn sleep(&self, appended: &mut watch::Receiver<u64>, wait: Option<Duration>) -> bool {
        let over = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = over => true,
            added = appended.changed() => added.is_ok(),
        }
    }

    /// Posts once and writes down what came of it. Until that is written nothing else is sent: a delivery that is
    /// forgotten would be sent again and again.
    async fn deliver(&self, delivery: Delivery) {
        let result = self.poster.post(&self.provider, &delivery.event, delivery.body.clone()).await;
        self.tell(&delivery, result.as_ref().err());
        loop {
            let written = match &result {
                Ok(_) => self.outbox.delivered(&delivery, self.clock.now()).await,
                Err(error) => self.outbox.failed(&delivery, self.failure(&delivery, error)).await,
            };
            match written {
                Ok(()) => return,
                Err(error) => self.pause(&error).await,
            }
            if self.stop.is_cancelled() {
                return;
            }
        }
    }

    fn failure(&self, delivery: &Delivery, error: &PostError) -> FailedDelivery {
        let next = next_try(delivery, error, self.timing.backoff, self.clock.now(), random());
        if next == NextTry::Never {
            let (provider, event) = (self.provider.name(), &delivery.event.id);
            tracing::error!(provider, %event, "a notification was given up after three days: {error}");
        }
        FailedDelivery { error: error.to_string(), next }
    }

    /// Logs the first failure of an event and its end, not the tries in between.
    fn tell(&self, delivery: &Delivery, error: Option<&PostError>) {
        let (provider, event) = (self.provider.name(), &delivery.event.id);
        match error {
            Some(error) if delivery.attempts == 0 => {
                tracing::warn!(provider, %event, "a notification was not delivered and will be tried again: {error}");
            }
            Some(error) => {
                tracing::debug!(provider, %event, attempts = delivery.attempts, "still not delivered: {error}");
            }
            None if delivery.attempts > 0 => {
                tracing::info!(provider, %event, attempts = delivery.attempts, "the notification was delivered");
            }
            None => tracing::debug!(provider, %event, "the notification was delivered"),
        }
    }

    async fn pause(&self, error: &OutboxError) {
        tracing::warn!(provider = self.provider.name(), "notifications wait: {error}");
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(self.timing.after_outbox_error) => {}
        }
    }
}

/// Returns the wait, and at least a millisecond: that is how finely the outbox keeps time.
fn wait_of(wait: SignedDuration) -> Duration {
    Duration::try_from(wait).unwrap_or_default().max(Duration::from_millis(1))
}

/// Returns a number in `0..1`. Without random bytes, the middle: retries are then merely not spread.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}
