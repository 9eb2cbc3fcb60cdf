//! Notifications from the store to a webhook receiver on loopback: nothing lost, order kept, signed, nothing leaked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::response::Response;
use evenkeel::core::model::Redactor;
use evenkeel::core::model::Secret;
use evenkeel::core::model::SourceName;
use evenkeel::core::model::StackName;
use evenkeel::core::model::verify;
use evenkeel::core::run::Event;
use evenkeel::core::run::EventBuilder;
use evenkeel::core::run::EventFilter;
use evenkeel::core::run::EventType;
use evenkeel::core::run::ObjectRef;
use evenkeel::core::run::StackId;
use evenkeel::core::schedule::Backoff;
use evenkeel::notify;
use evenkeel::notify::Provider;
use evenkeel::notify::Timing;
use evenkeel::ports::SystemClock;
use evenkeel::store::Change;
use evenkeel::store::Route;
use evenkeel::store::Store;
use evenkeel::telemetry::install_crypto_provider;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const KEY: &str = "a key of more than sixteen bytes";

/// What a receiver got.
struct Got {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn event(&self) -> Event {
        serde_json::from_slice(&self.body).expect("an event")
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("text")
    }
}

/// A webhook receiver. `answer` says what it answers to a request.
struct Receiver {
    address: SocketAddr,
    got: mpsc::UnboundedReceiver<Got>,
    server: JoinHandle<()>,
}

impl Receiver {
    async fn start(address: SocketAddr, answer: impl Fn(&Event) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, got) = mpsc::unbounded_channel();
        let answer = Arc::new(answer);
        let router =
            Router::new().fallback(async move |uri: axum::http::Uri, headers: HeaderMap, body: Bytes| {
                let got = Got { path: uri.to_string(), headers, body };
                let response = answer(&got.event());
                sender.send(got).expect("the test listens");
                response
            });
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, got, server }
    }

    async fn next(&mut self) -> Got {
        tokio::time::timeout(Duration::from_secs(20), self.got.recv())
            .await
            .expect("in time")
            .expect("it runs")
    }
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

fn fine(_: &Event) -> Response {
    StatusCode::NO_CONTENT.into_response()
}

fn provider(address: SocketAddr) -> Provider {
    let url = Secret::new(format!("http://{address}/hook/t0ken"));
    Provider::new("ops", &url, Some(Secret::new(KEY))).expect("an address")
}

fn quick() -> Timing {
    let backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(40));
    Timing { backoff, ..Timing::default() }
}

fn open(path: &Path) -> Store {
    let store = Store::open(path, "nas", Timestamp::now()).expect("a store").store;
    let route = Route::new("ops", EventFilter::default());
    store.set_providers(&[route]).expect("a provider");
    store
}

fn tell(store: &Store, name: &str) {
    let stack =
        StackId::new(SourceName::new("homelab").expect("a name"), StackName::new(name).expect("a name"));
    let draft = EventBuilder::new(EventType::DeploySucceeded, ObjectRef::stack(&stack), "stable");
    store.record(Change::at(Timestamp::now()).event(draft.finish(&Redactor::default()))).expect("recorded");
}

struct Notifier {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Notifier {
    fn start(store: &Store, provider: Provider) -> Self {
        install_crypto_provider();
        let stop = CancellationToken::new();
        let (outbox, stopped) = (Arc::new(store.clone()), stop.clone());
        let task = tokio::spawn(async move {
            notify::run(outbox, vec![provider], Arc::new(SystemClock), quick(), stopped)
                .await
                .expect("a client");
        });
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.task).await.expect("in time").expect("no panic");
    }
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn a_notification_is_signed_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("state.db"));
    let mut receiver = Receiver::start(any_port(), fine).await;
    let notifier = Notifier::start(&store, provider(receiver.address));
    tell(&store, "media");
    let got = receiver.next().await;
    let event = got.event();
    assert_eq!(got.path, "/hook/t0ken");
    let signature = got.header("x-signature").strip_prefix("sha256=").expect("its form");
    assert!(verify(&Secret::new(KEY), &got.body, signature));
    assert_eq!(got.header("x-evenkeel-delivery"), event.id.as_str());
    assert_eq!(got.header("x-evenkeel-event"), "deploy.succeeded");
    assert_eq!(got.header("content-type"), "application/json");
    assert!(got.header("user-agent").starts_with("evenkeel/"));
    notifier.stop().await;
}

#[tokio::test]
async fn a_receiver_that_was_down_gets_everything_in_order_even_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let first = Receiver::start(any_port(), fine).await;
    let address = first.address;
    first.server.abort();
    assert!(first.server.await.is_err(), "it was aborted");

    let store = open(&path);
    let notifier = Notifier::start(&store, provider(address));
    for _ in 0..20 {
        for name in ["media", "web", "files"] {
            tell(&store, name);
        }
    }
    eventually("the first try fails", || store.read().backlog().expect("a read")[0].last_error.is_some())
        .await;
    notifier.stop().await;
    drop(store);

    let store = open(&path);
    let mut receiver = Receiver::start(address, fine).await;
    let notifier = Notifier::start(&store, provider(address));
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for _ in 0..60 {
        let event = receiver.next().await.event();
        numbers.entry(event.involved_object.name).or_default().push(event.sequence);
    }
    let in_order: Vec<u64> = (1..=20).collect();
    for name in ["media", "web", "files"] {
        assert_eq!(numbers[name], in_order, "{name}");
    }
    eventually("the outbox is empty", || store.read().backlog().expect("a read")[0].pending == 0).await;
    notifier.stop().await;
    assert!(receiver.got.try_recv().is_err(), "nothing came twice");
}

#[tokio::test]
async fn a_refused_notification_comes_again_with_the_same_id_and_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("state.db"));
    let tries = std::sync::atomic::AtomicU32::new(0);
    let mut receiver = Receiver::start(any_port(), move |_| {
        let refused = tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 3;
        if refused { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }.into_response()
    })
    .await;
    let notifier = Notifier::start(&store, provider(receiver.address));
    tell(&store, "media");
    let first = receiver.next().await;
    for _ in 0..3 {
        let again = receiver.next().await;
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("x-evenkeel-delivery"), first.header("x-evenkeel-delivery"));
        assert_eq!(again.header("x-signature"), first.header("x-signature"));
    }
    eventually("the outbox is empty", || store.read().backlog().expect("a read")[0].pending == 0).await;
    notifier.stop().await;
}

#[tokio::test]
async fn one_stack_that_is_refused_holds_up_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("state.db"));
    let mut receiver = Receiver::start(any_port(), |event| {
        let refused = event.involved_object.name == "media";
        if refused { StatusCode::BAD_REQUEST } else { StatusCode::OK }.into_response()
    })
    .await;
    for name in ["media", "media", "web", "web"] {
        tell(&store, name);
    }
    let notifier = Notifier::start(&store, provider(receiver.address));
    let mut web = Vec::new();
    while web.len() < 2 {
        let event = receiver.next().await.event();
        match event.involved_object.name.as_str() {
            "web" => web.push(event.sequence),
            _ => assert_eq!(event.sequence, 1, "the second must wait for the first"),
        }
    }
    assert_eq!(web, [1, 2]);
    notifier.stop().await;
    assert_eq!(store.read().backlog().expect("a read")[0].pending, 2);
}

#[tokio::test]
async fn a_post_under_way_is_finished_before_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("state.db"));
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let notifier = Notifier::start(&store, provider(address));
    tell(&store, "media");
    let (mut connection, _) = listener.accept().await.expect("a connection");
    notifier.stop.cancel();
    let mut request = vec![0; 16_384];
    let read = tokio::io::AsyncReadExt::read(&mut connection, &mut request).await.expect("a request");
    assert!(request[..read].starts_with(b"POST /hook/t0ken"));
    assert!(!notifier.task.is_finished());
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut connection, answer).await.expect("answered");
    notifier.stop().await;
    assert_eq!(store.read().backlog().expect("a read")[0].pending, 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_errors_do_not_show_the_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("state.db"));
    let mut elsewhere = Receiver::start(any_port(), fine).await;
    let target = format!("http://{}/elsewhere", elsewhere.address);
    let mut receiver = Receiver::start(any_port(), move |_| {
        (StatusCode::TEMPORARY_REDIRECT, [("location", target.clone())], "b0dy").into_response()
    })
    .await;
    let notifier = Notifier::start(&store, provider(receiver.address));
    tell(&store, "media");
    receiver.next().await;
    receiver.next().await;
    notifier.stop().await;
    assert!(elsewhere.got.try_recv().is_err());
    let error = store.read().backlog().expect("a read")[0].last_error.clone().expect("an error");
    assert!(error.contains("307") && error.contains(&receiver.address.to_string()), "{error}");
    assert!(!error.contains("t0ken") && !error.contains("b0dy"), "{error}");
}

#[tokio::test]
async fn a_test_arrives_or_says_why_not() {
    install_crypto_provider();
    let mut receiver = Receiver::start(any_port(), fine).await;
    let to = provider(receiver.address);
    let status = notify::test_delivery(&to, "nas", &SystemClock, [7; 10]).await.expect("it arrives");
    assert_eq!(status, 204);
    assert_eq!(receiver.next().await.event().kind, EventType::NotifyTest);
    receiver.server.abort();
    assert!(receiver.server.await.is_err(), "it was aborted");
    let error = notify::test_delivery(&to, "nas", &SystemClock, [7; 10]).await.expect_err("nobody listens");
    let text = error.to_string();
    assert!(text.contains("cannot be reached: Connection refused"), "{text}");
    assert!(!text.contains("t0ken"), "{text}");
}
