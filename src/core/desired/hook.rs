//! Commands that are run in a service's containers after their start and before their stop.

use serde::Serialize;

use crate::core::compose::types;

/// A command to run in a container: the body of the Engine's `POST /containers/{id}/exec`.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Hook {
    /// The command.
    pub cmd: Vec<String>,
    /// Who runs it; empty for the container's user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// With all rights.
    pub privileged: bool,
    /// The working folder; empty for the container's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// More environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
}

impl std::fmt::Debug for Hook {
    /// Prints the program alone: arguments and environment may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hook").field(&self.cmd.first()).finish()
    }
}

/// Returns the hooks in the Engine's form.
pub(super) fn hooks(written: &[types::Hook]) -> Vec<Hook> {
    written.iter().map(hook).collect()
}

fn hook(written: &types::Hook) -> Hook {
    Hook {
        cmd: written.command.0.clone().unwrap_or_default(),
        user: written.user.clone(),
        privileged: written.privileged,
        working_dir: written.working_dir.clone(),
        env: super::container::environment(&written.environment),
    }
}
