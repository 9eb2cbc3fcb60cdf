//! What is wrong is told once, touches nothing that runs, and is forgotten when it is right again.

use std::net::TcpListener;
use std::time::Duration;

use super::web;
use crate::harness::World;
use crate::harness::http;
use crate::harness::receiver::Event;
use crate::harness::wait;

/// The events that somebody should look at.
fn errors(world: &World) -> Vec<Event> {
    world.receiver.events().into_iter().filter(|event| event.body["severity"] == "error").collect()
}

/// Waits for the one error that there should be, and sees that it stays the only one.
fn the_only_error(world: &World, texts: &[&str]) -> Event {
    let error = wait::until_some("the error is told", || errors(world).into_iter().next());
    for text in texts {
        assert!(error.text().contains(text), "`{text}` should be in: {}", error.text());
    }
    wait::always_for(Duration::from_secs(4), "it is told once", || errors(world).len() == 1);
    error
}

/// Pushes a file that is wrong, sees that nothing but one error comes of it, and then pushes one that is right.
fn is_refused(file: &str, texts: &[&str]) {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let before = world.id("web");
    world.proxy.forget();
    let bad = world.repo.write("shop/compose.yaml", &file.replace("PROJECT", &world.name)).push("a mistake");
    let error = the_only_error(&world, texts);
    assert!(error.is_of(&bad), "{}", error.text());
    assert_eq!(world.proxy.changes(), []);
    assert_eq!(world.id("web"), before);

    let good = world.push(&web("evenkeel-test/web:2"), "mended");
    world.until_stable(&good);
    assert_eq!(world.version("web").as_deref(), Some("2"));
    assert_eq!(errors(&world).len(), 1);
}

#[test]
fn broken_yaml() {
    is_refused("name: PROJECT-shop\nservices:\n  web: {image: [\n", &["shop/compose.yaml:"]);
}

#[test]
fn an_unknown_key() {
    let file = "name: PROJECT-shop\nservices:\n  web:\n    image: evenkeel-test/web:2\n    restrat: always\n";
    is_refused(file, &["shop/compose.yaml:5:5", "restrat", "restart"]);
}

#[test]
fn a_missing_variable() {
    let file = "name: PROJECT-shop\nservices:\n  web:\n    image: evenkeel-test/web:${VERSION:?choose one}\n";
    is_refused(file, &["shop/compose.yaml:4:", "VERSION", "choose one"]);
}

#[test]
fn a_cycle_of_dependence() {
    let file = "name: PROJECT-shop\nservices:\n  web: {image: evenkeel-test/web:2, depends_on: [api]}\n  \
                api: {image: evenkeel-test/web:2, depends_on: [web]}\n";
    is_refused(file, &["api", "web", "shop/compose.yaml:"]);
}

#[test]
fn an_image_that_cannot_be_had() {
    let file = "name: PROJECT-shop\nservices:\n  web:\n    image: 127.0.0.1:9/no/such:image\n";
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let before = world.id("web");
    world.proxy.forget();
    let bad = world.repo.write("shop/compose.yaml", &file.replace("PROJECT", &world.name)).push("a mistake");
    let error = the_only_error(&world, &["127.0.0.1:9/no/such:image"]);
    assert!(error.is_of(&bad), "{}", error.text());
    let told = world.receiver.events().len();
    let pulls = || world.proxy.changes().len();
    let before_retries = pulls();
    wait::until("it has tried again", || pulls() > before_retries);
    assert_eq!(world.receiver.events().len(), told, "nothing is told of a second try");
    let changes = world.proxy.changes();
    assert!(
        changes.iter().all(|call| call.path.starts_with("/images/create")),
        "only tried to pull: {changes:?}"
    );
    assert_eq!(world.id("web"), before);

    let good = world.push(&web("evenkeel-test/web:2"), "mended");
    world.until_stable(&good);
    assert_eq!(errors(&world).len(), 1);
}

#[test]
fn an_image_that_is_made_later_is_found_by_itself() {
    let mut world = World::new();
    let image = format!("127.0.0.1:9/{}:1", world.name);
    let commit = world.push(&(web(&image) + "    pull_policy: missing\n"), "an image that is not there yet");
    world.start();
    the_only_error(&world, &[&image]);
    world.docker.run(&["tag", "evenkeel-test/web:1", &image]);
    world.until_stable(&commit);
    assert_eq!(world.version("web").as_deref(), Some("1"));
    world.docker.run(&["rm", "--force", &world.name_of("web")]);
    drop(world.docker.exec(&world.name_of("web"), &[]));
    world.docker.run(&["rmi", "--force", &image]);
}

#[test]
fn a_branch_that_is_not_there() {
    let mut world = World::new();
    world.push(&web("evenkeel-test/web:1"), "the first commit");
    world.options = vec!["--branch".into(), "production".into()];
    world.start();
    the_only_error(&world, &["production"]);
    assert_eq!(world.docker.names(), [""; 0]);
    let commit = world.repo.push_branch("production");
    world.until_stable(&commit);
}

#[test]
fn an_empty_repository() {
    let mut world = World::new();
    world.start();
    the_only_error(&world, &["empty"]);
    let commit = world.push(&web("evenkeel-test/web:1"), "the first commit");
    world.until_stable(&commit);
}

#[test]
fn a_remote_that_goes_away() {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let before = world.id("web");
    world.repo.go_away();
    let error = the_only_error(&world, &[]);
    assert_eq!(error.kind, "source.fetch_failed");
    assert_eq!(world.id("web"), before);
    world.repo.come_back();
    let commit = world.push(&web("evenkeel-test/web:2"), "after the outage");
    world.until_stable(&commit);
}

#[test]
fn a_rewritten_history() {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let before = world.id("web");
    world.repo.write("shop/compose.yaml", &world.compose(&web("evenkeel-test/web:2")));
    world.repo.push_other_history("somebody else's");
    let error = the_only_error(&world, &[]);
    assert_eq!(error.kind, "source.not_fast_forward");
    assert_eq!(world.id("web"), before);
}

#[test]
fn a_foreign_container_with_our_name() {
    let mut world = World::new();
    let name = world.name_of("web");
    world.docker.run(&["run", "--detach", "--name", &name, "evenkeel-test/busybox:1"]);
    let foreign = world.id("web");
    let commit = world.push(&web("evenkeel-test/web:1"), "the first commit");
    world.start();
    the_only_error(&world, &[&name, "docker rm", &foreign[..12]]);
    let after = world.container("web");
    assert_eq!((after.id(), after.status()), (foreign.as_str(), "running"));

    world.docker.run(&["rm", "--force", &name]);
    world.until_stable(&commit);
    assert_eq!(world.version("web").as_deref(), Some("1"));
}

#[test]
fn a_port_that_somebody_else_holds() {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    let before = world.id("web");
    let port = http::free_port();
    let holder = TcpListener::bind(("0.0.0.0", port)).expect("the port");
    world.proxy.forget();
    let services = web("evenkeel-test/web:2") + &format!("    ports: ['{port}:8080']\n");
    let commit = world.push(&services, "publishes a port");
    let error = the_only_error(&world, &[&port.to_string()]);
    assert!(error.is_of(&commit), "{}", error.text());
    assert_eq!(world.proxy.changes(), []);
    assert_eq!(world.id("web"), before);

    drop(holder);
    world.until_stable(&commit);
    assert_eq!(world.version("web").as_deref(), Some("2"));
}

#[test]
fn an_engine_that_goes_away() {
    let (world, _) = World::running(&web("evenkeel-test/web:1"));
    world.proxy.go_down();
    let commit = world.push(&web("evenkeel-test/web:2"), "during the outage");
    wait::always_for(Duration::from_secs(6), "it is told once at most", || errors(&world).len() <= 1);
    world.proxy.come_up();
    world.until_stable(&commit);
    assert_eq!(world.version("web").as_deref(), Some("2"));
    world.until_only(&["web"]);
}
