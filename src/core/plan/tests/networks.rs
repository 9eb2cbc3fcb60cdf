//! Networks that are made anew.

use super::*;
use crate::core::desired::label;
use crate::core::desired::request::EndpointIpam;
use crate::core::desired::request::Ipam;
use crate::core::desired::request::IpamPool;

pub(super) fn network(id: &str, name: &str, own: Option<OwnLabels>) -> Network {
    Network {
        id: id.into(),
        name: name.into(),
        own,
        created_at: None,
        request: Box::new(NetworkRequest {
            name: name.into(),
            driver: "bridge".into(),
            ..NetworkRequest::default()
        }),
    }
}

fn request(name: &str, subnet: &str) -> NetworkRequest {
    let config = vec![IpamPool { subnet: subnet.into(), ..IpamPool::default() }];
    NetworkRequest {
        name: name.into(),
        ipam: (!subnet.is_empty()).then(|| Ipam { config, ..Ipam::default() }),
        labels: [(label::compose::CONFIG_HASH.to_owned(), format!("hash of {name} {subnet}"))].into(),
        ..NetworkRequest::default()
    }
}

fn own(revision: &str) -> OwnLabels {
    OwnLabels { owner: owner(), revision: revision.into(), digest: String::new() }
}

fn time(second: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(second).ok()
}

impl World {
    /// Wants a network with a subnet; empty for any.
    fn wants_network(mut self, name: &str, subnet: &str) -> Self {
        let create = Some(request(name, subnet));
        self.desired.networks.insert(name.into(), DesiredNetwork { name: name.into(), create });
        self
    }

    /// Lets a network of the stack's own be there.
    fn has_network(mut self, id: &str, name: &str, subnet: &str) -> Self {
        let request = request(name, subnet);
        let found = Network {
            created_at: time(100),
            request: Box::new(request),
            ..network(id, name, Some(own("before")))
        };
        self.observed.networks.push(found);
        self
    }

    /// Wants a service's container on a network.
    fn joins(mut self, service: &str, network: &str, address: &str) -> Self {
        let ipam = EndpointIpam { ipv4_address: address.into(), ..EndpointIpam::default() };
        let ipam_config = (!address.is_empty()).then_some(ipam);
        let endpoint = Endpoint { ipam_config, ip_address: address.into(), ..Endpoint::default() };
        let request = &mut self.service(service).containers[0].request;
        request.host_config.network_mode = network.into();
        let config = request.networking_config.get_or_insert_default();
        config.endpoints_config.insert(network.into(), endpoint);
        self
    }

    /// Lets a container have an end of a network.
    fn with_end(mut self, container: &str, network: &str, id: &str) -> Self {
        let attachment = Attachment { network_id: id.into(), aliases: Vec::new() };
        let found = self.found(container);
        found.networks.insert(network.into(), attachment);
        found.started_at = time(200);
        self
    }

    fn codes(&self) -> Vec<&'static str> {
        self.plan().refusals.iter().map(|refusal| refusal.code).collect()
    }
}

/// A database and what depends on it, both running on a network whose subnet is another one now.
fn moving() -> World {
    World::new()
        .want("db", 1)
        .want("web", 1)
        .depends("web", "db", Condition::ServiceStarted)
        .wants_network("net", "10.2.0.0/24")
        .has_network("n1", "net", "10.1.0.0/24")
        .joins("db", "net", "")
        .joins("web", "net", "")
        .stands("db", 1, "home-db-1", State::Running)
        .stands("web", 1, "home-web-1", State::Running)
        .with_end("home-db-1", "net", "n1")
        .with_end("home-web-1", "net", "n1")
}

#[test]
fn a_changed_network_is_made_anew_with_the_same_containers_on_it() {
    let plan = moving().plan();
    insta::assert_snapshot!(plan.to_text(), @r"
      -/+ network net
            ipam: 10.1.0.0/24 → 10.2.0.0/24
      ~   container home-db-1
            network `net` is made anew
      ~   container home-web-1
            network `net` is made anew
    Plan: 0 to create, 2 to update, 1 to replace, 0 to remove.
    ");
    insta::assert_snapshot!(plan.steps_text(), @r"
    [] -> #1 container home-db-1, DisconnectNetwork: network `net` is made anew
    [] -> #2 container home-web-1, DisconnectNetwork: network `net` is made anew
    [1,2] -> #3 network net, RemoveNetwork: ipam: 10.1.0.0/24 → 10.2.0.0/24
    [3] -> #4 network net, CreateNetwork: made anew
    [4] -> #5 container home-db-1, ConnectNetwork: network `net` is made anew
    [5] -> #6 container home-db-1, RestartContainer: network `net` is made anew
    [6] -> #7 container home-db-1, WaitStable: it must prove itself
    [4] -> #8 container home-web-1, ConnectNetwork: network `net` is made anew
    [6,8] -> #9 container home-web-1, RestartContainer: network `net` is made anew
    [9] -> #10 container home-web-1, WaitStable: it must prove itself
    ");
}

#[test]
fn what_is_replaced_meanwhile_leaves_the_old_network_and_starts_on_the_new_one() {
    let world = moving().want("web", 2).joins("web", "net", "");
    insta::assert_snapshot!(world.plan().steps_text(), @r"
    [] -> #1 container home-web-1, CreateContainer as home-web-1--next: replaces the running one
    [1] -> #2 container home-db-1, DisconnectNetwork: network `net` is made anew
    [1] -> #3 container home-web-1, DisconnectNetwork: network `net` is made anew
    [1,2,3] -> #4 network net, RemoveNetwork: ipam: 10.1.0.0/24 → 10.2.0.0/24
    [4] -> #5 network net, CreateNetwork: made anew
    [1,5] -> #6 container home-db-1, ConnectNetwork: network `net` is made anew
    [6] -> #7 container home-db-1, RestartContainer: network `net` is made anew
    [7] -> #8 container home-db-1, WaitStable: it must prove itself
    [1,5] -> #9 container home-web-1, SetRestartPolicy no: an engine restart must not wake it
    [9] -> #10 container home-web-1, StopContainer: image: app:1 → app:2
    [1,5,10] -> #11 container home-web-1, StartContainer: replaces the old one
    [11] -> #12 container home-web-1, WaitStable: it must prove itself
    [12] -> #13 container home-web-1, RenameContainer to home-web-1--prev: kept until the whole stack is well
    [13] -> #14 container home-web-1, RenameContainer to home-web-1: proven
    [6,8,12,14] -> #15 container home-web-1, RemoveContainer: the whole stack is well
    ");
}

#[test]
fn a_fixed_address_is_given_when_the_network_has_it() {
    let world = moving().want("web", 2).joins("web", "net", "10.2.0.9");
    let plan = world.plan();
    let created = plan.nodes.iter().find_map(|node| match &node.action {
        Action::Call(Call::CreateContainer { request, .. }) => request.networking_config.clone(),
        _ => None,
    });
    assert_eq!(created.expect("created").endpoints_config["net"], Endpoint::default());
    insta::assert_snapshot!(plan.steps_text(), @r"
    [] -> #1 container home-web-1, CreateContainer as home-web-1--next: replaces the running one
    [1] -> #2 container home-db-1, DisconnectNetwork: network `net` is made anew
    [1] -> #3 container home-web-1, DisconnectNetwork: network `net` is made anew
    [1,2,3] -> #4 network net, RemoveNetwork: ipam: 10.1.0.0/24 → 10.2.0.0/24
    [4] -> #5 network net, CreateNetwork: made anew
    [1,5] -> #6 container home-db-1, ConnectNetwork: network `net` is made anew
    [6] -> #7 container home-db-1, RestartContainer: network `net` is made anew
    [7] -> #8 container home-db-1, WaitStable: it must prove itself
    [1,5] -> #9 container home-web-1, DisconnectNetwork: its address on network `net`, which is made anew
    [9] -> #10 container home-web-1, ConnectNetwork: its address on network `net`, which is made anew
    [1,5] -> #11 container home-web-1, SetRestartPolicy no: an engine restart must not wake it
    [11] -> #12 container home-web-1, StopContainer: image: app:1 → app:2
    [1,5,10,12] -> #13 container home-web-1, StartContainer: replaces the old one
    [13] -> #14 container home-web-1, WaitStable: it must prove itself
    [14] -> #15 container home-web-1, RenameContainer to home-web-1--prev: kept until the whole stack is well
    [15] -> #16 container home-web-1, RenameContainer to home-web-1: proven
    [6,8,14,16] -> #17 container home-web-1, RemoveContainer: the whole stack is well
    ");
}

#[test]
fn a_changed_address_or_alias_is_told() {
    let mut world = moving().want("web", 2).joins("web", "net", "10.2.0.9");
    let mut was = world.service("web").containers[0].request.clone();
    let ends = &mut was.networking_config.as_mut().expect("networks").endpoints_config;
    let end = ends.get_mut("net").expect("on it");
    end.ipam_config.as_mut().expect("an address").ipv4_address = "10.1.0.9".into();
    end.aliases.push("www".into());
    world.found("home-web-1").request = Some(Box::new(was));
    let plan = world.plan();
    let change = plan.changes.iter().find(|change| change.object == Object::Container("home-web-1".into()));
    insta::assert_snapshot!(change.expect("replaced").causes.join("\n"), @r"
    image: app:1 → app:2
    networks.net.ipv4_address: 10.1.0.9 → 10.2.0.9
    networks.net.aliases: www → none
    ");
}

#[test]
fn networks_that_swap_their_subnets_are_both_down_before_one_is_made() {
    let world = World::new()
        .wants_network("a", "10.2.0.0/24")
        .wants_network("b", "10.1.0.0/24")
        .has_network("n1", "a", "10.1.0.0/24")
        .has_network("n2", "b", "10.2.0.0/24");
    insta::assert_snapshot!(world.plan().steps_text(), @r"
    [] -> #1 network a, RemoveNetwork: ipam: 10.1.0.0/24 → 10.2.0.0/24
    [] -> #2 network b, RemoveNetwork: ipam: 10.2.0.0/24 → 10.1.0.0/24
    [1,2] -> #3 network a, CreateNetwork: made anew
    [1,2] -> #4 network b, CreateNetwork: made anew
    ");
}

#[test]
fn what_restarts_for_ever_is_stopped_because_it_cannot_be_disconnected() {
    let mut world = moving();
    world.found("home-web-1").state = State::Restarting;
    insta::assert_snapshot!(world.plan().steps_text(), @r"
    [] -> #1 container home-db-1, DisconnectNetwork: network `net` is made anew
    [] -> #2 container home-web-1, StopContainer: network `net` is made anew
    [1,2] -> #3 network net, RemoveNetwork: ipam: 10.1.0.0/24 → 10.2.0.0/24
    [3] -> #4 network net, CreateNetwork: made anew
    [4] -> #5 container home-db-1, ConnectNetwork: network `net` is made anew
    [5] -> #6 container home-db-1, RestartContainer: network `net` is made anew
    [6] -> #7 container home-db-1, WaitStable: it must prove itself
    [4] -> #8 container home-web-1, ConnectNetwork: network `net` is made anew
    [6,8] -> #9 container home-web-1, RestartContainer: network `net` is made anew
    [9] -> #10 container home-web-1, WaitStable: it must prove itself
    ");
}

#[test]
fn a_finished_job_is_put_on_the_new_network_and_not_run_again() {
    let mut world = moving();
    world.service("db").containers[0].request.host_config.restart_policy = RestartPolicy::never();
    world.found("home-db-1").restart_policy = RestartPolicy::never();
    world.found("home-db-1").state = State::Exited;
    let text = world.plan().steps_text();
    assert!(text.contains("home-db-1, ConnectNetwork"), "{text}");
    assert!(
        !text.contains("home-db-1, RestartContainer") && !text.contains("home-db-1, StartContainer"),
        "{text}"
    );
}

/// How a pass finds the world when the one before ended after so many steps.
fn cut_off(step: &str) -> World {
    let mut world = moving();
    world.memory.unproven = true;
    if step == "disconnected" {
        world.found("home-db-1").networks.clear();
        return world;
    }
    for name in ["home-db-1", "home-web-1"] {
        world.found(name).networks.clear();
    }
    world.observed.networks.clear();
    if step == "removed" {
        return world;
    }
    world = world.has_network("n2", "net", "10.2.0.0/24");
    world.observed.networks[0].own = Some(own("folder"));
    world.observed.networks[0].created_at = time(300);
    if step == "made" {
        return world;
    }
    for name in ["home-db-1", "home-web-1"] {
        world = world.with_end(name, "net", "n2");
    }
    if step == "connected" {
        return world;
    }
    world.found("home-db-1").started_at = time(400);
    world
}

#[test]
fn a_remake_that_was_cut_off_goes_on_where_it_stood() {
    let calls = |step| -> String {
        let plan = cut_off(step).plan();
        let short = |node: &Node| format!("{} {}", node.action.name(), node.object);
        plan.nodes
            .iter()
            .filter(|n| matches!(n.action, Action::Call(_)))
            .map(short)
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(calls("disconnected"), @r"
    DisconnectNetwork container home-web-1
    RemoveNetwork network net
    CreateNetwork network net
    ConnectNetwork container home-db-1
    RestartContainer container home-db-1
    ConnectNetwork container home-web-1
    RestartContainer container home-web-1
    ");
    insta::assert_snapshot!(calls("removed"), @r"
    CreateNetwork network net
    ConnectNetwork container home-db-1
    RestartContainer container home-db-1
    ConnectNetwork container home-web-1
    RestartContainer container home-web-1
    ");
    insta::assert_snapshot!(calls("made"), @r"
    ConnectNetwork container home-db-1
    RestartContainer container home-db-1
    ConnectNetwork container home-web-1
    RestartContainer container home-web-1
    ");
    insta::assert_snapshot!(calls("connected"), @r"
    RestartContainer container home-db-1
    RestartContainer container home-web-1
    ");
    insta::assert_snapshot!(calls("the first restarted"), @r"RestartContainer container home-web-1");
}

#[test]
fn what_is_proven_is_not_restarted_for_a_network_that_is_younger() {
    let mut world = cut_off("connected");
    world.memory.unproven = false;
    assert!(world.plan().is_empty(), "{}", world.plan().steps_text());
    // A human took it off: it is put back as it runs.
    world.found("home-db-1").networks.clear();
    let names: Vec<&str> = world.plan().nodes.iter().map(|node| node.action.name()).collect();
    assert_eq!(names, ["ConnectNetwork"]);
    // The same where memory was lost, and the network is an older one.
    world.memory.unproven = true;
    world.observed.networks[0].own = Some(own("before"));
    let names: Vec<&str> = world.plan().nodes.iter().map(|node| node.action.name()).collect();
    assert_eq!(names, ["ConnectNetwork"]);
}

#[test]
fn a_stopped_container_that_remembers_a_network_which_is_gone_is_kept_and_connected() {
    let mut world = moving().wants_network("net", "10.1.0.0/24").with_end("home-db-1", "net", "gone");
    world.found("home-db-1").state = State::Exited;
    insta::assert_snapshot!(world.plan().steps_text(), @r"
    [] -> #1 container home-db-1, ConnectNetwork: network `net` is made anew
    [1] -> #2 container home-db-1, StartContainer: it is stopped (exit code 0)
    [2] -> #3 container home-db-1, WaitStable: it must prove itself
    ");
}

#[test]
fn a_network_that_somebody_else_uses_or_owns_is_left_alone_and_the_plan_refused() {
    let mut world = moving();
    world.observed.containers.push(container("guest", State::Exited));
    let world = world.with_end("guest", "net", "n1");
    insta::assert_snapshot!(world.plan().to_text(), @r"
      ! network-in-use: the definition of network `net` changed, so that it must be made anew, and `guest`, which Evenkeel does not manage, is on it
            hint: take it off with `docker network disconnect net guest`, or remove it
      -/+ network net
            ipam: 10.1.0.0/24 → 10.2.0.0/24
      ~   container home-db-1
            network `net` is made anew
      ~   container home-web-1
            network `net` is made anew
    Refused: 1 reason(s); nothing is changed.
    ");

    let mut world = moving();
    world.observed.networks[0].own = None;
    insta::assert_snapshot!(world.plan().to_text(), @r"
      ! network-changed: network `net` has another definition than this stack wants, and is not managed by Evenkeel
            hint: give the network another `name`, declare it as `external`, or stop its users and `docker network rm net`
    Refused: 1 reason(s); nothing is changed.
    ");

    let mut world = moving();
    world.observed.networks[0].own.as_mut().expect("owned").owner.stack =
        StackName::new("other").expect("a name");
    assert_eq!(world.codes(), ["network-changed"]);
}

#[test]
fn what_left_the_profiles_or_is_kept_without_pruning_holds_its_network() {
    let mut world = moving();
    let web = world.desired.services.remove(&service_name("web")).expect("wanted");
    world.desired.settings.prune = false;
    assert_eq!(world.codes(), ["network-in-use"]);
    world.desired.settings.prune = true;
    assert_eq!(world.codes(), [""; 0]);
    world.desired.inactive.insert(web.name);
    assert_eq!(world.codes(), ["network-in-use"]);
    world.found("home-web-1").state = State::Exited;
    assert_eq!(world.codes(), [""; 0]);
}

#[test]
fn a_subnet_that_another_bridge_has_is_refused_before_anything_is_taken_down() {
    let mut world = moving();
    world
        .observed
        .networks
        .push(Network { request: Box::new(request("lan", "10.2.0.128/25")), ..network("n9", "lan", None) });
    insta::assert_snapshot!(world.plan().to_text(), @r"
      ! network-overlaps: subnet 10.2.0.0/24 of network `net` shares addresses with network `lan` (10.2.0.128/25)
            hint: choose another subnet; `docker network inspect lan` shows what is taken
      -/+ network net
            ipam: 10.1.0.0/24 → 10.2.0.0/24
      ~   container home-db-1
            network `net` is made anew
      ~   container home-web-1
            network `net` is made anew
    Refused: 1 reason(s); nothing is changed.
    ");
    let lan = world.observed.networks.last_mut().expect("there");
    lan.request.driver = "macvlan".into();
    assert_eq!(world.codes(), [""; 0], "only bridges have their subnets to themselves");
    let world = World::new().wants_network("a", "10.2.0.0/24").wants_network("b", "10.2.0.1/16");
    assert_eq!(world.codes(), ["network-overlaps"], "among new ones too");
}
