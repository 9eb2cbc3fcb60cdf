//! The walk over an engine in memory and paused time; and plan and walk together over random worlds.

mod random;
mod walking;
