//! Host ports: taken, wanted twice, held by a process of the host.

use super::*;

#[test]
fn a_taken_port_is_refused_but_not_one_of_our_own() {
    let mut world = World::new().want("web", 1).publishes("web", "8080");
    let mut other = container("other", State::Running);
    other.ports = vec![PublishedPort { ip: "0.0.0.0".into(), port: 8080, protocol: "tcp".into() }];
    world.observed.containers.push(other);
    assert_eq!(world.plan().refusals[0].code, "port-taken");
    world.found("other").state = State::Exited;
    assert!(world.plan().refusals.is_empty());
}

#[test]
fn a_host_port_that_two_containers_or_one_want_twice_is_refused_before_any_is_created() {
    let refusals = |world: World| -> Vec<String> {
        world
            .plan()
            .refusals
            .into_iter()
            .map(|refusal| format!("{} {}", refusal.code, refusal.message))
            .collect()
    };
    let two = World::new().want("db", 1).want("web", 1).publishes("db", "8080").publishes("web", "8080");
    assert_eq!(
        refusals(two),
        ["port-twice host port 8080/tcp is published by both `home-db-1` and `home-web-1`"]
    );
    let mut one = World::new().want("web", 1).publishes("web", "8080");
    let bindings = &mut one.service("web").containers[0].request.host_config.port_bindings;
    let again = bindings.values().next().expect("published").clone();
    bindings.insert("81/tcp".into(), again);
    assert_eq!(refusals(one), ["port-twice host port 8080/tcp is published twice by `home-web-1`"]);
}

#[test]
fn a_port_that_a_process_of_the_host_holds_is_refused_before_anything_is_stopped() {
    let mut world =
        World::new().want("web", 2).publishes("web", "8080").stands("web", 1, "home-web-1", State::Running);
    let port = PublishedPort { ip: String::new(), port: 8080, protocol: "tcp".into() };
    assert_eq!(ports_to_probe(&world.desired, &world.observed), std::slice::from_ref(&port));
    world.observed.held_ports = vec![port.clone()];
    assert_eq!(world.plan().refusals[0].code, "port-taken");
    world.found("home-web-1").ports = vec![port];
    assert_eq!(ports_to_probe(&world.desired, &world.observed), [], "its predecessor holds it");
}
