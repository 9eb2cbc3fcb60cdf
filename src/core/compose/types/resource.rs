//! The project's own objects: networks, volumes, secrets, configs, models.

use std::collections::BTreeMap;

use super::Extensions;
use super::forms;
use super::omit::model;

model! {
    /// A network.
    pub struct Network {
        /// Its name in the engine.
        pub name: String,
        /// Its driver; empty is the engine's default.
        pub driver: String,
        /// The driver's options.
        #[serde(deserialize_with = "forms::options")]
        pub driver_opts: BTreeMap<String, String>,
        /// Its addresses.
        pub ipam: Ipam,
        /// Whether somebody else makes it.
        #[serde(deserialize_with = "forms::external")]
        pub external: bool,
        /// Whether it has no way out.
        pub internal: bool,
        /// Whether containers of others may be attached.
        pub attachable: bool,
        /// The user's labels.
        #[serde(deserialize_with = "forms::labels")]
        pub labels: BTreeMap<String, String>,
        /// Whether IPv4 is on.
        pub enable_ipv4: Option<bool>,
        /// Whether IPv6 is on.
        pub enable_ipv6: Option<bool>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// The addresses of a network.
    pub struct Ipam {
        /// The driver; empty is the engine's default.
        pub driver: String,
        /// The pools.
        pub config: Vec<IpamPool>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A pool of addresses.
    pub struct IpamPool {
        /// The subnet in CIDR form.
        pub subnet: String,
        /// The gateway.
        pub gateway: String,
        /// The range that containers get addresses of.
        pub ip_range: String,
        /// Addresses by host name.
        #[serde(deserialize_with = "forms::mapping")]
        pub aux_addresses: BTreeMap<String, String>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A volume.
    pub struct Volume {
        /// Its name in the engine.
        pub name: String,
        /// Its driver; empty is `local`.
        pub driver: String,
        /// The driver's options.
        #[serde(deserialize_with = "forms::options")]
        pub driver_opts: BTreeMap<String, String>,
        /// Whether somebody else makes it.
        #[serde(deserialize_with = "forms::external")]
        pub external: bool,
        /// The user's labels.
        #[serde(deserialize_with = "forms::labels")]
        pub labels: BTreeMap<String, String>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A config or secret. A secret never has `content`: its value is `Project::secret_value`'s.
    pub struct FileObject {
        /// Its name.
        pub name: String,
        /// The file with its content, an absolute path.
        pub file: String,
        /// The variable with its content.
        pub environment: String,
        /// Its content; of a config with `environment` that variable's value.
        pub content: String,
        /// Whether somebody else makes it.
        #[serde(deserialize_with = "forms::external")]
        pub external: bool,
        /// The user's labels.
        #[serde(deserialize_with = "forms::labels")]
        pub labels: BTreeMap<String, String>,
        /// The driver (swarm).
        pub driver: String,
        /// The driver's options (swarm).
        #[serde(deserialize_with = "forms::options")]
        pub driver_opts: BTreeMap<String, String>,
        /// The template driver (swarm).
        pub template_driver: String,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// An AI model.
    pub struct Model {
        /// Its name.
        pub name: String,
        /// The artifact it is pulled from.
        pub model: String,
        /// The size of its context.
        pub context_size: i64,
        /// Flags of the runtime.
        #[serde(deserialize_with = "forms::string_list")]
        pub runtime_flags: Vec<String>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }
}
