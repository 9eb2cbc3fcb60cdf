//! Stage: the completed tree becomes the model; profiles decide which services take part.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::files::Setup;
use super::project::Project;
use super::report::Report;
use super::types::Service;
use crate::core::yaml::Document;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Places;
use crate::core::yaml::decode;

/// Builds the project. What has become part of it is dropped from the tree at once: a large project is not held twice.
pub(super) fn assemble(mut root: Node, name: &str, setup: Setup, report: &mut Report) -> Project {
    let document =
        Document { sources: report.sources.clone(), places: Places::of(&root), extensions: Node::default() };
    let places = &document.places;
    let mut services: BTreeMap<String, Box<Service>> = section(&mut root, "services", places, report);
    for service in services.values_mut() {
        replicas_follow_scale(service);
    }
    let disabled = services.extract_if(.., |_, service| !is_active(service, &setup.profiles)).collect();
    let mut project = Project {
        name: name.to_owned(),
        services,
        disabled,
        networks: section(&mut root, "networks", places, report),
        volumes: section(&mut root, "volumes", places, report),
        secrets: section(&mut root, "secrets", places, report),
        configs: section(&mut root, "configs", places, report),
        models: section(&mut root, "models", places, report),
        working_dir: setup.working_dir,
        config_files: setup.files,
        env_files: setup.env_files,
        profiles: setup.profiles.into_iter().filter(|profile| !profile.is_empty()).collect(),
        environment: setup.environment,
        ..Project::default()
    };
    root.keep_extensions();
    project.document = Document { extensions: root, ..document };
    project
}

/// Builds the objects of a section, and leaves their `x-` keys in it.
fn section<T: DeserializeOwned + Default>(
    root: &mut Node,
    key: &str,
    places: &Places,
    report: &mut Report,
) -> BTreeMap<String, T> {
    let mut objects = BTreeMap::new();
    for (name, node) in root.get_mut(key).and_then(Node::as_map_mut).into_iter().flat_map(Map::iter_mut) {
        match decode(node) {
            Ok(object) => {
                objects.insert(name.to_owned(), object);
            }
            Err(error) => {
                let path = Path::TOP.key(key);
                let path = path.key(name);
                let span = if error.span.line == 0 { places.span(&path.to_string()) } else { error.span };
                if error.path.is_empty() {
                    report.error("type", span, &path, format!("{path}: {}", error.message));
                } else {
                    report.error(
                        "type",
                        span,
                        &path.key(&error.path),
                        format!("{path}.{}: {}", error.path, error.message),
                    );
                }
                report.refuse_object(&path);
                // Others refer to it, and it is there.
                objects.insert(name.to_owned(), T::default());
            }
        }
        node.keep_extensions();
    }
    objects
}

/// A service with both a scale and a deploy section has the scale in both, if the latter does not say otherwise.
fn replicas_follow_scale(service: &mut Service) {
    if let (Some(scale), Some(deploy)) = (service.scale, &mut service.deploy) {
        deploy.replicas.get_or_insert(scale);
    }
}

fn is_active(service: &Service, profiles: &[String]) -> bool {
    service.profiles.is_empty()
        || profiles.iter().any(|profile| profile == "*" || service.profiles.contains(profile))
}

/// Drops the networks, volumes, secrets, configs and models that no active service uses.
pub(super) fn drop_unused(project: &mut Project) {
    let services = &project.services;
    let networks: BTreeSet<&str> =
        services.values().flat_map(|s| s.networks.keys().map(String::as_str)).collect();
    project.networks.retain(|key, _| networks.contains(key.as_str()));
    let volumes: BTreeSet<&str> = services
        .values()
        .flat_map(|s| s.volumes.iter().filter(|v| v.r#type == "volume").map(|v| v.source.as_str()))
        .collect();
    project.volumes.retain(|key, _| volumes.contains(key.as_str()));
    let secrets: BTreeSet<&str> = services
        .values()
        .flat_map(|s| {
            s.secrets.iter().chain(s.build.iter().flat_map(|b| &b.secrets)).map(|s| s.source.as_str())
        })
        .collect();
    project.secrets.retain(|key, _| secrets.contains(key.as_str()));
    let configs: BTreeSet<&str> =
        services.values().flat_map(|s| s.configs.iter().map(|c| c.source.as_str())).collect();
    project.configs.retain(|key, _| configs.contains(key.as_str()));
    let models: BTreeSet<&str> =
        services.values().flat_map(|s| s.models.keys().map(String::as_str)).collect();
    project.models.retain(|key, _| models.contains(key.as_str()));
}
