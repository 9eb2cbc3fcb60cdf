//! The pure core: no runtime, file system, environment, clock, Docker, git, SQL or HTTP. Values in, values out.
//!
//! Inside it, imports point one way: `plan -> desired, observed -> compose -> yaml -> diag, model`;
//! `shape`, which reads our own files, stands beside `compose` under `desired`.

pub mod compose;
pub mod desired;
pub mod diag;
pub mod model;
pub mod observed;
pub mod plan;
pub mod run;
pub mod schedule;
pub mod shape;
pub mod yaml;
