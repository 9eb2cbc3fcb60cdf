//! Somebody else at the same engine: what people and other tools do by hand. Not in the log of calls.

use super::SimEngine;
use crate::core::desired::request::ContainerRequest;
use crate::core::observed::PublishedPort;
use crate::ports::EngineError;

/// Somebody else at the same engine. Containers are given by name or id.
#[derive(Debug, Clone, Copy)]
pub struct Outside<'a> {
    pub(super) engine: &'a SimEngine,
}

impl Outside<'_> {
    /// `docker create`: returns the id.
    ///
    /// # Errors
    /// Fails as the engine does: the name is taken, the image is missing.
    pub fn create(&self, name: &str, request: &ContainerRequest) -> Result<String, EngineError> {
        self.engine.with(|machine| machine.create_container(name, request)).map(|made| made.id)
    }

    /// `docker start`.
    ///
    /// # Errors
    /// Fails as the engine does.
    pub fn start(&self, container: &str) -> Result<(), EngineError> {
        self.engine.with(|machine| machine.start_container(container)).map(drop)
    }

    /// `docker stop`.
    ///
    /// # Errors
    /// Fails if there is no such container.
    pub fn stop(&self, container: &str) -> Result<(), EngineError> {
        self.engine.with(|machine| machine.stop_container(container)).map(drop)
    }

    /// `docker pause`.
    ///
    /// # Errors
    /// Fails if there is no such container or it does not run.
    pub fn pause(&self, container: &str) -> Result<(), EngineError> {
        self.engine.with(|machine| machine.pause_container(container))
    }

    /// `docker rename`.
    ///
    /// # Errors
    /// Fails as the engine does.
    pub fn rename(&self, container: &str, name: &str) -> Result<(), EngineError> {
        self.engine.with(|machine| machine.rename_container(container, name)).map(drop)
    }

    /// `docker rm -f`; nothing happens if it is not there.
    pub fn remove(&self, container: &str) {
        self.engine.with(|machine| drop(machine.remove_container(container, true)));
    }

    /// Ends a container's process with an exit code; its restart policy applies.
    ///
    /// # Errors
    /// Fails if there is no such container.
    pub fn crash(&self, container: &str, code: i64) -> Result<(), EngineError> {
        self.engine.with(|machine| machine.kill_process(container, code))
    }

    /// `docker network rm`.
    ///
    /// # Errors
    /// Fails as the engine does: it is in use.
    pub fn remove_network(&self, network: &str) -> Result<(), EngineError> {
        self.engine.with(|machine| machine.remove_network(network)).map(drop)
    }

    /// `docker volume rm -f`.
    pub fn remove_volume(&self, name: &str) {
        self.engine.with(|machine| machine.remove_volume(name));
    }

    /// `docker image rm -f`, as an image prune does it.
    pub fn remove_image(&self, reference: &str) {
        self.engine.with(|machine| machine.remove_image(reference));
    }

    /// A process outside of any container takes a port of the host.
    pub fn hold_port(&self, port: PublishedPort) {
        self.engine.with(|machine| machine.set_foreign_port(port, true));
    }

    /// That process goes away.
    pub fn free_port(&self, port: PublishedPort) {
        self.engine.with(|machine| machine.set_foreign_port(port, false));
    }

    /// A path is not there on the host: a mount of it is refused.
    pub fn remove_path(&self, path: &str) {
        self.engine.with(|machine| machine.set_path_missing(path));
    }

    /// The engine stops and starts again: event streams end, containers come back by their restart policies.
    pub fn restart_engine(&self) {
        self.engine.with(super::machine::Machine::restart_engine);
        self.engine.end_streams();
    }

    /// Takes the engine away, or gives it back: while it is away, nothing is answered. Event streams end.
    pub fn set_reachable(&self, reachable: bool) {
        self.engine.set_reachable(reachable);
    }
}
