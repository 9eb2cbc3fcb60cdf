//! Whether the process lives, whether it can work, and what it has counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::response::Response;
use jiff::SignedDuration;
use jiff::Timestamp;

use super::App;
use crate::core::model::SourceName;

/// What the process needs to work, as the controller last saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Why the store cannot be used; `None` if it can.
    pub store_error: Option<String>,
    /// When the engine last answered; `None` if it never did.
    pub engine_seen: Option<Timestamp>,
    /// An engine that was not seen for so long counts as gone.
    pub engine_patience: Duration,
    /// The sources, and whether each was read at least once since the start.
    pub sources: BTreeMap<SourceName, bool>,
}

impl Readiness {
    /// Returns what is known at the start: nothing was seen yet.
    pub fn starting(sources: impl IntoIterator<Item = SourceName>, engine_patience: Duration) -> Self {
        Self {
            store_error: None,
            engine_seen: None,
            engine_patience,
            sources: sources.into_iter().map(|source| (source, false)).collect(),
        }
    }

    /// Returns why the process cannot work, one line per reason; none if it can.
    pub fn problems(&self, now: Timestamp) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(error) = &self.store_error {
            problems.push(format!("store: {error}"));
        }
        let patience = SignedDuration::try_from(self.engine_patience).unwrap_or(SignedDuration::MAX);
        match self.engine_seen.map(|seen| now.duration_since(seen)) {
            None => problems.push("engine: no answer yet".into()),
            Some(age) if age > patience => {
                problems.push(format!("engine: no answer for {} s", age.as_secs()));
            }
            Some(_) => {}
        }
        let unread = self.sources.iter().filter(|(_, read)| !**read);
        problems.extend(unread.map(|(source, _)| format!("source {source}: not read yet")));
        problems
    }
}

/// Answers as long as the process does.
pub(super) async fn livez() -> &'static str {
    "alive\n"
}

/// Answers 200 if the process can work, or else 503 with the reasons.
pub(super) async fn readyz(State(app): State<App>) -> (StatusCode, String) {
    let problems = app.readiness.borrow().problems(app.clock.now());
    if problems.is_empty() {
        (StatusCode::OK, "ready\n".into())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n")
    }
}

/// Answers with the metrics in the text form of `OpenMetrics`.
pub(super) async fn metrics(State(app): State<App>) -> Response {
    let (metrics, controls) = (Arc::clone(&app.metrics), Arc::clone(&app.controls));
    let encoded = tokio::task::spawn_blocking(move || {
        controls.refresh(&metrics);
        metrics.encode()
    });
    let Ok(Ok(text)) = encoded.await else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the metrics failed\n").into_response();
    };
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}
