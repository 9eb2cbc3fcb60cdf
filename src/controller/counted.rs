//! An engine whose changing calls are counted.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::core::observed::Container;
use crate::core::observed::EngineInfo;
use crate::core::observed::Focus;
use crate::core::observed::Image;
use crate::core::observed::Observed;
use crate::core::observed::PublishedPort;
use crate::core::plan::Call;
use crate::ports::CallOutcome;
use crate::ports::Engine;
use crate::ports::EngineError;
use crate::ports::EngineEvent;
use crate::telemetry::Metrics;

/// Passes everything on, and counts changing calls by their name.
pub struct Counted {
    engine: Arc<dyn Engine>,
    metrics: Arc<Metrics>,
}

impl Counted {
    /// Returns the engine with its calls counted.
    pub fn new(engine: Arc<dyn Engine>, metrics: Arc<Metrics>) -> Self {
        Self { engine, metrics }
    }
}

#[async_trait]
impl Engine for Counted {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.engine.info().await
    }

    async fn observe(&self, projects: &[String]) -> Result<Observed, EngineError> {
        self.engine.observe(projects).await
    }

    fn last_info(&self) -> Option<EngineInfo> {
        self.engine.last_info()
    }

    async fn observe_for(&self, focus: &Focus) -> Result<Observed, EngineError> {
        self.engine.observe_for(focus).await
    }

    async fn inspect(&self, container: &str) -> Result<Option<Container>, EngineError> {
        self.engine.inspect(container).await
    }

    async fn images_named(&self, references: &[String]) -> Result<Vec<Image>, EngineError> {
        self.engine.images_named(references).await
    }

    async fn held_ports(&self, ports: &[PublishedPort]) -> Vec<PublishedPort> {
        self.engine.held_ports(ports).await
    }

    async fn call(&self, call: &Call) -> Result<CallOutcome, EngineError> {
        self.metrics.engine_mutation(call.name());
        self.engine.call(call).await
    }

    async fn logs(&self, container: &str, lines: usize) -> Result<Vec<String>, EngineError> {
        self.engine.logs(container, lines).await
    }

    async fn events(&self) -> Result<BoxStream<'static, EngineEvent>, EngineError> {
        self.engine.events().await
    }
}
