//! What Docker Compose runs is taken over as it runs, and both get on with each other afterwards.

use std::fs;

use crate::harness::World;
use crate::harness::compose::Compose;

const SERVICES: &str = "
services:
  web:
    image: evenkeel-test/web:1
    restart: unless-stopped
    volumes: ['./conf:/conf:ro', 'data:/data']
    depends_on: [db]
  db:
    image: evenkeel-test/web:1
    restart: unless-stopped
    networks: {default: {aliases: [database]}}
volumes: {data: {}}
";

#[test]
fn a_running_project_is_taken_over_without_a_restart() {
    let Some(compose) = Compose::find() else { return };
    let mut world = World::new();
    let folder = world.folder().join("somewhere/shop");
    fs::create_dir_all(folder.join("conf")).expect("a folder");
    let file = world.compose(SERVICES);
    fs::write(folder.join("compose.yaml"), &file).expect("a file");
    fs::write(folder.join("conf/a"), "1").expect("a file");
    world.repo.write("shop/compose.yaml", &file).write("shop/conf/a", "1").push("as it runs");
    compose.run(&folder, &["up", "--detach"]);
    let ids = |world: &World| [world.id("web"), world.id("db")];
    let before = ids(&world);

    let project = format!("{}-shop", world.name);
    let (url, instance) = (world.repo.url(), world.name.clone());
    let adopt = ["adopt", "--repo", &url, "--instance", &instance, &project];
    let shown = world.evenkeel(&adopt);
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert!(shown.stdout.contains("an exact match, no container is touched"), "{shown:?}");
    assert_eq!(world.once().code, Some(1), "it was only shown: the names are taken by somebody else");
    let taken = world.evenkeel(&[&adopt[..], &["--yes"]].concat());
    assert_eq!(taken.code, Some(0), "{taken:?}");

    world.proxy.forget();
    assert_eq!(world.once().code, Some(0));
    assert_eq!((world.proxy.changes(), ids(&world)), (vec![], before.clone()));

    let changed = world.repo.write("shop/conf/a", "2").push("a changed file");
    world.start();
    world.until_stable(&changed);
    assert_ne!(world.id("web"), before[0]);
    assert_eq!(world.id("db"), before[1]);
    assert_eq!(world.docker.exec(&world.name_of("web"), &["cat", "/conf/a"]).as_deref(), Some("2"));

    let after = ids(&world);
    compose.run(&folder, &["up", "--detach"]);
    assert_eq!(ids(&world), after, "Docker Compose has nothing to do after us");
}
