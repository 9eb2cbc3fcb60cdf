//! Namespaces and volumes of other containers. Who lends a namespace must run when the borrower starts; a process
//! namespace ends with the process that it was made for.

use super::Machine;
use super::SimContainer;
use super::conflict;
use super::invalid;
use super::not_found;
use crate::core::desired::request::HostConfig;
use crate::core::observed::MountPoint;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

/// The exit code of a process whose namespace ended.
const KILLED: i64 = 137;

impl Machine {
    /// Checks what the engine looks at when a container is made. A lender of a network is looked for at the start alone.
    pub(super) fn check_lenders(&self, host: &HostConfig) -> Result<(), EngineError> {
        let lenders = [&host.ipc_mode, &host.pid_mode].into_iter().filter_map(|mode| lender(mode));
        let volumes = host.volumes_from.iter().map(|from| from.split(':').next().unwrap_or(from));
        for lender in lenders.chain(volumes) {
            if self.container_id(lender).is_err() {
                return Err(invalid(format!("No such container: {lender}")));
            }
        }
        Ok(())
    }

    /// Checks that those run whose namespaces a container joins when it starts.
    pub(super) fn check_joined(&self, container: &SimContainer) -> Result<(), EngineError> {
        let host = &container.request.host_config;
        let modes = [("network", &host.network_mode), ("ipc", &host.ipc_mode), ("pid", &host.pid_mode)];
        for (kind, lender) in modes.into_iter().filter_map(|(kind, mode)| Some((kind, lender(mode)?))) {
            let found = self.container_id(lender).ok().and_then(|id| self.containers.get(&id));
            let found = found.ok_or_else(|| not_found(format!("No such container: {lender}")))?;
            if !found.phase.has_process() {
                return Err(match kind {
                    "network" => {
                        conflict(format!("cannot join network of a non running container: {}", found.id))
                    }
                    _ => EngineError::new(
                        EngineErrorKind::Failed,
                        format!("container {} is not running", found.id),
                    ),
                });
            }
        }
        Ok(())
    }

    /// Ends the processes that lived in the process namespace of a container whose own has ended.
    pub(super) fn end_those_in(&mut self, id: &str) {
        let lives_in = |found: &&SimContainer| {
            found.phase.has_process() && lender(&found.request.host_config.pid_mode) == Some(id)
        };
        let those: Vec<String> =
            self.containers.values().filter(lives_in).map(|found| found.id.clone()).collect();
        for id in those {
            self.end_by_itself(&id, KILLED);
        }
    }

    /// Returns what other containers lend of their mounts.
    pub(super) fn lent_mounts(&self, host: &HostConfig) -> Vec<MountPoint> {
        let lenders = host.volumes_from.iter().filter_map(|from| {
            let id = self.container_id(from.split(':').next().unwrap_or(from)).ok()?;
            self.containers.get(&id)
        });
        lenders.flat_map(|lender| lender.mounts.iter().cloned()).collect()
    }
}

fn lender(mode: &str) -> Option<&str> {
    mode.strip_prefix("container:")
}
