//! New containers, each beside the one that it replaces, before anything is stopped.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Builder;
use crate::core::desired::label;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::Endpoint;
use crate::core::desired::request::Mount;
use crate::core::model::ServiceName;
use crate::core::observed::Container;
use crate::core::observed::MountPoint;
use crate::core::plan::Call;
use crate::core::plan::Inputs;
use crate::core::plan::NEXT;
use crate::core::plan::Object;
use crate::core::plan::slot::Slot;
use crate::core::plan::slot::Step;

impl<'a> Builder<'a> {
    /// Creates every container that is missing and can be made. Returns, slot by slot, what must be done before it may be started.
    pub(super) fn creates(
        &mut self,
        slots: &[Slot<'a>],
        chosen: &BTreeMap<ServiceName, Option<String>>,
    ) -> Vec<BTreeSet<usize>> {
        let before = self.barrier.clone();
        let mut ready = Vec::new();
        for slot in slots {
            let object = Object::Container(slot.container.name.clone());
            let mut cleared = before.clone();
            for debris in &slot.debris {
                let call = Call::RemoveContainer { container: debris.id.clone(), force: true };
                let cause = format!("`{}` was left by an unfinished deploy", debris.name);
                cleared.insert(self.call(call, object.clone(), cause, &before));
            }
            let create = match slot.step {
                _ if self.unresolved.contains(&slot.service.name) => None,
                Step::Create => Some((slot.container.name.clone(), None)),
                Step::Replace { old, next: None } => {
                    Some((format!("{}{NEXT}", slot.container.name), Some(old)))
                }
                _ => None,
            };
            let Some((name, old)) = create else {
                self.barrier.extend(cleared.difference(&before));
                ready.push(cleared.difference(&before).copied().collect());
                continue;
            };
            let image = chosen.get(&slot.service.name).cloned().flatten();
            let mut request = with_image(slot, image, self.inputs);
            let lent = self.lent(&request);
            carry_anonymous_volumes(&mut request, old, &lent);
            if let Some(config) = request.networking_config.as_mut() {
                self.without_addresses_to_come(&mut config.endpoints_config);
            }
            let further = self.split_endpoints(&mut request);
            let cause = if old.is_some() { "replaces the running one" } else { "no such container" };
            let call = Call::CreateContainer {
                name: name.clone(),
                platform: slot.service.platform.clone(),
                request: Box::new(request),
            };
            let created = self.call(call, object.clone(), cause, &cleared);
            let mut done = BTreeSet::from([created]);
            for (network, endpoint) in further {
                let call =
                    Call::ConnectNetwork { network: network.clone(), container: name.clone(), endpoint };
                let cause = format!("network `{network}`, which this engine cannot take at create");
                done.insert(self.call(call, object.clone(), cause, &BTreeSet::from([created])));
            }
            self.barrier.extend(&done);
            ready.push(done);
        }
        ready
    }

    /// Returns the places where a request's container gets another one's volumes.
    fn lent(&self, request: &ContainerRequest) -> BTreeSet<&'a str> {
        let lenders = &request.host_config.volumes_from;
        let lends = |found: &&Container| lenders.iter().any(|id| *id == found.id || *id == found.name);
        let mounts = self.inputs.observed.containers.iter().filter(lends).flat_map(|found| &found.mounts);
        mounts.map(|mount| mount.destination.as_str()).collect()
    }

    /// Engines before API 1.44 take one endpoint at create; the others are connected one by one.
    fn split_endpoints(&self, request: &mut ContainerRequest) -> Vec<(String, Box<Endpoint>)> {
        let Some(config) = request.networking_config.as_mut() else { return Vec::new() };
        if self.inputs.observed.engine.creates_with_many_endpoints() || config.endpoints_config.len() < 2 {
            return Vec::new();
        }
        let primary = request.host_config.network_mode.clone();
        let (kept, further) =
            std::mem::take(&mut config.endpoints_config).into_iter().partition(|(name, _)| *name == primary);
        config.endpoints_config = kept;
        let further: BTreeMap<String, Endpoint> = further;
        further.into_iter().map(|(name, endpoint)| (name, Box::new(endpoint))).collect()
    }
}

fn with_image(slot: &Slot<'_>, image: Option<String>, inputs: Inputs<'_>) -> ContainerRequest {
    let mut request = slot.container.request.clone();
    if let Some(id) = image {
        // What is built has its name by then.
        if slot.service.build.is_none() && inputs.image_id(&slot.service.image) != Some(&id) {
            request.image.clone_from(&id);
        }
        request.labels.insert(label::compose::IMAGE.into(), id);
    }
    request
}

/// Volumes that the engine named itself stay with the service's next container, as Compose does it. At the places that
/// are `lent`, the container gets another one's volumes.
fn carry_anonymous_volumes(request: &mut ContainerRequest, old: Option<&Container>, lent: &BTreeSet<&str>) {
    let Some(old) = old else { return };
    let own = |mount: &&MountPoint| mount.is_anonymous_volume() && !lent.contains(mount.destination.as_str());
    for mount in old.mounts.iter().filter(own) {
        let host = &mut request.host_config;
        let bound = host.binds.iter().any(|bind| bind.split(':').nth(1) == Some(&mount.destination));
        let tmpfs = host.tmpfs.contains_key(&mount.destination);
        let place = host.mounts.iter_mut().find(|m| m.target == mount.destination);
        match place {
            Some(anonymous) if anonymous.kind == "volume" && anonymous.source.is_empty() => {
                anonymous.source.clone_from(&mount.name);
            }
            Some(_) => {}
            None if bound || tmpfs => {}
            None => host.mounts.push(Mount {
                kind: "volume".into(),
                source: mount.name.clone(),
                target: mount.destination.clone(),
                read_only: !mount.writable,
                ..Mount::default()
            }),
        }
    }
}
