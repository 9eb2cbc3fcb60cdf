//! Mounts of a service: which go into `Binds` and which into `Mounts`, and how each is written.

use std::collections::BTreeMap;

use super::View;
use super::findings::Findings;
use super::request::BindOptions;
use super::request::HostConfig;
use super::request::ImageOptions;
use super::request::Mount;
use super::request::TmpfsOptions;
use super::request::VolumeOptions;
use crate::core::compose::types;
use crate::core::compose::types::ServiceVolume;

/// Sets a container's mounts: the service's volumes, then the given mounts of secrets and configs where no volume
/// has their target already.
pub(super) fn fill(host: &mut HostConfig, view: &View<'_>, files: Vec<Mount>, findings: &mut Findings<'_>) {
    let mut mounts: BTreeMap<String, Rendered> = BTreeMap::new();
    for (index, volume) in view.service.volumes.iter().enumerate() {
        if volume.r#type == "npipe" {
            let path = view.path(&format!("volumes[{index}].type"));
            let message = "named pipes exist on Windows alone, which is not supported";
            findings.error("not-supported", &path, message, "remove this mount");
        }
        mounts.insert(volume.target.clone(), render(view, volume));
    }
    for file in files {
        mounts.entry(file.target.clone()).or_insert(Rendered::Mount(Box::new(file)));
    }
    for mount in mounts.into_values() {
        match mount {
            Rendered::Bind(bind) => host.binds.push(bind),
            Rendered::Mount(mount) => host.mounts.push(*mount),
        }
    }
    for entry in &view.service.tmpfs {
        let (path, options) = entry.split_once(':').unwrap_or((entry, ""));
        host.tmpfs.insert(path.into(), options.into());
    }
}

enum Rendered {
    Bind(String),
    Mount(Box<Mount>),
}

/// Compose prefers the short form (`Binds`), in which the engine makes missing folders, and takes the long form
/// (`Mounts`) for what the short one cannot say.
fn render(view: &View<'_>, volume: &ServiceVolume) -> Rendered {
    let named = view.project.volumes.get(&volume.source).map(|named| named.name.as_str());
    match volume.r#type.as_str() {
        "bind" if !volume.bind.as_deref().is_some_and(needs_mount) => {
            Rendered::Bind(bind(&volume.source, volume))
        }
        "volume" if !volume.volume.as_deref().is_some_and(is_advanced) => match named {
            Some(name) => Rendered::Bind(bind(name, volume)),
            None => Rendered::Mount(mount(&volume.source, volume)),
        },
        "volume" => Rendered::Mount(mount(named.unwrap_or(&volume.source), volume)),
        _ => Rendered::Mount(mount(&volume.source, volume)),
    }
}

/// Returns true if a bind's options can be said in the long form alone.
fn needs_mount(options: &types::BindOptions) -> bool {
    !options.create_host_path || !options.propagation.is_empty() || !options.recursive.is_empty()
}

fn is_advanced(options: &types::VolumeOptions) -> bool {
    !options.labels.is_empty() || !options.subpath.is_empty() || options.nocopy
}

fn bind(source: &str, volume: &ServiceVolume) -> String {
    let mut options = vec![if volume.read_only { "ro" } else { "rw" }];
    if let Some(bind) = &volume.bind {
        options.extend([bind.selinux.as_str(), bind.propagation.as_str()].iter().filter(|o| !o.is_empty()));
    }
    if volume.volume.as_deref().is_some_and(|volume| volume.nocopy) {
        options.push("nocopy");
    }
    format!("{source}:{}:{}", volume.target, options.join(","))
}

fn mount(source: &str, volume: &ServiceVolume) -> Box<Mount> {
    let kind = volume.r#type.as_str();
    Box::new(Mount {
        kind: kind.into(),
        source: source.into(),
        target: volume.target.clone(),
        read_only: volume.read_only,
        consistency: volume.consistency.clone(),
        bind_options: volume.bind.as_deref().filter(|_| kind == "bind").map(bind_options),
        volume_options: volume.volume.as_ref().filter(|_| kind == "volume").map(|options| VolumeOptions {
            no_copy: options.nocopy,
            labels: options.labels.clone(),
            subpath: options.subpath.clone(),
        }),
        tmpfs_options: volume
            .tmpfs
            .as_ref()
            .filter(|_| kind == "tmpfs")
            .map(|options| TmpfsOptions { size_bytes: options.size.0, mode: options.mode.into() }),
        image_options: volume
            .image
            .as_ref()
            .filter(|_| kind == "image")
            .map(|options| ImageOptions { subpath: options.subpath.clone() }),
    })
}

fn bind_options(options: &types::BindOptions) -> BindOptions {
    BindOptions {
        propagation: options.propagation.clone(),
        create_mountpoint: options.create_host_path,
        non_recursive: options.recursive == "disabled",
        read_only_non_recursive: options.recursive == "writable",
        read_only_force_recursive: options.recursive == "readonly",
    }
}
