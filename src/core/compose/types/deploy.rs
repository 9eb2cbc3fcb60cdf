//! The deploy section and requests for devices.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::Bytes;
use super::DeviceCount;
use super::Duration;
use super::Extensions;
use super::forms;
use super::omit::model;

model! {
    /// The deploy section. What only a swarm reads is loaded, printed and hashed, and has no other effect.
    pub struct Deploy {
        /// `replicated`, `global` or a job form of these.
        pub mode: String,
        /// How many containers.
        pub replicas: Option<i64>,
        /// Labels of the swarm service.
        #[serde(deserialize_with = "forms::labels")]
        pub labels: BTreeMap<String, String>,
        /// How updates roll (swarm).
        pub update_config: Option<UpdateConfig>,
        /// How rollbacks roll (swarm).
        pub rollback_config: Option<UpdateConfig>,
        /// Limits and reservations.
        pub resources: Resources,
        /// When it restarts; outranks the service's `restart`.
        pub restart_policy: Option<RestartPolicy>,
        /// On which nodes it runs (swarm).
        pub placement: Placement,
        /// How it is reached (swarm).
        pub endpoint_mode: String,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// How an update rolls.
    pub struct UpdateConfig {
        /// How many at a time; 0 is all.
        pub parallelism: Option<u64>,
        /// The time between two.
        pub delay: Duration,
        /// `pause`, `continue` or `rollback`.
        pub failure_action: String,
        /// How long each is watched.
        pub monitor: Duration,
        /// The ratio of failures that is borne.
        #[serde(serialize_with = "forms::float32", deserialize_with = "forms::finite")]
        pub max_failure_ratio: f32,
        /// `stop-first` or `start-first`.
        pub order: String,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// Limits and reservations.
    pub struct Resources {
        /// What it may use at most.
        pub limits: Option<Resource>,
        /// What it is sure to get.
        pub reservations: Option<Resource>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// Amounts of resources.
    pub struct Resource {
        /// CPUs, a 32-bit float.
        #[serde(serialize_with = "forms::float32", deserialize_with = "forms::finite")]
        pub cpus: f32,
        /// Memory.
        pub memory: Bytes,
        /// Processes.
        pub pids: i64,
        /// Devices.
        pub devices: Vec<DeviceRequest>,
        /// Resources that the user defined (swarm).
        pub generic_resources: Vec<GenericResource>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A resource that the user defined.
    pub struct GenericResource {
        /// A countable one.
        pub discrete_resource_spec: Option<DiscreteResource>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// When a container restarts.
    pub struct RestartPolicy {
        /// `none`, `on-failure` or `any`.
        pub condition: String,
        /// The time between two tries.
        pub delay: Option<Duration>,
        /// How many tries; 0 is no limit.
        pub max_attempts: Option<u64>,
        /// The time in which tries are counted.
        pub window: Option<Duration>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// On which nodes a service runs.
    pub struct Placement {
        /// Conditions.
        pub constraints: Vec<String>,
        /// Preferences.
        pub preferences: Vec<PlacementPreference>,
        /// The most containers of a node.
        pub max_replicas_per_node: u64,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A preference of placement.
    pub struct PlacementPreference {
        /// The label over whose values it is spread.
        pub spread: String,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A request for devices, such as GPUs.
    pub struct DeviceRequest {
        /// What they must be able to do.
        pub capabilities: Vec<String>,
        /// Their driver.
        pub driver: String,
        /// How many; excludes `device_ids`.
        pub count: DeviceCount,
        /// Which; excludes `count`.
        pub device_ids: Vec<String>,
        /// The driver's options.
        #[serde(deserialize_with = "forms::mapping")]
        pub options: BTreeMap<String, String>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }
}

/// A number of a resource that the user defined.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiscreteResource {
    /// What it is.
    pub kind: String,
    /// How many.
    pub value: i64,
}
