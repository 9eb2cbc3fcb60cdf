//! Which image a service's new containers are made from, and whether it must be pulled or built first.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Inputs;
use super::Memory;
use super::Refusal;
use super::fingerprint;
use crate::core::desired::Desired;
use crate::core::desired::DesiredService;
use crate::core::desired::ImageBuild;
use crate::core::desired::PullPolicy;
use crate::core::observed::Container;
use crate::core::observed::Observed;

/// Where a service's image comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Choice {
    /// It is here: this id.
    Here(String),
    /// It has to be pulled.
    Pull,
    /// It has to be built.
    Build(Arc<ImageBuild>),
    /// It is not here and may not be pulled.
    Refused(Refusal),
}

/// Returns the images of the stack that the engine does not list, by name or id: whether it has one all the same is worth
/// asking before it is pulled or built. An image that has lost its name and that others were built on is not listed.
pub fn images_to_probe(desired: &Desired, observed: &Observed, memory: &Memory) -> Vec<String> {
    let services = desired.services.values();
    let names = |service: &'_ DesiredService| -> Vec<String> {
        let tag = service.build.as_ref().map(|build| build.tag.clone());
        let pinned = memory.pins.get(&(service.name.clone(), fingerprint(service))).cloned();
        std::iter::once(service.image.clone()).chain(tag).chain(pinned).collect()
    };
    let wanted: BTreeSet<String> = services.flat_map(names).collect();
    wanted.into_iter().filter(|image| observed.image_id(image).is_none()).collect()
}

/// Chooses the image for a service's new containers.
///
/// An image that ran for exactly this definition is used again, whatever its tag means by now: from a container
/// that still stands (`standing`), else from memory. That makes `git revert` a true rollback. So is one that was built
/// from exactly this content, whoever runs it: what its plain name means does not count.
pub(super) fn choose(inputs: Inputs<'_>, service: &DesiredService, standing: Option<&Container>) -> Choice {
    let Inputs { observed, memory, pulled, .. } = inputs;
    let pinned = memory.pins.get(&(service.name.clone(), fingerprint(service)));
    let ran = standing.map(|c| &c.image_id).into_iter().chain(pinned).find(|id| observed.has_image(id));
    let here = inputs.image_id(&service.image).map(str::to_owned);
    if let (None, Some(build)) = (ran, &service.build) {
        let built = inputs.image_id(&build.tag).map(str::to_owned);
        return built.map_or_else(|| Choice::Build(Arc::clone(build)), Choice::Here);
    }
    match (ran, here, service.pull) {
        (Some(id), _, _) => Choice::Here(id.clone()),
        (None, Some(id), PullPolicy::Missing | PullPolicy::Never | PullPolicy::Built) => Choice::Here(id),
        (None, Some(id), PullPolicy::Always) if pulled.contains_key(&service.image) => Choice::Here(id),
        (None, None, PullPolicy::Built) => Choice::Refused(Refusal {
            code: "image-missing",
            message: format!(
                "the image `{}` of service `{}` is not on this engine{}",
                service.image,
                service.name,
                service
                    .not_built
                    .as_ref()
                    .map(|why| format!(", and cannot be built: {why}"))
                    .unwrap_or_default()
            ),
            hint: format!(
                "build it on this engine, for example with `docker compose build {}`",
                service.name
            ),
        }),
        (None, None, PullPolicy::Never) => Choice::Refused(Refusal {
            code: "image-missing",
            message: format!(
                "service `{}` needs image `{}`, which is not on this engine, and its `pull_policy` is `never`",
                service.name, service.image
            ),
            hint: "load or build the image on this engine, or allow it to be pulled".into(),
        }),
        (None, _, PullPolicy::Always | PullPolicy::Missing) => Choice::Pull,
    }
}
