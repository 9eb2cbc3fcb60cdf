//! One [`Call`] is one changing request. Reads beside it only find out what became of it.

use std::time::Duration;

use bollard::models::ContainerCreateBody;
use bollard::models::ContainerUpdateBody;
use bollard::models::NetworkConnectRequest;
use bollard::models::NetworkCreateRequest;
use bollard::models::NetworkDisconnectRequest;
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::CreateContainerOptionsBuilder;
use bollard::query_parameters::RemoveContainerOptionsBuilder;
use bollard::query_parameters::RenameContainerOptionsBuilder;
use bollard::query_parameters::TagImageOptionsBuilder;
use bollard::query_parameters::UploadToContainerOptionsBuilder;
use serde::Serialize;
use serde_json::json;

use super::DockerEngine;
use super::archive;
use super::segment;
use super::within;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::NetworkRequest;
use crate::core::model::familiar;
use crate::core::plan::Call;
use crate::ports::CallOutcome;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;
use crate::ports::deadline;

/// A network's create request, and the wish of engines before API 1.44 to be told that names are to be unique.
/// Later ones know no other way.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UniqueNetwork<'a> {
    #[serde(flatten)]
    request: &'a NetworkRequest,
    #[serde(skip_serializing_if = "Option::is_none")]
    check_duplicate: Option<bool>,
}

impl DockerEngine {
    /// Makes a call.
    pub(super) async fn make(&self, call: &Call) -> Result<CallOutcome, EngineError> {
        let name = call.name();
        let limit = deadline(call);
        match call {
            Call::PullImage { image, platform, .. } => self.pull(image, platform.as_deref(), limit).await,
            Call::BuildImage { build, .. } => self.build(build, limit).await,
            Call::TagImage { image, name: new_name } => {
                let short = familiar(new_name);
                let (repository, tag) = short.rsplit_once(':').unwrap_or((&short, "latest"));
                let options = TagImageOptionsBuilder::new().repo(repository).tag(tag).build();
                let image = segment(image);
                within(limit, name, self.docker.tag_image(&image, Some(options))).await.map(done)
            }
            Call::CreateNetwork(request) => {
                let check_duplicate = (self.known_info().await?.api < (1, 44)).then_some(true);
                let client = self.sending(&UniqueNetwork { request, check_duplicate })?;
                let made = client.create_network(NetworkCreateRequest::default());
                Ok(new(within(limit, name, made).await?.id))
            }
            Call::RemoveNetwork { id, .. } => {
                gone_is_fine(within(limit, name, self.docker.remove_network(&segment(id))).await)
            }
            Call::ConnectNetwork { network, container, endpoint } => {
                let client = self.sending(&json!({ "Container": container, "EndpointConfig": endpoint }))?;
                let network = segment(network);
                let connected = client.connect_network(&network, NetworkConnectRequest::default());
                already_is_fine(within(limit, name, connected).await)
            }
            Call::DisconnectNetwork { network, container } => {
                let request = NetworkDisconnectRequest {
                    container: container.clone(),
                    ..NetworkDisconnectRequest::default()
                };
                let network = segment(network);
                not_there_is_fine(
                    within(limit, name, self.docker.disconnect_network(&network, request)).await,
                )
            }
            Call::CreateVolume(request) => {
                let made = self.sending(request)?;
                let made = made.create_volume(VolumeCreateRequest::default());
                Ok(new(within(limit, name, made).await?.name))
            }
            Call::CreateContainer { name: container, platform, request } => {
                self.create_container(container, platform.as_deref(), request, limit).await
            }
            Call::CopyFile { container, file } => {
                let tar = bollard::body_full(archive::of(file)?.into());
                let options =
                    UploadToContainerOptionsBuilder::new().path("/").no_overwrite_dir_non_dir("true").build();
                let container = segment(container);
                let copied = self.docker.upload_to_container(&container, Some(options), tar);
                within(limit, name, copied).await.map(done)
            }
            Call::StartContainer { container } => {
                let was_running = self.is_running(container).await?;
                within(limit, name, self.docker.start_container(&segment(container), None)).await?;
                Ok(CallOutcome { id: String::new(), changed: was_running != Some(true) })
            }
            Call::RunHook { container, hook, .. } => self.run_hook(container, hook, limit).await,
            Call::StopContainer { container, .. } => {
                let was_running = self.is_running(container).await?;
                within(limit, name, self.docker.stop_container(&segment(container), None)).await?;
                Ok(CallOutcome { id: String::new(), changed: was_running != Some(false) })
            }
            Call::RestartContainer { container, .. } => {
                within(limit, name, self.docker.restart_container(&segment(container), None)).await.map(done)
            }
            Call::UnpauseContainer { container } => {
                within(limit, name, self.docker.unpause_container(&segment(container))).await.map(done)
            }
            Call::RenameContainer { container, name: new_name } => {
                let options = RenameContainerOptionsBuilder::new().name(new_name).build();
                let container = segment(container);
                let renamed = self.docker.rename_container(&container, options);
                within(limit, name, renamed).await.map(done)
            }
            Call::SetRestartPolicy { container, policy } => {
                let client = self.sending(&json!({ "RestartPolicy": policy }))?;
                let container = segment(container);
                let updated = client.update_container(&container, ContainerUpdateBody::default());
                within(limit, name, updated).await.map(done)
            }
            Call::RemoveContainer { container, force } => {
                let options = RemoveContainerOptionsBuilder::new().v(false).force(*force).build();
                let container = segment(container);
                let removed = self.docker.remove_container(&container, Some(options));
                gone_is_fine(within(limit, name, removed).await)
            }
        }
    }

    async fn create_container(
        &self,
        name: &str,
        platform: Option<&str>,
        request: &ContainerRequest,
        limit: Duration,
    ) -> Result<CallOutcome, EngineError> {
        let options =
            CreateContainerOptionsBuilder::new().name(name).platform(platform.unwrap_or_default()).build();
        let client = self.sending(request)?;
        let made = client.create_container(Some(options), ContainerCreateBody::default());
        Ok(new(within(limit, "CreateContainer", made).await?.id))
    }

    /// Returns whether the container's process runs, if that can be told. bollard does not tell "done" (204) from
    /// "nothing to do" (304), so it is asked for before.
    async fn is_running(&self, container: &str) -> Result<Option<bool>, EngineError> {
        match self.inspected(container).await {
            Ok(found) => Ok(found.map(|found| found.state.is_up())),
            // The call itself tells better what is wrong.
            Err(error) if error.kind == EngineErrorKind::Unreadable => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn new(id: String) -> CallOutcome {
    CallOutcome { id, changed: true }
}

fn done((): ()) -> CallOutcome {
    new(String::new())
}

/// Removing what is not there has reached what was wanted.
pub(super) fn gone_is_fine(answer: Result<(), EngineError>) -> Result<CallOutcome, EngineError> {
    match answer {
        Err(error) if error.kind == EngineErrorKind::NotFound => Ok(CallOutcome::default()),
        answer => answer.map(done),
    }
}

/// A running container that is connected to the network already. The engine passes over the same for a stopped one.
fn already_is_fine(answer: Result<(), EngineError>) -> Result<CallOutcome, EngineError> {
    match answer {
        Err(error) if error.message.contains("already exists in network") => Ok(CallOutcome::default()),
        answer => answer.map(done),
    }
}

/// A container that is not on the network, or a network that is gone. The engine says so with 500 or 404.
fn not_there_is_fine(answer: Result<(), EngineError>) -> Result<CallOutcome, EngineError> {
    match answer {
        Err(error) if error.message.contains("is not connected to") => Ok(CallOutcome::default()),
        answer => gone_is_fine(answer),
    }
}
