//! Fills in the ids of containers that requests and hashes refer to, as far as those containers stand, and chooses the encoding
//! of the hashes.
//!
//! The container meant is the one that will be live: the one that is kept, that comes back, or that waits as `--next`.
//! Where it does not stand yet, nothing that stands can refer to it, so the service's containers are made anew once it
//! does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::flavor;
use super::slot;
use crate::core::desired::Desired;
use crate::core::desired::Shared;
use crate::core::desired::waves;
use crate::core::model::ServiceName;
use crate::core::observed::Observed;

/// The desired state with ids filled in.
pub(super) struct Resolved<'a> {
    pub(super) desired: Cow<'a, Desired>,
    /// Services that refer to a container that does not stand yet.
    pub(super) unresolved: BTreeSet<ServiceName>,
}

pub(super) fn resolve<'a>(desired: &'a Desired, observed: &Observed) -> Resolved<'a> {
    let mut resolved = Cow::Borrowed(desired);
    let mut unresolved = BTreeSet::new();
    for (name, service) in &desired.services {
        if let Some(service) = flavor::of_what_stands(desired, service, observed) {
            resolved.to_mut().services.insert(name.clone(), service);
        }
    }
    for name in referring(desired) {
        let with = resolved.services[&name].shared.iter().flat_map(Shared::with);
        let ids: BTreeMap<ServiceName, String> = with
            .filter(|other| !unresolved.contains(other))
            .filter_map(|other| Some((other.clone(), id_of(&resolved, observed, &other)?)))
            .collect();
        match resolved.services[&name].with_ids(&ids) {
            Some(service) => {
                resolved.to_mut().services.insert(name, service);
            }
            None => {
                unresolved.insert(name);
            }
        }
    }
    Resolved { desired: resolved, unresolved }
}

/// The services that refer to containers, those that they refer to first.
fn referring(desired: &Desired) -> Vec<ServiceName> {
    let with = |shared: &Option<Shared>| shared.iter().flat_map(Shared::with).collect();
    let edges: BTreeMap<ServiceName, BTreeSet<ServiceName>> =
        desired.services.iter().map(|(name, service)| (name.clone(), with(&service.shared))).collect();
    // A circle of references is one of dependencies too, and was refused as that.
    let waves = waves(&edges).unwrap_or_default();
    waves.into_iter().flatten().filter(|name| desired.services[name].shared.is_some()).collect()
}

/// Returns the id of the service's first container, as it will be, if it stands.
fn id_of(desired: &Desired, observed: &Observed, name: &ServiceName) -> Option<String> {
    let service = desired.services.get(name)?;
    let slot = slot::slot_of(desired, observed, service, service.containers.first()?);
    slot.heir().map(|found| found.id.clone())
}
