//! Compose files to a project: include, extends, merge, interpolation, profiles, normalisation, validation, hashes.
//!
//! The way of a file, one stage per module, each from value to value. It does what Docker Compose 2.40 does.

mod assemble;
mod canonical;
mod check;
mod consistency;
mod defaults;
mod dotenv;
mod env_file;
mod extends;
mod files;
mod hash;
mod heal;
mod include;
mod interpolate;
mod json;
mod lint;
mod load;
mod merge;
mod model;
mod natural;
mod normalize;
mod paths;
mod port;
mod print;
mod project;
mod read;
mod report;
mod reset;
mod schema;
mod template;
mod text;
pub mod types;
mod unique;
mod volume;

pub use lint::lint;
pub use load::Extension;
pub use load::Loaded;
pub use load::Options;
pub use load::Skip;
pub use load::discover;
pub use load::load;
pub use project::HashFlavor;
pub use project::LabelHash;
pub use project::Project;
pub use project::hash_of_service;

#[cfg(test)]
mod tests;
