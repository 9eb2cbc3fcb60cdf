//! The server on loopback.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Client;
use reqwest::Response;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::core::model::Secret;
use crate::core::model::sign;
use crate::ports::SystemClock;

const KEY: &str = "a key of more than sixteen bytes";

#[derive(Default)]
struct Looks(Mutex<Vec<Vec<SourceName>>>);

impl Controls for Looks {
    fn look(&self, sources: &[SourceName]) {
        self.0.lock().expect("not poisoned").push(sources.to_vec());
    }

    fn refresh(&self, metrics: &Metrics) {
        metrics.set_outbox("ops", 7, 0);
    }
}

struct Bench {
    address: SocketAddr,
    client: Client,
    looks: Arc<Looks>,
    readiness: watch::Sender<Readiness>,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

fn source() -> SourceName {
    SourceName::new("homelab").expect("a name")
}

fn receiver(name: &str, scheme: Scheme, secret: &str) -> Receiver {
    Receiver::new(name, scheme, Some(Secret::new(secret)), vec![source()]).expect("a receiver")
}

async fn start() -> Bench {
    crate::telemetry::install_crypto_provider();
    let looks = Arc::new(Looks::default());
    let (readiness, seen) = watch::channel(Readiness::starting([source()], Duration::from_mins(2)));
    let app = App {
        metrics: Arc::new(Metrics::new("1.2.3")),
        readiness: seen,
        controls: Arc::clone(&looks) as Arc<dyn Controls>,
        clock: Arc::new(SystemClock),
    };
    let receivers = vec![
        receiver("push", Scheme::GitHub, KEY),
        receiver("gitea", Scheme::Gitea, KEY),
        receiver("off", Scheme::GitHub, ""),
    ];
    let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, router(app, receivers), stop.clone()));
    Bench { address, client: Client::new(), looks, readiness, stop, server }
}

impl Bench {
    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("http://{}{path}", self.address)).send().await.expect("an answer")
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> u16 {
        let mut request = self.client.post(format!("http://{}{path}", self.address)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer").status().as_u16()
    }

    fn looks(&self) -> usize {
        self.looks.0.lock().expect("not poisoned").len()
    }
}

fn hub(body: &str) -> String {
    format!("sha256={}", sign(&Secret::new(KEY), body.as_bytes()))
}

#[tokio::test]
async fn a_signed_webhook_makes_its_sources_be_looked_at() {
    let bench = start().await;
    let body = r#"{"repository":{"clone_url":"https://evil.example/x.git"}}"#;
    assert_eq!(bench.post("/hook/push", &[("x-hub-signature-256", &hub(body))], body).await, 202);
    assert_eq!(*bench.looks.0.lock().expect("not poisoned"), [vec![source()]]);
}

#[tokio::test]
async fn what_is_not_signed_right_is_refused_and_does_nothing() {
    let bench = start().await;
    let good = hub("body");
    let digits = good.strip_prefix("sha256=").expect("its form");
    let other = format!("sha256={}", sign(&Secret::new("another key of good length"), b"body"));
    for headers in [
        vec![],
        vec![("x-hub-signature-256", "")],
        vec![("x-hub-signature-256", "sha256=")],
        vec![("x-hub-signature-256", digits)],
        vec![("x-hub-signature-256", &good[..good.len() - 2])],
        vec![("x-hub-signature-256", other.as_str())],
        vec![("x-hub-signature", good.as_str())],
        vec![("x-gitea-signature", digits)],
        vec![("x-hub-signature-256", good.as_str()), ("x-hub-signature-256", other.as_str())],
    ] {
        assert_eq!(bench.post("/hook/push", &headers, "body").await, 401, "{headers:?}");
    }
    assert_eq!(bench.post("/hook/push", &[("x-hub-signature-256", &good)], "bodY").await, 401);
    assert_eq!(bench.looks(), 0);
}

#[tokio::test]
async fn gitea_and_forgejo_may_use_their_own_headers_and_each_must_be_right() {
    let bench = start().await;
    let good = hub("body");
    let digits = good.strip_prefix("sha256=").expect("its form");
    for (headers, status) in [
        (vec![("x-gitea-signature", digits)], 202),
        (vec![("x-forgejo-signature", digits)], 202),
        (vec![("x-gitea-signature", digits), ("x-hub-signature-256", &good)], 202),
        (vec![("x-gitea-signature", digits), ("x-hub-signature-256", "sha256=00")], 401),
        (vec![("x-gitea-signature", &good)], 401),
        (vec![], 401),
    ] {
        assert_eq!(bench.post("/hook/gitea", &headers, "body").await, status, "{headers:?}");
    }
    assert_eq!(bench.looks(), 3);
}

#[tokio::test]
async fn a_receiver_without_a_secret_is_not_there() {
    let bench = start().await;
    let empty_key = format!("sha256={}", sign(&Secret::new(""), b"body"));
    for path in ["/hook/off", "/hook/none", "/hook/"] {
        assert_eq!(bench.post(path, &[("x-hub-signature-256", &empty_key)], "body").await, 404, "{path}");
    }
    assert_eq!(bench.get("/hook/push").await.status(), 405);
}

#[test]
fn a_secret_that_could_be_guessed_is_refused() {
    let error = Receiver::new("push", Scheme::GitHub, Some(Secret::new("short")), Vec::new()).err();
    let text = error.expect("refused").to_string();
    assert!(text.contains("openssl rand -hex 32") && !text.contains("short"), "{text}");
}

#[tokio::test]
async fn a_large_body_is_refused_while_it_comes_in() {
    let bench = start().await;
    let largest = "x".repeat(1024 * 1024);
    assert_eq!(
        bench.post("/hook/push", &[("x-hub-signature-256", &hub(&largest))], largest.clone()).await,
        202
    );
    // It never ends: it is refused once enough of it is there.
    let mut endless = TcpStream::connect(bench.address).await.expect("a connection");
    let head = "POST /hook/push HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    endless.write_all(head.as_bytes()).await.expect("written");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..17 {
        if endless.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = [0; 12];
    endless.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_flood_is_refused_and_the_other_receiver_is_not() {
    let bench = start().await;
    let good = hub("body");
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(bench.post("/hook/push", &[("x-hub-signature-256", &good)], "body").await);
    }
    assert!(statuses[..30].iter().all(|status| *status == 202), "{statuses:?}");
    assert!(statuses[30..].contains(&429), "{statuses:?}");
    assert_eq!(bench.post("/hook/gitea", &[("x-hub-signature-256", &good)], "body").await, 202);
}

#[tokio::test]
async fn unsigned_requests_leave_no_trace_in_the_metrics() {
    let bench = start().await;
    let before = bench.get("/metrics").await.text().await.expect("a text");
    bench.post("/hook/push", &[("x-github-event", "evil")], "body").await;
    bench.post("/hook/evil", &[], "body").await;
    assert_eq!(bench.get("/metrics").await.text().await.expect("a text"), before);
}

#[tokio::test]
async fn the_probes_say_what_is_missing() {
    let bench = start().await;
    assert_eq!(bench.get("/livez").await.status(), 200);
    let answer = bench.get("/readyz").await;
    assert_eq!(answer.status(), 503);
    let text = answer.text().await.expect("a text");
    assert_eq!(text, "engine: no answer yet\nsource homelab: not read yet\n");
    bench.readiness.send_modify(|readiness| {
        readiness.engine_seen = Some(Timestamp::now());
        readiness.sources.insert(source(), true);
    });
    assert_eq!(bench.get("/readyz").await.status(), 200);
    bench.readiness.send_modify(|readiness| {
        readiness.engine_seen = Some(Timestamp::now() - jiff::SignedDuration::from_mins(3));
        readiness.store_error = Some("no space is left".into());
    });
    let text = bench.get("/readyz").await.text().await.expect("a text");
    assert!(text.starts_with("store: no space is left\nengine: no answer for 180 s\n"), "{text}");
}

#[tokio::test]
async fn metrics_are_brought_up_to_date_and_shown_as_openmetrics() {
    let bench = start().await;
    let answer = bench.get("/metrics").await;
    let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    let text = answer.text().await.expect("a text");
    assert!(text.contains("evenkeel_outbox_pending{provider=\"ops\"} 7"), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test(start_paused = true)]
async fn who_sends_no_headers_or_no_body_is_cut_off() {
    let bench = start().await;
    let mut idle = TcpStream::connect(bench.address).await.expect("a connection");
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost:").await.expect("written");
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.expect("closed");
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
    let mut slow = TcpStream::connect(bench.address).await.expect("a connection");
    let head = "POST /hook/push HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nbo";
    slow.write_all(head.as_bytes()).await.expect("written");
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_stop_finishes_what_is_under_way_and_frees_the_port() {
    let bench = start().await;
    let mut under_way = TcpStream::connect(bench.address).await.expect("a connection");
    let signature = hub("body");
    let head = format!(
        "POST /hook/push HTTP/1.1\r\nhost: x\r\nx-hub-signature-256: {signature}\r\ncontent-length: 4\r\n\r\nbo"
    );
    under_way.write_all(head.as_bytes()).await.expect("written");
    // An answer on another connection shows that the server has had time to begin with the first.
    assert_eq!(bench.get("/livez").await.status(), 200);
    bench.stop.cancel();
    under_way.write_all(b"dy").await.expect("written");
    let mut answer = Vec::new();
    under_way.read_to_end(&mut answer).await.expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(&answer));
    bench.server.await.expect("it ends");
    assert!(bind(bench.address).await.is_ok());
}

#[tokio::test]
async fn a_taken_port_is_told_with_its_address() {
    let bench = start().await;
    let error = bind(bench.address).await.expect_err("taken");
    assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", bench.address)), "{error}");
    assert!(error.to_string().ends_with("choose another address with `--listen`"), "{error}");
}
