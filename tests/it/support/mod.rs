//! What integration tests share: engines to test on, names of their own, and waiting for conditions.

mod bench;
mod docker;
mod wait;

pub(crate) use bench::Bench;
pub(crate) use bench::NO_PATH;
pub(crate) use bench::call_error;
pub(crate) use wait::eventually;
