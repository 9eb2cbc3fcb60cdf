//! The HTTP side: probes, metrics and the receiver of forges' webhooks.
//!
//! Nothing here decides what is deployed. A request can make the controller look at a source that is configured, at
//! most; what a body says is never read.

mod limiter;
mod probes;
mod receiver;
mod server;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use axum::routing::post;
use tokio::sync::watch;

use crate::core::model::SourceName;
use crate::ports::Clock;
use crate::telemetry::Metrics;

pub use probes::Readiness;
pub use receiver::Receiver;
pub use receiver::ReceiverError;
pub use receiver::Scheme;
pub use server::BindError;
pub use server::bind;
pub use server::serve;

/// What requests can ask of the rest of the process.
pub trait Controls: Send + Sync {
    /// Looks at these sources soon. Must return at once, and may be called often.
    fn look(&self, sources: &[SourceName]);

    /// Brings metrics up to date that are read rather than counted, before they are shown. May block for a moment.
    fn refresh(&self, metrics: &Metrics);
}

/// What the server shows and whom it tells.
#[derive(Clone)]
pub struct App {
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// What `/readyz` shows.
    pub readiness: watch::Receiver<Readiness>,
    /// The rest of the process.
    pub controls: Arc<dyn Controls>,
    /// Says how old the last sign of life of the engine is.
    pub clock: Arc<dyn Clock>,
}

/// Returns the routes.
pub fn router(app: App, receivers: Vec<Receiver>) -> Router {
    let hooks = receiver::Hooks::new(receivers, Arc::clone(&app.controls));
    Router::new()
        .route("/livez", get(probes::livez))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics))
        .with_state(app)
        .merge(Router::new().route("/hook/{receiver}", post(receiver::hook)).with_state(Arc::new(hooks)))
}
