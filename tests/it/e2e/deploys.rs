//! Push to deploy.

use std::time::Duration;

use super::TWO_WEBS;
use super::web;
use crate::harness::World;
use crate::harness::wait;

const SHOP: &str = r#"
services:
  app:
    image: evenkeel-test/web:1
    depends_on:
      db: {condition: service_healthy}
      init: {condition: service_completed_successfully}
  init:
    image: evenkeel-test/busybox:1
    command: [sh, -c, "sleep 1"]
    depends_on:
      db: {condition: service_healthy}
  db:
    image: evenkeel-test/busybox:1
    command: [sh, -c, "sleep 2; touch /tmp/ready; exec sleep 1000000"]
    healthcheck: {test: [CMD, test, -f, /tmp/ready], interval: 1s, timeout: 2s, retries: 20}
    volumes: ["data:/data"]
volumes:
  data: {}
"#;

#[test]
fn the_first_deploy_follows_the_order_of_dependence_and_is_told() {
    let (world, commit) = World::running(SHOP);
    let (db, init, app) = (world.container("db"), world.container("init"), world.container("app"));
    assert_eq!(init.exit_code(), 0);
    assert!(
        init.started().duration_since(db.started()).as_secs() >= 2,
        "the job waited until the database was healthy"
    );
    assert!(app.started() >= init.finished(), "the app waited until the job was done");
    assert_eq!(app.health(), "healthy");
    world.assert_only(&["db", "init", "app"]);
    assert_eq!(world.docker.volumes(), [format!("{}-shop_data", world.name)]);
    assert_eq!(app.label("dev.evenkeel.instance"), Some(world.name.as_str()));
    assert!(app.label("dev.evenkeel.revision").is_some_and(|revision| revision.ends_with(&commit)));

    let told = world.receiver.until("deploy.succeeded", &commit);
    assert_eq!(told.object(), "shop");
    assert_eq!(told.body["metadata"]["commitSubject"], "the first commit");
    assert_eq!(told.body["severity"], "info");
    let kinds: Vec<String> = world.receiver.events().into_iter().map(|event| event.kind).collect();
    let at = |kind: &str| kinds.iter().position(|known| known == kind);
    assert!(at("deploy.started").is_some() && at("deploy.started") < at("deploy.succeeded"), "{kinds:?}");
}

#[test]
fn a_pushed_change_replaces_only_the_changed_service_and_says_why() {
    let (mut world, _) = World::running(TWO_WEBS);
    let (web, other) = (world.id("web"), world.id("other"));
    let cause = "image: evenkeel-test/web:1 → evenkeel-test/web:2";

    world.terminate();
    let commit = world.push(&TWO_WEBS.replacen("web:1", "web:2", 1), "a newer web");
    let plan = world.evenkeel(&["plan", "--repo", &world.repo.url(), "--instance", &world.name]);
    assert_eq!(plan.code, Some(1), "there is something to do: {plan:?}");
    assert!(plan.stdout.contains(&format!("-/+ container {}", world.name_of("web"))), "{plan:?}");
    assert!(plan.stdout.contains(cause), "{plan:?}");
    assert!(!plan.stdout.contains(&world.name_of("other")), "{plan:?}");
    assert_eq!(world.id("web"), web, "a plan changes nothing");

    world.start();
    world.until_stable(&commit);
    assert_ne!(world.id("web"), web);
    assert_eq!(world.version("web").as_deref(), Some("2"));
    assert_eq!(world.id("other"), other);
    world.assert_only(&["web", "other"]);
    let told = world.receiver.until("deploy.succeeded", &commit).text();
    assert!(told.contains(cause), "{told}");
    assert!(world.evenkeel(&["history"]).stdout.contains(&commit[..7]));
}

#[test]
fn a_changed_mounted_file_replaces_the_service_that_mounts_it_and_nothing_else() {
    let mut world = World::new();
    let services = r#"
services:
  web:
    image: evenkeel-test/web:1
    volumes: ["./site/greeting:/www/greeting:ro"]
  other:
    image: evenkeel-test/web:1
"#;
    world.repo.write("shop/site/greeting", "hello\n").write("shop/site/unused", "1\n");
    let first = world.push(services, "hello");
    world.start();
    world.until_stable(&first);
    let (web, other) = (world.id("web"), world.id("other"));
    let greeting = |world: &World| world.docker.exec(&world.name_of("web"), &["cat", "/www/greeting"]);
    assert_eq!(greeting(&world).as_deref(), Some("hello"));

    let second = world.repo.write("shop/site/greeting", "good morning\n").push("good morning");
    world.until_stable(&second);
    assert_eq!(greeting(&world).as_deref(), Some("good morning"));
    assert_ne!(world.id("web"), web);
    assert_eq!(world.id("other"), other);
    let told = world.receiver.until("deploy.succeeded", &second).text();
    assert!(told.contains("site/greeting"), "the file is named: {told}");

    world.proxy.forget();
    world.repo.write("shop/site/unused", "2\n").push("a file that nobody mounts");
    wait::always_for(Duration::from_secs(3), "nothing is changed", || world.proxy.changes().is_empty());
}

#[test]
fn a_newer_commit_supersedes_one_that_waits_at_its_gate() {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let undecided = world.compose(
        &(web("evenkeel-test/web:2")
            + "    healthcheck: {test: [CMD, 'false'], interval: 90s, start_period: 90s}\n"),
    );
    let patient = undecided.replace("healthyDeadline: 15s", "healthyDeadline: 300s");
    let waiting = world.repo.write("shop/compose.yaml", &patient).push("never decides");
    world.receiver.until("deploy.started", &waiting);
    wait::until("the new container runs", || {
        let next = world.docker.container(&format!("{}--next", world.name_of("web")));
        next.is_some_and(|next| next.status() == "running")
    });

    let (took, ()) = wait::timed(|| {
        let newer = world.push(&web("evenkeel-test/web:2"), "decides at once");
        world.until_stable(&newer);
    });
    assert!(took < Duration::from_secs(30), "it took {took:?}");
    world.receiver.until("deploy.superseded", &waiting);
    assert!(!world.receiver.of("deploy.failed").iter().any(|event| event.is_of(&waiting)));
    assert_eq!(world.version("web").as_deref(), Some("2"));
    world.until_only(&["web"]);
}

#[test]
fn a_folder_is_applied_without_a_repository() {
    let world = World::new();
    let folder = world.folder().join("by-hand");
    std::fs::create_dir(&folder).expect("a folder");
    let write = |text: &str| std::fs::write(folder.join("compose.yaml"), text).expect("a file");
    let dir = folder.display().to_string();
    let run = |command: &str| world.evenkeel(&[command, "--dir", &dir, "--instance", &world.name]);

    write(&world.compose(&web("evenkeel-test/web:1")));
    assert_eq!(run("plan").code, Some(1));
    let applied = run("apply");
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert_eq!(run("plan").code, Some(0));
    let before = world.id("web");

    write(&world.compose(&web("evenkeel-test/web:bad")));
    let failed = run("apply");
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!((failed.stdout + &failed.stderr).contains("health check fails"));

    write("services: [\n");
    assert_eq!((run("plan").code, run("apply").code), (Some(2), Some(2)));

    write(&world.compose(&web("evenkeel-test/web:1")));
    let back = run("apply");
    assert_eq!(back.code, Some(0), "{back:?}");
    assert_eq!(world.id("web"), before, "it was kept");
    world.assert_only(&["web"]);
}

#[test]
fn who_lives_in_a_network_by_the_name_of_a_container_follows_it() {
    let mut world = World::new();
    let services = |version: u32| {
        format!(
            "services:\n  vpn:\n    image: evenkeel-test/web:{version}\n  side:\n    image: evenkeel-test/busybox:1\n    \
             command: [sleep, infinity]\n    stop_grace_period: 1s\n    network_mode: container:{}\n",
            world.name_of("vpn")
        )
    };
    let (old, new) = (services(1), services(2));
    let first = world.push(&old, "a tunnel");
    world.start();
    world.until_stable(&first);
    let reached = |world: &World| {
        world.docker.exec(&world.name_of("side"), &["wget", "-q", "-O", "-", "http://127.0.0.1:8080/version"])
    };
    let hash = |world: &World| {
        world.container("side").label("com.docker.compose.config-hash").map(str::to_owned).expect("a label")
    };
    let before = (hash(&world), reached(&world));
    let second = world.push(&new, "a newer tunnel");
    world.until_stable(&second);
    assert_eq!(hash(&world), before.0, "the name is hashed, as Compose does");
    let after = reached(&world);
    assert!(after.is_some() && after != before.1, "it is not left in what is gone: {before:?}, {after:?}");
    world.assert_only(&["vpn", "side"]);
}
