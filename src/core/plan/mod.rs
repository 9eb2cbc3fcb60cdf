//! The plan: desired and observed in, a graph of actions with their causes out. Pure and deterministic.
//!
//! Undoing a failed deploy is no code of its own: it is the plan whose desired state is the last stable revision.
//! Recovery after a crash is the plan that any pass makes, because where a swap stands is derived from names,
//! labels and states alone ([`slot`]).
//!
//! Nothing here asks, logs or prompts. What must not be applied is a [`Refusal`] in the plan; what is worth
//! knowing is a note.

mod action;
mod build;
mod explain;
mod flavor;
pub mod gate;
mod images;
mod networks;
mod preflight;
mod prune;
mod render;
mod resolve;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::core::desired::Desired;
use crate::core::desired::DesiredService;
use crate::core::desired::Owner;
use crate::core::model::Revision;
use crate::core::model::ServiceName;
use crate::core::observed::Observed;

pub use action::Action;
pub use action::Call;
pub use action::Gate;
pub use action::Want;
pub use images::images_to_probe;
pub use preflight::ports_to_probe;

/// What a replaced container's successor is named until it is live: `<name>--next`.
pub const NEXT: &str = "--next";
/// What a replaced container is named until the whole stack is well: `<name>--prev`.
pub const PREV: &str = "--prev";

/// Everything that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What should be.
    pub desired: &'a Desired,
    /// What is.
    pub observed: &'a Observed,
    /// What ran before.
    pub memory: &'a Memory,
    /// Published files that differ on the host from what they should be, as the user knows them.
    pub stale_files: &'a [String],
    /// Images pulled or built for this very pass, and their ids: they are not fetched again.
    pub pulled: &'a BTreeMap<String, String>,
    /// This plan takes a failed deploy back: what that deploy added goes, even where pruning is off.
    pub undo: bool,
}

impl Inputs<'_> {
    /// Returns the id of the image that a reference means: as the engine lists it, else as it said when it was pulled.
    fn image_id(&self, reference: &str) -> Option<&str> {
        let pulled = || self.pulled.get(reference).map(String::as_str).filter(|id| !id.is_empty());
        self.observed.image_id(reference).or_else(pulled)
    }
}

/// What is remembered of a stack, as far as planning needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Image ids that stable revisions ran, by service and fingerprint.
    pub pins: BTreeMap<(ServiceName, String), String>,
    /// The revision has never passed its gates: what runs of it and is not well must still prove itself.
    pub unproven: bool,
}

/// Returns what identifies a service's definition with all that it mounts: equal fingerprints run equal containers.
pub fn fingerprint(service: &DesiredService) -> String {
    format!("{}:{}", service.definition_hash(), service.digest)
}

/// A graph of actions that brings what is to what should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Whose objects it is about.
    pub owner: Owner,
    /// The revision it leads to.
    pub revision: Revision,
    /// What changes, object by object, for people.
    pub changes: Vec<Change>,
    /// The actions, in an order in which they could be done one by one.
    pub nodes: Vec<Node>,
    /// Services whose requests hold the id of a container that has yet to be created. If there are any, the actions are
    /// those that come before anything is stopped, without these services' creates; when they are done, the plan is
    /// made again.
    pub unresolved: BTreeSet<ServiceName>,
    /// Why it must not be applied. If there are any, none of it may be.
    pub refusals: Vec<Refusal>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

impl Plan {
    /// Returns true if there is nothing to do and nothing to refuse.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.refusals.is_empty()
    }

    /// Returns true if the plan is the first part of one that cannot be made yet. It stops nothing.
    pub fn is_partial(&self) -> bool {
        !self.unresolved.is_empty()
    }

    /// Returns the part of the plan that only fetches images: pulls and builds. It changes nothing that runs, and comes
    /// first.
    pub fn pulls(&self) -> Option<Self> {
        let nodes: Vec<Node> = self
            .nodes
            .iter()
            .filter(|node| matches!(&node.action, Action::Call(call) if call.fetches()))
            .cloned()
            .collect();
        (!nodes.is_empty()).then(|| Self { nodes, changes: Vec::new(), notes: Vec::new(), ..self.clone() })
    }
}

/// One action with its reason and what must be done before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its number in the plan, from 1.
    pub id: usize,
    /// What to do.
    pub action: Action,
    /// What it is done to.
    pub object: Object,
    /// Why.
    pub cause: String,
    /// The nodes that must have succeeded before.
    pub after: BTreeSet<usize>,
    /// The nodes that must have ended before, well or not.
    pub after_any: BTreeSet<usize>,
    /// Its failure is no failure of the plan.
    pub optional: bool,
}

/// What an action or a change is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "name")]
pub enum Object {
    /// An image, by its reference.
    Image(String),
    /// A network, by its name on the engine.
    Network(String),
    /// A volume, by its name on the engine.
    Volume(String),
    /// The stack's published files.
    Files,
    /// A container, by the name that it has or will have when live.
    Container(String),
}

/// What happens to an object, in the signs that Terraform made known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verb {
    /// `+`
    Create,
    /// `~`: changed in place, started or finished; the container stays the same.
    Update,
    /// `-/+`
    Replace,
    /// `-`
    Remove,
}

/// One object's change with its causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What changes.
    pub object: Object,
    /// The service, if it is a service's container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// How.
    pub verb: Verb,
    /// Why, down to the field: `image: nginx:1.27 → nginx:1.29`.
    pub causes: Vec<String>,
}

/// Why a plan must not be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// A stable id, such as `name-taken`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// Plans one stack. Never fails: what cannot be done is a refusal in the plan.
pub fn plan(inputs: Inputs<'_>) -> Plan {
    let resolve::Resolved { desired, unresolved } = resolve::resolve(inputs.desired, inputs.observed);
    build::build(Inputs { desired: &desired, ..inputs }, unresolved)
}
