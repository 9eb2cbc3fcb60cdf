//! Which image a service's new containers are made from, and whether it must be pulled first.

use std::collections::BTreeSet;

use super::Inputs;
use super::Refusal;
use super::fingerprint;
use crate::core::desired::Desired;
use crate::core::desired::DesiredService;
use crate::core::desired::PullPolicy;
use crate::core::observed::Container;
use crate::core::observed::Observed;

/// Where a service's image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// It is here: this id.
    Here(String),
    /// It has to be pulled.
    Pull,
    /// It is not here and may not be pulled.
    Refused(Refusal),
}

/// Returns the images of the stack that the engine does not list: whether it knows one by that name all the same is worth
/// asking before it is pulled.
pub fn images_to_probe(desired: &Desired, observed: &Observed) -> Vec<String> {
    let wanted: BTreeSet<&String> = desired.services.values().map(|service| &service.image).collect();
    wanted.into_iter().filter(|image| observed.image_id(image).is_none()).cloned().collect()
}

/// Chooses the image for a service's new containers.
///
/// An image that ran for exactly this definition is used again, whatever its tag means by now: from a container
/// that still stands (`standing`), else from memory. That makes `git revert` a true rollback.
pub(super) fn choose(inputs: Inputs<'_>, service: &DesiredService, standing: Option<&Container>) -> Choice {
    let Inputs { observed, memory, pulled, .. } = inputs;
    let pinned = memory.pins.get(&(service.name.clone(), fingerprint(service)));
    let ran = standing.map(|c| &c.image_id).into_iter().chain(pinned).find(|id| observed.has_image(id));
    let here = inputs.image_id(&service.image).map(str::to_owned);
    match (ran, here, service.pull) {
        (Some(id), _, _) => Choice::Here(id.clone()),
        (None, Some(id), PullPolicy::Missing | PullPolicy::Never | PullPolicy::Built) => Choice::Here(id),
        (None, Some(id), PullPolicy::Always) if pulled.contains_key(&service.image) => Choice::Here(id),
        (None, None, PullPolicy::Built) => Choice::Refused(Refusal {
            code: "image-missing",
            message: format!(
                "service `{}` is built, and its image `{}` is not on this engine; Evenkeel does not build yet",
                service.name, service.image
            ),
            hint: format!(
                "build it there with `docker compose build {}`, or push it and name it with `image`",
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
