//! `use_api_socket: true`: the engine's socket in the container, and the credentials of registries beside it, added to the
//! service as Compose adds them before it hashes it.

use crate::core::compose::types::FileObject;
use crate::core::compose::types::FileReference;
use crate::core::compose::types::Service;
use crate::core::compose::types::ServiceVolume;

/// Where Compose takes the socket to be, on the host and in the container.
const SOCKET: &str = "/var/run/docker.sock";
/// The variable by which Docker's tools find their configuration.
const VARIABLE: &str = "DOCKER_CONFIG";
/// The folder of that configuration in the container.
const FOLDER: &str = "/run/secrets/docker";
/// The key of the config object, which no file can have.
pub(super) const CONFIG: &str = "#apisocket";

/// Adds what the service asks for.
pub(super) fn add(service: &mut Service) {
    if !service.use_api_socket {
        return;
    }
    service.volumes.push(ServiceVolume {
        r#type: "bind".into(),
        source: SOCKET.into(),
        target: SOCKET.into(),
        ..ServiceVolume::default()
    });
    service.environment.entry(VARIABLE.into()).or_insert_with(|| Some(FOLDER.into()));
    service.configs.push(FileReference {
        source: CONFIG.into(),
        target: format!("{FOLDER}/config.json"),
        ..FileReference::default()
    });
}

/// Returns the configuration that is copied in, as Docker's tools write one without credentials: those of the host are
/// not given to a container.
pub(super) fn config() -> FileObject {
    FileObject { content: "{\n\t\"auths\": {}\n}".into(), ..FileObject::default() }
}
