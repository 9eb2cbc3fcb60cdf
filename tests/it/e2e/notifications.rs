//! Every change is told, however long nobody listens.

use std::collections::BTreeMap;

use super::web;
use crate::harness::World;
use crate::harness::wait;

#[test]
fn a_receiver_that_was_down_gets_everything_in_order_even_over_a_restart() {
    let (mut world, first) = World::running(&web("evenkeel-test/web:1"));
    world.receiver.go_down();
    let mut commits = vec![first];
    for version in ["2", "1", "2"] {
        commits.push(world.push(&web(&format!("evenkeel-test/web:{version}")), version));
        wait::until("the commit runs", || world.version("web").as_deref() == Some(version));
        if commits.len() == 3 {
            world.kill();
            world.start();
        }
    }
    world.receiver.come_up();
    for commit in &commits {
        world.until_stable(commit);
    }
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for event in world.receiver.events() {
        let number = event.body["sequence"].as_u64().expect("a number");
        let before = last.insert(event.body["involvedObject"].to_string(), number);
        assert_eq!(number, before.unwrap_or(0) + 1, "none is lost and none overtakes: {}", event.text());
    }
}

#[test]
fn a_delivery_that_is_repeated_has_the_same_id() {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let mut bodies = BTreeMap::new();
    for delivery in world.receiver.deliveries() {
        let body = delivery.text();
        assert_eq!(*bodies.entry(delivery.id).or_insert_with(|| body.clone()), body);
    }
    assert!(!bodies.is_empty());
}

#[test]
fn a_test_event_shows_whether_webhooks_arrive() {
    let mut world = World::new();
    let url = world.receiver.url();
    let test = |world: &World| {
        let key = world.folder().join("key").display().to_string();
        world.evenkeel(&["notify", "test", "--webhook", &url, "--webhook-secret-file", &key])
    };
    let said = test(&world);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(world.receiver.of("notify.test").len(), 1);

    world.receiver.go_down();
    let said = test(&world);
    assert!(said.code.is_some_and(|code| code != 0), "{said:?}");
    assert!(!(said.stdout + &said.stderr).contains("url-canary"), "an address may hold a token");
}
