//! The way to an engine on a socket of this host: connections that are used again, and the engine's version read off
//! every answer. bollard's own way opens a connection for each request, and asking for the version by name makes the
//! engine start two programs.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::Uri;
use bollard::BollardRequest;
use bollard::Docker;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::net::UnixStream;

use crate::core::observed::EngineInfo;

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(10);

/// Connections that nobody uses and that are kept.
const KEPT: usize = 16;

/// Every request is sent to the socket; the address only has to be one.
const ADDRESS: &str = "http://docker";

/// What the engine said with its last answer that it is; `None` if that answer did not say it.
pub(super) type LastInfo = Arc<Mutex<Option<EngineInfo>>>;

/// Returns a client for the engine on a socket, which notes in `info` what each answer says of the engine.
pub(super) fn on_socket(path: PathBuf, info: LastInfo) -> Result<Docker, bollard::errors::Error> {
    let client = Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(KEPT)
        .build::<_, _>(Socket { path });
    let transport = move |request: BollardRequest| {
        let (answer, info) = (client.request(request), Arc::clone(&info));
        async move {
            let answer = answer.await.map_err(bollard::errors::Error::from)?;
            *info.lock().unwrap_or_else(PoisonError::into_inner) = engine_info(answer.headers());
            Ok(answer)
        }
    };
    // The deadline is set by the caller; this one is replaced.
    Docker::connect_with_custom_transport(transport, Some(ADDRESS), 0, bollard::API_DEFAULT_VERSION)
}

/// Reads what the headers of any answer say of the engine: `Api-Version: 1.41`, `Server: Docker/20.10.24 (linux)`, or
/// `Server: Libpod/4.3.1 (linux)` for Podman.
fn engine_info(headers: &HeaderMap) -> Option<EngineInfo> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let api = super::listing::api_version(text("api-version")?)?;
    let (product, version) = text("server")?.split(' ').next()?.split_once('/')?;
    Some(EngineInfo { version: version.to_owned(), api, is_podman: product == "Libpod" })
}

/// Connects to one socket, whatever the address.
#[derive(Clone)]
struct Socket {
    path: PathBuf,
}

impl tower_service::Service<Uri> for Socket {
    type Response = TokioIo<UnixStream>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = self.path.clone();
        Box::pin(async move { UnixStream::connect(path).await.map(TokioIo::new) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_read_off_an_answer() {
        let mut headers = HeaderMap::new();
        headers.insert("api-version", "1.41".parse().expect("a value"));
        assert_eq!(engine_info(&headers), None, "half of it is nothing");
        headers.insert("server", "Docker/20.10.24+dfsg1 (linux)".parse().expect("a value"));
        let info = EngineInfo { version: "20.10.24+dfsg1".into(), api: (1, 41), is_podman: false };
        assert_eq!(engine_info(&headers), Some(info));
        headers.insert("server", "Libpod/4.3.1 (linux)".parse().expect("a value"));
        let info = EngineInfo { version: "4.3.1".into(), api: (1, 41), is_podman: true };
        assert_eq!(engine_info(&headers), Some(info));
    }
}
