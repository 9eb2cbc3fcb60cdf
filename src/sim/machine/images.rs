//! Images and the registry that they are pulled from. Tags move; digests do not.

use std::collections::BTreeMap;

use sha2::Digest;
use sha2::Sha256;

use super::Machine;
use super::changed;
use super::invalid;
use super::not_found;
use crate::core::desired::ImageBuild;
use crate::core::model::familiar;
use crate::core::observed::Image;
use crate::ports::CallOutcome;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;

/// What can be pulled.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// Ids by reference, by tag and by digest.
    images: BTreeMap<String, String>,
    /// Whatever is asked for is made.
    open: bool,
    /// References in the order in which they were pulled.
    pulls: Vec<String>,
    /// Tags in the order in which they were built.
    builds: Vec<String>,
    /// What the builder says of images that cannot be built, by name.
    broken_builds: BTreeMap<String, String>,
}

impl Machine {
    /// Lets the registry make whatever is asked for.
    pub(in crate::sim) fn open_registry(&mut self) {
        self.registry.open = true;
    }

    /// Publishes content under a reference and returns the image's id. A tag that is there moves.
    pub(in crate::sim) fn publish(&mut self, reference: &str, content: &str) -> String {
        let reference = familiar(reference);
        let id = format!("sha256:{}", hex::encode(Sha256::digest(content)));
        self.registry.images.insert(by_digest(&reference, &id), id.clone());
        self.registry.images.insert(reference, id.clone());
        id
    }

    /// Removes a tag from the registry.
    pub(in crate::sim) fn unpublish(&mut self, reference: &str) {
        self.registry.images.remove(&familiar(reference));
    }

    /// Returns what was pulled, in order.
    pub(in crate::sim) fn pulls(&self) -> &[String] {
        &self.registry.pulls
    }

    /// Returns what was built, in order.
    pub(in crate::sim) fn builds(&self) -> &[String] {
        &self.registry.builds
    }

    /// Lets builds of an image fail, or go well again.
    pub(in crate::sim) fn set_broken_build(&mut self, image: &str, output: Option<&str>) {
        match output {
            Some(output) => drop(self.registry.broken_builds.insert(familiar(image), output.to_owned())),
            None => drop(self.registry.broken_builds.remove(&familiar(image))),
        }
    }

    /// Builds an image, whose id follows from what it is built from. Its containers do what those of an image of that
    /// name do.
    pub(in crate::sim) fn build(&mut self, build: &ImageBuild) -> Result<CallOutcome, EngineError> {
        if let Some(output) = self.registry.broken_builds.get(&familiar(&build.names[0])) {
            let message = format!("cannot build {}: {output}", build.names[0]);
            return Err(EngineError::new(EngineErrorKind::Failed, message));
        }
        for (path, entry) in build.context.entries() {
            let read = build.context.content(path, entry);
            read.map_err(|error| invalid(format!("cannot build {}: {error}", build.names[0])))?;
        }
        self.registry.builds.push(build.tag.clone());
        let id = format!("sha256:{}", hex::encode(Sha256::digest(format!("build {}", build.digest))));
        let new = || Image { id: id.clone(), references: Vec::new(), tagged_at: None };
        self.images.entry(id.clone()).or_insert_with(new);
        self.name_image(&id, &build.tag);
        self.tell("image", "build", &id, BTreeMap::new());
        Ok(changed(id))
    }

    /// Gives an image another name.
    pub(in crate::sim) fn tag(&mut self, image: &str, name: &str) -> Result<CallOutcome, EngineError> {
        let Some(id) = self.image_id(image) else {
            return Err(not_found(format!("No such image: {image}")));
        };
        self.name_image(&id, name);
        self.tell("image", "tag", &id, BTreeMap::new());
        Ok(changed(String::new()))
    }

    /// Gives a name to an image that is there, and takes it from any other.
    fn name_image(&mut self, id: &str, name: &str) {
        let (name, now) = (familiar(name), self.started.checked_add(self.now).ok());
        for image in self.images.values_mut() {
            image.references.retain(|other| *other != name);
        }
        if let Some(image) = self.images.get_mut(id) {
            image.tagged_at = now;
            image.references.push(name);
            image.references.sort();
        }
    }

    /// Removes an image from the engine, whoever uses it.
    pub(in crate::sim) fn remove_image(&mut self, reference: &str) {
        if let Some(id) = self.image_id(reference) {
            self.images.remove(&id);
        }
    }

    /// Pulls an image; also the way to put one there.
    pub(in crate::sim) fn pull(&mut self, reference: &str) -> Result<CallOutcome, EngineError> {
        let reference = familiar(reference);
        self.registry.pulls.push(reference.clone());
        if self.registry.open && !self.registry.images.contains_key(&reference) {
            self.publish(&reference, &reference);
        }
        let Some(id) = self.registry.images.get(&reference).cloned() else {
            return Err(not_found(format!("cannot pull {reference}: manifest unknown: manifest unknown")));
        };
        for image in self.images.values_mut() {
            image.references.retain(|other| *other != reference);
        }
        let now = self.timestamp(self.now);
        let new = || Image { id: id.clone(), references: Vec::new(), tagged_at: None };
        let image = self.images.entry(id.clone()).or_insert_with(new);
        image.tagged_at = now;
        let digest = by_digest(&reference, &id);
        for reference in [reference, digest] {
            if !image.references.contains(&reference) {
                image.references.push(reference);
            }
        }
        image.references.sort();
        self.tell("image", "pull", &id, BTreeMap::new());
        Ok(changed(id))
    }

    /// Returns the id of the image that a reference, id or beginning of an id means here.
    pub(super) fn image_id(&self, reference: &str) -> Option<String> {
        let short = familiar(reference);
        let by_name = self.images.values().find(|image| image.references.contains(&short));
        let by_id = || {
            let digits = reference.strip_prefix("sha256:").unwrap_or(reference);
            let is_id = digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            self.images.values().find(|image| is_id && image.id["sha256:".len()..].starts_with(digits))
        };
        by_name.or_else(by_id).map(|image| image.id.clone())
    }
}

/// Returns `name@sha256:…` for a reference.
fn by_digest(reference: &str, id: &str) -> String {
    let name = reference.split('@').next().unwrap_or(reference);
    let bare = match name.rsplit_once(':') {
        Some((bare, tag)) if !tag.contains('/') => bare,
        _ => name,
    };
    format!("{bare}@{id}")
}
