//! What it takes to make a network anew under its containers.

use std::time::Duration;

use evenkeel::core::desired::request::Endpoint;
use evenkeel::core::desired::request::EndpointIpam;
use evenkeel::core::observed::Attachment;
use evenkeel::core::observed::State;
use evenkeel::core::plan::Call;
use evenkeel::ports::EngineErrorKind;

use super::objects::in_network;
use crate::support::Bench;
use crate::support::call_error;

fn endpoint(alias: &str, address: &str) -> Endpoint {
    let ipam = EndpointIpam { ipv4_address: address.into(), ..EndpointIpam::default() };
    Endpoint {
        aliases: vec![alias.into()],
        ip_address: address.into(),
        ipam_config: (!address.is_empty()).then_some(ipam),
        ..Endpoint::default()
    }
}

/// A container's end of the network `n`, if it has one.
async fn end(bench: &Bench, container: &str) -> Option<Attachment> {
    bench.inspect(container).await.networks.remove(&bench.name("n"))
}

async fn restart(bench: &Bench, container: &str) {
    let call = Call::RestartContainer { container: bench.name(container), grace: Duration::from_secs(10) };
    bench.engine.call(&call).await.expect("restarted");
}

pub(super) async fn who_runs_is_put_on_a_network_made_anew(bench: &Bench) {
    bench.create_subnet("n", Some("10.231.1.0/24")).await.expect("created");
    for name in ["runs", "frozen"] {
        bench.run(name, in_network(bench, "n")).await;
    }
    assert!(bench.pause("frozen").await);
    assert_eq!(call_error(&bench.remove_network("n").await), Some(EngineErrorKind::Conflict));
    for name in ["runs", "frozen"] {
        assert!(bench.disconnect("n", name).await.expect("disconnected").changed);
        assert_eq!(end(bench, name).await, None);
    }
    bench.remove_network("n").await.expect("nobody is on it");
    let anew = bench.create_subnet("n", Some("10.231.2.0/24")).await.expect("made anew").id;
    for name in ["runs", "frozen"] {
        bench.connect("n", name, endpoint("again", "")).await.expect("connected");
        let end = end(bench, name).await.expect("it is on it");
        assert_eq!((end.network_id, end.aliases), (anew.clone(), vec!["again".to_owned()]));
        restart(bench, name).await;
        assert_eq!(bench.inspect(name).await.state, State::Running, "frozen no more");
    }
}

pub(super) async fn who_is_stopped_comes_up_on_a_network_made_anew(bench: &Bench) {
    bench.create_network("n").await.expect("created");
    bench.run("a", in_network(bench, "n")).await;
    bench.stop("a").await.expect("stopped");
    let remembered = end(bench, "a").await.expect("remembered");
    bench.connect("n", "a", endpoint("other", "")).await.expect("taken");
    assert_eq!(end(bench, "a").await, Some(remembered), "the network is there: nothing is replaced");

    bench.remove_network("n").await.expect("nobody runs on it");
    let anew = bench.create_network("n").await.expect("made anew").id;
    bench.connect("n", "a", endpoint("again", "")).await.expect("connected");
    assert_eq!(end(bench, "a").await.expect("replaced").network_id, "");
    restart(bench, "a").await;
    let end = end(bench, "a").await.expect("it is on it");
    assert_eq!((end.network_id, end.aliases), (anew, vec!["again".to_owned()]));
}

pub(super) async fn an_address_is_given_by_connecting_again(bench: &Bench) {
    bench.create_subnet("n", Some("10.231.3.0/24")).await.expect("created");
    bench.create("a", in_network(bench, "n")).await.expect("created");
    let address = || async {
        let request = bench.inspect("a").await.request.expect("inspected");
        let ends = request.networking_config.expect("networks").endpoints_config;
        ends[&bench.name("n")].ipam_config.clone().unwrap_or_default().ipv4_address
    };
    bench.connect("n", "a", endpoint("a", "10.231.3.9")).await.expect("taken");
    assert_eq!(address().await, "", "it has an end of it already");
    bench.disconnect("n", "a").await.expect("disconnected");
    bench.connect("n", "a", endpoint("a", "10.231.3.9")).await.expect("connected");
    assert_eq!(address().await, "10.231.3.9");
    bench.start("a").await.expect("started");
    assert_eq!(
        bench.inspect("a").await.request.expect("inspected").host_config.network_mode,
        bench.name("n")
    );
}

pub(super) async fn who_is_not_on_a_network_has_left_it(bench: &Bench) {
    bench.create_network("n").await.expect("created");
    bench.create_network("m").await.expect("created");
    bench.run("a", in_network(bench, "m")).await;
    assert!(!bench.disconnect("n", "a").await.expect("it is not on it").changed);
    bench.stop("a").await.expect("stopped");
    assert!(!bench.disconnect("n", "a").await.expect("it is not on it").changed);
    assert!(bench.disconnect("m", "a").await.expect("it was").changed);
    assert!(bench.inspect("a").await.networks.is_empty());
}

pub(super) async fn two_bridges_do_not_share_addresses(bench: &Bench) {
    bench.create_subnet("n", Some("10.231.4.0/24")).await.expect("created");
    let inside = bench.create_subnet("m", Some("10.231.4.128/25")).await;
    assert_eq!(call_error(&inside), Some(EngineErrorKind::Invalid), "{inside:?}");
    bench.create_subnet("m", Some("10.231.5.0/24")).await.expect("beside it");
}
