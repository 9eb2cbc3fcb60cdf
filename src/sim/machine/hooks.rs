//! Commands that are run in a running container.

use super::Machine;
use super::Phase;
use super::changed;
use super::conflict;
use crate::core::desired::Hook;
use crate::ports::CallOutcome;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;
use crate::sim::command;

impl Machine {
    /// Runs a command to its end, in no time. One that is not understood succeeds.
    pub(super) fn run_hook(&mut self, container: &str, hook: &Hook) -> Result<CallOutcome, EngineError> {
        let id = self.container_id(container)?;
        let found = &self.containers[&id];
        match found.phase {
            Phase::Running => {}
            Phase::Paused => {
                return Err(conflict(format!(
                    "Container {container} is paused, unpause the container before exec"
                )));
            }
            Phase::Restarting { .. } => {
                return Err(conflict(format!(
                    "Container {container} is restarting, wait until the container is running"
                )));
            }
            Phase::Created | Phase::Exited => {
                return Err(conflict(format!("Container {container} is not running")));
            }
        }
        let content = |path: &str| found.files.get(path).map(|file| file.content.expose().to_owned());
        let program = command::program(&hook.cmd, &content);
        match program.map_or((0, None), |program| (program.exits.code, program.output.last().cloned())) {
            (0, _) => Ok(changed("")),
            (code, line) => {
                let line = line.map(|line| format!(": {line}")).unwrap_or_default();
                let message = format!("the hook exited with status {code}{line}");
                Err(EngineError::new(EngineErrorKind::Failed, message))
            }
        }
    }
}
