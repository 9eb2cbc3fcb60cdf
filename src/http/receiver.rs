//! The receiver of forges' webhooks: `POST /hook/{receiver}`.
//!
//! In this order: the receiver must exist and have a secret, the body must be small, there must not be too many, and
//! the signature over the raw bytes must be right. Then the configured sources are looked at. What the body says is
//! never read, and before the signature is known to be right nothing leaves the process and nothing is counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::response::Response;
use futures_util::StreamExt as _;

use super::Controls;
use super::limiter::Limiter;
use crate::core::model::Secret;
use crate::core::model::SourceName;
use crate::core::model::verify;

/// A larger body is refused.
const BODY_LIMIT: usize = 1024 * 1024;

/// A body must be there after this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A receiver takes so many requests at once…
const BURST: u32 = 30;

/// …and then one in this time.
const INTERVAL: Duration = Duration::from_secs(1);

/// A shorter secret could be guessed.
const MIN_SECRET: usize = 16;

/// How a forge signs. It is configured, never the sender's choice; all are HMAC-SHA256 of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `X-Hub-Signature-256`.
    GitHub,
    /// `X-Gitea-Signature`, `X-Forgejo-Signature` or `X-Hub-Signature-256`; these forges send several.
    Gitea,
}

impl Scheme {
    /// Returns the headers that may carry a signature, and what stands before its digits.
    fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::GitHub => &[("x-hub-signature-256", "sha256=")],
            Self::Gitea => {
                &[("x-gitea-signature", ""), ("x-forgejo-signature", ""), ("x-hub-signature-256", "sha256=")]
            }
        }
    }

    /// Returns true if there is a signature, and each one that is there is right.
    fn accepts(self, secret: &Secret, headers: &HeaderMap, body: &[u8]) -> bool {
        let mut found = 0;
        let mut right = 0;
        for (name, prefix) in self.headers() {
            for value in headers.get_all(*name) {
                let digits =
                    value.to_str().ok().and_then(|text| text.strip_prefix(prefix)).unwrap_or_default();
                found += 1;
                right += usize::from(verify(secret, body, digits));
            }
        }
        found > 0 && found == right
    }
}

/// Why a receiver is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret of receiver `{receiver}` has less than {MIN_SECRET} bytes: make one with `openssl rand -hex 32`, and \
     enter it at the forge too"
)]
pub struct ReceiverError {
    receiver: String,
}

/// A place where a forge says that a source has news.
#[derive(Clone)]
pub struct Receiver {
    name: String,
    scheme: Scheme,
    secret: Option<Secret>,
    sources: Vec<SourceName>,
}

impl Receiver {
    /// Returns a receiver at `/hook/{name}` for these sources. Without a secret, or with an empty one, it is off.
    ///
    /// # Errors
    /// Fails if there is a secret and it is too short to keep anybody out.
    pub fn new(
        name: impl Into<String>,
        scheme: Scheme,
        secret: Option<Secret>,
        sources: Vec<SourceName>,
    ) -> Result<Self, ReceiverError> {
        let name = name.into();
        let secret = secret.filter(|secret| !secret.is_empty());
        if secret.as_ref().is_some_and(|secret| secret.expose().len() < MIN_SECRET) {
            return Err(ReceiverError { receiver: name });
        }
        Ok(Self { name, scheme, secret, sources })
    }
}

/// A receiver that is on.
struct Hook {
    scheme: Scheme,
    secret: Secret,
    sources: Vec<SourceName>,
    requests: Limiter,
    /// A wrong secret is worth a line in the log, and not one for each try.
    warnings: Limiter,
}

/// The receivers that are on, by name.
pub(super) struct Hooks {
    hooks: BTreeMap<String, Hook>,
    controls: Arc<dyn Controls>,
}

impl Hooks {
    pub(super) fn new(receivers: Vec<Receiver>, controls: Arc<dyn Controls>) -> Self {
        let mut hooks = BTreeMap::new();
        for Receiver { name, scheme, secret, sources } in receivers {
            if let Some(secret) = secret {
                let requests = Limiter::new(BURST, INTERVAL);
                let warnings = Limiter::new(1, Duration::from_mins(1));
                hooks.insert(name, Hook { scheme, secret, sources, requests, warnings });
            }
        }
        Self { hooks, controls }
    }
}

/// Answers 202 once the sources are about to be looked at.
pub(super) async fn hook(
    State(hooks): State<Arc<Hooks>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(hook) = hooks.hooks.get(&name) else {
        return (StatusCode::NOT_FOUND, "no such receiver, or it has no secret\n").into_response();
    };
    let body = match read(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    if !hook.requests.allow() {
        let wait = [(header::RETRY_AFTER, INTERVAL.as_secs().to_string())];
        return (StatusCode::TOO_MANY_REQUESTS, wait, "too many requests\n").into_response();
    }
    if !hook.scheme.accepts(&hook.secret, &headers, &body) {
        if hook.warnings.allow() {
            tracing::warn!(
                receiver = name,
                "a webhook's signature is missing or wrong: is the secret at the forge the same as here?"
            );
        }
        return (StatusCode::UNAUTHORIZED, "the signature is missing or wrong\n").into_response();
    }
    tracing::debug!(receiver = name, "a webhook arrived");
    hooks.controls.look(&hook.sources);
    (StatusCode::ACCEPTED, "looking\n").into_response()
}

/// Reads a body, no more of it than is allowed and no longer.
async fn read(body: Body) -> Result<Vec<u8>, (StatusCode, &'static str)> {
    let all = async {
        let mut chunks = body.into_data_stream();
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| (StatusCode::BAD_REQUEST, "the body broke off\n"))?;
            if bytes.len() + chunk.len() > BODY_LIMIT {
                return Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MiB\n"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    let late = (StatusCode::REQUEST_TIMEOUT, "the body took too long\n");
    tokio::time::timeout(BODY_TIMEOUT, all).await.unwrap_or(Err(late))
}
