//! When all is as it should be, nothing is touched.

use std::fs;

use crate::harness::World;

const SERVICES: &str = r#"
services:
  web:
    image: evenkeel-test/web:1
    restart: always
    user: "0"
    environment: {B: "2", A: "1", EMPTY: "", FROM_OUTSIDE: null}
    ports: ["127.0.0.1::8080"]
    networks: {front: {aliases: [www]}, back: {}}
    volumes: ["./site/greeting:/www/greeting:ro", "data:/data", "/scratch"]
    tmpfs: [/cache]
    labels: {org.example.note: "1"}
    mem_limit: 64m
    stop_grace_period: 3s
    logging: {driver: json-file, options: {max-size: 1m}}
  job:
    image: evenkeel-test/busybox:1
    command: [sh, -c, "exit 0"]
    networks: [back]
    depends_on: {web: {condition: service_healthy}}
networks:
  front: {}
  back: {internal: true}
volumes:
  data: {}
"#;

#[test]
fn a_second_pass_makes_no_changing_call_even_after_a_restart_or_without_its_database() {
    let mut world = World::new();
    world.repo.write("shop/site/greeting", "hello\n");
    world.push(SERVICES, "the first commit");
    let first = world.once();
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(!world.proxy.changes().is_empty());

    world.proxy.forget();
    let second = world.once();
    assert_eq!((second.code, world.proxy.changes()), (Some(0), vec![]), "{second:?}");

    let mut removed = 0;
    for entry in fs::read_dir(world.data()).expect("a data folder").flatten() {
        if entry.file_name().to_string_lossy().contains(".db") {
            fs::remove_file(entry.path()).expect("a file");
            removed += 1;
        }
    }
    assert!(removed > 0, "the database is in the data folder");
    let third = world.once();
    assert_eq!((third.code, world.proxy.changes()), (Some(0), vec![]), "{third:?}");

    world.start();
    world.proxy.until_looked(1);
    assert_eq!(world.terminate(), Some(0));
    assert_eq!(world.proxy.changes(), []);
    world.assert_only(&["web", "job"]);
}

#[test]
fn a_pass_with_nothing_to_do_is_two_listings_and_a_look_at_each_container() {
    let mut world = World::new();
    world.repo.write("shop/site/greeting", "hello\n");
    world.push(SERVICES, "the first commit");
    assert_eq!(world.once().code, Some(0));

    world.start();
    // One look for the stack, one for what left git.
    world.proxy.until_looked(2);
    world.proxy.forget();
    world.repo.write("README.md", "of no stack\n").push("nothing that runs");
    world.proxy.until_looked(2);
    assert_eq!(world.terminate(), Some(0));
    let asked = world.proxy.calls().into_iter().map(|call| call.to_string());
    // Signs of life are no part of a pass.
    let asked: Vec<String> =
        asked.filter(|call| call != "GET /_ping" && !call.starts_with("GET /events")).collect();
    let of = |path: &str| asked.iter().filter(|call| call.starts_with(path)).count();
    let (listings, networks) = (of("GET /containers/json"), of("GET /networks"));
    let looks = of("GET /containers/") - listings;
    assert_eq!(asked.len(), listings + networks + looks, "nothing else is asked for: {asked:?}");
    assert_eq!(
        (listings, looks),
        (2, 2),
        "two containers are looked at for the stack, none for the rest: {asked:?}"
    );
    assert!(networks <= 3, "two, and what the look before may still have asked: {asked:?}");
}

#[test]
fn once_exits_with_its_verdict() {
    let world = World::new();
    world.push("services:\n  web:\n    image: evenkeel-test/web:bad\n", "does not work");
    let said = world.once();
    assert_eq!(said.code, Some(1), "{said:?}");
}
