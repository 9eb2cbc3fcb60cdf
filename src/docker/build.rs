//! Building an image with the engine's own builder: the context goes out entry by entry, while it is read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::BuildInfo;
use bollard::query_parameters::BuildImageOptions;
use futures_util::Stream;
use futures_util::StreamExt;
use futures_util::stream;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde_json::json;
use tokio::sync::mpsc;

use super::DockerEngine;
use super::archive;
use super::error;
use super::pull::logged_in;
use super::pull::with_login;
use super::read::asking;
use crate::core::desired::BuildOptions;
use crate::core::desired::ImageBuild;
use crate::core::model::Secret;
use crate::ports::CallOutcome;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

/// Pieces of the context that wait to be sent: no more than these are held beside the file that is being read.
const AHEAD: usize = 4;

/// As many of the builder's last lines as an error quotes.
const LINES: usize = 15;

impl DockerEngine {
    /// Builds an image and returns its id. Given up, the engine gives up too: it notices that nobody listens.
    pub(super) async fn build(
        &self,
        build: &Arc<ImageBuild>,
        deadline: Duration,
    ) -> Result<CallOutcome, EngineError> {
        let name = &build.names[0];
        let (login, unusable) = match self.credentials.of_all(build.bases.iter().map(String::as_str)).await {
            Ok(login) => (login, None),
            Err(why) => (None, Some(why)),
        };
        let address = address(build);
        let address = address.expose().parse().map_err(|_| {
            EngineError::new(
                EngineErrorKind::Invalid,
                format!("cannot build {name}: its options cannot be sent"),
            )
        })?;
        let client = logged_in(&asking(&self.docker, address), "x-registry-config", login)?;
        let (send, mut pieces) = mpsc::channel(AHEAD);
        let context = build.context.clone();
        let sending = tokio::task::spawn_blocking(move || {
            let sent = archive::of_context(&context, |piece| send.blocking_send(Ok(piece.into())).is_ok());
            if sent.is_err() {
                drop(send.blocking_send(Err(std::io::Error::other("the context cannot be read"))));
            }
            sent
        });
        let body = stream::poll_fn(move |context| pieces.poll_recv(context));
        let progress =
            client.build_image(BuildImageOptions::default(), None, Some(bollard::body_try_stream(body)));
        let ended = match tokio::time::timeout(deadline, follow(name, progress)).await {
            Ok(ended) => ended.map_err(|error| with_login(error, unusable.as_deref())),
            Err(_) => Err(EngineError::new(
                EngineErrorKind::TimedOut,
                format!(
                    "cannot build {name}: not done within {} s (`update.pullTimeout`)",
                    deadline.as_secs()
                ),
            )),
        };
        if let Err(failed) = ended {
            // Nobody receives any more, so that this does not wait.
            return Err(match sending.await {
                Ok(Err(why)) => {
                    EngineError::new(EngineErrorKind::Invalid, format!("cannot build {name}: {why}"))
                }
                _ => failed,
            });
        }
        match self.image_id(&build.tag).await? {
            Some(id) => Ok(CallOutcome { id, changed: true }),
            None => Err(EngineError::new(
                EngineErrorKind::Failed,
                format!("cannot build {name}: the engine reported success, but the image is not there"),
            )),
        }
    }
}

/// Reads the builder's words to their end.
async fn follow(
    image: &str,
    progress: impl Stream<Item = Result<BuildInfo, bollard::errors::Error>>,
) -> Result<(), EngineError> {
    let mut progress = std::pin::pin!(progress);
    let mut said: VecDeque<String> = VecDeque::new();
    while let Some(next) = progress.next().await {
        let text = match next {
            Ok(info) => info.stream.unwrap_or_default(),
            Err(error) => return Err(error::building(image, &error, said.make_contiguous())),
        };
        for line in text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()) {
            said.push_back(line.to_owned());
            if said.len() > LINES {
                said.pop_front();
            }
        }
    }
    Ok(())
}

/// Returns the request's path with its query, which may hold secrets. bollard's own options lack some that we send.
fn address(build: &ImageBuild) -> Secret {
    let BuildOptions { labels, extra_hosts, ulimits, cache_from, .. } = &build.options;
    let options = &build.options;
    let args: serde_json::Map<String, serde_json::Value> =
        options.args.iter().map(|(name, value)| (name.clone(), json!(value.expose()))).collect();
    let flag = |is_set: bool| if is_set { "1".to_owned() } else { String::new() };
    let json_of =
        |is_empty: bool, value: serde_json::Value| if is_empty { String::new() } else { value.to_string() };
    let shm_size = if options.shm_size == 0 { String::new() } else { options.shm_size.to_string() };
    let parameters = [
        ("t", build.tag.clone()),
        ("dockerfile", options.dockerfile.clone()),
        ("rm", "1".into()),
        ("forcerm", "1".into()),
        ("buildargs", json_of(args.is_empty(), args.into())),
        ("target", options.target.clone()),
        ("labels", json!(labels).to_string()),
        ("platform", options.platform.clone().unwrap_or_default()),
        ("networkmode", options.network.clone()),
        ("ulimits", json_of(ulimits.is_empty(), json!(ulimits))),
        ("shmsize", shm_size),
        ("isolation", options.isolation.clone()),
        ("cachefrom", json_of(cache_from.is_empty(), json!(cache_from))),
        ("nocache", flag(options.no_cache)),
        ("pull", flag(options.pull)),
    ];
    let hosts = extra_hosts.iter().map(|host| ("extrahosts", host.clone()));
    let set = parameters.into_iter().chain(hosts).filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> =
        set.map(|(key, value)| format!("{key}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC))).collect();
    Secret::new(format!("/build?{}", pairs.join("&")))
}
