//! The actions of a plan. One action is one Engine call, or one of the three things that are no call: waiting at a
//! gate, publishing files, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::core::desired::Archive;
use crate::core::desired::Hook;
use crate::core::desired::ImageBuild;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::Endpoint;
use crate::core::desired::request::NetworkRequest;
use crate::core::desired::request::RestartPolicy;
use crate::core::desired::request::VolumeRequest;

/// One changing call to the engine. Containers are named by name or id: the engine takes either.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// `POST /images/create`: pulls an image, to its end or to its deadline.
    PullImage {
        /// The reference as written.
        image: String,
        /// `os/arch`, if one is wanted.
        platform: Option<String>,
        /// How long it may take.
        timeout: Duration,
    },
    /// `POST /build`: builds an image with the engine's own builder, to its end or to its deadline.
    BuildImage {
        /// What is built and from what.
        build: Arc<ImageBuild>,
        /// How long it may take.
        timeout: Duration,
    },
    /// `POST /images/{name}/tag`: gives an image another name, which it takes from whatever had it.
    TagImage {
        /// The image, by id or name.
        image: String,
        /// Its new name.
        name: String,
    },
    /// `POST /networks/create`.
    CreateNetwork(NetworkRequest),
    /// `DELETE /networks/{id}`.
    RemoveNetwork {
        /// The network's id.
        id: String,
        /// Its name, for people.
        name: String,
    },
    /// `POST /networks/{id}/connect`.
    ConnectNetwork {
        /// The network's name.
        network: String,
        /// The container.
        container: String,
        /// Aliases, addresses and the rest.
        endpoint: Box<Endpoint>,
    },
    /// `POST /networks/{id}/disconnect`. A container that is not on the network is as it should be.
    DisconnectNetwork {
        /// The network, by name or id.
        network: String,
        /// The container.
        container: String,
    },
    /// `POST /volumes/create`.
    CreateVolume(VolumeRequest),
    /// `POST /containers/create`.
    CreateContainer {
        /// The name to create it under.
        name: String,
        /// `os/arch`, if one is wanted.
        platform: Option<String>,
        /// The body.
        request: Box<ContainerRequest>,
    },
    /// `PUT /containers/{id}/archive`: copies one file in.
    CopyFile {
        /// The container.
        container: String,
        /// The file.
        file: Archive,
    },
    /// `POST /containers/{id}/start`.
    StartContainer {
        /// The container.
        container: String,
    },
    /// `POST /containers/{id}/exec`, its start and its inspection: one command run to its end. The Engine's API has three
    /// requests for it, of which the last tells how it ended.
    RunHook {
        /// The container, which must run.
        container: String,
        /// The command.
        hook: Hook,
        /// How long it may take.
        timeout: Duration,
    },
    /// `POST /containers/{id}/stop`. The container's own stop signal and grace apply.
    StopContainer {
        /// The container.
        container: String,
        /// How long the engine may take; the client waits longer than that.
        grace: Duration,
    },
    /// `POST /containers/{id}/restart`.
    RestartContainer {
        /// The container.
        container: String,
        /// How long the engine may take to stop it.
        grace: Duration,
    },
    /// `POST /containers/{id}/unpause`.
    UnpauseContainer {
        /// The container.
        container: String,
    },
    /// `POST /containers/{id}/rename`.
    RenameContainer {
        /// The container.
        container: String,
        /// Its new name.
        name: String,
    },
    /// `POST /containers/{id}/update` with a restart policy alone.
    SetRestartPolicy {
        /// The container.
        container: String,
        /// The policy from now on.
        policy: RestartPolicy,
    },
    /// `DELETE /containers/{id}`: never with its volumes. `force` also removes a running one.
    RemoveContainer {
        /// The container.
        container: String,
        /// Kill it first if it still runs.
        force: bool,
    },
}

impl Call {
    /// Returns true if all that it does is to bring an image to the engine. It changes nothing that runs.
    pub fn fetches(&self) -> bool {
        matches!(self, Self::PullImage { .. } | Self::BuildImage { .. })
    }

    /// Returns the call's name in the plan's text.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PullImage { .. } => "PullImage",
            Self::BuildImage { .. } => "BuildImage",
            Self::TagImage { .. } => "TagImage",
            Self::CreateNetwork(_) => "CreateNetwork",
            Self::RemoveNetwork { .. } => "RemoveNetwork",
            Self::ConnectNetwork { .. } => "ConnectNetwork",
            Self::DisconnectNetwork { .. } => "DisconnectNetwork",
            Self::CreateVolume(_) => "CreateVolume",
            Self::CreateContainer { .. } => "CreateContainer",
            Self::CopyFile { .. } => "CopyFile",
            Self::StartContainer { .. } => "StartContainer",
            Self::RunHook { .. } => "RunHook",
            Self::StopContainer { .. } => "StopContainer",
            Self::RestartContainer { .. } => "RestartContainer",
            Self::UnpauseContainer { .. } => "UnpauseContainer",
            Self::RenameContainer { .. } => "RenameContainer",
            Self::SetRestartPolicy { .. } => "SetRestartPolicy",
            Self::RemoveContainer { .. } => "RemoveContainer",
        }
    }
}

/// What a gate waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// Well for `minHealthyTime`: healthy if it has a health check, else running without a restart; a one-shot
    /// (restart policy `no`) may also have ended with exit code 0.
    Stable,
    /// The health check passes, now.
    Healthy,
    /// Ended with exit code 0.
    Completed,
}

/// A wait for one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// The container, by name or id.
    pub container: String,
    /// What it must reach.
    pub want: Want,
    /// For [`Want::Stable`]: for how long.
    pub min_healthy_time: Duration,
    /// From the start of the wait until it counts as failed.
    pub deadline: Duration,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A call to the engine.
    Call(Call),
    /// Writes the stack's mounted files to the host.
    PublishFiles,
    /// Waits for a container.
    Wait(Gate),
}

impl Action {
    /// Returns the action's name in the plan's text.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Call(call) => call.name(),
            Self::PublishFiles => "PublishFiles",
            Self::Wait(Gate { want: Want::Stable, .. }) => "WaitStable",
            Self::Wait(Gate { want: Want::Healthy, .. }) => "WaitHealthy",
            Self::Wait(Gate { want: Want::Completed, .. }) => "WaitCompleted",
        }
    }
}
