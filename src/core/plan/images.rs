//! Which image a service's new containers are made from, and whether it must be pulled or built first.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Inputs;
use super::Memory;
use super::Refusal;
use super::fingerprint;
use super::resolve;
use super::slot;
use super::slot::Step;
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

/// Returns the images that the engine is to be asked for before the plan is made, by reference or id: those that new
/// containers could be made from, and those whose names what is built may get, as far as they are not known to be here. Where
/// no container has to be made or brought back, none are. `undo` says that a failed deploy is taken back. An image that has
/// lost its name and that others were built on is in no list of the engine's.
pub fn images_to_probe(desired: &Desired, observed: &Observed, memory: &Memory, undo: bool) -> Vec<String> {
    let resolved = resolve::resolve(desired, observed);
    let (slots, _) = slot::slots(&resolved.desired, observed);
    let mut asked = BTreeSet::new();
    for slot in slots.iter().filter(|slot| slot.needs_a_container()) {
        let service = slot.service;
        asked.insert(&service.image);
        asked.extend(service.build.as_ref().map(|build| &build.tag));
        asked.extend(ran_before(memory, service, standing(&resolved.desired, observed, service)));
    }
    for slot in slots.iter().filter(|slot| undo || !matches!(slot.step, Step::Keep(_) | Step::Unknown(_))) {
        let Some(build) = &slot.service.build else { continue };
        asked.extend(&build.names);
        asked.extend(slot.heir().map(|found| &found.image_id));
    }
    let is_known = |image: &&&String| observed.image_id(image).is_some() || observed.has_image(image);
    asked.into_iter().filter(|image| !is_known(&image)).filter(|image| !image.is_empty()).cloned().collect()
}

/// Returns a container that still stands and was made from the service's definition.
pub(super) fn standing<'a>(
    desired: &'a Desired,
    observed: &'a Observed,
    service: &DesiredService,
) -> Option<&'a Container> {
    observed.of(&desired.owner).find(|found| {
        found.compose.as_ref().is_some_and(|c| c.service == service.name)
            && slot::is_of_definition(found, service)
    })
}

/// Returns the ids of the images that ran for exactly this definition, the best first.
fn ran_before<'a>(
    memory: &'a Memory,
    service: &DesiredService,
    standing: Option<&'a Container>,
) -> Vec<&'a String> {
    let pinned = memory.pins.get(&(service.name.clone(), fingerprint(service)));
    standing.map(|found| &found.image_id).into_iter().chain(pinned).filter(|id| !id.is_empty()).collect()
}

/// Chooses the image for a service's new containers.
///
/// An image that ran for exactly this definition is used again, whatever its tag means by now: from a container
/// that still stands (`standing`), else from memory. That makes `git revert` a true rollback. So is one that was built
/// from exactly this content, whoever runs it: what its plain name means does not count.
pub(super) fn choose(inputs: Inputs<'_>, service: &DesiredService, standing: Option<&Container>) -> Choice {
    let Inputs { observed, memory, pulled, .. } = inputs;
    let ran = ran_before(memory, service, standing).into_iter().find(|id| observed.has_image(id));
    let here = inputs.image_id(&service.image).map(str::to_owned);
    if let (None, Some(build)) = (ran, &service.build) {
        let built = inputs.image_id(&build.tag).map(str::to_owned);
        return built.map_or_else(|| Choice::Build(Arc::clone(build)), Choice::Here);
    }
    match (ran, here, service.pull) {
        (Some(id), _, _) => Choice::Here(id.clone()),
        (None, Some(id), PullPolicy::Missing | PullPolicy::Never | PullPolicy::Built) => Choice::Here(id),
        (None, Some(id), PullPolicy::Always | PullPolicy::OlderThan(_))
            if pulled.contains_key(&service.image) =>
        {
            Choice::Here(id)
        }
        (None, Some(id), PullPolicy::OlderThan(age)) if observed.is_younger(&service.image, age) => {
            Choice::Here(id)
        }
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
        (None, _, PullPolicy::Always | PullPolicy::OlderThan(_) | PullPolicy::Missing) => Choice::Pull,
    }
}
