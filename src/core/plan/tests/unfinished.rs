//! Plans over what an unfinished pass left.

use super::*;

#[test]
fn nobody_waits_for_a_service_if_nothing_is_started() {
    let mut world = World::new()
        .want("db", 1)
        .want("web", 1)
        .depends("web", "db", Condition::ServiceHealthy)
        .stands("db", 1, "home-db-1", State::Running)
        .stands("web", 1, "home-web-1", State::Running);
    world.found("home-db-1").health = Some(Health::Starting);
    assert!(world.plan().is_empty(), "{}", world.plan().steps_text());
    world.memory.unproven = true;
    assert_eq!(world.plan().nodes.iter().map(|n| n.action.name()).collect::<Vec<_>>(), ["WaitStable"]);
}

#[test]
fn nothing_is_removed_before_all_names_are_right() {
    let stands =
        |world: World, name| world.want(name, 2).stands(name, 1, &format!("home-{name}-1"), State::Running);
    let plan = stands(stands(World::new(), "db"), "web").plan();
    let of = |name: &'static str| plan.nodes.iter().filter(move |node| node.action.name() == name);
    let proven = of("RenameContainer").filter(|node| node.cause == "proven");
    let proven: BTreeSet<usize> = proven.map(|node| node.id).collect();
    assert_eq!((proven.len(), of("RemoveContainer").count()), (2, 2));
    assert!(of("RemoveContainer").all(|node| proven.is_subset(&node.after)), "{}", plan.steps_text());
}

#[test]
fn the_trace_of_an_unfinished_swap_stays_until_the_old_one_runs_again() {
    let mut world = World::new().want("web", 1).stands("web", 1, "home-web-1", State::Exited).stands(
        "web",
        2,
        "home-web-1--next",
        State::Running,
    );
    world.service("web").containers[0].request.host_config.restart_policy = RestartPolicy::never();
    world.found("home-web-1").restart_policy = RestartPolicy::never();
    world.found("home-web-1--next").restart_policy = RestartPolicy::never();
    world.found("home-web-1").finished_at = Some(jiff::Timestamp::UNIX_EPOCH);
    world.found("home-web-1--next").created_at = Some(jiff::Timestamp::UNIX_EPOCH);
    insta::assert_snapshot!(world.plan_with(true).steps_text(), @r"
    [] -> #1 container home-web-1, StopContainer: another one runs in its place
    [1] -> #2 container home-web-1, StartContainer: it was stopped for a deploy that failed
    [2] -> #3 container home-web-1, WaitStable: it must prove itself
    [1,3] -> #4 container home-web-1, RemoveContainer: the whole stack is well
    ");
}
