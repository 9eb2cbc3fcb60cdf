//! A service that is built from the repository: built once for each content, and left alone by Docker Compose.

use std::fs;

use crate::harness::World;
use crate::harness::compose::Compose;
use crate::harness::wait;

const SERVICES: &str = "
services:
  web:
    build:
      context: app
      args: {GREETING: hello}
    restart: unless-stopped
  worker:
    image: NAME-shop-web
    command: [sleep, '100000']
    healthcheck: {disable: true}
    restart: unless-stopped
";

/// Images that have lost their names are cleaned up by their label.
const DOCKERFILE: &str = "FROM evenkeel-test/web:1 AS base
LABEL evenkeel.e2e=NAME
ARG GREETING
COPY --chown=7:8 . /www/
RUN cp /www/version /version && echo $GREETING >/greeting && test -x /www/run.sh && ls -a /www >/listing
FROM base
COPY --from=base /version /from-base
";

/// A world with the service's files, and its compose file.
fn world() -> (World, String) {
    let world = World::new();
    let services = SERVICES.replace("NAME", &world.name);
    world.repo.write("shop/app/Dockerfile", &dockerfile(&world)).write("shop/app/run.sh", "#!/bin/sh\n");
    world
        .repo
        .write("shop/app/.dockerignore", "*.md\nDockerfile\n.dockerignore\n")
        .write("shop/app/x.md", "x");
    world
        .repo
        .executable("shop/app/run.sh")
        .link("shop/app/link", "../../etc/passwd")
        .write("shop/app/version", "built 1");
    (world, services)
}

fn dockerfile(world: &World) -> String {
    DOCKERFILE.replace("NAME", &world.name)
}

fn builds(world: &World) -> usize {
    world.proxy.calls().iter().filter(|call| call.path.starts_with("/build")).count()
}

#[test]
fn a_change_is_built_and_deployed_and_a_revert_builds_nothing() {
    let (mut world, services) = world();
    let first = world.push(&services, "built");
    world.start();
    world.until_stable(&first);
    assert_eq!((world.version("web").as_deref(), builds(&world)), (Some("built 1"), 1));
    assert_eq!(world.version("worker").as_deref(), Some("built 1"), "it runs the same image");
    let read = |path: &str| world.docker.exec(&world.name_of("web"), &["cat", path]);
    assert_eq!(read("/greeting").as_deref(), Some("hello"));
    assert_eq!(read("/from-base").as_deref(), Some("built 1"));
    let listing = read("/listing").expect("a listing");
    for (name, is_sent) in
        [("link", true), ("run.sh", true), ("x.md", false), ("Dockerfile", false), (".dockerignore", false)]
    {
        assert_eq!(listing.lines().any(|line| line == name), is_sent, "{name}: {listing}");
    }
    assert!(!listing.contains("evenkeel"), "what we add is taken away: {listing}");
    let before = (world.id("web"), world.container("web").image_id().to_owned());

    let second = world.repo.write("shop/app/version", "built 2").push("another version");
    world.until_stable(&second);
    assert_eq!((world.version("web").as_deref(), builds(&world)), (Some("built 2"), 2));
    assert_eq!(world.version("worker").as_deref(), Some("built 2"));

    let third = world.repo.revert();
    world.until_stable(&third);
    assert_eq!((world.version("web").as_deref(), builds(&world)), (Some("built 1"), 2));
    assert_eq!(world.container("web").image_id(), before.1);
    world.assert_only(&["web", "worker"]);

    assert_eq!(world.terminate(), Some(0));
    world.proxy.forget();
    assert_eq!((world.once().code, world.proxy.changes()), (Some(0), vec![]));
    if let Some(compose) = Compose::find() {
        let folder = world.folder().join("somewhere/shop");
        fs::create_dir_all(folder.join("app")).expect("a folder");
        fs::write(folder.join("compose.yaml"), world.compose(&services)).expect("a file");
        let ids = [world.id("web"), world.id("worker")];
        compose.run(&folder, &["up", "--detach"]);
        assert_eq!([world.id("web"), world.id("worker")], ids, "Docker Compose has nothing to do after us");
    }
}

#[test]
fn a_build_that_fails_leaves_what_runs_and_says_why() {
    let (mut world, services) = world();
    let services = services.replace("args: {GREETING: hello}", "args: {GREETING: hello, MY_TOKEN: hunter22}");
    let first = world.push(&services, "built");
    world.start();
    world.until_stable(&first);
    let (before, image) = (world.id("web"), world.docker.image_id(&format!("{}-shop-web", world.name)));
    let broken = "ARG MY_TOKEN\nRUN echo the compiler is unhappy with $MY_TOKEN; exit 3\n";
    let broken = dockerfile(&world) + broken;
    let bad = world.repo.write("shop/app/Dockerfile", &broken).push("does not build");
    world.receiver.until("deploy.failed", &bad);
    let failed =
        world.receiver.of("deploy.failed").into_iter().find(|event| event.is_of(&bad)).expect("told");
    assert!(failed.message().contains("returned a non-zero code: 3"), "{}", failed.message());
    assert!(failed.message().contains("the compiler is unhappy with [redacted]"), "{}", failed.message());
    assert!(!world.log().contains("hunter22"), "{}", world.log());
    assert_eq!(
        (world.id("web"), world.docker.image_id(&format!("{}-shop-web", world.name))),
        (before, image)
    );
    world.assert_only(&["web", "worker"]);
    let good = world
        .repo
        .write("shop/app/Dockerfile", &dockerfile(&world))
        .write("shop/app/version", "built 3")
        .push("builds");
    world.until_stable(&good);
    assert_eq!(world.version("web").as_deref(), Some("built 3"));
}

#[test]
fn what_cannot_be_built_is_told_at_its_place_before_anything_is_done() {
    let (world, services) = world();
    world
        .repo
        .write("shop/app/Dockerfile", "FROM evenkeel-test/web:1\nRUN --mount=type=cache,target=/x true\n");
    world.push(&services, "for another builder");
    let said = world.once();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("shop/app/Dockerfile:2:5"), "{said:?}");
    assert!(said.stderr.contains("`RUN --mount` is not supported"), "{said:?}");
    assert_eq!(world.proxy.changes(), []);
}

#[test]
fn a_project_that_docker_compose_built_is_taken_over_as_it_runs() {
    let Some(compose) = Compose::find() else { return };
    let (mut world, services) = world();
    let file = world.compose(&services);
    let commit = world.repo.write("shop/compose.yaml", &file).push("as it runs");
    let folder = world.folder().join("somewhere/shop");
    fs::create_dir_all(folder.parent().expect("a parent")).expect("a folder");
    world.repo.copy("shop", &folder);
    let name = format!("{}-shop-web", world.name);
    world.docker.run(&[
        "build",
        "--build-arg",
        "GREETING=hello",
        "--tag",
        &name,
        &folder.join("app").display().to_string(),
    ]);
    compose.run(&folder, &["up", "--detach"]);
    let ids = |world: &World| [world.id("web"), world.id("worker")];
    let before = ids(&world);

    let (url, instance, project) = (world.repo.url(), world.name.clone(), format!("{}-shop", world.name));
    let taken = world.evenkeel(&["adopt", "--repo", &url, "--instance", &instance, &project, "--yes"]);
    assert_eq!(taken.code, Some(0), "{commit}: {taken:?}");
    world.proxy.forget();
    assert_eq!(world.once().code, Some(0));
    assert_eq!((world.proxy.changes(), ids(&world)), (vec![], before.clone()));

    let changed = world.repo.write("shop/app/version", "built 2").push("another version");
    world.start();
    world.until_stable(&changed);
    assert_eq!(world.version("web").as_deref(), Some("built 2"));
    let reverted = world.repo.revert();
    world.until_stable(&reverted);
    assert_eq!((world.version("web").as_deref(), builds(&world)), (Some("built 1"), 1));
}

#[test]
fn a_newer_commit_does_not_wait_for_a_build() {
    let (mut world, services) = world();
    world.repo.write("shop/app/Dockerfile", "FROM evenkeel-test/web:1\nRUN sleep 4321\n");
    let slow = world.push(&services, "takes long");
    world.start();
    wait::until("the build has begun", || builds(&world) == 1);
    let fast = world.repo.write("shop/app/Dockerfile", &dockerfile(&world)).push("does not");
    world.until_stable(&fast);
    world.receiver.until("deploy.superseded", &slow);
    assert_eq!(world.version("web").as_deref(), Some("built 1"));
    let sleeping =
        || world.docker.run(&["ps", "--no-trunc", "--format", "{{.Command}}"]).contains("sleep 4321");
    wait::until("the engine has given it up too", || !sleeping());
}
