//! Listens and serves, within limits: connections, headers, and the time for both. `axum::serve` has no timer for
//! headers, so connections are served by hyper directly.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// More connections wait in the system's queue.
const CONNECTIONS: usize = 128;

/// A request's headers must be there after this time; also how long an idle connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// A request may have so many headers…
const HEADERS: usize = 100;

/// …of so many bytes in all.
const HEADER_BYTES: usize = 64 * 1024;

/// Requests under way may take so long when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// The wait after the system could not give us a connection, which it cannot when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}: choose another address with `--listen`")]
pub struct BindError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Listens on an address. Port 0 is any free one.
///
/// # Errors
/// Fails if the port is taken, or if the address is not ours to use.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
}

/// Serves until it is told to stop. Requests under way are finished first, for five seconds at most.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            (stream, slot) = accept(&listener, &slots) => {
                connections.spawn(connection(stream, router.clone(), stop.clone(), slot));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, finished).await.is_err() {
        tracing::debug!("requests under way were cut off");
    }
}

/// Waits for a free slot, and then for a connection.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                tracing::debug!("no connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken, _slot: OwnedSemaphorePermit) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_headers(HEADERS)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
    );
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!("a connection broke: {error}");
    }
}
