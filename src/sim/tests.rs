//! What the contract with the real engine does not show: faults, others at the same engine, time, pulls.

use futures_util::StreamExt;

use super::*;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::Endpoint;
use crate::core::desired::request::NetworkRequest;
use crate::core::desired::request::PortBinding;
use crate::core::observed::Health;
use crate::core::observed::PublishedPort;
use crate::core::observed::State;

const IMAGE: &str = "app:1";

fn engine() -> SimEngine {
    let engine = SimEngine::new(7, Timestamp::UNIX_EPOCH);
    engine.add_image(IMAGE, "one");
    engine
}

fn create(name: &str, policy: &str) -> Call {
    let mut request = ContainerRequest { image: IMAGE.into(), ..ContainerRequest::default() };
    request.host_config.restart_policy.name = policy.into();
    Call::CreateContainer { name: name.into(), platform: None, request: Box::new(request) }
}

fn start(name: &str) -> Call {
    Call::StartContainer { container: name.into() }
}

fn pull(image: &str, seconds: u64) -> Call {
    Call::PullImage { image: image.into(), platform: None, timeout: Duration::from_secs(seconds) }
}

async fn look(engine: &SimEngine, name: &str) -> Container {
    engine.inspect(name).await.expect("reachable").expect("there")
}

async fn run(engine: &SimEngine, name: &str, policy: &str) {
    engine.call(&create(name, policy)).await.expect("created");
    engine.call(&start(name)).await.expect("started");
}

#[tokio::test(start_paused = true)]
async fn each_fault_strikes_once_and_where_it_was_aimed() {
    let engine = engine();
    let is_create = |call: &Call| matches!(call, Call::CreateContainer { .. });
    engine.fail_next(is_create, Fault::LostReply);
    engine
        .call(&Call::CreateNetwork(NetworkRequest { name: "n1".into(), ..Default::default() }))
        .await
        .expect("not aimed at");
    let lost = engine.call(&create("one", "no")).await.expect_err("the reply is lost");
    assert_eq!(lost.kind, EngineErrorKind::Unreachable);
    assert_eq!(look(&engine, "one").await.state, State::Created);

    let refused = EngineError::new(EngineErrorKind::DiskFull, "no space left on device");
    engine.fail_next(is_create, Fault::ErrorBefore(refused.clone()));
    assert_eq!(engine.call(&create("two", "no")).await, Err(refused));
    assert_eq!(engine.inspect("two").await, Ok(None));
    engine.call(&create("two", "no")).await.expect("the fault is spent");
    assert_eq!(engine.mutating_calls().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_call_is_done_and_takes_its_whole_deadline() {
    let engine = engine();
    engine.fail_next(|_| true, Fault::HangUntilTimeout);
    let before = Instant::now();
    let error = engine.call(&create("one", "no")).await.expect_err("no answer");
    assert_eq!(error.kind, EngineErrorKind::TimedOut);
    assert_eq!(before.elapsed(), deadline(&create("one", "no")));
    assert_eq!(look(&engine, "one").await.state, State::Created);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_start_leaves_a_container_that_can_be_started() {
    let engine = engine();
    engine.call(&create("one", "no")).await.expect("created");
    engine.fail_next(|_| true, Fault::CancelledStart);
    engine.call(&start("one")).await.expect_err("cancelled");
    let cancelled = look(&engine, "one").await;
    assert_eq!((cancelled.state, cancelled.exit_code), (State::Created, 128));
    assert_eq!(cancelled.error, "Canceled: context canceled");
    engine.call(&start("one")).await.expect("started");
    assert_eq!(look(&engine, "one").await.error, "");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_answers_nothing_and_keeps_its_state() {
    let engine = engine();
    run(&engine, "one", "no").await;
    engine.outside().set_reachable(false);
    for error in [
        engine.info().await.map(drop),
        engine.observe(&[]).await.map(drop),
        engine.call(&start("one")).await.map(drop),
        engine.events().await.map(drop),
    ] {
        assert_eq!(error.expect_err("away").kind, EngineErrorKind::Unreachable);
    }
    engine.outside().set_reachable(true);
    assert_eq!(look(&engine, "one").await.state, State::Running);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_engine_starts_what_its_policies_say() {
    let engine = engine();
    for policy in ["no", "always", "unless-stopped"] {
        run(&engine, policy, policy).await;
        let stopped = format!("stopped-{policy}");
        run(&engine, &stopped, policy).await;
        engine.outside().stop(&stopped).expect("stopped");
    }
    let mut events = engine.events().await.expect("a stream");
    engine.outside().restart_engine();
    while events.next().await.is_some() {}
    let observed = engine.observe(&[]).await.expect("a snapshot");
    let running: Vec<&str> =
        observed.containers.iter().filter(|c| c.state == State::Running).map(|c| c.name.as_str()).collect();
    assert_eq!(running, ["always", "stopped-always", "unless-stopped"]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_followed_by_the_restart_policy_with_growing_waits() {
    let engine = engine();
    engine.set_behaviour(IMAGE, Behaviour::exiting(Duration::from_millis(200), 1));
    run(&engine, "one", "always").await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    let waiting = look(&engine, "one").await;
    assert_eq!((waiting.state, waiting.restart_count, waiting.exit_code), (State::Restarting, 1, 1));
    // Runs of 0.2 s with waits of 0.1, 0.2, 0.4, 0.8 and 1.6 s between them: E28 saw 6 restarts in 6 s.
    tokio::time::sleep(Duration::from_millis(5_750)).await;
    assert_eq!(look(&engine, "one").await.restart_count, 6);
}

#[tokio::test(start_paused = true)]
async fn health_follows_its_script_while_time_passes() {
    let engine = engine();
    engine.set_behaviour(IMAGE, Behaviour::flapping(Duration::from_secs(10)));
    run(&engine, "one", "no").await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(look(&engine, "one").await.health.expect("checked"));
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(seen, [Health::Starting, Health::Healthy, Health::Unhealthy, Health::Healthy]);
}

#[tokio::test(start_paused = true)]
async fn events_come_when_things_happen_by_themselves() {
    let engine = engine();
    engine.set_behaviour(IMAGE, Behaviour::healthy_after(Duration::from_secs(5)));
    run(&engine, "one", "no").await;
    let mut events = engine.events().await.expect("a stream");
    let before = Instant::now();
    let event = events.next().await.expect("an event");
    assert_eq!(event.action, "health_status: healthy");
    assert_eq!(before.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_tag_moves_when_it_is_pulled_and_a_digest_stays() {
    let engine = engine();
    let old = look_up(&engine, IMAGE).await.expect("added");
    let new = engine.publish(IMAGE, "two");
    assert_eq!(look_up(&engine, IMAGE).await, Some(old.clone()), "nobody pulled yet");
    let pulled = engine.call(&pull(IMAGE, 60)).await.expect("pulled");
    assert_eq!((pulled.id.as_str(), look_up(&engine, IMAGE).await), (new.as_str(), Some(new.clone())));
    assert_eq!(look_up(&engine, &old).await, Some(old.clone()), "the old image is still here");
    engine.outside().remove_image(&old);
    assert_eq!(look_up(&engine, &old).await, None);
    let by_digest = format!("app@{old}");
    assert_eq!(engine.call(&pull(&by_digest, 60)).await.expect("pulled").id, old);
    engine.unpublish(IMAGE);
    let gone = engine.call(&pull(IMAGE, 60)).await.expect_err("not in the registry");
    assert_eq!(gone.kind, EngineErrorKind::NotFound);
    assert_eq!(engine.pulls(), ["app:1", "app:1", &by_digest, "app:1"]);
}

async fn look_up(engine: &SimEngine, reference: &str) -> Option<String> {
    engine.observe(&[]).await.expect("a snapshot").image_id(reference).map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn a_pull_ends_at_its_deadline() {
    let engine = engine();
    engine.publish("slow:1", "slow");
    engine.set_pull_time(Duration::from_secs(90));
    let before = Instant::now();
    let error = engine.call(&pull("slow:1", 60)).await.expect_err("too slow");
    assert_eq!((error.kind, before.elapsed()), (EngineErrorKind::TimedOut, Duration::from_mins(1)));
    assert_eq!(look_up(&engine, "slow:1").await, None);
    engine.call(&pull("slow:1", 100)).await.expect("in time");
}

#[tokio::test(start_paused = true)]
async fn a_port_of_a_plain_process_cannot_be_bound() {
    let engine = engine();
    let port = PublishedPort::of("127.0.0.1", 8080, "tcp").expect("a port");
    engine.outside().hold_port(port.clone());
    let Call::CreateContainer { name, platform, mut request } = create("one", "no") else { unreachable!() };
    let binding = PortBinding { host_ip: String::new(), host_port: "8080".into() };
    request.host_config.port_bindings = [("80/tcp".to_owned(), vec![binding])].into();
    engine.call(&Call::CreateContainer { name, platform, request }).await.expect("created");
    let error = engine.call(&start("one")).await.expect_err("held");
    assert_eq!(error.kind, EngineErrorKind::PortTaken);
    assert!(error.message.contains("address already in use"), "{error}");
    engine.outside().free_port(port);
    engine.call(&start("one")).await.expect("free");
}

#[tokio::test(start_paused = true)]
async fn an_engine_of_old_takes_one_network_at_create() {
    let engine = engine();
    let Call::CreateContainer { name, platform, mut request } = create("one", "no") else { unreachable!() };
    let networks = ["n1", "n2"].map(|network| (network.to_owned(), Endpoint::default()));
    request.networking_config =
        Some(crate::core::desired::request::NetworkingConfig { endpoints_config: networks.into() });
    let call = Call::CreateContainer { name, platform, request };
    engine.set_info(EngineInfo { version: "20.10".into(), api: (1, 41), is_podman: false });
    assert_eq!(engine.call(&call).await.map_err(|error| error.kind), Err(EngineErrorKind::Invalid));
    engine.set_info(EngineInfo { version: "28.5".into(), api: (1, 51), is_podman: false });
    engine.call(&call).await.expect("created");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_calls_give_the_same_ids() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let engine = engine();
        ids.push(engine.call(&create("one", "no")).await.expect("created").id);
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0].len(), 64);
    let other = SimEngine::new(8, Timestamp::UNIX_EPOCH);
    other.add_image(IMAGE, "one");
    assert_ne!(other.call(&create("one", "no")).await.expect("created").id, ids[0]);
}

#[tokio::test(start_paused = true)]
async fn the_demo_engine_pulls_anything_and_breaks_what_is_named_bad() {
    let engine = SimEngine::demo(Timestamp::UNIX_EPOCH);
    for (name, image) in [("good", "nginx:1.29"), ("broken", "nginx:1.29-bad")] {
        engine.call(&pull(image, 60)).await.expect("pulled");
        let mut request = ContainerRequest { image: image.into(), ..ContainerRequest::default() };
        request.healthcheck = Some(crate::core::desired::request::HealthConfig {
            test: vec!["CMD".into(), "curl".into(), "localhost".into()],
            interval: 1_000_000_000,
            ..Default::default()
        });
        let call = Call::CreateContainer { name: name.into(), platform: None, request: Box::new(request) };
        engine.call(&call).await.expect("created");
        engine.call(&start(name)).await.expect("started");
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(look(&engine, "good").await.health, Some(Health::Healthy));
    assert_eq!(look(&engine, "broken").await.health, Some(Health::Unhealthy));
}
