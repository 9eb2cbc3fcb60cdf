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

/// How long whoever reads the context may take to notice that nobody receives it any more.
const HANGING_UP: Duration = Duration::from_secs(5);

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
            // Nobody receives any more, so that this has ended or is about to.
            return Err(match tokio::time::timeout(HANGING_UP, sending).await {
                Ok(Ok(Err(why))) => {
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
        for line in text.lines().map(str::trim_end).filter(|line| says_something(line)) {
            said.push_back(line.to_owned());
            if said.len() > LINES {
                said.pop_front();
            }
        }
    }
    Ok(())
}

/// Ids of containers and layers that come and go are no help, and others at each try.
fn says_something(line: &str) -> bool {
    let line = line.trim_start();
    let is_of_the_builder = line.starts_with("---> ") || line.starts_with("Removing intermediate container ");
    !line.is_empty() && !is_of_the_builder
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

#[cfg(test)]
mod tests {
    use bollard::errors::Error;

    use super::*;
    use crate::core::compose;
    use crate::core::desired::Builds;
    use crate::core::model::MemoryTree;
    use crate::core::model::Tree;

    #[test]
    fn a_request_says_what_is_set_and_nothing_else() {
        let address_of = |build: &str| {
            let file = format!("name: p\nservices: {{web: {{build: {build}}}}}");
            let tree: Arc<dyn Tree> =
                Arc::new(MemoryTree::new([("/r/compose.yaml", file.as_str()), ("/r/Dockerfile", "FROM x")]));
            let options = compose::Options { working_dir: "/r".into(), ..compose::Options::default() };
            let project = compose::load(tree.as_ref(), &options).expect("a project").project;
            let (builds, _) = Builds::read(&project, &tree, "2").expect("it can be built");
            let build = builds.all().next().expect("one build");
            let address = address(build).expose().replace(&build.digest[..16], "DIGEST");
            let decoded = percent_encoding::percent_decode_str(&address).decode_utf8().expect("text");
            decoded.replace('&', "\n")
        };
        insta::assert_snapshot!(address_of("."), @r#"
        /build?t=p-web:evenkeel-DIGEST
        dockerfile=Dockerfile
        rm=1
        forcerm=1
        labels={"com.docker.compose.project":"p","com.docker.compose.service":"web","com.docker.compose.version":"2"}
        "#);
        let all = "{context: ., args: {A: 'x y', B: ''}, target: t, labels: {l: '1'}, platforms: [linux/arm64], \
                   network: host, extra_hosts: ['a=1.1.1.1', 'b=::1'], ulimits: {nofile: {soft: 1, hard: 2}}, \
                   shm_size: 1k, isolation: process, cache_from: [c], no_cache: true, pull: true}";
        insta::assert_snapshot!(address_of(all), @r#"
        /build?t=p-web:evenkeel-DIGEST
        dockerfile=Dockerfile
        rm=1
        forcerm=1
        buildargs={"A":"x y","B":""}
        target=t
        labels={"com.docker.compose.project":"p","com.docker.compose.service":"web","com.docker.compose.version":"2","l":"1"}
        platform=linux/arm64
        networkmode=host
        ulimits=[{"Name":"nofile","Soft":1,"Hard":2}]
        shmsize=1024
        isolation=process
        cachefrom=["c"]
        nocache=1
        pull=1
        extrahosts=a:1.1.1.1
        extrahosts=b:::1
        "#);
    }

    #[tokio::test]
    async fn an_error_quotes_the_builders_last_lines() {
        let said = |text: String| Ok(BuildInfo { stream: Some(text), ..BuildInfo::default() });
        let lines = (1..=20).map(|n| said(format!("line {n}\n")));
        let end = Error::DockerStreamError { error: "returned a non-zero code: 1".into() };
        let ids =
            [" ---> Running in 0123\n", "\n", "a\nb\n", "Removing intermediate container 0123\n ---> 4567\n"];
        let ids = ids.map(|text| said(text.into()));
        let all: Vec<Result<BuildInfo, Error>> = lines.chain(ids).chain([Err(end)]).collect();
        let error = follow("web", stream::iter(all)).await.expect_err("it failed");
        assert_eq!(error.kind, EngineErrorKind::Failed);
        let lines: Vec<&str> = error.message.lines().collect();
        assert_eq!((lines[0], lines.len()), ("cannot build web: returned a non-zero code: 1", LINES + 1));
        assert_eq!(lines[1..3], ["  line 8", "  line 9"]);
        assert_eq!(lines[14..], ["  a", "  b"]);
        assert_eq!(follow("web", stream::iter([said("x".into())])).await, Ok(()));
    }
}
