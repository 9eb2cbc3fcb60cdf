//! The resolved model: plain structs with compose-go's fields in compose-go's order, for config hashes are made over
//! their JSON form. They hold and print themselves; how they come about is told by the stages beside this folder.

mod build;
mod deploy;
mod forms;
mod mount;
mod omit;
mod resource;
mod scalar;
mod service;

use std::collections::BTreeMap;

pub use build::Build;
pub use build::Develop;
pub use build::Hook;
pub use build::SshKey;
pub use build::Trigger;
pub use deploy::Deploy;
pub use deploy::DeviceRequest;
pub use deploy::DiscreteResource;
pub use deploy::GenericResource;
pub use deploy::Placement;
pub use deploy::PlacementPreference;
pub use deploy::Resource;
pub use deploy::Resources;
pub use deploy::RestartPolicy;
pub use deploy::UpdateConfig;
pub use mount::BindOptions;
pub use mount::FileReference;
pub use mount::ImageOptions;
pub use mount::Port;
pub use mount::ServiceNetwork;
pub use mount::ServiceVolume;
pub use mount::TmpfsOptions;
pub use mount::VolumeOptions;
pub use omit::OmitEmpty;
pub use resource::FileObject;
pub use resource::Ipam;
pub use resource::IpamPool;
pub use resource::Model;
pub use resource::Network;
pub use resource::Volume;
pub use scalar::Bytes;
pub use scalar::DeviceCount;
pub use scalar::Duration;
pub use scalar::FileMode;
pub use scalar::Hosts;
pub use scalar::Ulimit;
pub use service::Blkio;
pub use service::Command;
pub use service::CredentialSpec;
pub use service::Dependency;
pub use service::Device;
pub use service::EnvFile;
pub use service::Healthcheck;
pub use service::Logging;
pub use service::Provider;
pub use service::Service;
pub use service::ServiceModel;
pub use service::ThrottleDevice;
pub use service::WeightDevice;

/// The name of the field that takes an object's `x-` keys.
const EXTENSIONS: &str = "#extensions";

/// The `x-` keys of an object.
pub type Extensions = BTreeMap<String, serde_json::Value>;
