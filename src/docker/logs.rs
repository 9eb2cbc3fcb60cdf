//! The last lines that a container wrote. They may hold secrets: they are returned, never logged.

use bollard::Docker;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::TryStreamExt;

use super::READ_DEADLINE;
use super::segment;
use super::within;
use crate::ports::EngineError;

/// Characters of a line that are kept.
const LINE_LIMIT: usize = 2_000;

/// Returns the last lines of standard output and error, oldest first.
pub(super) async fn tail(docker: &Docker, container: &str, lines: usize) -> Result<Vec<String>, EngineError> {
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(&lines.to_string()).build();
    let mut found = Vec::new();
    let mut stream = std::pin::pin!(docker.logs(&segment(container), Some(options)));
    let read = async {
        while let Some(output) = stream.try_next().await? {
            let bytes = output.into_bytes();
            let text = String::from_utf8_lossy(&bytes);
            found.extend(text.lines().map(|line| line.chars().take(LINE_LIMIT).collect::<String>()));
        }
        Ok(())
    };
    within(READ_DEADLINE, "logs", read).await?;
    let surplus = found.len().saturating_sub(lines);
    Ok(found.split_off(surplus))
}
