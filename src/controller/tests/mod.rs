//! The controller over an engine in memory, a real repository and paused time: what a person would see over days, in
//! milliseconds, and what happens if any single call goes wrong.

mod adopted;
mod builds;
mod faults;
mod guard;
mod hooks;
mod networks;
mod passes;
mod rounds;
mod shared;
mod told;
mod world;
