//! Running a hook in a container: one logical call that the Engine's API has in three. The exec is made, run, and
//! looked at: how it ended is told by its inspection alone.

use std::time::Duration;

use bollard::errors::Error;
use bollard::exec::CreateExecOptions;
use bollard::exec::StartExecResults;
use futures_util::StreamExt;
use serde::Serialize;

use super::DockerEngine;
use super::READ_DEADLINE;
use super::error;
use super::segment;
use super::within;
use crate::core::desired::Hook;
use crate::ports::CallOutcome;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

/// Between two looks at a hook whose output has ended and which still runs.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Characters of a failed hook's last line that are told.
const LINE_LIMIT: usize = 500;

/// The body of the request that makes an exec.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Exec<'a> {
    #[serde(flatten)]
    hook: &'a Hook,
    attach_stdout: bool,
    attach_stderr: bool,
}

impl DockerEngine {
    /// Runs a hook to its end. A hook that ends with another code than 0 has failed.
    pub(super) async fn run_hook(
        &self,
        container: &str,
        hook: &Hook,
        limit: Duration,
    ) -> Result<CallOutcome, EngineError> {
        let run = self.run_to_its_end(container, hook);
        match tokio::time::timeout(limit, run).await {
            Ok(ended) => ended,
            // The hook runs on: the engine has no way to end an exec.
            Err(_) => Err(EngineError::new(
                EngineErrorKind::Failed,
                format!("the hook did not end within {} s", limit.as_secs()),
            )),
        }
    }

    async fn run_to_its_end(&self, container: &str, hook: &Hook) -> Result<CallOutcome, EngineError> {
        let client = self.sending(&Exec { hook, attach_stdout: true, attach_stderr: true })?;
        let name = segment(container);
        let made = client.create_exec(&name, CreateExecOptions::<String>::default());
        let id = within(READ_DEADLINE, "exec", made).await?.id;
        let output = self.output_of(&id).await;
        if let Err(refused @ Error::DockerResponseServerError { .. }) = &output {
            return Err(error::of(refused));
        }
        let code = loop {
            let found = within(READ_DEADLINE, "exec inspect", self.docker.inspect_exec(&id)).await?;
            match (found.running, found.exit_code, &output) {
                (Some(true), ..) => tokio::time::sleep(LOOK_EVERY).await,
                (_, Some(code), _) => break code,
                (_, None, Err(why)) => return Err(error::of(why)),
                (_, None, Ok(_)) => {
                    return Err(EngineError::new(
                        EngineErrorKind::Unreadable,
                        "the engine does not say how the hook ended",
                    ));
                }
            }
        };
        match (code, output.unwrap_or_default()) {
            (0, _) => Ok(CallOutcome { id: String::new(), changed: true }),
            (code, line) if line.is_empty() => {
                Err(EngineError::new(EngineErrorKind::Failed, format!("the hook exited with status {code}")))
            }
            (code, line) => Err(EngineError::new(
                EngineErrorKind::Failed,
                format!("the hook exited with status {code}: {line}"),
            )),
        }
    }

    /// Starts an exec and reads to the end of what it writes. Returns the last line.
    async fn output_of(&self, id: &str) -> Result<String, Error> {
        let StartExecResults::Attached { mut output, .. } = self.docker.start_exec(id, None).await? else {
            return Ok(String::new());
        };
        let mut last = String::new();
        while let Some(written) = output.next().await {
            let bytes = written?.into_bytes();
            let text = String::from_utf8_lossy(&bytes);
            if let Some(line) = text.lines().rfind(|line| !line.trim().is_empty()) {
                last = line.trim().chars().take(LINE_LIMIT).collect();
            }
        }
        Ok(last)
    }
}
