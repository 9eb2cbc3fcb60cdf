//! Volumes. They are made and never removed by a call.

use std::collections::BTreeMap;

use super::Machine;
use super::changed;
use super::invalid;
use super::is_name;
use super::not_found;
use crate::core::desired::request::HostConfig;
use crate::core::desired::request::VolumeRequest;
use crate::core::observed::MountPoint;
use crate::core::observed::OwnLabels;
use crate::core::observed::Volume;
use crate::ports::CallOutcome;
use crate::ports::EngineError;

impl Machine {
    /// Makes a volume, or returns the one of that name as it is, whatever was asked for.
    pub(super) fn create_volume(&mut self, request: &VolumeRequest) -> Result<CallOutcome, EngineError> {
        let name = &request.name;
        if !matches!(request.driver.as_str(), "" | "local") {
            let driver = &request.driver;
            return Err(not_found(format!(
                r#"create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found"#
            )));
        }
        if !is_name(name) {
            return Err(invalid(format!(
                r#"create {name}: "{name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed"#
            )));
        }
        self.ensure_volume(request);
        Ok(changed(name))
    }

    /// Removes a volume by hand.
    pub(in crate::sim) fn remove_volume(&mut self, name: &str) {
        if self.volumes.remove(name).is_some() {
            self.tell("volume", "destroy", name, BTreeMap::new());
        }
    }

    /// Returns what is mounted in a container to be, and makes the volumes for it.
    pub(super) fn mount_all(&mut self, host: &HostConfig) -> Vec<MountPoint> {
        let mut mounts = Vec::new();
        for bind in &host.binds {
            let mut parts = bind.split(':');
            let (Some(source), Some(destination)) = (parts.next(), parts.next()) else { continue };
            let writable = !parts.any(|options| options.split(',').any(|option| option == "ro"));
            if source.starts_with('/') {
                mounts.push(mount_point("bind", "", source, destination, writable));
            } else {
                mounts.push(self.volume_mount(source, destination, writable));
            }
        }
        for mount in &host.mounts {
            mounts.push(match mount.kind.as_str() {
                "volume" => self.volume_mount(&mount.source, &mount.target, !mount.read_only),
                kind => mount_point(kind, "", &mount.source, &mount.target, !mount.read_only),
            });
        }
        for lent in self.lent_mounts(host) {
            if !mounts.iter().any(|own| own.destination == lent.destination) {
                mounts.push(lent);
            }
        }
        mounts
    }

    fn volume_mount(&mut self, name: &str, destination: &str, writable: bool) -> MountPoint {
        let name = if name.is_empty() { self.new_id("volume") } else { name.to_owned() };
        self.ensure_volume(&VolumeRequest { name: name.clone(), ..VolumeRequest::default() });
        let source = format!("/var/lib/docker/volumes/{name}/_data");
        mount_point("volume", &name, &source, destination, writable)
    }

    fn ensure_volume(&mut self, request: &VolumeRequest) {
        if self.volumes.contains_key(&request.name) {
            return;
        }
        let request = VolumeRequest { driver: "local".into(), ..request.clone() };
        let (name, own) = (request.name.clone(), OwnLabels::read(&request.labels));
        self.tell("volume", "create", &name, BTreeMap::new());
        self.volumes.insert(name.clone(), Volume { name, own, request: Box::new(request) });
    }
}

fn mount_point(kind: &str, name: &str, source: &str, destination: &str, writable: bool) -> MountPoint {
    MountPoint {
        kind: kind.into(),
        name: name.into(),
        source: source.into(),
        destination: destination.into(),
        writable,
    }
}
