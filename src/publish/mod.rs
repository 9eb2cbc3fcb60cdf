//! Writes the files that a stack's containers mount to their stable place on the host.
//!
//! It writes what it is given and decides nothing: which files those are, the core says. It never follows a symbolic
//! link below its root, and never touches a file that it did not write. Everything here blocks.

mod dir;
mod error;
mod folder;
mod manifest;
mod publisher;
mod relative;

#[cfg(test)]
mod tests;

pub use error::PublishError;
pub use folder::FolderTree;
pub use publisher::Published;
pub use publisher::Publisher;
