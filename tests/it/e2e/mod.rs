//! Scenarios: somebody pushes, and the engine and the webhooks show what came of it.

mod adopting;
mod bad_input;
mod building;
mod crashes;
mod deploys;
mod drift;
mod full_disk;
mod idempotence;
mod itself;
mod networks;
mod notifications;
mod pruning;
mod rollbacks;
mod secrets;
mod serving;

/// A service that says its version, and a second one that nothing is done to.
pub(crate) const TWO_WEBS: &str = "
services:
  web:
    image: evenkeel-test/web:1
    restart: unless-stopped
  other:
    image: evenkeel-test/web:1
    restart: unless-stopped
";

/// A single service of this image.
pub(crate) fn web(image: &str) -> String {
    format!("services:\n  web:\n    image: {image}\n    restart: unless-stopped\n")
}
