//! What containers share: namespaces and volumes of another container, by its id.

use evenkeel::core::desired::request::ContainerRequest;
use evenkeel::core::desired::request::Mount;
use evenkeel::core::observed::State;
use evenkeel::core::plan::Call;
use evenkeel::ports::EngineErrorKind;

use crate::support::Bench;
use crate::support::call_error;

/// An id that no container has.
const NOBODY: &str = "abababababababababababababababababababababababababababababababab";

type Share = fn(&mut ContainerRequest, &str);

fn network(request: &mut ContainerRequest, id: &str) {
    request.host_config.network_mode = format!("container:{id}");
}

fn ipc(request: &mut ContainerRequest, id: &str) {
    request.host_config.ipc_mode = format!("container:{id}");
}

fn pid(request: &mut ContainerRequest, id: &str) {
    request.host_config.pid_mode = format!("container:{id}");
}

fn volumes(request: &mut ContainerRequest, id: &str) {
    request.host_config.volumes_from = vec![id.to_owned()];
}

/// A container that others may share all with.
async fn lender(bench: &Bench) -> String {
    let mut request = bench.request("busybox:1");
    request.host_config.ipc_mode = "shareable".into();
    let mount = Mount { kind: "volume".into(), target: "/lent".into(), ..Mount::default() };
    request.host_config.mounts.push(mount);
    bench.create("lender", request).await.expect("created")
}

fn borrowing(bench: &Bench, share: Share, id: &str) -> ContainerRequest {
    let mut request = bench.request("busybox:1");
    share(&mut request, id);
    request
}

pub(super) async fn a_network_is_joined_while_its_container_runs(bench: &Bench) {
    let id = lender(bench).await;
    bench.create("a", borrowing(bench, network, &id)).await.expect("created");
    assert_eq!(call_error(&bench.start("a").await), Some(EngineErrorKind::Conflict));
    assert_eq!(bench.inspect("a").await.state, State::Created);
    bench.start("lender").await.expect("started");
    bench.start("a").await.expect("started");
    let joined = bench.inspect("a").await;
    let request = joined.request.expect("inspected");
    assert_eq!(request.host_config.network_mode, format!("container:{id}"), "the id is told as it was given");
    assert!(joined.networks.is_empty());

    // It lives on in a network that is gone, and cannot come back before its lender does.
    bench.stop("lender").await.expect("stopped");
    assert_eq!(bench.inspect("a").await.state, State::Running);
    let again = Call::RestartContainer { container: bench.name("a"), grace: std::time::Duration::ZERO };
    assert!(bench.engine.call(&again).await.is_err());
    bench.start("lender").await.expect("started");
    bench.start("a").await.expect("started");
}

pub(super) async fn a_process_namespace_ends_with_its_container(bench: &Bench) {
    let id = lender(bench).await;
    for (name, share) in [("a", pid as Share), ("b", ipc as Share)] {
        bench.create(name, borrowing(bench, share, &id)).await.expect("created");
        // Engines differ in how they say it.
        let refused = call_error(&bench.start(name).await);
        assert!(matches!(refused, Some(EngineErrorKind::Failed | EngineErrorKind::Conflict)), "{refused:?}");
    }
    bench.start("lender").await.expect("started");
    bench.start("a").await.expect("started");
    bench.start("b").await.expect("started");
    bench.stop("lender").await.expect("stopped");
    assert_eq!(bench.until_state("a", State::Exited).await.exit_code, 137);
    assert_eq!(bench.inspect("b").await.state, State::Running);
}

pub(super) async fn a_lender_of_a_namespace_or_of_volumes_must_stand(bench: &Bench) {
    for share in [pid as Share, ipc as Share, volumes as Share] {
        let made = bench.create("a", borrowing(bench, share, NOBODY)).await;
        assert_eq!(call_error(&made), Some(EngineErrorKind::Invalid));
    }
    // Of a network it is found out at the start.
    bench.create("a", borrowing(bench, network, NOBODY)).await.expect("created");
    let refused = call_error(&bench.start("a").await);
    assert!(matches!(refused, Some(EngineErrorKind::Failed | EngineErrorKind::NotFound)), "{refused:?}");
}

pub(super) async fn volumes_are_lent_to_another_container(bench: &Bench) {
    let id = lender(bench).await;
    bench.create("a", borrowing(bench, volumes, &id)).await.expect("created");
    let (lent, borrowed) = (bench.inspect("lender").await.mounts, bench.inspect("a").await.mounts);
    assert_eq!((lent.len(), &lent), (1, &borrowed));
    let request = bench.inspect("a").await.request.expect("inspected");
    assert_eq!(
        (request.host_config.volumes_from.as_slice(), request.host_config.mounts.len()),
        (&[id][..], 0)
    );
}
