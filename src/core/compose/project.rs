//! The loaded project and what can be asked of it.

use std::collections::BTreeMap;
use std::fmt;

use super::hash;
use super::print;
use super::types::FileObject;
use super::types::Model;
use super::types::Network;
use super::types::Service;
use super::types::Volume;
use crate::core::diag::Place;
use crate::core::model::Secret;
use crate::core::yaml::Document;
use crate::core::yaml::Node;

/// A project: everything that the Compose files say, resolved.
#[derive(Clone, Default)]
pub struct Project {
    /// The project's name.
    pub name: String,
    /// The folder that relative paths are resolved against.
    pub working_dir: String,
    /// The files it was read from, absolute, in the order of merging. Included and extended files are not among them.
    pub config_files: Vec<String>,
    /// The `--env-file`s, as given. Empty if only the default `.env` was read, or none.
    pub env_files: Vec<String>,
    /// The active profiles.
    pub profiles: Vec<String>,
    /// The services that take part. Boxed, for a map of large values is half empty.
    pub services: BTreeMap<String, Box<Service>>,
    /// The services of inactive profiles.
    pub disabled: BTreeMap<String, Box<Service>>,
    /// The networks that are used.
    pub networks: BTreeMap<String, Network>,
    /// The volumes that are used.
    pub volumes: BTreeMap<String, Volume>,
    /// The secrets that are used.
    pub secrets: BTreeMap<String, FileObject>,
    /// The configs that are used.
    pub configs: BTreeMap<String, FileObject>,
    /// The AI models that are used.
    pub models: BTreeMap<String, Model>,
    /// The variables that were interpolated from: the given environment and the `.env` files.
    pub environment: BTreeMap<String, String>,
    /// The environment of each service with its `env_file`s merged in.
    pub(super) environments: BTreeMap<String, BTreeMap<String, Option<String>>>,
    /// The labels of each service with its `label_file`s merged in.
    pub(super) labels: BTreeMap<String, BTreeMap<String, String>>,
    /// The merged document, for places.
    pub(super) document: Document,
}

/// Whose encoding a config hash is made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashFlavor {
    /// Docker Compose 2.x: `create_host_path` is printed when true.
    V2,
    /// Docker Compose 5.x: `create_host_path` is printed when false.
    V5,
}

/// The hash that a service's container is labelled with, as far as it can be known before the engine is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelHash {
    /// The hash.
    Known(String),
    /// The service refers to containers (`network_mode: service:x`, `volumes_from` and the like). Replace each by the
    /// container's id in a copy of [`Project::resolved_service`] and hash that with [`hash_of_service`].
    NeedsContainers,
}

/// Returns the config hash of a service exactly as it stands.
pub fn hash_of_service(service: &Service, flavor: HashFlavor) -> String {
    hash::service(service, flavor)
}

impl Project {
    /// Returns a service with its `label_file`s merged in and, if it is built, the platform of
    /// `DOCKER_DEFAULT_PLATFORM`.
    fn completed(&self, name: &str) -> Option<Service> {
        let mut service = Service::clone(self.services.get(name)?);
        if let Some(labels) = self.labels.get(name) {
            service.labels.clone_from(labels);
        }
        if service.build.is_some() && service.platform.is_empty() {
            service.platform = self.environment.get("DOCKER_DEFAULT_PLATFORM").cloned().unwrap_or_default();
        }
        Some(service)
    }

    /// Writes what `config --format json` prints, in pieces. Every `$` is doubled in it, so that it can be loaded again.
    ///
    /// # Errors
    /// Fails if writing does.
    pub fn write_json<E>(&self, write: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        print::json_text(self, write)
    }

    /// Writes what `config` prints as YAML, in pieces: what says nothing is left out, `x-` keys are kept everywhere.
    /// Every `$` is doubled in it, so that it can be loaded again.
    ///
    /// # Errors
    /// Fails if writing does.
    pub fn write_yaml<E>(&self, write: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        print::yaml_text(self, write)
    }

    /// Returns what `config --format json` cannot print, and why. `None` if it can print all.
    pub fn without_json_form(&self) -> Option<String> {
        let mut builds = self.services.iter().filter_map(|(name, s)| Some((name, s.build.as_deref()?)));
        if let Some((name, _)) = builds.find(|(_, build)| build.ssh.iter().any(|key| !key.path.is_empty())) {
            return Some(format!("services.{name}.build.ssh: a key with a path has no JSON form in Compose"));
        }
        let number = |(key, node): (&str, &Node)| {
            let text = node.without_json_form()?.scalar_text()?;
            Some(format!("{key}: {text} has no JSON form"))
        };
        print::extensions(self).find_map(number)
    }

    /// Returns the service as `up` works with it: its `env_file`s and `label_file`s merged in and the former cleared.
    /// `None` if there is no such active service.
    pub fn resolved_service(&self, name: &str) -> Option<Service> {
        let mut service = self.completed(name)?;
        service.environment.clone_from(self.resolved_environment(name)?);
        service.env_file.clear();
        Some(service)
    }

    /// Returns the service's environment with its `env_file`s merged in. `None` if there is no such active service.
    pub fn resolved_environment(&self, name: &str) -> Option<&BTreeMap<String, Option<String>>> {
        self.environments.get(name).or_else(|| self.services.get(name).map(|service| &service.environment))
    }

    /// Returns the hash that `config --hash` prints for a service. `None` if there is no such active service.
    pub fn service_hash(&self, name: &str, flavor: HashFlavor) -> Option<String> {
        let mut service = self.completed(name)?;
        service.label_file.clear();
        Some(hash::service(&service, flavor))
    }

    /// Returns the hash that `up` labels the service's containers with. `None` if there is no such active service.
    pub fn service_label_hash(&self, name: &str, flavor: HashFlavor) -> Option<LabelHash> {
        let service = self.resolved_service(name)?;
        let refers = |mode: &str| mode.starts_with("service:");
        let needs = refers(&service.network_mode)
            || refers(&service.ipc)
            || refers(&service.pid)
            || !service.volumes_from.is_empty();
        Some(if needs {
            LabelHash::NeedsContainers
        } else {
            LabelHash::Known(hash::service(&service, flavor))
        })
    }

    /// Returns the hash that a network is labelled with. `None` if there is no such network.
    pub fn network_hash(&self, key: &str) -> Option<String> {
        self.networks.get(key).map(hash::network)
    }

    /// Returns the hash that a volume is labelled with. `None` if there is no such volume.
    pub fn volume_hash(&self, key: &str) -> Option<String> {
        self.volumes.get(key).map(hash::volume)
    }

    /// Returns the value of a secret that is taken from a variable. `None` if it is not one of these or is not set.
    pub fn secret_value(&self, key: &str) -> Option<Secret> {
        let variable = &self.secrets.get(key)?.environment;
        self.environment.get(variable).map(|value| Secret::new(value.as_str()))
    }

    /// Returns where in the files a value stands, by its path in the resolved document such as
    /// `services.web.ports[0]`; of a path that was not written, the nearest parent that was.
    pub fn place(&self, path: &str) -> Option<Place> {
        self.document.place(path)
    }
}

impl fmt::Debug for Project {
    /// Prints names only: environments may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<&String> = self.services.keys().collect();
        f.debug_struct("Project")
            .field("name", &self.name)
            .field("services", &services)
            .finish_non_exhaustive()
    }
}
