//! Where webhooks arrive: a server on the loopback that checks signatures, and that can be down.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use serde_json::Value;

use super::http;
use super::http::Message;
use super::wait;

/// The key that the tests sign with.
pub(crate) const KEY: &str = "a key of the end-to-end tests";

/// One webhook that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) body: Value,
}

impl Event {
    /// The stack or source that it is about.
    pub(crate) fn object(&self) -> &str {
        self.body["involvedObject"]["name"].as_str().unwrap_or_default()
    }

    /// Whether it is about this commit.
    pub(crate) fn is_of(&self, commit: &str) -> bool {
        self.body["metadata"]["revision"].as_str().is_some_and(|revision| revision.ends_with(commit))
    }

    /// Its message for people.
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// All its text.
    pub(crate) fn text(&self) -> String {
        self.body.to_string()
    }
}

pub(crate) struct Receiver {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Message>>>,
    server: Option<Server>,
}

struct Server {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Receiver {
    /// Starts to listen.
    pub(crate) fn new() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, http::free_port()));
        let mut receiver = Self { address, arrived: Arc::default(), server: None };
        receiver.come_up();
        receiver
    }

    /// Where to post.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/events?token=url-canary", self.address)
    }

    /// Refuses connections from now on.
    pub(crate) fn go_down(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop.store(true, Ordering::SeqCst);
            drop(TcpStream::connect(self.address));
            server.thread.join().expect("no panic in the server");
        }
    }

    /// Accepts connections again.
    pub(crate) fn come_up(&mut self) {
        let listener = wait::until_some("the receiver has its port", || TcpListener::bind(self.address).ok());
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, arrived) = (Arc::clone(&stop), Arc::clone(&self.arrived));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                serve(&stream, &arrived);
            }
        });
        self.server = Some(Server { stop, thread });
    }

    /// Everything that arrived, repeated deliveries included.
    ///
    /// # Panics
    /// Panics if anything was not signed with [`KEY`], or its headers and body do not say the same.
    pub(crate) fn deliveries(&self) -> Vec<Event> {
        let arrived = self.arrived.lock().expect("no panic in the server");
        arrived.iter().map(checked).collect()
    }

    /// What a receiver that drops repeated deliveries saw.
    pub(crate) fn events(&self) -> Vec<Event> {
        let mut seen = BTreeSet::new();
        self.deliveries().into_iter().filter(|event| seen.insert(event.id.clone())).collect()
    }

    /// The events of a type.
    pub(crate) fn of(&self, kind: &str) -> Vec<Event> {
        self.events().into_iter().filter(|event| event.kind == kind).collect()
    }

    /// Waits for an event of a type about a commit.
    #[track_caller]
    pub(crate) fn until(&self, kind: &str, commit: &str) -> Event {
        wait::until_some(&format!("`{kind}` arrives for {commit}"), || {
            self.of(kind).into_iter().find(|event| event.is_of(commit))
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.go_down();
        }
    }
}

fn serve(stream: &TcpStream, arrived: &Mutex<Vec<Message>>) {
    let Ok(message) = Message::read(stream) else { return };
    arrived.lock().expect("no panic elsewhere").push(message);
    let mut stream = stream;
    drop(stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"));
}

fn checked(message: &Message) -> Event {
    let signature = http::signature(KEY.as_bytes(), &message.body);
    assert_eq!(message.header("x-signature"), Some(signature.as_str()), "the body is signed");
    let body: Value = serde_json::from_slice(&message.body).expect("the body is JSON");
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let event = Event { id: text("id"), kind: text("type"), body: body.clone() };
    assert_eq!(message.header("x-evenkeel-delivery"), Some(event.id.as_str()));
    assert_eq!(message.header("x-evenkeel-event"), Some(event.kind.as_str()));
    event
}
