//! Images that were pulled for this very pass.

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
fn images_that_are_listed_are_not_asked_for() {
    let world = World::new().want("web", 1).want("api", 9).want("job", 9);
    assert_eq!(images_to_probe(&world.desired, &world.observed, &world.memory), ["app:9"]);
}
