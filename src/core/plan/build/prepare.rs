//! What comes before any container is made: images, the files that it mounts, networks and volumes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Builder;
use crate::core::model::ServiceName;
use crate::core::plan::Action;
use crate::core::plan::Call;
use crate::core::plan::Inputs;
use crate::core::plan::Object;
use crate::core::plan::Verb;
use crate::core::plan::images;
use crate::core::plan::slot::Slot;

impl<'a> Builder<'a> {
    /// Chooses the image of each service that needs a new container; pulls what is not here.
    pub(super) fn images(&mut self, slots: &[Slot<'a>]) -> BTreeMap<ServiceName, Option<String>> {
        let mut chosen = BTreeMap::new();
        let mut pulls: BTreeSet<(String, Option<String>)> = BTreeSet::new();
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
            };
            chosen.insert(slot.service.name.clone(), choice);
        }
        for (image, platform) in pulls {
            let timeout = self.inputs.desired.settings.pull_timeout;
            let here = self.inputs.observed.image_id(&image).is_some();
            let cause = if here { "its pull policy asks for it" } else { "not on this engine" };
            let call = Call::PullImage { image: image.clone(), platform, timeout };
            let id = self.call(call, Object::Image(image), cause, &BTreeSet::new());
            self.barrier.insert(id);
        }
        chosen
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
