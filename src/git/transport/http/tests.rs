//! Sources behind an HTTP server on loopback that runs `git http-backend`.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::git::GitSource;
use crate::git::News;
use crate::git::RemoteUrl;
use crate::git::SourceSpec;
use crate::git::testing::Upstream;

const TOKEN: &str = "s3cret-token";

/// One request that came in.
#[derive(Debug, Clone)]
struct Request {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    /// Returns true if it logs in as `me` with the token.
    fn logged_in(&self) -> bool {
        // base64 of `me:s3cret-token`
        self.headers.get("authorization").map(String::as_str) == Some("Basic bWU6czNjcmV0LXRva2Vu")
    }
}

/// What to do with a request.
enum Reply {
    /// Let git answer.
    Git,
    /// Answer with a status line's end, headers and a body.
    Text(&'static str, Vec<String>, String),
    /// Never answer.
    Silence,
}

fn redirect(to: impl Into<String>) -> Reply {
    Reply::Text("302 Found", vec![format!("Location: {}", to.into())], String::new())
}

/// A server that ends with the test.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    over: Arc<Mutex<bool>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(root: PathBuf, reply: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        Self::start_with(root, reply, |stream| Box::new(stream))
    }

    fn start_with<S>(root: PathBuf, reply: impl Fn(&Request) -> Reply + Send + 'static, secure: S) -> Self
    where
        S: Fn(TcpStream) -> Box<dyn Stream> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (seen, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(false)));
        let (log, stop) = (Arc::clone(&seen), Arc::clone(&over));
        let thread = thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                if *locked(&stop) {
                    break;
                }
                let mut stream = secure(stream.expect("a connection"));
                let Some(request) = receive(&mut stream) else { continue };
                let answer = reply(&request);
                locked(&log).push(request.clone());
                match answer {
                    Reply::Git => respond(&mut stream, &git(&root, &request)),
                    Reply::Text(status, headers, body) => {
                        let head = [vec![format!("Status: {status}")], headers].concat().join("\r\n");
                        respond(&mut stream, format!("{head}\r\n\r\n{body}").as_bytes());
                    }
                    Reply::Silence => silent.push(stream),
                }
            }
        });
        Self { address, seen, over, thread: Some(thread) }
    }

    fn url(&self, path: &str) -> RemoteUrl {
        RemoteUrl::parse(&format!("http://{}/{path}", self.address), false).expect("an address")
    }

    fn seen(&self) -> Vec<Request> {
        locked(&self.seen).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        *locked(&self.over) = true;
        TcpStream::connect(self.address).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

fn receive(stream: &mut dyn Stream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, target, headers, body })
}

/// Runs `git http-backend` as a web server would.
fn git(root: &Path, request: &Request) -> Vec<u8> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", request.headers.get("content-type").map_or("", String::as_str))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git is installed");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&request.body).expect("written");
    drop(stdin);
    child.wait_with_output().expect("it ends").stdout
}

/// Turns what a CGI program says into an answer.
fn respond(stream: &mut dyn Stream, said: &[u8]) {
    let end = said.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("headers");
    let (headers, body) = (String::from_utf8_lossy(&said[..end]), &said[end + 4..]);
    let status = headers.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let others: Vec<&str> = headers.lines().filter(|line| !line.starts_with("Status: ")).collect();
    let (others, length) = (others.join("\r\n"), body.len());
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{others}\r\n\r\n");
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body))
        .and_then(|()| stream.flush())
        .ok();
}

fn source(
    upstream: &Upstream,
    url: RemoteUrl,
    data: &TempDir,
    change: impl FnOnce(&mut SourceSpec),
) -> GitSource {
    let mut spec = upstream.spec();
    spec.url = url;
    spec.deadlines.idle = Duration::from_secs(5);
    change(&mut spec);
    GitSource::new(spec, data.path())
}

fn data() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn token(folder: &TempDir, text: &str) -> Auth {
    let token_file = folder.path().join("token");
    fs::write(&token_file, text).expect("written");
    Auth::Basic { username: "me".into(), token_file }
}

#[test]
fn a_repository_is_fetched_and_polled_over_http() {
    let (upstream, first) = Upstream::new();
    let server = Server::start(upstream.root().into(), |_| Reply::Git);
    let data = data();
    let source = source(&upstream, server.url("lab.git"), &data, |_| {});

    assert_eq!(source.poll().expect("polled").commit(), &first);
    let quiet = source.poll().expect("polled");
    assert_eq!((quiet.news, quiet.listings, quiet.fetches), (News::Unchanged { commit: first }, 1, 0));

    for number in 0..40 {
        upstream.push("main", &[("n", &number.to_string())], "more");
    }
    let last = upstream.push("main", &[("big", &"x".repeat(200_000))], "big");
    assert_eq!(source.poll().expect("polled").commit(), &last);
    assert!(source.tree(&last, "/r").is_ok());
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.headers["user-agent"].starts_with("git/")));
    assert_eq!(seen.iter().filter(|request| request.method == "GET").count(), 3, "one listing per poll");
}

#[test]
fn an_empty_repository_over_http_is_told_as_that() {
    let upstream = Upstream::empty();
    let server = Server::start(upstream.root().into(), |_| Reply::Git);
    let error = source(&upstream, server.url("lab.git"), &data(), |_| {}).poll().expect_err("refused");
    assert!(matches!(error, GitError::Empty { .. }), "{error:?}");
}

#[test]
fn a_token_is_read_anew_each_time_and_never_shown() {
    let (upstream, first) = Upstream::new();
    let server = Server::start(upstream.root().into(), |request| {
        if request.logged_in() {
            Reply::Git
        } else {
            Reply::Text("401 Unauthorized", vec!["WWW-Authenticate: Basic".into()], "no".into())
        }
    });
    let data = data();
    let anonymous = source(&upstream, server.url("lab.git"), &data, |_| {});
    let error = anonymous.poll().expect_err("refused");
    assert!(matches!(error, GitError::AuthRefused { .. }), "{error:?}");
    assert!(error.to_string().contains("none are configured"), "{error}");

    let auth = token(&data, "wrong");
    let source = source(&upstream, server.url("lab.git"), &data, |spec| spec.auth = auth);
    let error = source.poll().expect_err("refused");
    assert!(matches!(error, GitError::AuthRefused { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("wrong"));

    token(&data, &format!("{TOKEN}\n"));
    assert_eq!(source.poll().expect("polled").commit(), &first);
    token(&data, " \n");
    assert!(matches!(source.poll(), Err(GitError::Credential { what: "token", .. })));
    fs::remove_file(data.path().join("token")).expect("removed");
    assert!(matches!(source.poll(), Err(GitError::Credential { what: "token", .. })));
}

#[test]
fn a_redirect_on_the_same_host_is_followed_for_the_whole_conversation() {
    let (upstream, first) = Upstream::new();
    let server = Server::start(upstream.root().into(), |request| {
        if request.target.starts_with("/old/") {
            redirect("/lab.git/info/refs?service=git-upload-pack")
        } else {
            Reply::Git
        }
    });
    let found = source(&upstream, server.url("old"), &data(), |_| {}).poll().expect("polled");
    assert_eq!(found.commit(), &first);
    let posts: Vec<String> =
        server.seen().iter().filter(|r| r.method == "POST").map(|r| r.target.clone()).collect();
    assert_eq!(posts, ["/lab.git/git-upload-pack"]);
}

#[test]
fn a_redirect_to_another_server_is_refused_and_gets_no_credentials() {
    let (upstream, _) = Upstream::new();
    let other = Server::start(upstream.root().into(), |_| Reply::Git);
    let to = format!("http://{}/lab.git/info/refs?service=git-upload-pack&token=x", other.address);
    let server = Server::start(upstream.root().into(), move |_| redirect(to.clone()));
    let data = data();
    let auth = token(&data, TOKEN);
    let error =
        source(&upstream, server.url("lab.git"), &data, |spec| spec.auth = auth).poll().expect_err("refused");
    assert!(matches!(error, GitError::Redirected { .. }), "{error:?}");
    assert!(!error.to_string().contains("token"), "{error}");
    assert!(other.seen().is_empty());
}

#[test]
fn a_redirect_after_the_first_request_is_refused() {
    let (upstream, _) = Upstream::new();
    let server = Server::start(upstream.root().into(), |request| match request.method.as_str() {
        "GET" => Reply::Git,
        _ => redirect("/lab.git/git-upload-pack?again"),
    });
    let error = source(&upstream, server.url("lab.git"), &data(), |_| {}).poll().expect_err("refused");
    assert!(matches!(error, GitError::Redirected { .. }), "{error:?}");
}

#[test]
fn a_redirect_without_end_ends() {
    let (upstream, _) = Upstream::new();
    let server = Server::start(upstream.root().into(), |request| redirect(request.target.clone()));
    let error = source(&upstream, server.url("lab.git"), &data(), |_| {}).poll().expect_err("refused");
    assert!(matches!(error, GitError::Redirected { .. }), "{error:?}");
}

#[test]
fn what_is_no_repository_is_told_apart_from_what_is_away() {
    type Case = (&'static str, &'static str, fn(&GitError) -> bool);
    let cases: [Case; 4] = [
        ("404 Not Found", "text/plain", |error| matches!(error, GitError::NotARepository { .. })),
        ("200 OK", "text/html; charset=utf-8", |error| matches!(error, GitError::NotARepository { .. })),
        ("503 Service Unavailable", "text/plain", |error| matches!(error, GitError::Unreachable { .. })),
        ("403 Forbidden", "text/plain", |error| matches!(error, GitError::AuthRefused { .. })),
    ];
    for (status, kind, expected) in cases {
        let (upstream, _) = Upstream::new();
        let server = Server::start(upstream.root().into(), move |_| {
            Reply::Text(status, vec![format!("Content-Type: {kind}")], "<html>".into())
        });
        let error = source(&upstream, server.url("lab.git"), &data(), |_| {}).poll().expect_err("refused");
        assert!(expected(&error), "{status}: {error:?}");
    }
    let (upstream, _) = Upstream::new();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let url = RemoteUrl::parse(&format!("http://{closed}/lab.git"), false).expect("an address");
    let error = source(&upstream, url, &data(), |_| {}).poll().expect_err("refused");
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
}

#[test]
fn a_silent_server_is_given_up_at_the_idle_deadline() {
    let (upstream, _) = Upstream::new();
    let idle = Duration::from_millis(200);
    for silent_method in ["GET", "POST"] {
        let server = Server::start(upstream.root().into(), move |request| {
            if request.method == silent_method { Reply::Silence } else { Reply::Git }
        });
        let source = source(&upstream, server.url("lab.git"), &data(), |spec| spec.deadlines.idle = idle);
        let Err(GitError::TimedOut { after, .. }) = source.poll() else { panic!("{silent_method} answered") };
        assert_eq!(after, idle);
    }
}

#[test]
fn a_fetch_ends_at_its_limit() {
    let (upstream, _) = Upstream::new();
    let noise: String = (0..50_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_string()).collect();
    upstream.push("main", &[("big", &noise)], "big");
    let server = Server::start(upstream.root().into(), |_| Reply::Git);
    let source = source(&upstream, server.url("lab.git"), &data(), |spec| spec.fetch_limit = 10_000);
    assert!(matches!(source.poll(), Err(GitError::TooLarge { limit: 10_000, .. })));
}

#[test]
fn a_key_for_ssh_does_not_go_with_http() {
    let (upstream, _) = Upstream::new();
    let url = RemoteUrl::parse("http://127.0.0.1:1/x", false).expect("an address");
    let source = source(&upstream, url, &data(), |spec| {
        spec.auth = Auth::SshKey { private_key_file: "k".into(), known_hosts_file: "h".into() };
    });
    assert!(matches!(source.poll(), Err(GitError::WrongAuth { .. })));
}

/// Makes a certificate for 127.0.0.1 with the `openssl` program; `None` if it is not installed.
fn certificate(folder: &TempDir) -> Option<(PathBuf, Arc<rustls::ServerConfig>)> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject;

    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(' '))
        .args(["-subj", "/CN=evenkeel test", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !made {
        println!("skipped: no `openssl` program to make a certificate with");
        return None;
    }
    let chain = vec![CertificateDer::from_pem_file(&certificate).expect("a certificate")];
    let private = PrivateKeyDer::from_pem_file(&key).expect("a key");
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .expect("a configuration");
    Some((certificate, Arc::new(config)))
}

#[test]
fn https_trusts_the_given_authority_and_no_stranger() {
    let (upstream, first) = Upstream::new();
    let data = data();
    let Some((ca_file, config)) = certificate(&data) else { return };
    let server = Server::start_with(
        upstream.root().into(),
        |_| Reply::Git,
        move |stream| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("a connection");
            Box::new(rustls::StreamOwned::new(connection, stream))
        },
    );
    let url = RemoteUrl::parse(&format!("https://{}/lab.git", server.address), false).expect("an address");

    let stranger = source(&upstream, url.clone(), &data, |_| {}).poll().expect_err("refused");
    assert!(matches!(stranger, GitError::Certificate { .. }), "{stranger:?}");
    let trusted = source(&upstream, url.clone(), &data, |spec| spec.ca_file = Some(ca_file));
    assert_eq!(trusted.poll().expect("polled").commit(), &first);
    let empty = data.path().join("empty.pem");
    fs::write(&empty, "").expect("written");
    let error = source(&upstream, url, &data, |spec| spec.ca_file = Some(empty)).poll();
    assert!(matches!(error, Err(GitError::Credential { what: "certificate authorities", .. })), "{error:?}");
}

#[test]
fn redirects_stay_on_the_host_and_never_lose_encryption() {
    let from = |text: &str| Url::parse(&format!("{text}/info/refs?{SERVICE}")).expect("an address");
    let follows = |a: &str, b: &str| redirected(&from(a), from(b).as_str()).is_some();
    assert!(follows("https://h/a", "https://h/a.git"));
    assert!(follows("http://h/a", "https://h/a"));
    assert!(follows("http://h:80/a", "http://h/b"));
    assert!(!follows("https://h/a", "http://h/a"), "no way back to plain text");
    assert!(!follows("https://h/a", "https://evil/a"));
    assert!(!follows("https://h/a", "https://h.evil/a"));
    assert!(!follows("https://h/a", "https://h:8443/a"), "another port is another server");
    assert!(!follows("https://h/a", "https://me:x@h/a"));
    let at = from("https://h/a");
    assert!(redirected(&at, "/login?next=/info/refs").is_none());
    assert!(redirected(&at, "https://h/a.git/info/refs?service=git-receive-pack").is_none());
    assert_eq!(
        redirected(&at, "/b/info/refs?service=git-upload-pack").as_ref().and_then(base_of).map(String::from),
        Some("https://h/b".into())
    );
}

#[test]
fn an_address_in_an_error_has_no_query_and_no_user() {
    assert_eq!(shown("https://me:s3cret@h/x?token=s3cret#y"), "https://h/x");
    assert_eq!(shown("/login?token=s3cret"), "/login");
}
