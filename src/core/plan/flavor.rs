//! In which of Compose's two encodings a service's config hash is wanted: that of what stands, so that nothing is replaced for
//! it; else that of the setting; else that of the Docker Compose that is used on this engine.

use super::slot;
use crate::core::desired::Desired;
use crate::core::desired::DesiredService;
use crate::core::desired::HashFlavor;
use crate::core::observed::Container;
use crate::core::observed::Observed;

/// Returns the service with its hash in the other encoding, if that is the one that is wanted.
pub(super) fn of_what_stands(
    desired: &Desired,
    service: &DesiredService,
    observed: &Observed,
) -> Option<DesiredService> {
    let other = service.in_other_flavor()?;
    let standing: Vec<&Container> = observed
        .of(&desired.owner)
        .filter(|found| found.compose.as_ref().is_some_and(|compose| compose.service == service.name))
        .collect();
    let stands = |service| standing.iter().any(|found| slot::has_hash_of(found, service));
    if stands(service) {
        return None;
    }
    let used = || of_docker_compose(observed).unwrap_or(service.flavor);
    let wanted = desired.settings.compose_hash.fixed().unwrap_or_else(used);
    (stands(&other) || wanted == other.flavor).then_some(other)
}

/// The encoding of the newest Docker Compose whose containers are here. Ours tell nothing: they follow theirs.
fn of_docker_compose(observed: &Observed) -> Option<HashFlavor> {
    let is_theirs = |found: &&Container| found.own.as_ref().is_none_or(|own| own.revision.is_empty());
    let labels = observed.containers.iter().filter(is_theirs).filter_map(|found| found.compose.as_ref());
    let flavors = labels.map(|compose| HashFlavor::of_version(&compose.version));
    flavors.max_by_key(|flavor| *flavor == HashFlavor::V5)
}

#[cfg(test)]
mod tests {
    use super::super::tests::World;
    use crate::core::desired::HashChoice;
    use crate::core::observed::State;
    use crate::core::plan::Action;
    use crate::core::plan::Call;

    /// A service whose hash is `hash-1` in the encoding of Compose 2 and `five` in the other one.
    fn world() -> World {
        let mut world = World::new().want("web", 1);
        world.service("web").other_hash = Some("five".into());
        world
    }

    /// Lets a container of another project stand that Docker Compose of that version made.
    fn with_compose(world: World, version: &str) -> World {
        let mut world = world.stands("other", 1, "other-1", State::Running);
        let found = world.found("other-1");
        found.own = None;
        let compose = found.compose.as_mut().expect("labels");
        (compose.project, compose.version) = ("elsewhere".into(), version.into());
        world
    }

    /// Returns the hash that the new container is labelled with; `None` if none is made.
    fn hash_of_new(world: &World) -> Option<String> {
        world.plan().nodes.iter().find_map(|node| match &node.action {
            Action::Call(Call::CreateContainer { request, .. }) => {
                request.labels.get("com.docker.compose.config-hash").cloned()
            }
            _ => None,
        })
    }

    #[test]
    fn a_new_container_gets_the_hash_of_the_compose_that_is_used_here() {
        assert_eq!(hash_of_new(&world()), None, "as it was rendered");
        assert_eq!(hash_of_new(&with_compose(world(), "2.40.3")), None);
        assert_eq!(hash_of_new(&with_compose(world(), "5.0.1")).as_deref(), Some("five"));
    }

    #[test]
    fn what_is_set_outranks_what_is_seen() {
        let mut fixed = with_compose(world(), "5.0.1");
        fixed.desired.settings.compose_hash = HashChoice::V2;
        assert_eq!(hash_of_new(&fixed), None);
        let mut fixed = world();
        fixed.desired.settings.compose_hash = HashChoice::V5;
        assert_eq!(hash_of_new(&fixed).as_deref(), Some("five"));
    }

    #[test]
    fn what_stands_is_kept_in_either_encoding_whatever_is_set_or_seen() {
        for (hash, choice) in
            [("hash-1", HashChoice::V5), ("five", HashChoice::V2), ("five", HashChoice::Auto)]
        {
            let mut world = with_compose(world(), "2.40.3").stands("web", 1, "home-web-1", State::Running);
            world.desired.settings.compose_hash = choice;
            world.found("home-web-1").compose.as_mut().expect("labels").config_hash = hash.into();
            assert!(world.plan().is_empty(), "{hash} {choice:?}: {}", world.plan().steps_text());
        }
    }

    #[test]
    fn the_same_images_are_remembered_for_both_encodings() {
        let service = world().desired.services.into_values().next().expect("one");
        let other = service.in_other_flavor().expect("another");
        assert_eq!(super::super::fingerprint(&service), super::super::fingerprint(&other));
        assert_ne!(service.config_hash, other.config_hash);
        let back = other.in_other_flavor().expect("the first");
        assert_eq!(back.config_hash, service.config_hash);
    }
}
