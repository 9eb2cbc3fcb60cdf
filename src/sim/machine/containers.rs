//! What calls do to containers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Machine;
use super::Phase;
use super::SimContainer;
use super::SimEndpoint;
use super::changed;
use super::conflict;
use super::invalid;
use super::is_name;
use super::not_found;
use super::unchanged;
use crate::core::desired::Archive;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::RestartPolicy;
use crate::ports::CallOutcome;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

/// The exit code of a container that was stopped by its signal.
const TERMINATED: i64 = 143;

/// The exit code of a container that was killed.
const KILLED: i64 = 137;

impl Machine {
    pub(in crate::sim) fn create_container(
        &mut self,
        name: &str,
        request: &ContainerRequest,
    ) -> Result<CallOutcome, EngineError> {
        self.check_request(request)?;
        let Some(image_id) = self.image_id(&request.image) else {
            return Err(not_found(format!("No such image: {}", request.image)));
        };
        self.check_name(name)?;
        self.check_lenders(&request.host_config)?;
        let id = self.new_id("container");
        let mounts = self.mount_all(&request.host_config);
        let container = SimContainer {
            id: id.clone(),
            name: name.into(),
            request: request.clone(),
            image_id,
            policy: request.host_config.restart_policy.clone(),
            phase: Phase::Created,
            exit_code: 0,
            error: String::new(),
            created_at: self.now,
            started_at: None,
            finished_at: None,
            restart_count: 0,
            backoff: Duration::ZERO,
            stopped_by_hand: false,
            health: None,
            health_since: Duration::ZERO,
            behaviour: self.behaviour_of(&request.image),
            networks: endpoints(request),
            mounts,
            ports: Vec::new(),
            files: BTreeMap::new(),
            output: Vec::new(),
        };
        self.containers.insert(id.clone(), container);
        self.tell_of_container(&id, "create");
        Ok(changed(id))
    }

    pub(super) fn copy_file(&mut self, container: &str, file: &Archive) -> Result<CallOutcome, EngineError> {
        self.container_mut(container)?.files.insert(file.path.clone(), file.clone());
        Ok(changed(""))
    }

    pub(in crate::sim) fn start_container(&mut self, container: &str) -> Result<CallOutcome, EngineError> {
        let id = self.container_id(container)?;
        match self.containers[&id].phase {
            Phase::Paused => return Err(conflict("cannot start a paused container, try unpause instead")),
            Phase::Running | Phase::Restarting { .. } => return Ok(unchanged()),
            Phase::Created | Phase::Exited => {}
        }
        self.begin_by_hand(&id)?;
        Ok(changed(""))
    }

    pub(in crate::sim) fn stop_container(&mut self, container: &str) -> Result<CallOutcome, EngineError> {
        let id = self.container_id(container)?;
        if !self.containers[&id].phase.counts_as_running() {
            return Ok(unchanged());
        }
        self.end_by_hand(&id, self.containers[&id].stop_code());
        Ok(changed(""))
    }

    pub(super) fn restart_container(&mut self, container: &str) -> Result<CallOutcome, EngineError> {
        let id = self.container_id(container)?;
        if self.containers[&id].phase.counts_as_running() {
            self.end_by_hand(&id, self.containers[&id].stop_code());
        }
        self.begin_by_hand(&id).map_err(|error| cannot_restart(container, &error))?;
        Ok(changed(""))
    }

    pub(super) fn unpause_container(&mut self, container: &str) -> Result<CallOutcome, EngineError> {
        let container = self.container_mut(container)?;
        let id = container.id.clone();
        if container.phase != Phase::Paused {
            return Err(EngineError::new(EngineErrorKind::Failed, format!("Container {id} is not paused")));
        }
        container.phase = Phase::Running;
        self.tell_of_container(&id, "unpause");
        Ok(changed(""))
    }

    /// Freezes a container by hand.
    pub(in crate::sim) fn pause_container(&mut self, container: &str) -> Result<(), EngineError> {
        let container = self.container_mut(container)?;
        let id = container.id.clone();
        if container.phase != Phase::Running {
            return Err(conflict(format!("Container {id} is not running")));
        }
        container.phase = Phase::Paused;
        self.tell_of_container(&id, "pause");
        Ok(())
    }

    pub(in crate::sim) fn rename_container(
        &mut self,
        container: &str,
        name: &str,
    ) -> Result<CallOutcome, EngineError> {
        let id = self.container_id(container)?;
        if name.is_empty() {
            return Err(invalid("Neither old nor new names may be empty"));
        }
        if self.containers[&id].name == name {
            return Err(invalid("Renaming a container with the same name as its current name"));
        }
        self.check_name(name).map_err(|error| EngineError {
            message: format!("Error when allocating new name: {}", error.message),
            ..error
        })?;
        self.container_mut(&id)?.name = name.into();
        self.tell_of_container(&id, "rename");
        Ok(changed(""))
    }

    pub(super) fn set_restart_policy(
        &mut self,
        container: &str,
        policy: &RestartPolicy,
    ) -> Result<CallOutcome, EngineError> {
        let container = self.container_mut(container)?;
        check_policy(policy)?;
        container.policy = policy.clone();
        let id = container.id.clone();
        self.tell_of_container(&id, "update");
        Ok(changed(""))
    }

    pub(in crate::sim) fn remove_container(
        &mut self,
        container: &str,
        force: bool,
    ) -> Result<CallOutcome, EngineError> {
        let Ok(id) = self.container_id(container) else { return Ok(unchanged()) };
        let (name, phase) = (self.containers[&id].name.clone(), self.containers[&id].phase.clone());
        if phase.counts_as_running() {
            let why = match phase {
                Phase::Paused => "container is paused and must be unpaused first",
                _ => "container is running: stop the container before removing or force remove",
            };
            if !force {
                return Err(conflict(format!(r#"cannot remove container "{name}": {why}"#)));
            }
            self.end_by_hand(&id, KILLED);
        }
        self.tell_of_container(&id, "destroy");
        self.containers.remove(&id);
        Ok(changed(""))
    }

    /// Ends a process from outside the engine; its restart policy applies.
    pub(in crate::sim) fn kill_process(&mut self, container: &str, code: i64) -> Result<(), EngineError> {
        let id = self.container_id(container)?;
        if self.containers[&id].phase.has_process() {
            self.end_by_itself(&id, code);
        }
        Ok(())
    }

    /// Leaves a container as a start does that was cancelled because the client went away.
    pub(in crate::sim) fn cancel_start(&mut self, container: &str) -> Result<(), EngineError> {
        let container = self.container_mut(container)?;
        if !container.phase.counts_as_running() {
            container.fail_start("Canceled: context canceled");
        }
        Ok(())
    }

    /// Returns the id of the container that a name, an id or the beginning of an id means.
    pub(super) fn container_id(&self, container: &str) -> Result<String, EngineError> {
        let by_name = || self.containers.values().find(|found| found.name == container);
        let by_prefix = || {
            let long_enough = container.len() >= 12;
            self.containers.values().find(|found| long_enough && found.id.starts_with(container))
        };
        let found = self.containers.get(container).or_else(by_name).or_else(by_prefix);
        found
            .map(|found| found.id.clone())
            .ok_or_else(|| not_found(format!("No such container: {container}")))
    }

    pub(super) fn container_mut(&mut self, container: &str) -> Result<&mut SimContainer, EngineError> {
        let id = self.container_id(container)?;
        self.containers.get_mut(&id).ok_or_else(|| not_found(format!("No such container: {container}")))
    }

    fn check_name(&self, name: &str) -> Result<(), EngineError> {
        if !is_name(name) {
            return Err(invalid(format!(
                "Invalid container name (/{name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )));
        }
        match self.containers.values().find(|container| container.name == name) {
            Some(holder) => Err(conflict(format!(
                r#"Conflict. The container name "/{name}" is already in use by container "{}". You have to remove (or rename) that container to be able to reuse that name."#,
                holder.id
            ))),
            None => Ok(()),
        }
    }

    fn check_request(&self, request: &ContainerRequest) -> Result<(), EngineError> {
        check_policy(&request.host_config.restart_policy)?;
        let missing = |source: &str| {
            let inside = |gone: &String| source == gone || source.starts_with(&format!("{gone}/"));
            self.missing_paths.iter().any(inside)
        };
        let binds = request.host_config.mounts.iter().filter(|mount| mount.kind == "bind");
        let makes_it = |options: &crate::core::desired::request::BindOptions| options.create_mountpoint;
        for mount in binds {
            if missing(&mount.source) && !mount.bind_options.as_ref().is_some_and(makes_it) {
                return Err(invalid(format!(
                    r#"invalid mount config for type "bind": bind source path does not exist: {}"#,
                    mount.source
                )));
            }
        }
        let endpoints = request.networking_config.as_ref().map_or(0, |config| config.endpoints_config.len());
        if endpoints > 1 && !self.info.creates_with_many_endpoints() {
            return Err(invalid("Container cannot be connected to network endpoints"));
        }
        Ok(())
    }
}

impl SimContainer {
    /// Returns the exit code of a process that is stopped.
    fn stop_code(&self) -> i64 {
        match self.request.stop_signal.as_str() {
            "SIGKILL" | "KILL" | "9" => KILLED,
            _ => TERMINATED,
        }
    }
}

/// Returns the networks that a request names: those of its endpoints, and the one of its network mode.
fn endpoints(request: &ContainerRequest) -> BTreeMap<String, SimEndpoint> {
    let mode = request.host_config.network_mode.as_str();
    let mut networks: BTreeMap<String, SimEndpoint> = BTreeMap::new();
    if let Some(config) = &request.networking_config {
        for (name, endpoint) in &config.endpoints_config {
            networks.insert(name.clone(), SimEndpoint { network_id: None, endpoint: endpoint.clone() });
        }
    }
    match mode {
        _ if mode.starts_with("container:") => {}
        "" | "default" if networks.is_empty() => {
            networks.insert("bridge".into(), SimEndpoint::default());
        }
        "" | "default" => {}
        mode => {
            networks.entry(mode.into()).or_default();
        }
    }
    networks
}

/// A restart that cannot start is a failure of the engine's own, except that its text tells of a taken port.
fn cannot_restart(container: &str, error: &EngineError) -> EngineError {
    let kind = match error.kind {
        EngineErrorKind::PortTaken => EngineErrorKind::PortTaken,
        _ => EngineErrorKind::Failed,
    };
    EngineError::new(kind, format!("Cannot restart container {container}: {}", error.message))
}

fn check_policy(policy: &RestartPolicy) -> Result<(), EngineError> {
    match policy.name.as_str() {
        "" | "no" | "always" | "unless-stopped" | "on-failure" => Ok(()),
        other => Err(invalid(format!(
            "invalid restart policy: unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        ))),
    }
}
