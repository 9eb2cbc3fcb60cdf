//! What is bad goes away by itself, and what is reverted comes back as it was.

use std::time::Duration;

use super::web;
use crate::harness::World;
use crate::harness::wait;

#[test]
fn a_revert_brings_the_same_image_back_without_a_pull_although_its_tag_has_moved() {
    let mut world = World::new();
    let tag = format!("{}/app:live", world.name);
    let image =
        |number: u8| world.docker.image_id(&format!("evenkeel-test/web:{number}")).expect("a test image");
    let (one, two) = (image(1), image(2));
    world.docker.run(&["tag", "evenkeel-test/web:1", &tag]);
    let first = world.push(&web(&tag), "the first commit");
    world.start();
    world.until_stable(&first);
    assert_eq!(world.container("web").image_id(), one);

    world.docker.run(&["tag", "evenkeel-test/web:2", &tag]);
    let second = world.push(&(web(&tag) + "    environment: {GREETING: hello}\n"), "a greeting");
    world.until_stable(&second);
    assert_eq!(world.container("web").image_id(), two);

    world.proxy.forget();
    let third = world.repo.revert();
    world.until_stable(&third);
    assert_eq!(world.container("web").image_id(), one, "the image of the first commit, not the tag's");
    let pulls = world.proxy.calls().into_iter().filter(|call| call.path.starts_with("/images/create"));
    assert_eq!(pulls.count(), 0);
    world.assert_only(&["web"]);
}

#[test]
fn a_failing_health_check_is_rolled_back_to_the_very_same_container_and_not_tried_again() {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let before = world.id("web");
    let bad = world.push(&web("evenkeel-test/web:bad"), "does not work");
    world.receiver.until("deploy.failed", &bad);
    world.receiver.until("deploy.rolled_back", &bad);
    world.assert_only(&["web"]);
    let back = world.container("web");
    assert_eq!((back.id(), back.status()), (before.as_str(), "running"));
    assert_eq!(back.restart_policy(), "unless-stopped");
    assert!(!world.receiver.of("deploy.succeeded").iter().any(|event| event.is_of(&bad)));

    world.proxy.forget();
    wait::always_for(Duration::from_secs(4), "the bad commit is left alone", || {
        world.proxy.changes().is_empty() && world.receiver.of("deploy.failed").len() == 1
    });
    assert_eq!(world.receiver.of("deploy.rolled_back").len(), 1);

    let good = world.push(&web("evenkeel-test/web:2"), "works");
    world.until_stable(&good);
    assert_eq!(world.version("web").as_deref(), Some("2"));
    world.assert_only(&["web"]);
}

#[test]
fn a_bad_commit_is_not_tried_again_after_a_restart_either() {
    let (mut world, _) = World::running(&web("evenkeel-test/web:1"));
    let before = world.id("web");
    let bad = world.push(&web("evenkeel-test/web:bad"), "does not work");
    world.receiver.until("deploy.rolled_back", &bad);
    world.restart();
    world.proxy.forget();
    world.proxy.until_looked(1);
    wait::always_for(Duration::from_secs(3), "the bad commit is left alone", || {
        world.proxy.changes().is_empty()
    });
    assert_eq!(world.id("web"), before);
    assert_eq!(world.receiver.of("deploy.rolled_back").len(), 1);
}

#[test]
fn when_one_service_fails_its_gate_the_whole_stack_goes_back() {
    let stack = |front: &str, back: &str| {
        format!(
            "services:\n  front:\n    image: evenkeel-test/web:{front}\n    depends_on: [back]\n  \
             back:\n    image: evenkeel-test/web:{back}\n"
        )
    };
    let (world, _) = World::running(&stack("1", "1"));
    let before = (world.id("front"), world.id("back"));
    let bad = world.push(&stack("bad", "2"), "the front is broken");
    world.receiver.until("deploy.rolled_back", &bad);
    assert_eq!((world.id("front"), world.id("back")), before);
    world.assert_only(&["front", "back"]);
    wait::until("both are well", || {
        ["front", "back"].iter().all(|service| world.container(service).health() == "healthy")
    });
}

#[test]
fn however_a_container_breaks_the_old_one_comes_back() {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let before = world.id("web");
    let broken = [
        ("ends at once", web("evenkeel-test/crash:1")),
        (
            "ends again and again",
            web("evenkeel-test/busybox:1") + "    command: [sh, -c, 'sleep 0.3; exit 3']\n",
        ),
        ("cannot be started", web("evenkeel-test/web:2") + "    entrypoint: [/no/such/program]\n"),
        (
            "is never ready",
            web("evenkeel-test/web:2")
                + "    healthcheck: {test: [CMD, 'false'], interval: 1s, retries: 1000}\n",
        ),
    ];
    for (how, services) in broken {
        let bad = world.push(&services, how);
        world.receiver.until("deploy.rolled_back", &bad);
        let back = world.container("web");
        assert_eq!((back.id(), back.status()), (before.as_str(), "running"), "{how}");
        assert_eq!(back.restart_policy(), "unless-stopped", "{how}");
        world.until_only(&["web"]);
    }
}

#[test]
fn a_bad_first_commit_is_told_and_the_next_one_may_be_good() {
    let mut world = World::new();
    let bad = world.push(&web("evenkeel-test/web:bad"), "does not work");
    world.start();
    world.receiver.until("deploy.failed", &bad);
    let good = world.push(&web("evenkeel-test/web:1"), "works");
    world.until_stable(&good);
    assert_eq!(world.version("web").as_deref(), Some("1"));
    world.assert_only(&["web"]);
}

#[test]
fn what_drifts_while_a_bad_commit_is_held_back_is_repaired_without_trying_it_again() {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let bad = world.push(&web("evenkeel-test/web:bad"), "does not work");
    world.receiver.until("deploy.rolled_back", &bad);
    world.docker.run(&["rm", "--force", &world.name_of("web")]);
    wait::until("it is there again", || world.version("web").as_deref() == Some("1"));
    let repaired = world.id("web");
    wait::until("that is told", || !world.receiver.of("drift.corrected").is_empty());
    wait::always_for(Duration::from_secs(12), "the bad commit is left alone", || {
        world.docker.names() == [world.name_of("web")]
    });
    assert_eq!(world.id("web"), repaired);
    assert_eq!(world.receiver.of("deploy.rolled_back").len(), 1);
}

#[test]
fn with_auto_revert_off_what_failed_stays_to_be_looked_at() {
    let (mut world, _) = World::running(&web("evenkeel-test/web:1"));
    let file = world.compose(&web("evenkeel-test/web:bad")).replace("15s}", "15s, autoRevert: false}");
    let bad = world.repo.write("shop/compose.yaml", &file).push("does not work");
    world.receiver.until("deploy.failed", &bad);
    let failed = world.receiver.of("deploy.failed").len();
    world.restart();
    world.proxy.until_looked(1);
    wait::always_for(Duration::from_secs(5), "nothing is taken back", || {
        world.receiver.of("deploy.failed").len() == failed
            && world.receiver.of("deploy.rolled_back").is_empty()
    });
    let good = world.push(&web("evenkeel-test/web:2"), "works");
    world.until_stable(&good);
    world.until_only(&["web"]);
}

#[test]
fn a_crash_loop_is_ended_by_a_good_commit() {
    let mut world = World::new();
    let crashing = web("evenkeel-test/busybox:1") + "    command: [sh, -c, 'sleep 0.2; exit 3']\n";
    let bad = world.push(&crashing, "ends again and again");
    world.start();
    world.receiver.until("deploy.failed", &bad);
    let good = world.push(&web("evenkeel-test/web:1"), "works");
    world.until_stable(&good);
    assert_eq!(world.version("web").as_deref(), Some("1"));
    world.until_only(&["web"]);
}
