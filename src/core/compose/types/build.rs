//! Build, develop and hook sections, as they are loaded, printed and hashed. Evenkeel watches nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde::Serializer;

use super::Bytes;
use super::Extensions;
use super::Hosts;
use super::Ulimit;
use super::forms;
use super::mount::FileReference;
use super::omit::model;
use super::service::Command;

model! {
    /// How an image is built.
    pub struct Build {
        /// The folder or URL that is sent to the builder.
        pub context: String,
        /// The Dockerfile, relative to the context.
        pub dockerfile: String,
        /// The Dockerfile's text, instead of a file.
        pub dockerfile_inline: String,
        /// Extra rights of the build.
        pub entitlements: Vec<String>,
        /// Build arguments.
        #[serde(deserialize_with = "forms::environment")]
        pub args: BTreeMap<String, Option<String>>,
        /// The provenance attestation.
        #[serde(deserialize_with = "forms::text")]
        pub provenance: String,
        /// The SBOM attestation.
        #[serde(deserialize_with = "forms::text")]
        pub sbom: String,
        /// SSH agents or keys.
        #[serde(deserialize_with = "forms::ssh")]
        pub ssh: Vec<SshKey>,
        /// Labels of the image.
        #[serde(deserialize_with = "forms::labels")]
        pub labels: BTreeMap<String, String>,
        /// Where cache is read from.
        #[serde(deserialize_with = "forms::string_list")]
        pub cache_from: Vec<String>,
        /// Where cache is written to.
        #[serde(deserialize_with = "forms::string_list")]
        pub cache_to: Vec<String>,
        /// Whether no cache is used.
        pub no_cache: bool,
        /// More contexts by name.
        #[serde(deserialize_with = "forms::mapping")]
        pub additional_contexts: BTreeMap<String, String>,
        /// Whether base images are pulled.
        pub pull: bool,
        /// More entries of `/etc/hosts`.
        pub extra_hosts: Hosts,
        /// The isolation technology.
        pub isolation: String,
        /// The network mode.
        pub network: String,
        /// The stage to build.
        pub target: String,
        /// The secrets of the build.
        pub secrets: Vec<FileReference>,
        /// The size of `/dev/shm`.
        pub shm_size: Bytes,
        /// More tags of the image.
        #[serde(deserialize_with = "forms::string_list")]
        pub tags: Vec<String>,
        /// Resource limits by name.
        pub ulimits: BTreeMap<String, Ulimit>,
        /// The platforms to build for.
        #[serde(deserialize_with = "forms::string_list")]
        pub platforms: Vec<String>,
        /// Whether the build has all rights.
        pub privileged: bool,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// What happens when files change during development.
    pub struct Develop {
        /// The rules.
        pub watch: Vec<Trigger>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// One rule of `develop.watch`.
    pub struct Trigger {
        /// The path that is watched.
        pub path: String,
        /// `sync`, `rebuild`, `restart`, `sync+restart` or `sync+exec`.
        pub action: String,
        /// Where it goes in the container.
        pub target: String,
        /// What runs in the container afterwards.
        pub exec: Hook,
        /// Patterns of files that count.
        #[serde(deserialize_with = "forms::string_list")]
        pub include: Vec<String>,
        /// Patterns of files that do not count.
        #[serde(deserialize_with = "forms::string_list")]
        pub ignore: Vec<String>,
        /// Whether all files are copied at the start.
        pub initial_sync: bool,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }

    /// A command that runs in a container at a point of its life.
    pub struct Hook {
        /// The command.
        pub command: Command,
        /// The user; empty is the container's.
        pub user: String,
        /// Whether it has all rights.
        pub privileged: bool,
        /// The working folder; empty is the container's.
        pub working_dir: String,
        /// More environment.
        #[serde(deserialize_with = "forms::environment")]
        pub environment: BTreeMap<String, Option<String>>,
        /// The `x-` keys.
        #[serde(rename = "#extensions", skip_serializing)]
        pub extensions: Extensions,
    }
}

/// An SSH agent socket or key of a build. Printed as its name, or as `name: path`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct SshKey {
    /// Its name.
    pub id: String,
    /// Its path; empty is the default agent.
    pub path: String,
}

impl Serialize for SshKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.path.is_empty() {
            return serializer.serialize_str(&self.id);
        }
        serializer.collect_str(&format_args!("{}: {}", self.id, self.path))
    }
}
