//! SIGKILL at every call that a swap makes. Whatever the moment, the next start finishes or undoes it.

use crate::harness::World;
use crate::harness::proxy::Moment;
use crate::harness::wait;

fn services(version: &str) -> String {
    format!(
        "services:\n  web:\n    image: evenkeel-test/web:{version}\n    restart: unless-stopped\n    \
         volumes: ['data:/data']\nvolumes:\n  data: {{}}\n"
    )
}

/// Flips the version again and again, and kills the controller one call later each time, until a swap has no more
/// calls to kill it at.
fn survives_a_kill_at_every_call(moment: Moment) {
    let (mut world, _) = World::running(&services("1"));
    let web = world.name_of("web");
    world.docker.exec(&web, &["sh", "-c", "echo kept > /data/note"]).expect("a note");
    let mut killed_at = Vec::new();
    for nth in 1.. {
        let version = if nth % 2 == 1 { "2" } else { "1" };
        world.proxy.stop_at(nth, moment);
        let commit = world.push(&services(version), &format!("stop at call {nth}"));
        let stopped = wait::until_some("it is stopped or done", || {
            let done = || world.receiver.of("deploy.succeeded").iter().any(|event| event.is_of(&commit));
            world.proxy.stopped_at().map(Some).or_else(|| done().then_some(None))
        });
        world.kill();
        world.proxy.release();
        let Some(call) = stopped else { break };
        world.start();
        wait::until(&format!("version {version} runs, killed at `{call}`"), || {
            world.version("web").as_deref() == Some(version)
                && world.docker.names() == [web.clone()]
                && world.container("web").health() == "healthy"
        });
        assert_eq!(world.docker.exec(&web, &["cat", "/data/note"]).as_deref(), Some("kept"), "{call}");
        assert_eq!(world.container("web").restart_policy(), "unless-stopped", "{call}");
        world.until_stable(&commit);
        killed_at.push(call.to_string());
    }
    assert!(killed_at.len() >= 5, "a swap has more calls than {killed_at:#?}");

    world.start();
    world.proxy.until_looked(1);
    world.terminate();
    world.proxy.forget();
    assert_eq!(world.once().code, Some(0));
    assert_eq!(world.proxy.changes(), []);
}

#[test]
fn a_kill_before_any_call_of_a_swap_is_recovered_from() {
    survives_a_kill_at_every_call(Moment::Before);
}

#[test]
fn a_kill_between_any_call_of_a_swap_and_its_answer_is_recovered_from() {
    survives_a_kill_at_every_call(Moment::Unanswered);
}

#[test]
fn a_kill_after_any_call_of_a_swap_is_recovered_from() {
    survives_a_kill_at_every_call(Moment::After);
}

#[test]
fn a_kill_at_any_call_of_a_rollback_ends_with_the_old_container() {
    let (mut world, _) = World::running(&services("1"));
    let before = world.id("web");
    let mut killed_at = Vec::new();
    for nth in 1.. {
        world.proxy.stop_at(nth, Moment::After);
        let bad = world.push(&services(&format!("bad\n    environment: {{TRY: '{nth}'}}")), "does not work");
        let stopped = wait::until_some("it is stopped or done", || {
            let done = || world.receiver.of("deploy.rolled_back").iter().any(|event| event.is_of(&bad));
            world.proxy.stopped_at().map(Some).or_else(|| done().then_some(None))
        });
        world.kill();
        world.proxy.release();
        let Some(call) = stopped else { break };
        world.start();
        world.receiver.until("deploy.rolled_back", &bad);
        world.until_only(&["web"]);
        let back = world.container("web");
        assert_eq!((back.id(), back.status()), (before.as_str(), "running"), "killed at `{call}`");
        killed_at.push(call.to_string());
    }
    assert!(killed_at.len() >= 5, "a rollback has more calls than {killed_at:#?}");
}
