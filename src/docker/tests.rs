//! The adapter against a scripted engine: what exactly is sent, and what odd answers are taken for.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::response::IntoResponse;
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::NetworkRequest;
use crate::core::desired::request::VolumeRequest;
use crate::core::observed::State;

/// One request.
struct Asked {
    uri: String,
    login: Option<String>,
    body: Bytes,
}

/// What was asked.
type Seen = Arc<Mutex<Vec<Asked>>>;

type Script = fn(&str) -> Response;

#[derive(Clone)]
struct Fake {
    script: Script,
    seen: Seen,
}

async fn answer(Shared(fake): Shared<Fake>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let login = headers.get("x-registry-auth").map(|value| value.to_str().expect("ASCII").to_owned());
    fake.seen.lock().expect("not poisoned").push(Asked { uri: uri.to_string(), login, body });
    (fake.script)(uri.path())
}

/// An engine on a socket in a folder of its own, and what it was asked.
fn fake(script: Script) -> (TempDir, DockerEngine, Seen) {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("engine.sock");
    let listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
    let fake = Fake { script, seen: Arc::default() };
    let seen = Arc::clone(&fake.seen);
    let router = Router::new().fallback(answer).with_state(fake);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (folder, engine_at(&socket), seen)
}

fn engine_at(socket: &Path) -> DockerEngine {
    DockerEngine::connect(Some(&format!("unix://{}", socket.display()))).expect("a socket is there")
}

fn ok(body: &Value) -> Response {
    (StatusCode::OK, body.to_string()).into_response()
}

/// A request with a value in each kind of field, those that bollard's models lack or check among them.
fn rich_request() -> Value {
    json!({
        "Hostname": "h", "AttachStdout": true, "AttachStderr": true, "ExposedPorts": { "80/tcp": {}, "9000": {} },
        "Env": ["A=b", "BARE"], "Cmd": [], "Image": "web:1", "MacAddress": "02:42:00:00:00:01",
        "Healthcheck": { "Test": ["CMD", "true"], "Interval": 1_000_000_000, "StartInterval": 5 },
        "Labels": { "a": "b" }, "StopTimeout": 3,
        "HostConfig": {
            "Mounts": [{
                "Type": "image", "Source": "i", "Target": "/i", "ImageOptions": { "Subpath": "s" }
            }],
            "PortBindings": { "80/tcp": [{ "HostIp": "", "HostPort": "" }] }, "ExtraHosts": ["a:192.0.2.1"],
            "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 },
            "OomKillDisable": false, "CgroupnsMode": "tomorrow", "Annotations": { "x": "y" }
        },
        "NetworkingConfig": { "EndpointsConfig": { "n": {
            "IPv6Gateway": "fd00::2", "IPAMConfig": { "IPv6Address": "fd00::2" }, "GwPriority": 2
        } } }
    })
}

#[tokio::test]
async fn a_create_request_is_sent_as_core_wrote_it() {
    let (_folder, engine, seen) = fake(|_| ok(&json!({ "Id": "c1", "Warnings": [] })));
    let request: ContainerRequest = serde_json::from_value(rich_request()).expect("core knows all of it");
    let call = Call::CreateContainer {
        name: "p-web-1".into(),
        platform: Some("linux/amd64".into()),
        request: Box::new(request),
    };
    assert_eq!(engine.call(&call).await.expect("created").id, "c1");
    let seen = seen.lock().expect("not poisoned");
    let Asked { uri, body, .. } = &seen[0];
    assert_eq!(uri, "/containers/create?name=p-web-1&platform=linux%2Famd64");
    assert_eq!(serde_json::from_slice::<Value>(body).expect("JSON"), rich_request());
}

#[tokio::test]
async fn a_network_is_made_only_if_its_name_is_free() {
    let made = |script: Script| async move {
        let (_folder, engine, seen) = fake(script);
        let request = NetworkRequest { name: "n".into(), ..NetworkRequest::default() };
        engine.call(&Call::CreateNetwork(request)).await.expect("created");
        let seen = seen.lock().expect("not poisoned");
        serde_json::from_slice::<Value>(&seen.last().expect("asked").body).expect("JSON")
    };
    let old = made(|_| ok(&json!({ "ApiVersion": "1.41", "Id": "n1", "Warning": "" }))).await;
    assert_eq!(old, json!({ "Name": "n", "Labels": {}, "CheckDuplicate": true }));
    let new = made(|_| ok(&json!({ "ApiVersion": "1.44", "Id": "n1", "Warning": "" }))).await;
    assert_eq!(new, json!({ "Name": "n", "Labels": {} }));
}

#[tokio::test]
async fn an_image_is_found_by_any_reference_and_only_by_one() {
    let (_folder, engine, seen) = fake(|path| match path {
        "/images/ghcr.io/me/app:1@sha256:ab/json" => ok(&json!({ "Id": "sha256:cd" })),
        _ => (StatusCode::NOT_FOUND, json!({ "message": "No such image" }).to_string()).into_response(),
    });
    let names = ["ghcr.io/me/app:1@sha256:ab", "ghcr.io/me/app:2", "../containers/x", "app?y"];
    let found = engine.images_named(&names.map(str::to_owned)).await.expect("answered");
    let found: Vec<(&str, &str)> =
        found.iter().map(|image| (image.id.as_str(), image.references[0].as_str())).collect();
    assert_eq!(found, [("sha256:cd", "ghcr.io/me/app@sha256:ab")]);
    assert_eq!(seen.lock().expect("not poisoned").len(), 2, "what is no reference is not asked for");
}

#[tokio::test]
async fn a_container_in_a_state_of_tomorrow_is_unknown_and_not_absent() {
    let (_folder, engine, _) = fake(|path| match path {
        "/version" => ok(&json!({ "ApiVersion": "1.99", "Version": "99.0" })),
        "/networks" | "/images/json" => ok(&json!([])),
        // Without `Options`, and with a scope of tomorrow: bollard's own type refuses both.
        "/volumes" => ok(&json!({ "Volumes": [{ "Name": "data", "Driver": "local", "Scope": "galaxy" }] })),
        "/containers/json" => ok(&json!([
            { "Id": "c1", "Names": ["/p-web-1"], "State": "running", "Labels": { "com.docker.compose.project": "p" } },
            { "Id": "c2", "Names": ["/p-gone-1"], "State": "exited", "Labels": { "com.docker.compose.project": "p" } },
            { "Id": "c3", "Names": ["/other"], "State": "exited", "Labels": {} },
            { "Id": "c4", "Names": ["/p-odd-1"], "State": "exited", "Labels": { "com.docker.compose.project": "p" } },
        ])),
        "/containers/c1/json" | "/containers/p-web-1/json" => {
            ok(&json!({ "Id": "c1", "Name": "/p-web-1", "State": { "Status": "hibernating" } }))
        }
        "/containers/c4/json" | "/containers/p-odd-1/json" => {
            ok(&json!({ "Id": "c4", "Name": "/p-odd-1", "State": "exited" }))
        }
        _ => (StatusCode::NOT_FOUND, json!({ "message": "No such container" }).to_string()).into_response(),
    });
    let observed = engine.observe(&["p".into()]).await.expect("a snapshot");
    let found: Vec<(&str, &str)> =
        observed.containers.iter().map(|c| (c.name.as_str(), c.state.word())).collect();
    assert_eq!(observed.volumes.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["data"]);
    assert_eq!(found, [("other", "exited"), ("p-odd-1", "unreadable"), ("p-web-1", "hibernating")]);
    for (name, word) in [("p-web-1", "hibernating"), ("p-odd-1", "unreadable")] {
        let alone = engine.inspect(name).await.expect("an answer").expect("it is there");
        assert_eq!(alone.state, State::Unknown(word.into()));
    }
    assert_eq!(engine.inspect("none").await, Ok(None));
}

#[tokio::test]
async fn an_engine_that_is_gone_is_unreachable() {
    let (folder, engine, _) = fake(|_| ok(&json!({})));
    std::fs::remove_file(folder.path().join("engine.sock")).expect("removed");
    let error = engine.info().await.expect_err("nobody is there");
    assert_eq!(error.kind, EngineErrorKind::Unreachable);
    let error = DockerEngine::connect(Some("unix:///none/docker.sock")).expect_err("no socket");
    assert_eq!(error.kind, EngineErrorKind::Unreachable);
    let error = DockerEngine::connect(Some("carrier-pigeon://coop")).expect_err("no such scheme");
    assert_eq!(error.kind, EngineErrorKind::Invalid);
}

#[tokio::test]
async fn a_pull_that_reports_success_without_an_image_is_a_failure() {
    let pull = Call::PullImage { image: "web:1".into(), platform: None, timeout: Duration::from_secs(5) };
    let (_folder, engine, seen) = fake(|path| match path {
        "/images/create" => ok(&json!({ "status": "Download complete" })),
        _ => (StatusCode::NOT_FOUND, json!({ "message": "No such image" }).to_string()).into_response(),
    });
    assert_eq!(engine.call(&pull).await.expect_err("no image").kind, EngineErrorKind::Registry);
    assert_eq!(seen.lock().expect("not poisoned")[0].uri, "/images/create?fromImage=web&tag=1&platform=");

    let (_folder, engine, _) = fake(|_| {
        ok(&json!({ "errorDetail": { "message": "manifest unknown" }, "error": "manifest unknown" }))
    });
    assert_eq!(engine.call(&pull).await.expect_err("in the stream").kind, EngineErrorKind::NotFound);
}

#[tokio::test]
async fn a_pull_is_made_with_the_registrys_login_and_an_unusable_one_is_told() {
    let pull = |image: &str| Call::PullImage {
        image: image.into(),
        platform: None,
        timeout: Duration::from_secs(5),
    };
    let (folder, mut engine, seen) = fake(|_| {
        (StatusCode::NOT_FOUND, json!({ "message": "pull access denied" }).to_string()).into_response()
    });
    let file = folder.path().join("config.json");
    std::fs::write(&file, json!({ "auths": { "ghcr.io": { "auth": "bWU6cHc=" } } }).to_string())
        .expect("a file");
    engine.credentials = Credentials::in_file(file.clone());
    for image in ["ghcr.io/me/app:1", "quay.io/me/app:1"] {
        engine.call(&pull(image)).await.expect_err("it is denied");
    }
    let logins: Vec<Option<String>> =
        seen.lock().expect("not poisoned").iter().map(|asked| asked.login.clone()).collect();
    assert_eq!(logins.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    let login = base64::Engine::decode(
        &base64::engine::general_purpose::URL_SAFE,
        logins[0].as_deref().expect("a login"),
    );
    let login: Value = serde_json::from_slice(&login.expect("base64")).expect("JSON");
    assert_eq!(login, json!({ "username": "me", "password": "pw", "serveraddress": "ghcr.io" }));
    std::fs::write(&file, "{").expect("a file");
    let error = engine.call(&pull("ghcr.io/me/app:1")).await.expect_err("it is denied");
    assert!(
        error.message.contains("tried without a login") && error.message.contains("config.json:1"),
        "{error}"
    );
}

#[tokio::test]
async fn names_cannot_leave_their_place_in_the_path() {
    let (_folder, engine, seen) = fake(|_| ok(&json!({})));
    let call = Call::RemoveNetwork { id: "a/../b?c d".into(), name: String::new() };
    engine.call(&call).await.expect("answered");
    assert_eq!(seen.lock().expect("not poisoned")[0].uri, "/networks/a%2F..%2Fb%3Fc%20d");
}

#[tokio::test]
async fn a_pull_that_stands_still_is_given_up_before_its_deadline() {
    let (_folder, engine, _) = fake(|_| {
        let first =
            stream::once(std::future::ready(Ok::<_, std::io::Error>(Bytes::from("{\"status\":\"x\"}\n"))));
        Response::new(axum::body::Body::from_stream(first.chain(stream::pending())))
    });
    let pull = Call::PullImage { image: "web:1".into(), platform: None, timeout: Duration::from_hours(1) };
    let pulling = tokio::spawn(async move { engine.call(&pull).await });
    // The first line is read in real time; only then may the clock run.
    tokio::time::sleep(Duration::from_millis(200)).await;
    tokio::time::pause();
    let error = pulling.await.expect("not cancelled").expect_err("nothing moves");
    assert_eq!(error.kind, EngineErrorKind::Registry);
    assert!(error.message.contains("no progress for 60 s"), "{error}");
}

#[tokio::test]
async fn a_call_without_an_answer_ends_at_its_deadline() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("engine.sock");
    // Takes connections and says nothing.
    let _listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
    let engine = engine_at(&socket);
    tokio::time::pause();
    let call = Call::CreateVolume(VolumeRequest { name: "v".into(), ..VolumeRequest::default() });
    let before = tokio::time::Instant::now();
    let error = engine.call(&call).await.expect_err("nobody answers");
    assert_eq!((error.kind, before.elapsed().as_secs()), (EngineErrorKind::TimedOut, 120));
}
