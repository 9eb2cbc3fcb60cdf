//! Newtypes and vocabulary that the whole crate shares. Nothing here does anything but hold and print itself.

mod image;
mod name;
mod redact;
mod revision;
mod secret;
mod signature;
mod tree;

pub use image::familiar;
pub use image::registry_of;
pub use image::same_image;
pub use name::InstanceId;
pub use name::NameError;
pub use name::ProjectName;
pub use name::ServiceName;
pub use name::SourceName;
pub use name::StackName;
pub use redact::Redactor;
pub use revision::CommitId;
pub use revision::Revision;
pub use secret::Secret;
pub use signature::sign;
pub use signature::verify;
pub use tree::Entry;
pub use tree::EntryKind;
pub use tree::MemoryTree;
pub use tree::Tree;
pub use tree::TreeError;
pub use tree::normalise;
