//! Evenkeel: a GitOps controller for a Docker homelab.
//!
//! The map of the crate. Imports point one way only, and `tests/architecture.rs` holds it:
//!
//! ```text
//! cli, http -> controller -> {git, docker, sim, apply, publish, store, notify} -> ports -> core
//! ```
//!
//! * [`core`] is pure: values in, values out. It reads Compose, renders what the engine should hold, and plans.
//! * [`ports`] names what the core's callers need of the world: an engine, a source, a journal, a clock.
//! * [`git`], [`docker`], [`publish`], [`store`] and [`notify`] touch the world, one each, and decide nothing.
//! * [`sim`] is an engine in memory that behaves as the real one was measured to behave.
//! * [`apply`] walks a plan. [`controller`] says when and for what.
//! * [`http`] and [`cli`] are the two ways in; [`config`] and [`telemetry`] serve them.

pub mod apply;
pub mod cli;
pub mod config;
pub mod controller;
pub mod core;
pub mod docker;
pub mod git;
pub mod http;
pub mod notify;
pub mod ports;
pub mod publish;
pub mod sim;
pub mod store;
pub mod telemetry;
