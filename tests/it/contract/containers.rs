//! Containers as objects: names, create requests, removal.

use evenkeel::core::desired::Archive;
use evenkeel::core::desired::request::Mount;
use evenkeel::core::model::Secret;
use evenkeel::core::observed::State;
use evenkeel::core::plan::Call;
use evenkeel::ports::EngineErrorKind;

use crate::support::Bench;
use crate::support::NO_PATH;
use crate::support::call_error;

pub(super) async fn a_container_is_created_started_stopped_and_removed(bench: &Bench) {
    let id = bench.create("a", bench.request("busybox:1")).await.expect("created");
    let created = bench.inspect("a").await;
    assert_eq!((created.id.as_str(), created.state), (id.as_str(), State::Created));
    assert_eq!((created.started_at, created.health), (None, None));

    assert!(bench.start("a").await.expect("started").changed);
    assert!(!bench.start("a").await.expect("started already").changed);
    let running = bench.inspect("a").await;
    assert_eq!(running.state, State::Running);
    assert!(running.started_at.is_some());

    assert!(bench.stop("a").await.expect("stopped").changed);
    assert!(!bench.stop("a").await.expect("stopped already").changed);
    let stopped = bench.inspect("a").await;
    assert_eq!((stopped.state, stopped.exit_code), (State::Exited, 137));

    assert!(bench.remove("a", false).await.expect("removed").changed);
    assert!(!bench.remove("a", false).await.expect("removed already").changed);
    assert_eq!(bench.engine.inspect(&bench.name("a")).await, Ok(None));
    assert_eq!(call_error(&bench.start("a").await), Some(EngineErrorKind::NotFound));
    assert_eq!(call_error(&bench.stop("a").await), Some(EngineErrorKind::NotFound));
}

pub(super) async fn a_name_belongs_to_one_container(bench: &Bench) {
    let holder = bench.create("a", bench.request("busybox:1")).await.expect("created");
    let taken = bench.create("a", bench.request("busybox:1")).await.expect_err("the name is taken");
    assert_eq!(taken.kind, EngineErrorKind::Conflict);
    assert!(taken.message.contains(&holder), "{taken} should name the holder");

    bench.create("b", bench.request("busybox:1")).await.expect("created");
    assert_eq!(call_error(&bench.rename("b", "a").await), Some(EngineErrorKind::Conflict));
    assert_eq!(call_error(&bench.rename("b", "b").await), Some(EngineErrorKind::Invalid));
    assert_eq!(call_error(&bench.rename("none", "c").await), Some(EngineErrorKind::NotFound));
    bench.rename("a", "a-prev").await.expect("renamed");
    bench.rename("b", "a").await.expect("the name is free now");
    assert_eq!(bench.inspect("a-prev").await.id, holder);
    let odd = Call::RenameContainer { container: bench.name("a"), name: "-odd".into() };
    assert_eq!(call_error(&bench.engine.call(&odd).await), Some(EngineErrorKind::Invalid));
}

pub(super) async fn a_container_without_its_image_is_not_created(bench: &Bench) {
    let made = bench.create("a", bench.request("none:1")).await;
    assert_eq!(call_error(&made), Some(EngineErrorKind::NotFound));
    assert_eq!(bench.engine.inspect(&bench.name("a")).await, Ok(None));
}

pub(super) async fn a_running_container_is_removed_by_force_alone(bench: &Bench) {
    bench.run("a", bench.request("busybox:1")).await;
    assert_eq!(call_error(&bench.remove("a", false).await), Some(EngineErrorKind::Conflict));
    assert_eq!(bench.inspect("a").await.state, State::Running);
    assert!(bench.remove("a", true).await.expect("removed").changed);
    assert_eq!(bench.engine.inspect(&bench.name("a")).await, Ok(None));
}

pub(super) async fn a_mount_of_nothing_is_refused_at_create(bench: &Bench) {
    let mut request = bench.request("busybox:1");
    let mount =
        Mount { kind: "bind".into(), source: NO_PATH.into(), target: "/x".into(), ..Mount::default() };
    request.host_config.mounts.push(mount);
    assert_eq!(call_error(&bench.create("a", request).await), Some(EngineErrorKind::Invalid));
}

pub(super) async fn a_file_is_copied_in_before_the_start(bench: &Bench) {
    let path = "/run/secrets/deep/token";
    bench.create("a", bench.running(&["cat", path])).await.expect("created");
    let file =
        Archive { path: path.into(), content: Secret::new("first\nsecond\n"), uid: 0, gid: 0, mode: 0o400 };
    let copy = Call::CopyFile { container: bench.name("a"), file };
    bench.engine.call(&copy).await.expect("copied");
    bench.start("a").await.expect("started");
    let ended = bench.until_state("a", State::Exited).await;
    assert_eq!(ended.exit_code, 0);
    let lines = |count| async move { bench.engine.logs(&bench.name("a"), count).await.expect("logs") };
    assert_eq!(lines(10).await, ["first", "second"]);
    assert_eq!(lines(1).await, ["second"]);

    let file = Archive { path: path.into(), content: Secret::new(""), uid: 0, gid: 0, mode: 0o400 };
    let nowhere = Call::CopyFile { container: bench.name("none"), file };
    assert_eq!(call_error(&bench.engine.call(&nowhere).await), Some(EngineErrorKind::NotFound));
}

pub(super) async fn an_anonymous_volume_has_a_name_of_its_own(bench: &Bench) {
    let mut request = bench.request("busybox:1");
    let mount = Mount { kind: "volume".into(), target: "/anonymous".into(), ..Mount::default() };
    request.host_config.mounts.push(mount);
    bench.create("a", request).await.expect("created");
    let created = bench.inspect("a").await;
    let [mount] = created.mounts.as_slice() else { panic!("one mount: {:?}", created.mounts) };
    assert!(mount.is_anonymous_volume() && mount.writable, "{mount:?}");
    let observed = bench.engine.observe(&[]).await.expect("a snapshot");
    assert!(observed.volumes.iter().any(|volume| volume.name == mount.name));
    // Only `docker rm -v` takes it away, and only while a container uses it: the bench does that.
}

pub(super) async fn a_container_of_nobody_is_listed_without_its_request(bench: &Bench) {
    let mut request = bench.request("busybox:1");
    // Still to be removed by this test's label, but of no stack.
    request.labels.remove(evenkeel::core::desired::label::INSTANCE);
    bench.run("a", request).await;
    let observed = bench.engine.observe(&[]).await.expect("a snapshot");
    let found = observed.named(&bench.name("a")).expect("listed").clone();
    bench.remove("a", true).await.expect("removed");
    assert_eq!((found.state, found.request, found.own), (State::Running, None, None));
    assert_eq!(found.image, "evenkeel-test/busybox:1");
    assert_eq!(observed.image_id("evenkeel-test/busybox:1"), Some(found.image_id.as_str()));
    assert!(observed.has_image(&found.image_id));
}

pub(super) async fn what_is_observed_is_what_was_requested(bench: &Bench) {
    let mut request = bench.running(&["sleep", "1000"]);
    request.env = vec!["A=b".into()];
    request.stop_timeout = Some(7);
    request.host_config.restart_policy.name = "unless-stopped".into();
    request.host_config.binds = vec![format!("{}:/data:rw", bench.name("data"))];
    bench.create_volume(volume("data")).await.expect("a volume");
    bench.create("a", request.clone()).await.expect("created");
    let observed = bench.engine.observe(&[]).await.expect("a snapshot");
    let found = observed.named(&bench.name("a")).expect("observed");
    assert_eq!(found.own.as_ref().map(|own| own.owner.stack.as_str()), Some("test"));
    assert_eq!(found.restart_policy.name, "unless-stopped");
    let known = found.request.as_ref().expect("inspected");
    assert_eq!((&known.cmd, known.stop_timeout), (&request.cmd, request.stop_timeout));
    assert_eq!(known.host_config.binds, request.host_config.binds);
    assert!(known.env.contains(&"A=b".to_owned()));
    assert!(request.labels.iter().all(|(key, value)| known.labels.get(key) == Some(value)));
    let mounts: Vec<(&str, &str)> =
        found.mounts.iter().map(|mount| (mount.kind.as_str(), mount.destination.as_str())).collect();
    assert_eq!(mounts, [("volume", "/data")]);
}

fn volume(name: &str) -> evenkeel::core::desired::request::VolumeRequest {
    evenkeel::core::desired::request::VolumeRequest { name: name.into(), ..Default::default() }
}
