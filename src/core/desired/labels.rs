//! The labels of containers, networks and volumes: the user's, overridden by Compose's, overridden by ours.
//!
//! Labels carry identity and cannot change after create. The image's id is known only when the plan is made: its
//! label (`com.docker.compose.image`) is the planner's to set.

use std::collections::BTreeMap;

use super::Context;
use super::View;
use super::label;
use super::label::compose;
use crate::core::compose::Project;
use crate::core::compose::types::Network;
use crate::core::compose::types::Volume;
use crate::core::model::normalise;

type Labels = BTreeMap<String, String>;

/// The files that the project was read from, joined by commas.
const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// The environment files that were named on the command line, absolute, joined by commas.
const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";

/// Returns the labels of a service's container.
pub(super) fn of_container(view: &View<'_>, number: u32, config_hash: &str, digest: &str) -> Labels {
    let project = view.project;
    let mut labels = view.service.labels.clone();
    labels.extend(
        [
            (compose::PROJECT, project.name.clone()),
            (compose::SERVICE, view.name.to_owned()),
            (compose::ONEOFF, "False".to_owned()),
            (compose::NUMBER, number.to_string()),
            (compose::CONFIG_HASH, config_hash.to_owned()),
            (compose::DEPENDS_ON, depends_on(view)),
            (compose::VERSION, view.context.compose_version.clone()),
            (compose::WORKING_DIR, project.working_dir.clone()),
            (CONFIG_FILES, project.config_files.join(",")),
            (label::DIGEST, digest.to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    let env_files = project.env_files.iter().map(|file| normalise(&project.working_dir, file));
    let env_files = env_files.collect::<Vec<_>>().join(",");
    if !env_files.is_empty() {
        labels.insert(ENVIRONMENT_FILE.into(), env_files);
    }
    labels.extend(ours(view.context));
    labels
}

/// Returns the labels of a network.
pub(super) fn of_network(project: &Project, context: &Context, key: &str, network: &Network) -> Labels {
    let hash = project.network_hash(key).unwrap_or_default();
    of_resource(&network.labels, project, context, (compose::NETWORK, key), hash)
}

/// Returns the labels of a volume.
pub(super) fn of_volume(project: &Project, context: &Context, key: &str, volume: &Volume) -> Labels {
    let hash = project.volume_hash(key).unwrap_or_default();
    of_resource(&volume.labels, project, context, (compose::VOLUME, key), hash)
}

fn of_resource(
    user: &Labels,
    project: &Project,
    context: &Context,
    (kind, key): (&str, &str),
    hash: String,
) -> Labels {
    let mut labels = user.clone();
    labels.extend(
        [
            (kind, key.to_owned()),
            (compose::PROJECT, project.name.clone()),
            (compose::VERSION, context.compose_version.clone()),
            (compose::CONFIG_HASH, hash),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    labels.extend(ours(context));
    labels
}

fn ours(context: &Context) -> [(String, String); 4] {
    [
        (label::INSTANCE, context.owner.instance.to_string()),
        (label::SOURCE, context.owner.source.to_string()),
        (label::STACK, context.owner.stack.to_string()),
        (label::REVISION, context.revision.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
}

/// The dependencies as `service:condition:restart`, by name; Compose writes them in random order.
fn depends_on(view: &View<'_>) -> String {
    let items = view
        .dependencies()
        .map(|(name, dependency)| format!("{name}:{}:{}", dependency.condition, dependency.restart));
    items.collect::<Vec<_>>().join(",")
}
