//! The harness can fail: what it watches for, it sees.

use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use crate::harness::World;
use crate::harness::proxy::Moment;
use crate::harness::wait;

fn create(world: &World, service: &str) -> Child {
    let name = world.name_of(service);
    let mut docker = Command::new("docker");
    docker.env("DOCKER_HOST", world.proxy.host()).args([
        "create",
        "--name",
        &name,
        "evenkeel-test/busybox:1",
    ]);
    docker.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the `docker` program")
}

#[test]
fn the_proxy_sees_every_change_and_can_stop_the_world_at_one() {
    let world = World::new();
    assert!(create(&world, "free").wait().expect("an end").success());
    let changes = world.proxy.changes();
    assert!(changes.len() == 1 && changes[0].path.starts_with("/containers/create"), "{changes:?}");
    assert!(world.proxy.calls().len() > changes.len(), "reads are seen too");

    for (moment, service, arrives) in [
        (Moment::Before, "before", false),
        (Moment::Unanswered, "unanswered", true),
        (Moment::After, "after", true),
    ] {
        world.proxy.stop_at(1, moment);
        let mut client = create(&world, service);
        let call = wait::until_some("the world stands still", || world.proxy.stopped_at());
        assert!(call.path.starts_with("/containers/create"), "{call}");
        if moment == Moment::After {
            assert!(client.wait().expect("an end").success());
        } else {
            client.kill().expect("it still waits");
            client.wait().expect("an end");
        }
        if arrives {
            wait::until("it is there", || world.docker.container(&world.name_of(service)).is_some());
        }
        world.proxy.release();
        assert_eq!(world.docker.container(&world.name_of(service)).is_some(), arrives, "{moment:?}");
    }

    world.proxy.go_down();
    assert!(!create(&world, "down").wait().expect("an end").success());
    world.proxy.come_up();
    assert!(create(&world, "up").wait().expect("an end").success());
}
