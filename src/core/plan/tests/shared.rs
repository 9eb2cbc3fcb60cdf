//! Services that share a namespace or volumes with another one: their requests hold its container's id.

use super::*;
use crate::core::compose::HashFlavor;
use crate::core::compose::types::Service;
use crate::core::desired::Shared;

/// The definition of version `version` of a service that shares the network of `vpn`.
fn definition(version: u32) -> Service {
    Service { image: format!("app:{version}"), network_mode: "service:vpn".into(), ..Service::default() }
}

/// Wants `vpn`, and a service that shares its network.
fn world(vpn: u32, torrent: u32) -> World {
    let mut world = World::new().want("vpn", vpn).want("torrent", torrent).depends(
        "torrent",
        "vpn",
        Condition::ServiceStarted,
    );
    world.service("torrent").depends_on[0].restart = true;
    let service = world.service("torrent");
    service.shared = Shared::of(&definition(torrent), HashFlavor::V2, BTreeMap::new());
    service.config_hash = service.shared.as_ref().expect("it shares").hash(HashFlavor::V2);
    service.containers[0].request.host_config.network_mode = "service:vpn".into();
    world
}

impl World {
    /// Lets a container of the sharing service stand that lives with the container of that name.
    fn lives(mut self, version: u32, with: &str, name: &str, state: State) -> Self {
        self = self.stands("torrent", version, name, state);
        let id = format!("id-{with}");
        let mut service = self.service("torrent").clone();
        service.shared = Shared::of(&definition(version), HashFlavor::V2, BTreeMap::new());
        let service = service.with_ids(&BTreeMap::from([(service_name("vpn"), id)])).expect("an id");
        let found = self.found(name);
        found.compose.as_mut().expect("labels").config_hash.clone_from(&service.config_hash);
        found.request = Some(Box::new(service.containers[0].request.clone()));
        self
    }
}

#[test]
fn what_shares_a_namespace_is_replaced_with_it_and_created_after_it() {
    let world = world(2, 1).stands("vpn", 1, "home-vpn-1", State::Running).lives(
        1,
        "home-vpn-1",
        "home-torrent-1",
        State::Running,
    );
    let first = world.plan();
    insta::assert_snapshot!(first.to_text(), @r"
      -/+ container home-torrent-1
            network_mode: service:vpn was replaced
      -/+ container home-vpn-1
            image: app:1 → app:2
    Plan: 0 to create, 0 to update, 2 to replace, 0 to remove.
    ");
    insta::assert_snapshot!(first.steps_text(), @r"
    [] -> #1 container home-vpn-1, CreateContainer as home-vpn-1--next: replaces the running one
    ");
    assert!(first.is_partial());

    // The first part is done: the plan is whole, and says the same.
    let world = world.stands("vpn", 2, "home-vpn-1--next", State::Created);
    let second = world.plan();
    assert!(!second.is_partial());
    assert_eq!(second.to_text(), first.to_text());
    insta::assert_snapshot!(second.steps_text(), @r"
    [] -> #1 container home-torrent-1, CreateContainer as home-torrent-1--next: replaces the running one
    [1] -> #2 container home-torrent-1, SetRestartPolicy no: an engine restart must not wake it
    [2] -> #3 container home-torrent-1, StopContainer: it shares a namespace with `home-vpn-1`, which is stopped
    [1,3] -> #4 container home-vpn-1, SetRestartPolicy no: an engine restart must not wake it
    [4] -> #5 container home-vpn-1, StopContainer: image: app:1 → app:2
    [1,5] -> #6 container home-vpn-1, StartContainer: replaces the old one
    [6] -> #7 container home-vpn-1, WaitStable: it must prove itself
    [7] -> #8 container home-vpn-1, RenameContainer to home-vpn-1--prev: kept until the whole stack is well
    [8] -> #9 container home-vpn-1, RenameContainer to home-vpn-1: proven
    [1,3,6] -> #10 container home-torrent-1, StartContainer: replaces the old one
    [10] -> #11 container home-torrent-1, WaitStable: it must prove itself
    [11] -> #12 container home-torrent-1, RenameContainer to home-torrent-1--prev: kept until the whole stack is well
    [12] -> #13 container home-torrent-1, RenameContainer to home-torrent-1: proven
    [7,9,11,13] -> #14 container home-vpn-1, RemoveContainer: the whole stack is well
    [7,9,11,13] -> #15 container home-torrent-1, RemoveContainer: the whole stack is well
    ");
    let request = second.nodes.iter().find_map(|node| match &node.action {
        Action::Call(Call::CreateContainer { request, .. }) => Some(request.clone()),
        _ => None,
    });
    let request = request.expect("a create");
    assert_eq!(request.host_config.network_mode, "container:id-home-vpn-1--next");
    let hash = &request.labels[crate::core::desired::label::compose::CONFIG_HASH];
    assert_ne!(*hash, world.desired.services[&service_name("torrent")].config_hash);
}

#[test]
fn what_shares_a_namespace_with_what_stays_is_left_alone() {
    let world = world(1, 1).stands("vpn", 1, "home-vpn-1", State::Running).lives(
        1,
        "home-vpn-1",
        "home-torrent-1",
        State::Running,
    );
    assert!(world.plan().is_empty(), "{}", world.plan().steps_text());
    // Its own change does not touch the other.
    let plan = super::shared::world(1, 2)
        .stands("vpn", 1, "home-vpn-1", State::Running)
        .lives(1, "home-vpn-1", "home-torrent-1", State::Running)
        .plan();
    assert!(!plan.is_partial());
    insta::assert_snapshot!(plan.to_text(), @r"
      -/+ container home-torrent-1
            image: app:1 → app:2
    Plan: 0 to create, 0 to update, 1 to replace, 0 to remove.
    ");
}

#[test]
fn a_container_of_another_id_is_replaced_even_if_nothing_else_changed() {
    let world = world(1, 1).stands("vpn", 1, "home-vpn-1", State::Running).lives(
        1,
        "gone",
        "home-torrent-1",
        State::Running,
    );
    insta::assert_snapshot!(world.plan().to_text(), @r"
      -/+ container home-torrent-1
            network_mode: service:vpn was replaced
    Plan: 0 to create, 0 to update, 1 to replace, 0 to remove.
    ");
}

#[test]
fn undoing_brings_back_both_and_a_crash_in_between_is_gone_on_from() {
    // Names of the one were exchanged, of the other not yet.
    let crashed = |vpn, torrent| {
        world(vpn, torrent)
            .stands("vpn", 2, "home-vpn-1", State::Running)
            .stands("vpn", 1, "home-vpn-1--prev", State::Exited)
            .lives(1, "home-vpn-1--prev", "home-torrent-1", State::Exited)
            .lives(1, "home-vpn-1", "home-torrent-1--next", State::Running)
    };
    insta::assert_snapshot!(crashed(2, 1).plan().steps_text(), @r"
    [] -> #1 container home-vpn-1, WaitStable: it must prove itself
    [] -> #2 container home-torrent-1, WaitStable: it must prove itself
    [2] -> #3 container home-torrent-1, RenameContainer to home-torrent-1--prev: kept until the whole stack is well
    [3] -> #4 container home-torrent-1, RenameContainer to home-torrent-1: proven
    [1,2,4] -> #5 container home-vpn-1, RemoveContainer: the whole stack is well
    [1,2,4] -> #6 container home-torrent-1, RemoveContainer: the whole stack is well
    ");
    insta::assert_snapshot!(crashed(1, 1).plan().steps_text(), @r"
    [] -> #1 container home-torrent-1, RemoveContainer: `home-torrent-1--next` was left by an unfinished deploy
    [1] -> #2 container home-vpn-1, SetRestartPolicy no: an engine restart must not wake it
    [2] -> #3 container home-vpn-1, StopContainer: its predecessor comes back
    [1,3] -> #4 container home-vpn-1, RenameContainer to home-vpn-1--next: it makes room for its predecessor
    [4] -> #5 container home-vpn-1, RenameContainer to home-vpn-1: it comes back
    [1,5] -> #6 container home-vpn-1, StartContainer: it comes back
    [6] -> #7 container home-vpn-1, WaitStable: it must prove itself
    [1,6] -> #8 container home-torrent-1, StartContainer: it is stopped (exit code 0)
    [8] -> #9 container home-torrent-1, WaitStable: it must prove itself
    [1,7,9] -> #10 container home-vpn-1, RemoveContainer: the whole stack is well
    ");
}

#[test]
fn what_was_started_before_the_namespace_that_it_shares_is_restarted() {
    let mut world = world(1, 1).stands("vpn", 1, "home-vpn-1", State::Running).lives(
        1,
        "home-vpn-1",
        "home-torrent-1",
        State::Running,
    );
    let at = |second| jiff::Timestamp::from_second(second).ok();
    world.found("home-vpn-1").started_at = at(10);
    world.found("home-torrent-1").started_at = at(11);
    assert!(world.plan().is_empty());
    world.found("home-vpn-1").started_at = at(12);
    insta::assert_snapshot!(world.plan().steps_text(), @r"
    [] -> #1 container home-torrent-1, RestartContainer: the namespace that it shares with `vpn` is made anew
    [1] -> #2 container home-torrent-1, WaitStable: it must prove itself
    ");
    // A start does the same to it.
    world.found("home-vpn-1").state = State::Exited;
    insta::assert_snapshot!(world.plan().steps_text(), @r"
    [] -> #1 container home-vpn-1, StartContainer: it is stopped (exit code 0)
    [1] -> #2 container home-vpn-1, WaitStable: it must prove itself
    [1] -> #3 container home-torrent-1, RestartContainer: the namespace that it shares with `vpn` is made anew
    [3] -> #4 container home-torrent-1, WaitStable: it must prove itself
    ");
}

#[test]
fn volumes_that_are_lent_are_not_carried_over() {
    let mut world = World::new()
        .want("data", 1)
        .want("app", 2)
        .stands("data", 1, "home-data-1", State::Running)
        .stands("app", 1, "home-app-1", State::Running);
    let volume = |letter: &str, destination: &str| MountPoint {
        kind: "volume".into(),
        name: letter.repeat(64),
        source: String::new(),
        destination: destination.into(),
        writable: true,
    };
    world.found("home-data-1").mounts = vec![volume("a", "/lent")];
    world.found("home-app-1").mounts = vec![volume("a", "/lent"), volume("b", "/own")];
    world.service("app").containers[0].request.host_config.volumes_from = vec!["id-home-data-1".into()];
    let request = world.plan().nodes.into_iter().find_map(|node| match node.action {
        Action::Call(Call::CreateContainer { request, .. }) => Some(request),
        _ => None,
    });
    let mounts = request.expect("a create").host_config.mounts;
    assert_eq!(mounts.iter().map(|mount| mount.target.as_str()).collect::<Vec<_>>(), ["/own"]);
}
