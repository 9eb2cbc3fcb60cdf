//! One POST to one provider.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::Client;
use reqwest::StatusCode;
use reqwest::Url;
use reqwest::header;
use reqwest::redirect::Policy;
use rustls::crypto::CryptoProvider;

use super::ClientError;
use crate::core::model::Secret;
use crate::core::model::sign;
use crate::core::run::Event;

/// What we call ourselves.
const USER_AGENT: &str = concat!("evenkeel/", env!("CARGO_PKG_VERSION"));

/// Connections are kept for so long, for events that come in a row.
const KEEP_CONNECTION: Duration = Duration::from_secs(30);

/// Why a provider's address is refused. It does not name the address, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address of provider `{provider}` is invalid: {reason}")]
pub struct ProviderError {
    provider: String,
    reason: String,
}

/// A place where notifications go.
#[derive(Clone)]
pub struct Provider {
    name: String,
    url: Secret,
    secret: Option<Secret>,
    shown: String,
}

impl Provider {
    /// Returns a provider. With a secret, each body is signed. Which events it gets, the outbox knows.
    ///
    /// # Errors
    /// Fails if the address is no `http://` or `https://` URL.
    pub fn new(name: impl Into<String>, url: &Secret, secret: Option<Secret>) -> Result<Self, ProviderError> {
        let name = name.into();
        let refuse = |reason: &str| ProviderError { provider: name.clone(), reason: reason.into() };
        let parsed = Url::parse(url.expose().trim()).map_err(|error| refuse(&error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(refuse("write it as `https://host/path`"));
        }
        let shown = parsed.origin().ascii_serialization();
        Ok(Self { name, url: Secret::new(parsed), secret: secret.filter(|secret| !secret.is_empty()), shown })
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns scheme and host, which may be shown.
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

/// Why a POST did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// There was an answer, and it is not 2xx.
    #[error("{shown} answered {status}{}", hint(*status))]
    Status {
        /// Scheme and host.
        shown: String,
        /// The status.
        status: StatusCode,
        /// How long it asks to be left alone.
        retry_after: Option<SignedDuration>,
    },
    /// There was no answer in time.
    #[error("{shown} gave no answer within {} s", per_try.as_secs())]
    TimedOut {
        /// Scheme and host.
        shown: String,
        /// How long it had.
        per_try: Duration,
    },
    /// There was no connection, or it broke.
    #[error("{shown} cannot be reached: {reason}")]
    Unreachable {
        /// Scheme and host.
        shown: String,
        /// What the system said.
        reason: String,
    },
}

impl PostError {
    /// Returns true if the provider would refuse other events too, as far as can be told.
    pub(super) fn provider_down(&self) -> bool {
        match self {
            Self::Status { status, .. } => !matches!(
                *status,
                StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
            ),
            Self::TimedOut { .. } | Self::Unreachable { .. } => true,
        }
    }

    /// Returns how long the provider asks to be left alone.
    pub(super) fn retry_after(&self) -> Option<SignedDuration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::TimedOut { .. } | Self::Unreachable { .. } => None,
        }
    }
}

fn hint(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => ": redirects are not followed, write the final address",
        401 | 403 => ": check its token or secret",
        404 | 410 => ": check its address",
        _ => "",
    }
}

/// Sends events. A cheap handle.
#[derive(Clone)]
pub(super) struct Poster {
    client: Client,
    per_try: Duration,
}

impl Poster {
    /// Returns a poster whose tries take so long at most.
    pub(super) fn new(per_try: Duration) -> Result<Self, ClientError> {
        if CryptoProvider::get_default().is_none() {
            return Err(ClientError("the process has no TLS provider".into()));
        }
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .timeout(per_try)
            .pool_idle_timeout(KEEP_CONNECTION)
            .pool_max_idle_per_host(1)
            .build()
            .map_err(|error| ClientError(innermost(&error)))?;
        Ok(Self { client, per_try })
    }

    /// Posts an event once. Returns the status if that is 2xx.
    pub(super) async fn post(
        &self,
        provider: &Provider,
        event: &Event,
        body: String,
    ) -> Result<u16, PostError> {
        let mut request = self
            .client
            .post(provider.url.expose())
            .header(header::CONTENT_TYPE, "application/json")
            .header("X-Evenkeel-Delivery", event.id.as_str())
            .header("X-Evenkeel-Event", event.kind.as_str());
        if let Some(secret) = &provider.secret {
            request = request.header("X-Signature", format!("sha256={}", sign(secret, body.as_bytes())));
        }
        let response = request.body(body).send().await.map_err(|error| self.failure(provider, error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(status.as_u16());
        }
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let seconds = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Err(PostError::Status {
            shown: provider.shown.clone(),
            status,
            retry_after: seconds.map(|seconds: u32| SignedDuration::from_secs(seconds.into())),
        })
    }

    fn failure(&self, provider: &Provider, error: reqwest::Error) -> PostError {
        let shown = provider.shown.clone();
        if error.is_timeout() {
            return PostError::TimedOut { shown, per_try: self.per_try };
        }
        PostError::Unreachable { shown, reason: innermost(&error.without_url()) }
    }
}

/// Returns what an error comes down to, without the layers above, which may name the address.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_its_scheme_and_host_alone() {
        let url = Secret::new("https://user:token@hooks.example.org:8443/services/T0/B0?key=x");
        let shown = Provider::new("ops", &url, None).map(|provider| provider.shown().to_owned());
        assert_eq!(shown, Ok("https://hooks.example.org:8443".into()));
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_showing_it() {
        for url in ["", "hooks.example.org/token", "ftp://host/token", "https://", "http://[token"] {
            let error = Provider::new("ops", &Secret::new(url), None).err().expect("refused");
            assert!(error.to_string().starts_with("the address of provider `ops`"), "{error}");
            assert!(!error.to_string().contains("token"), "{error}");
        }
    }
}
