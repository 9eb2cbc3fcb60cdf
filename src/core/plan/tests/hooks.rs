//! Hooks after a start and before a stop.

use super::*;
use crate::core::desired::Hook;

fn hook(program: &str) -> Hook {
    let cmd = vec![program.to_owned()];
    Hook { cmd, user: String::new(), privileged: false, working_dir: String::new(), env: Vec::new() }
}

/// Wants `db` with hooks, and `web` after it.
fn world(version: u32) -> World {
    let mut world =
        World::new().want("db", version).want("web", 1).depends("web", "db", Condition::ServiceStarted);
    let db = world.service("db");
    db.post_start = vec![hook("migrate"), hook("warm-up")];
    db.pre_stop = vec![hook("drain"), hook("bye")];
    world
}

#[test]
fn hooks_run_in_turn_and_a_start_counts_when_they_have() {
    insta::assert_snapshot!(world(1).plan().steps_text(), @r"
    [] -> #1 container home-db-1, CreateContainer as home-db-1: no such container
    [] -> #2 container home-web-1, CreateContainer as home-web-1: no such container
    [1,2] -> #3 container home-db-1, StartContainer: created
    [3] -> #4 container home-db-1, RunHook migrate: post_start
    [4] -> #5 container home-db-1, RunHook warm-up: post_start
    [5] -> #6 container home-db-1, WaitStable: it must prove itself
    [1,2,5] -> #7 container home-web-1, StartContainer: created
    [7] -> #8 container home-web-1, WaitStable: it must prove itself
    ");
}

#[test]
fn what_runs_before_a_stop_is_no_condition_of_it() {
    let world =
        world(2).stands("db", 1, "home-db-1", State::Running).stands("web", 1, "home-web-1", State::Running);
    let plan = world.plan();
    insta::assert_snapshot!(plan.steps_text(), @r"
    [] -> #1 container home-db-1, CreateContainer as home-db-1--next: replaces the running one
    [1] -> #2 container home-db-1, SetRestartPolicy no: an engine restart must not wake it
    [2] -> #3 container home-db-1, RunHook drain: pre_stop (optional)
    [3] -> #4 container home-db-1, RunHook bye: pre_stop (optional)
    [2,4?] -> #5 container home-db-1, StopContainer: image: app:1 → app:2
    [1,5] -> #6 container home-db-1, StartContainer: replaces the old one
    [6] -> #7 container home-db-1, RunHook migrate: post_start
    [7] -> #8 container home-db-1, RunHook warm-up: post_start
    [8] -> #9 container home-db-1, WaitStable: it must prove itself
    [9] -> #10 container home-db-1, RenameContainer to home-db-1--prev: kept until the whole stack is well
    [10] -> #11 container home-db-1, RenameContainer to home-db-1: proven
    [9,11] -> #12 container home-db-1, RemoveContainer: the whole stack is well
    ");
    // Nothing can be run in what does not run.
    let stopped = world_of_stopped();
    assert!(!stopped.steps_text().contains("drain"), "{}", stopped.steps_text());
}

fn world_of_stopped() -> Plan {
    world(2)
        .stands("db", 1, "home-db-1", State::Restarting)
        .stands("web", 1, "home-web-1", State::Running)
        .plan()
}

#[test]
fn hooks_that_may_not_have_run_run_again_until_the_revision_is_proven() {
    let mut world =
        world(1).stands("db", 1, "home-db-1", State::Running).stands("web", 1, "home-web-1", State::Running);
    assert!(world.plan().is_empty());
    world.memory.unproven = true;
    let revision = world.desired.revision.to_string();
    world.found("home-db-1").own.as_mut().expect("ours").revision = revision;
    insta::assert_snapshot!(world.plan().steps_text(), @r"
    [] -> #1 container home-db-1, RunHook migrate: post_start
    [1] -> #2 container home-db-1, RunHook warm-up: post_start
    [2] -> #3 container home-db-1, WaitStable: it must prove itself
    ");
    world.found("home-db-1").own.as_mut().expect("ours").revision = "an older one".into();
    assert!(world.plan().is_empty());
}

#[test]
fn a_restart_runs_both_kinds() {
    let mut world = world(1)
        .want("cache", 2)
        .depends("db", "cache", Condition::ServiceStarted)
        .stands("cache", 1, "home-cache-1", State::Running)
        .stands("db", 1, "home-db-1", State::Running)
        .stands("web", 1, "home-web-1", State::Running);
    world.service("db").depends_on[0].restart = true;
    let plan = world.plan();
    let of_db = plan.nodes.iter().filter(|node| node.object == Object::Container("home-db-1".into()));
    let names: Vec<&str> = of_db.map(|node| node.action.name()).collect();
    assert_eq!(names, ["RunHook", "RunHook", "RestartContainer", "RunHook", "RunHook", "WaitStable"]);
}
