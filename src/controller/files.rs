//! A stack's mounted files, as the plan and the walk see them.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::definition::Rendered;
use crate::core::desired::content::MountedContent;
use crate::ports::Publish;
use crate::publish::Publisher;

/// The files of one stack at one revision, and where they go.
#[derive(Clone)]
pub(super) struct StackFiles {
    publisher: Publisher,
    rendered: Arc<Rendered>,
}

impl StackFiles {
    pub(super) fn new(root: PathBuf, rendered: Arc<Rendered>) -> Self {
        Self { publisher: Publisher::new(root), rendered }
    }

    /// Returns the files that differ on the host from what they should be. Changes nothing.
    pub(super) async fn stale(&self) -> Result<Vec<String>, String> {
        let this = self.clone();
        let found = tokio::task::spawn_blocking(move || this.publisher.stale(&this.rendered.files)).await;
        found.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// The same for files that are not part of a definition yet. Blocks.
    pub(super) fn stale_below(root: PathBuf, files: &MountedContent) -> Result<Vec<String>, String> {
        Publisher::new(root).stale(files).map_err(|error| error.to_string())
    }
}

#[async_trait]
impl Publish for StackFiles {
    async fn publish(&self) -> Result<Vec<String>, String> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || this.publisher.publish(&this.rendered.files)).await;
        let published = done.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        for path in &published.kept {
            tracing::warn!("{path} is no longer wanted, but was changed by somebody else: it is kept");
        }
        Ok(published.written.into_iter().chain(published.removed).collect())
    }
}
