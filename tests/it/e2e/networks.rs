//! A commit that changes a network: the same containers, on the new one.

use crate::harness::World;
use crate::harness::compose::Compose;
use crate::harness::proxy::Moment;
use crate::harness::wait;

/// Two services that find each other by name, one at a fixed address.
fn services(net: u8, web: &str) -> String {
    format!(
        "
services:
  web:
    image: evenkeel-test/web:{web}
    restart: unless-stopped
    networks: {{net: {{aliases: [www]}}}}
    depends_on: [db]
  db:
    image: evenkeel-test/web:1
    restart: unless-stopped
    networks: [net]
    volumes: ['data:/data']
networks:
  net: {{ipam: {{config: [{{subnet: 10.232.{net}.0/24}}]}}}}
volumes: {{data: {{}}}}
"
    )
}

fn reaches(world: &World, from: &str, to: &str) -> bool {
    let address = format!("http://{to}:8080/version");
    world.docker.exec(&world.name_of(from), &["wget", "-qO-", &address]).is_some()
}

fn address(world: &World, service: &str) -> String {
    let said = world.docker.exec(&world.name_of(service), &["ip", "-4", "addr", "show"]).unwrap_or_default();
    said.lines().find(|line| line.contains("10.232.")).unwrap_or_default().trim().to_owned()
}

#[test]
fn a_changed_subnet_keeps_the_containers_and_compose_has_nothing_to_do_afterwards() {
    let (mut world, _) = World::running(&services(1, "1"));
    let ids = |world: &World| [world.id("web"), world.id("db")];
    let before = ids(&world);
    let moved = world.push(&services(2, "1"), "another subnet");
    world.until_stable(&moved);
    assert_eq!(ids(&world), before);
    assert!(address(&world, "web").contains("10.232.2."), "{}", address(&world, "web"));
    assert!(reaches(&world, "web", "db") && reaches(&world, "db", "www"));

    let reverted = world.push(&services(1, "1"), "the old subnet");
    world.until_stable(&reverted);
    assert_eq!(ids(&world), before);
    assert!(address(&world, "db").contains("10.232.1."), "{}", address(&world, "db"));

    world.terminate();
    world.proxy.forget();
    assert_eq!(world.once().code, Some(0));
    assert_eq!(world.proxy.changes(), []);
    if let Some(compose) = Compose::find() {
        let folder = world.folder().join("shop");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("compose.yaml"), world.compose(&services(1, "1"))).expect("a file");
        compose.run(&folder, &["up", "--detach"]);
        assert_eq!(ids(&world), before, "Docker Compose has nothing to do after us");
    }
}

#[test]
fn a_bad_commit_that_also_changes_the_network_is_taken_back_with_the_network() {
    let (world, _) = World::running(&services(3, "1"));
    let before = [world.id("web"), world.id("db")];
    let bad = world.push(&services(4, "bad"), "does not work");
    world.receiver.until("deploy.rolled_back", &bad);
    wait::until("both are well", || {
        ["web", "db"].iter().all(|service| world.container(service).health() == "healthy")
    });
    assert_eq!([world.id("web"), world.id("db")], before);
    assert!(address(&world, "web").contains("10.232.3."), "{}", address(&world, "web"));
    assert!(reaches(&world, "web", "db"));
}

#[test]
fn a_new_container_gets_its_fixed_address_on_the_network_that_is_made_anew() {
    let fixed = |net: u8| {
        services(net, "1")
            .replace("aliases: [www]", &format!("aliases: [www], ipv4_address: 10.232.{net}.77"))
    };
    let (world, _) = World::running(&fixed(5));
    assert!(address(&world, "web").contains("10.232.5.77"));
    let db = world.id("db");
    let moved = world.push(&fixed(6), "another subnet");
    world.until_stable(&moved);
    assert!(address(&world, "web").contains("10.232.6.77"), "{}", address(&world, "web"));
    assert_eq!(world.id("db"), db);
    assert!(reaches(&world, "db", "www"));
}

#[test]
fn a_network_with_somebody_else_on_it_is_not_touched() {
    let (world, _) = World::running(&services(7, "1"));
    let guest = format!("{}-guest", world.name);
    let network = format!("{}-shop_net", world.name);
    world.docker.run(&[
        "run",
        "--detach",
        "--name",
        &guest,
        "--network",
        &network,
        "evenkeel-test/busybox:1",
    ]);
    let started = world.container("web").started();
    let refused = world.push(&services(8, "1"), "another subnet");
    let event = world.receiver.until("deploy.failed", &refused);
    assert!(event.message().contains(&guest), "{}", event.message());
    assert_eq!(world.container("web").started(), started);
    world.docker.run(&["rm", "--force", &guest]);
    world.until_stable(&refused);
}

#[test]
fn a_kill_at_any_call_of_a_remake_is_recovered_from() {
    let (mut world, _) = World::running(&services(9, "1"));
    let before = [world.id("web"), world.id("db")];
    let mut killed_at = Vec::new();
    for nth in 1.. {
        let net = if nth % 2 == 1 { 10 } else { 9 };
        let moment = [Moment::Before, Moment::Unanswered, Moment::After][nth % 3];
        world.proxy.stop_at(nth, moment);
        let commit = world.push(&services(net, "1"), &format!("stop at call {nth}"));
        let stopped = wait::until_some("it is stopped or done", || {
            let done = || world.receiver.of("deploy.succeeded").iter().any(|event| event.is_of(&commit));
            world.proxy.stopped_at().map(Some).or_else(|| done().then_some(None))
        });
        world.kill();
        world.proxy.release();
        let Some(call) = stopped else { break };
        world.start();
        world.until_stable(&commit);
        let subnet = format!("10.232.{net}.");
        wait::until(&format!("both run on {subnet}, killed at `{call}`"), || {
            ["web", "db"].iter().all(|service| address(&world, service).contains(&subnet))
        });
        assert_eq!([world.id("web"), world.id("db")], before, "killed at `{call}`");
        assert!(reaches(&world, "web", "db"), "killed at `{call}`");
        killed_at.push(call.to_string());
    }
    assert!(killed_at.len() >= 6, "a remake has more calls than {killed_at:#?}");
}
