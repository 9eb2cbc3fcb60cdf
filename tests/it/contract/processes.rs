//! Containers as processes: exit codes, health, restarts, events.

use std::time::Duration;

use evenkeel::core::desired::request::HealthConfig;
use evenkeel::core::desired::request::RestartPolicy;
use evenkeel::core::observed::Health;
use evenkeel::core::observed::State;
use evenkeel::core::plan::Call;
use evenkeel::ports::EngineErrorKind;
use futures_util::StreamExt;

use crate::support::Bench;
use crate::support::call_error;
use crate::support::eventually;

pub(super) async fn a_job_ends_with_its_exit_code(bench: &Bench) {
    bench.run("a", bench.running(&["sh", "-c", "echo on it; sleep 0.2; exit 3"])).await;
    let ended = bench.until_state("a", State::Exited).await;
    assert_eq!((ended.exit_code, ended.restart_count), (3, 0));
    assert_eq!(bench.engine.logs(&bench.name("a"), 5).await.expect("logs"), ["on it"]);
    assert!(!bench.stop("a").await.expect("has ended").changed);
}

pub(super) async fn a_check_that_passes_makes_healthy(bench: &Bench) {
    bench.create("a", bench.request("web:1")).await.expect("created");
    assert_eq!(bench.inspect("a").await.health, None);
    bench.start("a").await.expect("started");
    assert_eq!(bench.inspect("a").await.health, Some(Health::Starting));
    let healthy = bench.until("a", |container| container.health == Some(Health::Healthy)).await;
    assert_eq!(healthy.health_output, "");
}

pub(super) async fn a_check_that_fails_makes_unhealthy_and_stays_so_when_stopped(bench: &Bench) {
    let second = 1_000_000_000;
    let check = HealthConfig {
        test: vec!["CMD".into(), "false".into()],
        interval: second,
        timeout: second,
        retries: 1,
        ..HealthConfig::default()
    };
    let mut request = bench.request("web:1");
    request.healthcheck = Some(check);
    bench.run("a", request).await;
    bench.until("a", |container| container.health == Some(Health::Unhealthy)).await;
    bench.stop("a").await.expect("stopped");
    let stopped = bench.inspect("a").await;
    assert_eq!((stopped.state, stopped.health), (State::Exited, Some(Health::Unhealthy)));
    bench.start("a").await.expect("started");
    assert_eq!(bench.inspect("a").await.health, Some(Health::Starting));

    bench.run("b", bench.request("web:bad")).await;
    let unhealthy = bench.until("b", |container| container.health == Some(Health::Unhealthy)).await;
    assert!(!unhealthy.health_output.is_empty());
}

pub(super) async fn a_crashing_container_restarts_until_its_policy_says_no(bench: &Bench) {
    let mut request = bench.request("crash:1");
    request.host_config.restart_policy = RestartPolicy { name: "always".into(), maximum_retry_count: 0 };
    bench.run("a", request).await;
    bench.until("a", |container| container.restart_count >= 2).await;
    set_policy(bench, "a", RestartPolicy::never()).await;
    let ended = bench.until_state("a", State::Exited).await;
    assert_eq!((ended.exit_code, ended.restart_policy.name.as_str()), (1, "no"));

    let limited = RestartPolicy { name: "on-failure".into(), maximum_retry_count: 2 };
    set_policy(bench, "a", limited).await;
    bench.start("a").await.expect("started");
    let gave_up = |container: &evenkeel::core::observed::Container| {
        container.state == State::Exited && container.restart_count == 2
    };
    bench.until("a", gave_up).await;

    let odd = RestartPolicy { name: "sometimes".into(), maximum_retry_count: 0 };
    let odd = Call::SetRestartPolicy { container: bench.name("a"), policy: odd };
    assert_eq!(call_error(&bench.engine.call(&odd).await), Some(EngineErrorKind::Invalid));
}

pub(super) async fn a_crashing_container_stays_stopped_once_stopped(bench: &Bench) {
    let mut request = bench.request("crash:1");
    request.host_config.restart_policy = RestartPolicy { name: "always".into(), maximum_retry_count: 0 };
    bench.run("a", request).await;
    bench.until("a", |container| container.restart_count >= 4).await;
    assert!(!bench.start("a").await.expect("it counts as running").changed);
    assert!(bench.stop("a").await.expect("stopped").changed);
    assert!(!bench.stop("a").await.expect("stopped already").changed);
    assert_eq!(bench.inspect("a").await.state, State::Exited);
    bench.start("a").await.expect("started by hand: the count begins again");
    bench.until("a", |container| container.restart_count < 4).await;
}

pub(super) async fn a_container_is_restarted(bench: &Bench) {
    bench.run("a", bench.request("busybox:1")).await;
    let before = bench.inspect("a").await.started_at.expect("started");
    let restart = Call::RestartContainer { container: bench.name("a"), grace: Duration::from_secs(10) };
    eventually("a restart", || bench.inspect("a"), |container| container.state == State::Running).await;
    // Time has to pass for the start to be another, in memory too.
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(bench.engine.call(&restart).await.expect("restarted").changed);
    let after = bench.inspect("a").await;
    assert_eq!(after.state, State::Running);
    assert!(after.started_at.expect("started") > before);

    bench.stop("a").await.expect("stopped");
    bench.engine.call(&restart).await.expect("a stopped container is started");
    assert_eq!(bench.inspect("a").await.state, State::Running);
}

pub(super) async fn a_container_that_is_not_paused_cannot_be_unpaused(bench: &Bench) {
    bench.run("a", bench.request("busybox:1")).await;
    let unpause = |name: &str| Call::UnpauseContainer { container: bench.name(name) };
    assert_eq!(call_error(&bench.engine.call(&unpause("a")).await), Some(EngineErrorKind::Failed));
    assert_eq!(call_error(&bench.engine.call(&unpause("none")).await), Some(EngineErrorKind::NotFound));
}

pub(super) async fn a_paused_container_is_unpaused_or_stopped_and_nothing_else(bench: &Bench) {
    bench.run("a", bench.request("busybox:1")).await;
    assert!(bench.pause("a").await);
    assert_eq!(bench.inspect("a").await.state, State::Paused);
    assert_eq!(call_error(&bench.start("a").await), Some(EngineErrorKind::Conflict));
    assert_eq!(call_error(&bench.remove("a", false).await), Some(EngineErrorKind::Conflict));
    let unpause = Call::UnpauseContainer { container: bench.name("a") };
    assert!(bench.engine.call(&unpause).await.expect("unpaused").changed);
    assert_eq!(bench.inspect("a").await.state, State::Running);
    assert!(bench.pause("a").await);
    assert!(bench.stop("a").await.expect("stopped").changed);
    assert_eq!(bench.inspect("a").await.state, State::Exited);
}

pub(super) async fn those_who_follow_see_a_container_start_and_die(bench: &Bench) {
    let mut events = bench.engine.events().await.expect("a stream");
    bench.run("a", bench.running(&["sh", "-c", "sleep 0.2; exit 4"])).await;
    let id = bench.inspect("a").await.id;
    let mut seen = Vec::new();
    let follow = async {
        while !seen.contains(&"die".to_owned()) {
            let event = events.next().await.expect("the stream goes on");
            if event.kind == "container" && event.id == id {
                assert_eq!(event.attributes.get("name"), Some(&bench.name("a")));
                if event.action == "die" {
                    assert_eq!(event.attributes.get("exitCode").map(String::as_str), Some("4"));
                }
                seen.push(event.action);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), follow).await.expect("it dies soon");
    assert_eq!(seen, ["create", "start", "die"]);
}

async fn set_policy(bench: &Bench, name: &str, policy: RestartPolicy) {
    let call = Call::SetRestartPolicy { container: bench.name(name), policy };
    // The engine may not have noticed yet that it crashed.
    let crashed_just_now = |set: &Result<_, _>| call_error(set) == Some(EngineErrorKind::Conflict);
    let set = eventually("its policy", || bench.engine.call(&call), |set| !crashed_just_now(set)).await;
    assert!(set.expect("updated").changed);
}
