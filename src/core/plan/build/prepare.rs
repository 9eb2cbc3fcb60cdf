//! What comes before any container is made: images, the files that it mounts, networks and volumes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Builder;
use crate::core::desired::ImageBuild;
use crate::core::model::ServiceName;
use crate::core::observed::Container;
use crate::core::plan::Action;
use crate::core::plan::Call;
use crate::core::plan::Inputs;
use crate::core::plan::Object;
use crate::core::plan::Verb;
use crate::core::plan::images;
use crate::core::plan::slot::Slot;
use crate::core::plan::slot::Step;

/// An image that gets a name.
struct Tag {
    image: String,
    /// A container is made from it by that name.
    is_created: bool,
}

impl<'a> Builder<'a> {
    /// Chooses the image of each service that needs a new container; pulls and builds what is not here.
    pub(super) fn images(&mut self, slots: &[Slot<'a>]) -> BTreeMap<ServiceName, Option<String>> {
        let mut chosen = BTreeMap::new();
        let mut pulls: BTreeSet<(String, Option<String>)> = BTreeSet::new();
        let mut builds: BTreeMap<String, Arc<ImageBuild>> = BTreeMap::new();
        let Inputs { desired, observed, .. } = self.inputs;
        for slot in slots.iter().filter(|slot| slot.needs_a_container()) {
            let standing = images::standing(desired, observed, slot.service);
            let choice = match images::choose(self.inputs, slot.service, standing) {
                images::Choice::Here(id) => Some(id),
                images::Choice::Refused(refusal) => {
                    if !self.refusals.contains(&refusal) {
                        self.refusals.push(refusal);
                    }
                    None
                }
                images::Choice::Pull => {
                    pulls.insert((slot.service.image.clone(), slot.service.platform.clone()));
                    None
                }
                images::Choice::Build(build) => {
                    builds.insert(build.tag.clone(), build);
                    None
                }
            };
            chosen.insert(slot.service.name.clone(), choice);
        }
        let timeout = self.inputs.desired.settings.pull_timeout;
        for build in builds.into_values() {
            let object = Object::Image(build.names[0].clone());
            let cause = format!("no image of what {} holds now", build.shown);
            let id = self.call(Call::BuildImage { build, timeout }, object, cause, &BTreeSet::new());
            self.barrier.insert(id);
        }
        for (image, platform) in pulls {
            let here = self.inputs.observed.image_id(&image).is_some();
            let cause = if here { "its pull policy asks for it" } else { "not on this engine" };
            let call = Call::PullImage { image: image.clone(), platform, timeout };
            let id = self.call(call, Object::Image(image), cause, &BTreeSet::new());
            self.barrier.insert(id);
        }
        chosen
    }

    /// Gives the images that services build the names that the project has for them, where those mean something else:
    /// Docker Compose looks at what a service's image means. Names follow what runs, so that a build that fails, or one
    /// that is taken back, leaves them as they were.
    pub(super) fn names_of_built(
        &mut self,
        slots: &[Slot<'a>],
        chosen: &BTreeMap<ServiceName, Option<String>>,
    ) {
        let Inputs { observed, undo, .. } = self.inputs;
        let id_if_here = |found: &Container| Some(found.image_id.clone()).filter(|id| observed.has_image(id));
        let mut tags: BTreeMap<String, Tag> = BTreeMap::new();
        for slot in slots {
            let Some(build) = &slot.service.build else { continue };
            let is_created = matches!(slot.step, Step::Create | Step::Replace { next: None, .. });
            let image = match slot.step {
                _ if is_created => {
                    let id = chosen.get(&slot.service.name).cloned().flatten();
                    Some(id.unwrap_or_else(|| build.tag.clone()))
                }
                Step::Replace { .. } | Step::TakeBack { .. } => slot.heir().and_then(id_if_here),
                Step::Keep(found) if undo => id_if_here(found),
                _ => None,
            };
            let Some(image) = image else { continue };
            for name in build.names.iter().filter(|name| self.inputs.image_id(name) != Some(&image)) {
                tags.insert(name.clone(), Tag { image: image.clone(), is_created });
            }
        }
        let before = self.barrier.clone();
        for (name, Tag { image, is_created }) in tags {
            let object = Object::Image(name.clone());
            let cause = "the name means another image, or none";
            let id = self.call(Call::TagImage { image, name }, object, cause, &before);
            if is_created {
                self.barrier.insert(id);
            } else {
                // What stands needs no name to run.
                self.nodes[id - 1].optional = true;
            }
        }
    }

    pub(super) fn files(&mut self) {
        if self.inputs.stale_files.is_empty() {
            return;
        }
        let causes: Vec<String> = self.inputs.stale_files.to_vec();
        let cause = format!("{} differ on the host", causes.join(", "));
        let id = self.node(Action::PublishFiles, Object::Files, cause, &self.barrier.clone());
        self.barrier.insert(id);
        self.change(Object::Files, None, Verb::Update, causes);
    }

    pub(super) fn networks_and_volumes(&mut self) {
        let before = self.barrier.clone();
        let Inputs { desired, observed, .. } = self.inputs;
        for network in desired.networks.values() {
            if let Some(request) = &network.create
                && !observed.networks.iter().any(|n| n.name == network.name)
            {
                let object = Object::Network(network.name.clone());
                let id = self.call(
                    Call::CreateNetwork(request.clone()),
                    object.clone(),
                    "no such network",
                    &before,
                );
                self.barrier.insert(id);
                self.change(object, None, Verb::Create, vec!["not there".into()]);
            }
        }
        for volume in desired.volumes.values() {
            if let Some(request) = &volume.create
                && !observed.volumes.iter().any(|v| v.name == volume.name)
            {
                let object = Object::Volume(volume.name.clone());
                let id =
                    self.call(Call::CreateVolume(request.clone()), object.clone(), "no such volume", &before);
                self.barrier.insert(id);
                self.change(object, None, Verb::Create, vec!["not there".into()]);
            }
        }
    }
}
