//! How the builder is asked, and the digest of a build.

use std::collections::BTreeMap;

use sha2::Digest;
use sha2::Sha256;

use super::BuildContext;
use crate::core::compose::Project;
use crate::core::compose::types::Build;
use crate::core::compose::types::Service;
use crate::core::desired::label::compose;
use crate::core::desired::request::Ulimit;
use crate::core::desired::resources;
use crate::core::model::Secret;

/// What changes between two kinds of digests, so that they never meet.
const KIND: &[u8] = b"evenkeel build 1";

/// How the builder is asked: the parameters of `POST /build` beside the names.
#[derive(Clone)]
pub struct BuildOptions {
    /// The Dockerfile's path in the context.
    pub dockerfile: String,
    /// The arguments, which may be secret.
    pub args: BTreeMap<String, Secret>,
    /// The stage to build; empty for the last one.
    pub target: String,
    /// The image's labels, Compose's own among them.
    pub labels: BTreeMap<String, String>,
    /// `os/arch`, if one is wanted.
    pub platform: Option<String>,
    /// The network of `RUN`; empty for the default one.
    pub network: String,
    /// `host:address` for `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Resource limits of `RUN`.
    pub ulimits: Vec<Ulimit>,
    /// The size of `/dev/shm` in bytes; 0 for the engine's own.
    pub shm_size: i64,
    /// The isolation technology, on Windows; empty for the engine's own.
    pub isolation: String,
    /// Images whose layers may be used.
    pub cache_from: Vec<String>,
    /// Use no layers that are there.
    pub no_cache: bool,
    /// Pull the images that it begins from, also if they are there.
    pub pull: bool,
}

impl BuildOptions {
    pub(super) fn new(
        build: &Build,
        service: &Service,
        dockerfile: String,
        project: &Project,
        name: &str,
        version: &str,
    ) -> Self {
        let arg = |(key, value): (&String, &Option<String>)| Some((key.clone(), Secret::new(value.clone()?)));
        let mut labels = build.labels.clone();
        labels.extend(
            [
                (compose::PROJECT, project.name.as_str()),
                (compose::SERVICE, name),
                (compose::VERSION, version),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        Self {
            dockerfile,
            args: build.args.iter().filter_map(arg).collect(),
            target: build.target.clone(),
            labels,
            platform: platform(build, service),
            network: build.network.clone(),
            extra_hosts: build.extra_hosts.entries(':'),
            ulimits: resources::ulimits(&build.ulimits),
            shm_size: build.shm_size.0,
            isolation: build.isolation.clone(),
            cache_from: build.cache_from.clone(),
            no_cache: build.no_cache,
            pull: build.pull,
        }
    }

    /// Gives each part to `part`. Compose's own labels say who asked, not what for.
    fn parts(&self, mut part: impl FnMut(&[u8])) {
        let mut section = |name: &str, values: &mut dyn Iterator<Item = String>| {
            part(name.as_bytes());
            let values: Vec<String> = values.collect();
            part(values.len().to_string().as_bytes());
            for value in values {
                part(value.as_bytes());
            }
        };
        let own = [compose::PROJECT, compose::SERVICE, compose::VERSION];
        let labels = self.labels.iter().filter(|(key, _)| !own.contains(&key.as_str()));
        let ulimits = self.ulimits.iter().map(|u| format!("{}={}:{}", u.name, u.soft, u.hard));
        let single = [&self.dockerfile, &self.target, &self.network, &self.isolation];
        let platform = self.platform.clone().unwrap_or_default();
        let flags = format!("{} {} {}", self.shm_size, self.no_cache, self.pull);
        section("single", &mut single.into_iter().cloned().chain([platform, flags]));
        section("args", &mut self.args.iter().flat_map(|(k, v)| [k.clone(), v.expose().to_owned()]));
        section("labels", &mut labels.flat_map(|(k, v)| [k.clone(), v.clone()]));
        section("hosts", &mut self.extra_hosts.iter().cloned());
        section("ulimits", &mut ulimits.into_iter());
        section("cache", &mut self.cache_from.iter().cloned());
    }
}

fn platform(build: &Build, service: &Service) -> Option<String> {
    let named = build.platforms.first().unwrap_or(&service.platform);
    (!named.is_empty()).then(|| named.clone())
}

/// Returns the digest of a build: the same for the same options, files and Dockerfile.
pub(super) fn digest(options: &BuildOptions, context: &BuildContext, dockerfile: &str) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(bytes);
    };
    part(KIND);
    part(dockerfile.as_bytes());
    options.parts(&mut part);
    context.parts(&mut part);
    hex::encode(hash.finalize())
}
