//! What a service is joined to: ports, mounts, networks, configs and secrets.

use std::collections::BTreeMap;

use super::Bytes;
use super::Extensions;
use super::FileMode;
use super::forms;
use super::omit::model;

model! {
    /// A published port.
    pub struct Port {
        /// What a person calls it.
        pub name: String,
        /// `ingress` or `host` (swarm).
        pub mode: String,
        /// The address of the host it listens on; empty is all.
        pub host_ip: String,
        /// The container's port.
        pub target: u32,
        /// The host's port or range of ports; empty is any free one.
        pub published: String,
        /// `tcp`, `udp` or `sctp`.
        pub protocol: String,
        /// The protocol spoken on it.
        pub app_protocol: String,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A mount.
    pub struct ServiceVolume {
        /// `bind`, `volume`, `tmpfs`, `npipe`, `cluster` or `image`.
        pub r#type: String,
        /// The absolute path, the key of a volume, or an image; empty for an anonymous volume.
        pub source: String,
        /// The path in the container.
        pub target: String,
        /// Whether it cannot be written.
        pub read_only: bool,
        /// What is asked of a shared file system.
        pub consistency: String,
        /// Options of a bind.
        pub bind: Option<Box<BindOptions>>,
        /// Options of a volume.
        pub volume: Option<Box<VolumeOptions>>,
        /// Options of a tmpfs.
        pub tmpfs: Option<Box<TmpfsOptions>>,
        /// Options of an image.
        pub image: Option<Box<ImageOptions>>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// Options of a bind.
    pub struct BindOptions {
        /// `z` (shared) or `Z` (private).
        pub selinux: String,
        /// How mounts below it spread.
        pub propagation: String,
        /// Whether a missing source is made.
        pub create_host_path: bool,
        /// `enabled`, `disabled`, `writable` or `readonly`.
        pub recursive: String,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// Options of a volume's mount.
    pub struct VolumeOptions {
        /// Labels of an anonymous volume.
        #[serde(deserialize_with = "forms::mapping")]
        pub labels: BTreeMap<String, String>,
        /// Whether the image's files are not copied into it.
        pub nocopy: bool,
        /// The folder of the volume to mount.
        pub subpath: String,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// Options of a tmpfs.
    pub struct TmpfsOptions {
        /// Its size; 0 is no limit.
        pub size: Bytes,
        /// Its permission bits.
        #[serde(deserialize_with = "forms::number")]
        pub mode: u32,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// Options of an image's mount.
    pub struct ImageOptions {
        /// The folder of the image to mount.
        pub subpath: String,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A config or secret in a container.
    pub struct FileReference {
        /// The key of the config or secret.
        pub source: String,
        /// The path in the container.
        pub target: String,
        /// The owner.
        pub uid: String,
        /// The group.
        pub gid: String,
        /// The permission bits.
        pub mode: Option<FileMode>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// How a service is attached to a network.
    pub struct ServiceNetwork {
        /// More names in the network.
        pub aliases: Vec<String>,
        /// Options of the driver.
        #[serde(deserialize_with = "forms::options")]
        pub driver_opts: BTreeMap<String, String>,
        /// Which network's gateway is the default: the highest.
        pub gw_priority: i64,
        /// The interface's name in the container.
        pub interface_name: String,
        /// The fixed IPv4 address.
        pub ipv4_address: String,
        /// The fixed IPv6 address.
        pub ipv6_address: String,
        /// Link-local addresses.
        pub link_local_ips: Vec<String>,
        /// The hardware address.
        pub mac_address: String,
        /// The order of attachment: highest first.
        pub priority: i64,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }
}
