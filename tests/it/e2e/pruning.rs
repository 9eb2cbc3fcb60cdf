//! What leaves git goes. Data stays.

use std::time::Duration;

use super::TWO_WEBS;
use super::web;
use crate::harness::World;
use crate::harness::wait;

const WITH_DATABASE: &str = r#"
services:
  web:
    image: evenkeel-test/web:1
  db:
    image: evenkeel-test/busybox:1
    volumes: ["data:/data"]
volumes:
  data: {}
"#;

#[test]
fn a_service_removed_from_git_is_removed_and_its_data_is_kept() {
    let (world, _) = World::running(WITH_DATABASE);
    let web_before = world.id("web");
    let db = world.name_of("db");
    world.docker.exec(&db, &["sh", "-c", "echo kept > /data/note"]).expect("a note");

    let removed = world.push("services:\n  web:\n    image: evenkeel-test/web:1\n", "no database");
    world.until_stable(&removed);
    world.until_only(&["web"]);
    assert_eq!(world.id("web"), web_before);
    assert_eq!(world.docker.volumes(), [format!("{}-shop_data", world.name)]);

    let back = world.repo.revert();
    world.until_stable(&back);
    assert_eq!(world.docker.exec(&db, &["cat", "/data/note"]).as_deref(), Some("kept"));
    assert_eq!(world.id("web"), web_before);
}

#[test]
fn a_stack_whose_folder_is_removed_goes_and_the_others_stay() {
    let mut world = World::new();
    world.repo.write("wiki/compose.yaml", &world.compose_of("wiki", WITH_DATABASE));
    let first = world.push(&web("evenkeel-test/web:1"), "two stacks");
    world.start();
    let deployed = |stack: &str| {
        let told = world.receiver.of("deploy.succeeded");
        told.iter().any(|event| event.object() == stack && event.is_of(&first))
    };
    wait::until("both stacks are deployed", || deployed("shop") && deployed("wiki"));
    let before = world.id("web");

    let removed = world.repo.remove("wiki").push("no wiki");
    world.until_only(&["web"]);
    let told = world.receiver.until("prune.done", &removed);
    assert_eq!(told.object(), "wiki");
    assert_eq!(world.id("web"), before);
    assert_eq!(world.docker.volumes(), [format!("{}-wiki_data", world.name)]);
    wait::until("its network is gone", || {
        world.docker.networks() == [format!("{}-shop_default", world.name)]
    });
}

#[test]
fn an_emptied_repository_prunes_nothing() {
    let (world, _) = World::running(TWO_WEBS);
    let before = (world.id("web"), world.id("other"));
    world.proxy.forget();
    let emptied = world.repo.remove("shop").write("README.md", "Nothing here.\n").push("a mistake");
    world.receiver.until("prune.refused", &emptied);
    wait::always_for(Duration::from_secs(3), "nothing is changed", || world.proxy.changes().is_empty());
    assert_eq!((world.id("web"), world.id("other")), before);
    assert_eq!(world.receiver.of("prune.refused").len(), 1);

    world.repo.revert();
    let next = world.push(&TWO_WEBS.replacen("web:1", "web:2", 1), "a newer web");
    world.until_stable(&next);
    assert_eq!(world.id("other"), before.1);
}
