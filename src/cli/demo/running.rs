//! What runs on the Docker Engine, as the demo looks at it: the start page through the proxy, and its container.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::HOST;
use tokio::time::Instant;

use crate::core::model::StackName;
use crate::docker::DockerEngine;
use crate::ports::Engine as _;
use crate::ports::EngineError;

/// How long a page may take to become what it should be.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time between two looks at a page.
const BETWEEN: Duration = Duration::from_millis(100);

/// The start page's container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its id.
    pub(super) container: String,
    /// Its image's id.
    pub(super) image: String,
}

/// The demo's stack on an engine.
pub(super) struct Running {
    engine: DockerEngine,
    web: String,
    client: Client,
    port: u16,
}

impl Running {
    /// Names what to look at.
    ///
    /// # Errors
    /// Fails if there can be no HTTP client.
    pub(super) fn new(engine: DockerEngine, stack: &StackName, port: u16) -> Result<Self, reqwest::Error> {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { engine, web: format!("{stack}-web-1"), client, port })
    }

    /// Returns which container serves the start page; `None` if there is none.
    ///
    /// # Errors
    /// Fails if the engine does not answer.
    pub(super) async fn identity(&self) -> Result<Option<Identity>, EngineError> {
        let found = self.engine.inspect(&self.web).await?;
        Ok(found.map(|found| Identity { container: found.id, image: found.image_id }))
    }

    /// Returns the engine.
    pub(super) fn engine(&self) -> &DockerEngine {
        &self.engine
    }

    /// Asks the proxy for `/version` of a host until it is `wanted` or time is up. Returns the last answer.
    pub(super) async fn version_becomes(&self, host: &str, wanted: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut tick = tokio::time::interval(BETWEEN);
        loop {
            tick.tick().await;
            let answer = self.version(host).await;
            if answer == wanted || Instant::now() >= end {
                return answer;
            }
        }
    }

    async fn version(&self, host: &str) -> String {
        let url = format!("http://127.0.0.1:{}/version", self.port);
        match self.client.get(url).header(HOST, host).send().await {
            Ok(answer) => answer.text().await.unwrap_or_default().trim().to_owned(),
            Err(error) => format!("no answer ({error})"),
        }
    }
}
