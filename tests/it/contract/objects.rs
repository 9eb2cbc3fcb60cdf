//! Networks, volumes, ports and images.

use std::time::Duration;

use evenkeel::core::desired::request::ContainerRequest;
use evenkeel::core::desired::request::Empty;
use evenkeel::core::desired::request::Endpoint;
use evenkeel::core::desired::request::NetworkingConfig;
use evenkeel::core::desired::request::PortBinding;
use evenkeel::core::desired::request::VolumeRequest;
use evenkeel::core::observed::State;
use evenkeel::core::plan::Call;
use evenkeel::ports::EngineErrorKind;

use crate::support::Bench;
use crate::support::call_error;

/// Returns a request for a container in a network, known there as `web`.
pub(super) fn in_network(bench: &Bench, network: &str) -> ContainerRequest {
    let name = bench.name(network);
    let endpoint = Endpoint { aliases: vec!["web".into()], ..Endpoint::default() };
    let mut request = bench.request("busybox:1");
    request.host_config.network_mode.clone_from(&name);
    request.networking_config = Some(NetworkingConfig { endpoints_config: [(name, endpoint)].into() });
    request
}

pub(super) async fn a_network_name_is_taken_once(bench: &Bench) {
    let id = bench.create_network("n").await.expect("created").id;
    assert_eq!(call_error(&bench.create_network("n").await), Some(EngineErrorKind::Conflict));
    let observed = bench.engine.observe(&[]).await.expect("a snapshot");
    let found: Vec<_> = observed.networks.iter().filter(|n| n.name == bench.name("n")).collect();
    let [network] = found.as_slice() else { panic!("one network: {found:?}") };
    assert_eq!((network.id.as_str(), network.request.driver.as_str()), (id.as_str(), "bridge"));
    assert!(network.own.is_some());
    assert!(bench.remove_network("n").await.expect("removed").changed);
    assert!(!bench.remove_network("n").await.expect("removed already").changed);
    let predefined = Call::RemoveNetwork { id: "bridge".into(), name: "bridge".into() };
    assert_eq!(call_error(&bench.engine.call(&predefined).await), Some(EngineErrorKind::Invalid));
}

pub(super) async fn a_network_is_kept_while_a_running_container_uses_it(bench: &Bench) {
    bench.create_network("n").await.expect("created");
    bench.run("a", in_network(bench, "n")).await;
    assert_eq!(call_error(&bench.remove_network("n").await), Some(EngineErrorKind::Conflict));
    bench.stop("a").await.expect("stopped");
    bench.remove_network("n").await.expect("a stopped user does not count");
}

pub(super) async fn a_container_remembers_the_network_it_was_started_in(bench: &Bench) {
    bench.create("a", in_network(bench, "n")).await.expect("nobody looks at the network yet");
    assert_eq!(call_error(&bench.start("a").await), Some(EngineErrorKind::NotFound));
    let failed = bench.inspect("a").await;
    assert_eq!((failed.state, failed.exit_code), (State::Created, 128));
    assert!(failed.error.contains("not found"), "{}", failed.error);

    let first = bench.create_network("n").await.expect("created").id;
    bench.start("a").await.expect("found by name");
    let running = bench.inspect("a").await;
    assert_eq!(running.error, "");
    let attachment = &running.networks[&bench.name("n")];
    assert_eq!(
        (attachment.network_id.as_str(), &attachment.aliases),
        (first.as_str(), &vec!["web".to_owned()])
    );

    bench.stop("a").await.expect("stopped");
    bench.remove_network("n").await.expect("removed");
    bench.create_network("n").await.expect("made again, with another id");
    assert_eq!(call_error(&bench.start("a").await), Some(EngineErrorKind::NotFound));
    let lost = bench.inspect("a").await;
    assert_eq!((lost.state, lost.exit_code), (State::Exited, 137));
    assert_eq!(lost.networks[&bench.name("n")].network_id, first);
}

pub(super) async fn a_container_joins_a_second_network(bench: &Bench) {
    bench.create_network("n").await.expect("created");
    bench.create_network("m").await.expect("created");
    bench.create("a", in_network(bench, "n")).await.expect("created");
    let join = |network: &str| Call::ConnectNetwork {
        network: bench.name(network),
        container: bench.name("a"),
        endpoint: Box::new(Endpoint { aliases: vec!["second".into()], ..Endpoint::default() }),
    };
    assert!(bench.engine.call(&join("m")).await.expect("joined").changed);
    bench.start("a").await.expect("started");
    let running = bench.inspect("a").await;
    let names: Vec<&String> = running.networks.keys().collect();
    assert_eq!(names, [&bench.name("m"), &bench.name("n")]);
    assert_eq!(running.networks[&bench.name("m")].aliases, ["second"]);
    assert!(running.networks.values().all(|attachment| !attachment.network_id.is_empty()));

    assert!(!bench.engine.call(&join("m")).await.expect("joined already").changed);
    assert_eq!(call_error(&bench.engine.call(&join("none")).await), Some(EngineErrorKind::NotFound));
}

pub(super) async fn a_volume_is_made_once_and_returned_as_it_is(bench: &Bench) {
    let labelled = |value: &str| VolumeRequest {
        name: "v".into(),
        labels: [("test".to_owned(), value.to_owned())].into(),
        ..VolumeRequest::default()
    };
    let name = bench.name("v");
    assert_eq!(bench.create_volume(labelled("first")).await.expect("created").id, name);
    assert_eq!(bench.create_volume(labelled("second")).await.expect("the old one").id, name);
    let observed = bench.engine.observe(&[]).await.expect("a snapshot");
    let volume = observed.volumes.iter().find(|volume| volume.name == name).expect("it is there");
    assert_eq!((volume.request.labels["test"].as_str(), volume.request.driver.as_str()), ("first", "local"));
    assert!(volume.own.is_some());

    let odd = VolumeRequest { name: "w".into(), driver: "nonesuch".into(), ..VolumeRequest::default() };
    assert_eq!(call_error(&bench.create_volume(odd).await), Some(EngineErrorKind::NotFound));
    let odd = VolumeRequest { name: "a/b".into(), ..VolumeRequest::default() };
    assert_eq!(call_error(&bench.create_volume(odd).await), Some(EngineErrorKind::Invalid));
}

pub(super) async fn a_host_port_is_held_by_one_container(bench: &Bench) {
    bench.create_network("n").await.expect("created");
    let port = free_port();
    let publishing = || {
        let mut request = in_network(bench, "n");
        let binding = PortBinding { host_ip: "127.0.0.1".into(), host_port: port.to_string() };
        request.exposed_ports = [("80/tcp".to_owned(), Empty {})].into();
        request.host_config.port_bindings = [("80/tcp".to_owned(), vec![binding])].into();
        request
    };
    bench.run("a", publishing()).await;
    bench.create("b", publishing()).await.expect("nobody looks at the port yet");
    assert_eq!(call_error(&bench.start("b").await), Some(EngineErrorKind::PortTaken));
    let failed = bench.inspect("b").await;
    assert_eq!((failed.state, failed.exit_code), (State::Created, 128));
    assert!(!failed.error.is_empty());
    let ports: Vec<(&str, u16)> = failed.ports.iter().map(|port| (port.ip.as_str(), port.port)).collect();
    assert_eq!(ports, [("127.0.0.1", port)], "what it would publish");

    bench.stop("a").await.expect("stopped");
    bench.start("b").await.expect("the port is free");
    assert_eq!(bench.inspect("b").await.error, "");
}

pub(super) async fn an_image_that_nobody_has_cannot_be_pulled(bench: &Bench) {
    // A registry that does not answer, as on a machine without a network, and one that has no such image.
    let image = "127.0.0.1:1/evenkeel-test/none:1".to_owned();
    let pull = Call::PullImage { image, platform: None, timeout: Duration::from_mins(1) };
    let failure = call_error(&bench.engine.call(&pull).await).expect("no such image");
    assert!(matches!(failure, EngineErrorKind::NotFound | EngineErrorKind::Registry), "{failure:?}");
}

/// Returns a port that nobody listens on, as far as can be told.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

pub(super) async fn an_image_is_known_by_its_name(bench: &Bench) {
    let asked = ["evenkeel-test/none:1".to_owned(), "docker.io/evenkeel-test/busybox:1".to_owned()];
    let known = bench.engine.images_named(&asked).await.expect("an answer");
    let observed = bench.engine.observe(&[]).await.expect("a snapshot");
    let [image] = known.as_slice() else { panic!("one of the two: {known:?}") };
    assert_eq!(image.references, ["evenkeel-test/busybox:1"]);
    assert!(image.tagged_at.is_some(), "its age is known");
    assert_eq!(observed.image_id("evenkeel-test/busybox:1"), Some(image.id.as_str()));
}
