//! What the end-to-end tests act with: a repository to push to, the `evenkeel` program, a Docker Engine behind a proxy
//! that counts its calls, and a place where webhooks arrive. A [`World`] holds one of each, under a name of its own, so
//! that tests can run side by side and clean up after themselves.

pub(crate) mod compose;
pub(crate) mod docker;
pub(crate) mod http;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod receiver;
pub(crate) mod repo;
pub(crate) mod wait;
pub(crate) mod world;

pub(crate) use world::World;
