//! The controller as a service: its pages, its receiver, its end.

use std::fs;
use std::time::Duration;

use super::web;
use crate::harness::World;
use crate::harness::http;
use crate::harness::wait;

const HOOK_KEY: &str = "the key that the forge signs with";

#[test]
fn it_says_that_it_lives_that_it_is_ready_and_how_it_does() {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let page = |path: &str| http::get(world.address, path).expect("an answer");
    assert_eq!(page("/livez").status(), 200);
    assert_eq!(page("/readyz").status(), 200);
    let metrics = page("/metrics");
    assert_eq!(metrics.status(), 200);
    assert!(metrics.text().contains("evenkeel_"), "{}", metrics.text());
    assert_eq!(page("/no/such/page").status(), 404);
}

#[test]
fn a_signed_push_makes_it_look_at_once_and_an_unsigned_one_does_not() {
    let mut world = World::new();
    world.interval = "1h";
    let key = world.folder().join("hook-key");
    fs::write(&key, HOOK_KEY).expect("a file");
    world.options = vec!["--hook-secret-file".into(), key.display().to_string()];
    let first = world.push(&web("evenkeel-test/web:1"), "the first commit");
    world.start();
    world.until_stable(&first);

    let second = world.push(&web("evenkeel-test/web:2"), "a newer web");
    let body = br#"{"ref": "refs/heads/main"}"#;
    let bad = http::signature(b"another key", body);
    let good = http::signature(HOOK_KEY.as_bytes(), body);
    let push =
        |headers: &[(&str, &str)]| http::post(world.address, "/hook/push", headers, body).expect("an answer");
    for headers in [&[("X-Hub-Signature-256", bad.as_str())][..], &[("X-Hub-Signature-256", "sha256=")], &[]]
    {
        let answer = push(headers);
        assert!([401, 403].contains(&answer.status()), "{headers:?}: {answer:?}");
    }
    wait::always_for(Duration::from_secs(2), "nothing is deployed", || {
        world.version("web").as_deref() == Some("1")
    });

    let answer = push(&[("X-GitHub-Event", "push"), ("X-Hub-Signature-256", &good)]);
    assert!((200..300).contains(&answer.status()), "{answer:?}");
    world.until_stable(&second);
    assert_eq!(world.version("web").as_deref(), Some("2"));
}

#[test]
fn without_a_key_the_receiver_is_off() {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let answer = http::post(world.address, "/hook/push", &[], b"{}").expect("an answer");
    assert!([403, 404].contains(&answer.status()), "{answer:?}");
}

#[test]
fn it_ends_in_time_when_it_is_told_to_also_in_the_middle_of_a_deploy() {
    let (mut world, _) = World::running(&web("evenkeel-test/web:1"));
    let (took, code) = wait::timed(|| world.terminate());
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "it took {took:?}");

    let slow = web("evenkeel-test/web:2")
        + "    healthcheck: {test: [CMD, 'false'], interval: 90s, start_period: 90s}\n";
    let patient = world.compose(&slow).replace("healthyDeadline: 15s", "healthyDeadline: 300s");
    world.repo.write("shop/compose.yaml", &patient).push("never decides");
    world.start();
    wait::until("the new container runs", || {
        let next = world.docker.container(&format!("{}--next", world.name_of("web")));
        next.is_some_and(|next| next.status() == "running")
    });
    let (took, code) = wait::timed(|| world.terminate());
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "it took {took:?}");

    let mended = world.push(&web("evenkeel-test/web:2"), "decides");
    world.start();
    world.until_stable(&mended);
    world.until_only(&["web"]);
    assert_eq!(world.version("web").as_deref(), Some("2"));
}
