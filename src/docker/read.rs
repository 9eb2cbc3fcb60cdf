//! Reading: a GET by its path, over the same way as every other call, into types of our own.
//!
//! bollard's models refuse an answer for one word that they do not know and for one field that an engine leaves out. Here
//! `null` counts as absent, what is not used is passed over, and words stay words. bollard has one request whose answer
//! it hands on as it is; its path is replaced by ours.

use axum::body::Bytes;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use bollard::Docker;
use bollard::errors::Error;
use futures_util::Stream;
use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::DockerEngine;
use super::READ_DEADLINE;
use super::within;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

impl DockerEngine {
    /// Reads what is at `path`, which begins with `/` and may have a query. `what` names it in errors.
    ///
    /// # Errors
    /// Fails if the engine does not answer or refuses, and with [`EngineErrorKind::Unreadable`] if a field that is used
    /// has another type than it should.
    pub(super) async fn read<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<T, EngineError> {
        let answer: Value = self.read_json(what, path).await?;
        serde_json::from_value(answer).map_err(|error| unreadable(what, &error))
    }

    /// Reads what is at `path` as JSON without `null`s.
    pub(super) async fn read_json(&self, what: &str, path: &str) -> Result<Value, EngineError> {
        let whole = self.bytes(path)?.try_fold(Vec::new(), |mut whole, part| async move {
            whole.extend_from_slice(&part);
            Ok(whole)
        });
        let bytes = within(READ_DEADLINE, what, whole).await?;
        let mut answer = serde_json::from_slice(&bytes).map_err(|error| unreadable(what, &error))?;
        strip_nulls(&mut answer);
        Ok(answer)
    }

    /// Returns what is at `path` as it comes in.
    ///
    /// # Errors
    /// Fails if the path is none.
    pub(super) fn bytes(
        &self,
        path: &str,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + use<>, EngineError> {
        let path: PathAndQuery = path.parse().map_err(|error| {
            EngineError::new(
                EngineErrorKind::Invalid,
                format!("`{path}` is no path to ask an engine for: {error}"),
            )
        })?;
        Ok(asking(&self.docker, path).export_container("any"))
    }
}

/// Returns a client whose requests go to `path`.
pub(super) fn asking(docker: &Docker, path: PathAndQuery) -> Docker {
    docker.clone().with_request_modifier(move |mut request| {
        let mut address = request.uri().clone().into_parts();
        address.path_and_query = Some(path.clone());
        *request.uri_mut() = Uri::from_parts(address).expect("only the path is another");
        request
    })
}

/// Returns the error of an answer that is there and cannot be understood.
pub(super) fn unreadable(what: &str, error: &serde_json::Error) -> EngineError {
    EngineError::new(
        EngineErrorKind::Unreadable,
        format!("{what}: the engine's answer cannot be read: {error}"),
    )
}

/// Removes what is `null`, at any depth.
pub(super) fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(strip_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}
