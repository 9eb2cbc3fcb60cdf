//! Images that were pulled for this very pass.

use std::time::Duration;

use super::*;

fn plan_with_pulled(world: &World, pulled: &[(&str, &str)]) -> Plan {
    let pulled = pulled.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).collect();
    plan(Inputs {
        desired: &world.desired,
        observed: &world.observed,
        memory: &world.memory,
        stale_files: &[],
        pulled: &pulled,
        undo: false,
    })
}

#[test]
fn what_was_pulled_and_is_not_listed_is_known_by_its_id() {
    let world = World::new().want("web", 9);
    assert!(plan_with_pulled(&world, &[]).pulls().is_some());
    let plan = plan_with_pulled(&world, &[("app:9", "sha256:9")]);
    assert!(plan.pulls().is_none());
    let request = plan.nodes.iter().find_map(|node| match &node.action {
        Action::Call(Call::CreateContainer { request, .. }) => Some(request),
        _ => None,
    });
    let request = request.expect("a create");
    assert_eq!(request.image, "app:9", "its name still means it");
    assert_eq!(request.labels[crate::core::desired::label::compose::IMAGE], "sha256:9");
}

#[test]
fn what_is_built_elsewhere_is_never_pulled() {
    let mut world = World::new().want("web", 1);
    world.service("web").pull = PullPolicy::Built;
    assert!(world.plan().refusals.is_empty());
    world.service("web").image = "home-web".into();
    let plan = world.plan();
    assert!(plan.pulls().is_none());
    assert_eq!(plan.refusals.iter().map(|refusal| refusal.code).collect::<Vec<_>>(), ["image-missing"]);
    world.service("web").not_built = Some("compose.yaml:3:5: no Dockerfile".into());
    let message = world.plan().refusals.remove(0).message;
    assert_eq!(
        message,
        "the image `home-web` of service `web` is not on this engine, and cannot be built: compose.yaml:3:5: no Dockerfile"
    );
}

#[test]
fn images_are_asked_for_where_a_container_has_to_be_made() {
    let asked = |world: &World| images_to_probe(&world.desired, &world.observed, &world.memory, false);
    let fresh = || World::new().want("web", 1).want("api", 9).want("job", 9);
    assert_eq!(asked(&fresh()), ["app:9"], "what is known to be here is not asked for");
    let mut world = fresh().stands("web", 1, "home-web-1", State::Running);
    world.observed.images.clear();
    assert_eq!(asked(&world), ["app:9"], "nothing is made for `web`");
    let mut world =
        world.stands("api", 9, "home-api-1", State::Running).stands("job", 9, "home-job-1", State::Running);
    world.observed.images.clear();
    assert_eq!(asked(&world), [""; 0]);
}

#[test]
fn images_that_ran_before_are_asked_for_by_id() {
    let mut world = World::new().want("web", 9);
    world.observed.images.clear();
    let key = (service_name("web"), fingerprint(&world.desired.services[&service_name("web")]));
    world.memory.pins.insert(key, "sha256:ran".into());
    assert_eq!(
        images_to_probe(&world.desired, &world.observed, &world.memory, false),
        ["app:9", "sha256:ran"]
    );
}

#[test]
fn an_image_is_pulled_by_its_age_only_where_a_container_has_to_be_made() {
    let day = Duration::from_hours(24);
    let mut world = World::new().want("web", 1);
    world.service("web").pull = PullPolicy::OlderThan(day);
    let tagged_at = "2026-01-01T00:00:00Z".parse().expect("a time");
    for image in &mut world.observed.images {
        image.tagged_at = Some(tagged_at);
    }
    let pulls_after = |world: &mut World, hours: u64| {
        world.observed.taken_at = tagged_at.checked_add(Duration::from_hours(hours)).ok();
        world.plan().pulls().is_some()
    };
    assert!(!pulls_after(&mut world, 24) && pulls_after(&mut world, 25));
    assert!(plan_with_pulled(&world, &[("app:1", "sha256:1")]).pulls().is_none(), "it was pulled just now");
    world.observed.images.iter_mut().for_each(|image| image.tagged_at = None);
    assert!(pulls_after(&mut world, 1), "an image of unknown age is old");
    let mut world = world.stands("web", 1, "home-web-1", State::Running);
    assert!(!pulls_after(&mut world, 1000), "time alone replaces nothing");
    assert!(world.plan().is_empty());
}
