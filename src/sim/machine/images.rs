//! Images and the registry that they are pulled from. Tags move; digests do not.

use std::collections::BTreeMap;

use sha2::Digest;
use sha2::Sha256;

use super::Machine;
use super::changed;
use super::not_found;
use crate::core::model::familiar;
use crate::core::observed::Image;
use crate::ports::CallOutcome;
use crate::ports::EngineError;

/// What can be pulled.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// Ids by reference, by tag and by digest.
    images: BTreeMap<String, String>,
    /// Whatever is asked for is made.
    open: bool,
    /// References in the order in which they were pulled.
    pulls: Vec<String>,
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
