//! Volumes.

use std::collections::BTreeMap;

use super::Context;
use super::DesiredVolume;
use super::labels;
use super::request::VolumeRequest;
use crate::core::compose::Project;

/// Returns the project's volumes by key.
pub(super) fn volumes(project: &Project, context: &Context) -> BTreeMap<String, DesiredVolume> {
    let mut volumes = BTreeMap::new();
    for (key, volume) in &project.volumes {
        let create = (!volume.external).then(|| VolumeRequest {
            name: volume.name.clone(),
            driver: volume.driver.clone(),
            driver_opts: volume.driver_opts.clone(),
            labels: labels::of_volume(project, context, key, volume),
        });
        volumes.insert(key.clone(), DesiredVolume { name: volume.name.clone(), create });
    }
    volumes
}
