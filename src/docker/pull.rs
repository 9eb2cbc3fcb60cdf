//! Pulling an image: to its end, to its deadline, or until nothing has moved for too long.

use std::time::Duration;

use axum::http::HeaderValue;
use bollard::Docker;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::Stream;
use futures_util::StreamExt;

use super::DockerEngine;
use super::error;
use crate::core::model::Secret;
use crate::core::model::familiar;
use crate::ports::CallOutcome;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

/// How long a pull may stand still: the engine writes a line for each bit of progress.
const IDLE_DEADLINE: Duration = Duration::from_mins(1);

impl DockerEngine {
    /// Pulls an image and returns its id. A pull is done when the image can be looked at, not when the stream ends.
    pub(super) async fn pull(
        &self,
        image: &str,
        platform: Option<&str>,
        deadline: Duration,
    ) -> Result<CallOutcome, EngineError> {
        let (name, tag) = name_and_tag(image);
        let options = CreateImageOptionsBuilder::new()
            .from_image(&name)
            .tag(&tag)
            .platform(platform.unwrap_or_default())
            .build();
        let (client, unusable) = match self.credentials.header(image).await {
            Ok(header) => (logged_in(&self.docker, "x-registry-auth", header)?, None),
            Err(why) => (self.docker.clone(), Some(why)),
        };
        let progress = client.create_image(Some(options), None, None);
        match tokio::time::timeout(deadline, follow(image, progress)).await {
            Ok(end) => end.map_err(|error| with_login(error, unusable.as_deref()))?,
            Err(_) => return Err(error::timed_out(&format!("pull of {image}"), deadline)),
        }
        match self.image_id(image).await? {
            Some(id) => Ok(CallOutcome { id, changed: true }),
            None => Err(EngineError::new(
                EngineErrorKind::Registry,
                format!("cannot pull {image}: the engine reported success, but the image is not there"),
            )),
        }
    }
}

/// Returns a client whose requests carry a login. bollard's own way writes it in an alphabet that the engine does not
/// read if a password happens to need its last two letters.
pub(super) fn logged_in(
    docker: &Docker,
    name: &'static str,
    header: Option<Secret>,
) -> Result<Docker, EngineError> {
    let Some(header) = header else { return Ok(docker.clone()) };
    let mut value = HeaderValue::from_str(header.expose()).map_err(|_| {
        EngineError::new(EngineErrorKind::Invalid, "the registry's login cannot be sent as a header")
    })?;
    value.set_sensitive(true);
    Ok(docker.clone().with_request_modifier(move |mut request| {
        request.headers_mut().insert(name, value.clone());
        request
    }))
}

/// Adds why it was tried without a login.
pub(super) fn with_login(error: EngineError, unusable: Option<&str>) -> EngineError {
    match unusable {
        Some(why) => {
            EngineError::new(error.kind, format!("{} (tried without a login: {why})", error.message))
        }
        None => error,
    }
}

/// Reads the progress to its end.
async fn follow(
    image: &str,
    progress: impl Stream<Item = Result<CreateImageInfo, bollard::errors::Error>>,
) -> Result<(), EngineError> {
    let mut progress = std::pin::pin!(progress);
    loop {
        match tokio::time::timeout(IDLE_DEADLINE, progress.next()).await {
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(error::pulling(image, &error)),
            Ok(None) => return Ok(()),
            Err(_) => {
                return Err(EngineError::new(
                    EngineErrorKind::Registry,
                    format!("cannot pull {image}: no progress for {} s", IDLE_DEADLINE.as_secs()),
                ));
            }
        }
    }
}

/// Splits a reference into what the API calls image and tag. Without a tag the engine would pull them all.
fn name_and_tag(image: &str) -> (String, String) {
    let short = familiar(image);
    let split = short.split_once('@').or_else(|| short.rsplit_once(':'));
    match split {
        Some((name, tag)) => (name.into(), tag.into()),
        None => (short, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag_is_pulled_and_never_all() {
        for (image, name, tag) in [
            ("nginx", "nginx", "latest"),
            ("localhost:5000/app:2", "localhost:5000/app", "2"),
            ("localhost:5000/app", "localhost:5000/app", "latest"),
            ("ghcr.io/o/app:1@sha256:ab", "ghcr.io/o/app", "sha256:ab"),
        ] {
            assert_eq!(name_and_tag(image), (name.into(), tag.into()));
        }
    }
}
