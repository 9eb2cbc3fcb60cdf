//! Where the demo's webhooks arrive: a server on the loopback that checks each signature, as yours should.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::routing::post;
use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::core::run::Event;

/// A webhook that arrived.
#[derive(Debug)]
pub(super) struct Webhook {
    /// What it says.
    pub(super) event: Event,
    /// Whether its signature is that of its body.
    pub(super) signed: bool,
}

/// The server. It ends when this is dropped.
pub(super) struct Receiver {
    address: SocketAddr,
    arriving: mpsc::UnboundedReceiver<Webhook>,
    seen: BTreeSet<String>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Desk {
    key: String,
    arrived: mpsc::UnboundedSender<Webhook>,
}

impl Receiver {
    /// Starts to listen on a free port.
    ///
    /// # Errors
    /// Fails if there is no port on the loopback to listen on.
    pub(super) async fn start(key: String) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (arrived, arriving) = mpsc::unbounded_channel();
        let router = Router::new().route("/", post(take)).with_state(Desk { key, arrived });
        let server = tokio::spawn(async move {
            // It serves until it is aborted.
            drop(axum::serve(listener, router).await);
        });
        Ok(Self { address, arriving, seen: BTreeSet::new(), server })
    }

    /// Returns where to post.
    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Returns the next webhook that was not delivered before: deliveries are at least once.
    pub(super) async fn next(&mut self) -> Option<Webhook> {
        loop {
            let webhook = self.arriving.recv().await?;
            if self.seen.insert(webhook.event.id.to_string()) {
                return Some(webhook);
            }
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let signed = is_signed(desk.key.as_bytes(), &body, header("x-signature").unwrap_or_default());
    let Ok(event) = serde_json::from_slice::<Event>(&body) else { return StatusCode::BAD_REQUEST };
    if header("x-evenkeel-delivery") != Some(event.id.to_string().as_str()) {
        return StatusCode::BAD_REQUEST;
    }
    let answer = if signed { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED };
    // Nobody listens any more when the demo ends.
    drop(desk.arrived.send(Webhook { event, signed }));
    answer
}

/// Returns true if `header` is `sha256=` and the body's HMAC in hexadecimal. The comparison takes the same time
/// whatever is wrong.
fn is_signed(key: &[u8], body: &[u8], header: &str) -> bool {
    let Some(sent) = header.strip_prefix("sha256=").and_then(|digits| hex::decode(digits).ok()) else {
        return false;
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key for HMAC may have any length");
    mac.update(body);
    mac.verify_slice(&sent).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_and_its_body_alone() {
        // RFC 4231, test case 2.
        let header = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let body = b"what do ya want for nothing?";
        assert!(is_signed(b"Jefe", body, header));
        assert!(!is_signed(b"jefe", body, header));
        assert!(!is_signed(b"Jefe", b"what do ya want for something?", header));
        assert!(!is_signed(b"Jefe", body, ""));
        assert!(!is_signed(b"Jefe", body, "sha256="));
        assert!(!is_signed(b"Jefe", body, "sha256=5b"));
        assert!(!is_signed(b"Jefe", body, &header["sha256=".len()..]));
    }
}
