//! A service, field by field in the order of compose-go's struct.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;

use super::Bytes;
use super::Deploy;
use super::DeviceRequest;
use super::Duration;
use super::Extensions;
use super::Hosts;
use super::Ulimit;
use super::build::Build;
use super::build::Develop;
use super::build::Hook;
use super::forms;
use super::mount::FileReference;
use super::mount::Port;
use super::mount::ServiceNetwork;
use super::mount::ServiceVolume;
use super::omit::OmitEmpty;
use super::omit::model;

/// A command line. `None` keeps the image's, an empty list clears it.
///
/// Unlike all else it is printed when absent too, as `null`, for these two differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Command(pub Option<Vec<String>>);

impl OmitEmpty for Command {
    fn omitted(&self) -> bool {
        false
    }
}

model! {
    /// A service.
    pub struct Service {
        /// The profiles that it takes part in. Empty: always.
        pub profiles: Vec<String>,
        /// Annotations of the container.
        #[serde(deserialize_with = "forms::mapping")]
        pub annotations: BTreeMap<String, String>,
        /// Whether `up` shows its log.
        pub attach: Option<bool>,
        /// How to build its image.
        pub build: Option<Box<Build>>,
        /// What `watch` does.
        pub develop: Option<Develop>,
        /// Limits of block devices.
        pub blkio_config: Option<Box<Blkio>>,
        /// Capabilities added.
        pub cap_add: Vec<String>,
        /// Capabilities dropped.
        pub cap_drop: Vec<String>,
        /// The parent cgroup.
        pub cgroup_parent: String,
        /// The cgroup namespace: `host` or `private`.
        pub cgroup: String,
        /// The number of usable CPUs (Windows).
        pub cpu_count: i64,
        /// The usable percentage of CPUs (Windows).
        #[serde(serialize_with = "forms::float32", deserialize_with = "forms::finite")]
        pub cpu_percent: f32,
        /// The CFS period in microseconds.
        pub cpu_period: i64,
        /// The CFS quota in microseconds.
        pub cpu_quota: i64,
        /// The real-time period in microseconds.
        pub cpu_rt_period: i64,
        /// The real-time runtime in microseconds.
        pub cpu_rt_runtime: i64,
        /// How many CPUs may be used. A 32-bit float, as its products must be.
        #[serde(serialize_with = "forms::float32", deserialize_with = "forms::finite")]
        pub cpus: f32,
        /// The CPUs that may be used, such as `0-3`.
        pub cpuset: String,
        /// The relative weight.
        pub cpu_shares: i64,
        /// The command.
        pub command: Command,
        /// The configs that are mounted.
        pub configs: Vec<FileReference>,
        /// The container's name, if not made from the project's and service's.
        pub container_name: String,
        /// The credential spec (Windows).
        pub credential_spec: Option<Box<CredentialSpec>>,
        /// The services that must be there first, those implied by other fields included.
        pub depends_on: BTreeMap<String, Dependency>,
        /// The deploy section.
        pub deploy: Option<Box<Deploy>>,
        /// Rules for the cgroup's device list.
        pub device_cgroup_rules: Vec<String>,
        /// Devices of the host.
        pub devices: Vec<Device>,
        /// Name servers.
        #[serde(deserialize_with = "forms::string_list")]
        pub dns: Vec<String>,
        /// Resolver options.
        pub dns_opt: Vec<String>,
        /// Search domains.
        #[serde(deserialize_with = "forms::string_list")]
        pub dns_search: Vec<String>,
        /// The domain name.
        pub domainname: String,
        /// The entrypoint.
        pub entrypoint: Command,
        /// The external tool that provides this service instead of a container.
        pub provider: Option<Box<Provider>>,
        /// The environment as declared. A value of `None` is unset in the container.
        #[serde(deserialize_with = "forms::environment")]
        pub environment: BTreeMap<String, Option<String>>,
        /// Files with more environment, absolute paths.
        pub env_file: Vec<EnvFile>,
        /// Ports open to other containers.
        #[serde(deserialize_with = "forms::texts_and_integers")]
        pub expose: Vec<String>,
        /// Links to containers outside of the project.
        pub external_links: Vec<String>,
        /// More entries of `/etc/hosts`.
        pub extra_hosts: Hosts,
        /// More groups of the container's user.
        #[serde(deserialize_with = "forms::texts_and_integers")]
        pub group_add: Vec<String>,
        /// GPUs.
        pub gpus: Vec<DeviceRequest>,
        /// The host name.
        pub hostname: String,
        /// The health check.
        pub healthcheck: Option<Box<Healthcheck>>,
        /// The image, as written.
        pub image: String,
        /// Whether an init process is put in front.
        pub init: Option<bool>,
        /// The IPC namespace.
        pub ipc: String,
        /// The isolation technology (Windows).
        pub isolation: String,
        /// The user's labels.
        #[serde(deserialize_with = "forms::labels")]
        pub labels: BTreeMap<String, String>,
        /// Files with more labels, absolute paths.
        #[serde(deserialize_with = "forms::string_list")]
        pub label_file: Vec<String>,
        /// Links to other services: `service[:alias]`.
        pub links: Vec<String>,
        /// Where its log goes.
        pub logging: Option<Logging>,
        /// The memory limit.
        pub mem_limit: Bytes,
        /// The memory reservation.
        pub mem_reservation: Bytes,
        /// The limit of memory and swap together; `-1` is no limit.
        pub memswap_limit: Bytes,
        /// The kernel's swappiness, 0 to 100.
        pub mem_swappiness: Bytes,
        /// The hardware address.
        pub mac_address: String,
        /// The AI models it uses.
        pub models: BTreeMap<String, Option<ServiceModel>>,
        /// The network mode: `host`, `none`, `service:x`, `container:x`…
        pub network_mode: String,
        /// The networks it is attached to.
        pub networks: BTreeMap<String, Option<Box<ServiceNetwork>>>,
        /// Whether the kernel's OOM killer is off.
        pub oom_kill_disable: bool,
        /// The OOM killer's preference.
        pub oom_score_adj: i64,
        /// The PID namespace.
        pub pid: String,
        /// The limit of processes.
        pub pids_limit: i64,
        /// The platform, `os/arch[/variant]`.
        pub platform: String,
        /// Published ports.
        pub ports: Vec<Port>,
        /// Whether it has all rights on the host.
        pub privileged: bool,
        /// When its image is pulled.
        pub pull_policy: String,
        /// Whether its root file system is read-only.
        pub read_only: bool,
        /// The restart policy: `no`, `always`, `on-failure[:N]`, `unless-stopped`.
        pub restart: String,
        /// The OCI runtime.
        pub runtime: String,
        /// How many containers.
        pub scale: Option<i64>,
        /// The secrets that are mounted.
        pub secrets: Vec<FileReference>,
        /// Security options.
        pub security_opt: Vec<String>,
        /// The size of `/dev/shm`.
        pub shm_size: Bytes,
        /// Whether its standard input stays open.
        pub stdin_open: bool,
        /// How long it may take to stop.
        pub stop_grace_period: Option<Duration>,
        /// The signal that stops it.
        pub stop_signal: String,
        /// Options of the storage driver.
        pub storage_opt: BTreeMap<String, String>,
        /// Kernel parameters.
        #[serde(deserialize_with = "forms::mapping")]
        pub sysctls: BTreeMap<String, String>,
        /// Mounts in memory: `path[:options]`.
        #[serde(deserialize_with = "forms::string_list")]
        pub tmpfs: Vec<String>,
        /// Whether it has a terminal.
        pub tty: bool,
        /// Resource limits by name.
        pub ulimits: BTreeMap<String, Ulimit>,
        /// Whether it gets the engine's socket.
        pub use_api_socket: bool,
        /// The user, `user[:group]`.
        pub user: String,
        /// The user namespace.
        pub userns_mode: String,
        /// The UTS namespace.
        pub uts: String,
        /// Mounts.
        pub volumes: Vec<ServiceVolume>,
        /// Services or containers whose mounts are shared.
        pub volumes_from: Vec<String>,
        /// The working folder.
        pub working_dir: String,
        /// What runs in the container after its start.
        pub post_start: Vec<Hook>,
        /// What runs in the container before it stops.
        pub pre_stop: Vec<Hook>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// The credential spec of a Windows container; one of three sources.
    pub struct CredentialSpec {
        /// The name of a config.
        pub config: String,
        /// A file.
        pub file: String,
        /// A registry value.
        pub registry: String,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A device of the host in the container.
    pub struct Device {
        /// The path on the host, or a CDI name.
        pub source: String,
        /// The path in the container.
        pub target: String,
        /// Any of `r`, `w`, `m`.
        pub permissions: String,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A tool outside of the engine that provides a service.
    pub struct Provider {
        /// The tool's name.
        pub r#type: String,
        /// Its options, each given any number of times.
        #[serde(deserialize_with = "forms::multi_options")]
        pub options: BTreeMap<String, Vec<String>>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A health check.
    pub struct Healthcheck {
        /// The test: `CMD`, `CMD-SHELL` or `NONE` and its arguments.
        #[serde(deserialize_with = "forms::healthcheck_test")]
        pub test: Vec<String>,
        /// How long one test may take.
        pub timeout: Option<Duration>,
        /// The time between two tests.
        pub interval: Option<Duration>,
        /// After how many failures it is unhealthy.
        pub retries: Option<u64>,
        /// How long failures do not count after the start.
        pub start_period: Option<Duration>,
        /// The time between two tests during the start period.
        pub start_interval: Option<Duration>,
        /// Whether the image's check is turned off.
        pub disable: bool,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// Where a log goes.
    pub struct Logging {
        /// The driver; empty is the engine's default.
        pub driver: String,
        /// The driver's options.
        #[serde(deserialize_with = "forms::options")]
        pub options: BTreeMap<String, String>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// The names of the variables that tell a service where a model is.
    pub struct ServiceModel {
        /// The variable with the endpoint.
        pub endpoint_var: String,
        /// The variable with the model's name.
        pub model_var: String,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// Limits of block devices.
    pub struct Blkio {
        /// The weight, 10 to 1000.
        #[serde(deserialize_with = "forms::wrapped")]
    pub weight: u16,
        /// Weights of single devices.
        pub weight_device: Vec<WeightDevice>,
        /// Limits of bytes read per second.
        pub device_read_bps: Vec<ThrottleDevice>,
        /// Limits of reads per second.
        pub device_read_iops: Vec<ThrottleDevice>,
        /// Limits of bytes written per second.
        pub device_write_bps: Vec<ThrottleDevice>,
        /// Limits of writes per second.
        pub device_write_iops: Vec<ThrottleDevice>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }
}

/// The weight of one block device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WeightDevice {
    /// The device's path.
    #[serde(rename(serialize = "Path"))]
    pub path: String,
    /// The weight, 10 to 1000.
    #[serde(rename(serialize = "Weight"), deserialize_with = "forms::wrapped")]
    pub weight: u16,
}

/// The rate of one block device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottleDevice {
    /// The device's path.
    #[serde(rename(serialize = "Path"))]
    pub path: String,
    /// Bytes or operations per second.
    #[serde(rename(serialize = "Rate"))]
    pub rate: Bytes,
}

/// What is awaited of a service before the one that depends on it starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dependency {
    /// `service_started`, `service_healthy` or `service_completed_successfully`.
    #[serde(skip_serializing_if = "OmitEmpty::omitted")]
    pub condition: String,
    /// Whether the dependent restarts with it.
    #[serde(skip_serializing_if = "OmitEmpty::omitted")]
    pub restart: bool,
    /// The `x-` keys.
    #[serde(rename = "#extensions", skip_serializing)]
    pub extensions: Extensions,
    /// Whether its absence is an error.
    pub required: bool,
}

/// A file with environment variables. Printed as its path alone if it is required.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EnvFile {
    /// The absolute path.
    pub path: String,
    /// Whether its absence is an error.
    #[serde(deserialize_with = "forms::truth")]
    pub required: bool,
    /// `raw` for no quotes and interpolation; empty for Compose's grammar.
    pub format: String,
}

impl Service {
    /// Returns how many containers are wanted.
    pub fn replicas(&self) -> i64 {
        self.scale.or_else(|| self.deploy.as_ref().and_then(|deploy| deploy.replicas)).unwrap_or(1)
    }

    /// Returns its networks, the one with the highest priority first, those alike by name.
    pub fn networks_by_priority(&self) -> Vec<(&str, Option<&ServiceNetwork>)> {
        let mut networks: Vec<_> = self.networks.iter().map(|(k, v)| (k.as_str(), v.as_deref())).collect();
        networks.sort_by_key(|(_, network)| std::cmp::Reverse(network.map_or(0, |n| n.priority)));
        networks
    }
}

impl Serialize for EnvFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.required {
            return serializer.serialize_str(&self.path);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("required", &self.required)?;
        if !self.format.is_empty() {
            map.serialize_entry("format", &self.format)?;
        }
        map.end()
    }
}
