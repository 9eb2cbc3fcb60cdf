//! What was changed behind Evenkeel's back is brought back.

use super::TWO_WEBS;
use crate::harness::World;
use crate::harness::wait;

#[test]
fn a_container_removed_by_hand_is_made_again() {
    let (world, _) = World::running(TWO_WEBS);
    let other = world.id("other");
    world.docker.run(&["rm", "--force", &world.name_of("web")]);
    wait::until("it is there again", || world.version("web").as_deref() == Some("1"));
    wait::until("both events arrive", || {
        ["drift.detected", "drift.corrected"].iter().all(|kind| !world.receiver.of(kind).is_empty())
    });
    assert_eq!(world.id("other"), other);
    world.assert_only(&["web", "other"]);
    assert_eq!(world.receiver.of("drift.corrected").len(), 1);
}

#[test]
fn a_container_stopped_by_hand_is_started_again() {
    let (world, _) = World::running(TWO_WEBS);
    let (web, other) = (world.id("web"), world.id("other"));
    world.docker.run(&["stop", &world.name_of("web")]);
    wait::until("it runs again", || world.container("web").status() == "running");
    wait::until("that is told", || !world.receiver.of("drift.corrected").is_empty());
    assert_eq!((world.id("web"), world.id("other")), (web, other));
}

#[test]
fn what_happens_while_no_controller_runs_is_found_at_its_start() {
    let (mut world, _) = World::running(TWO_WEBS);
    world.kill();
    world.docker.run(&["rm", "--force", &world.name_of("web"), &world.name_of("other")]);
    world.start();
    wait::until("both are there again", || {
        ["web", "other"].iter().all(|service| world.version(service).as_deref() == Some("1"))
    });
    world.until_only(&["web", "other"]);
}
