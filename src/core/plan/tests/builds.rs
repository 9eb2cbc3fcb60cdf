//! Images that services build: found by what they are built from, and named as what runs.

use std::sync::Arc;

use super::*;
use crate::core::compose;
use crate::core::desired::Builds;
use crate::core::desired::ImageBuild;
use crate::core::model::MemoryTree;
use crate::core::model::Tree;

/// The build of a folder that holds a file of this content. Its image is called `home-web` and `home-web:more`.
fn build_of(content: &str) -> Arc<ImageBuild> {
    let text = "name: home\nservices: {web: {build: {context: app, tags: ['home-web:more'], args: {TOKEN: hunter2}}}}";
    let tree: Arc<dyn Tree> = Arc::new(MemoryTree::new([
        ("/r/compose.yaml", text),
        ("/r/app/Dockerfile", "FROM busybox"),
        ("/r/app/file", content),
    ]));
    let options = compose::Options { working_dir: "/r".into(), ..compose::Options::default() };
    let project = compose::load(tree.as_ref(), &options).expect("a project").project;
    let (builds, _) = Builds::read(&project, &tree, "2.40.3").expect("it can be built");
    builds.all().next().cloned().expect("it is built")
}

/// A world whose service `web` is built from this content.
fn building(content: &str) -> World {
    let mut world = World::new().want("web", 1);
    build(&mut world, content);
    world
}

fn build(world: &mut World, content: &str) {
    let built = build_of(content);
    let service = world.service("web");
    service.image = "home-web".into();
    service.pull = PullPolicy::Built;
    service.digest = format!("mounted+{}", built.digest);
    service.content = [("build ./app".to_owned(), built.digest.clone())].into();
    service.build = Some(built);
    service.containers[0].request.image = "home-web".into();
}

fn has_image(world: &mut World, id: &str, references: &[&str]) {
    for image in &mut world.observed.images {
        image.references.retain(|known| !references.contains(&known.as_str()));
    }
    let references = references.iter().map(|reference| (*reference).to_owned()).collect();
    world.observed.images.push(Image { id: id.into(), references, tagged_at: None });
}

fn steps(world: &World) -> String {
    let steps = world.plan().steps_text();
    // A digest is not for people to compare.
    steps.replace(&world.desired.services[&service_name("web")].build.clone().expect("built").tag, "TAG")
}

#[test]
fn what_nobody_has_built_is_built_before_anything_else() {
    let world = building("1");
    insta::assert_snapshot!(steps(&world), @r"
    [] -> #1 image home-web, BuildImage as TAG: no image of what ./app holds now
    [1] -> #2 image home-web, TagImage: the name means another image, or none
    [1] -> #3 image home-web:more, TagImage: the name means another image, or none
    [1,2,3] -> #4 container home-web-1, CreateContainer as home-web-1: no such container
    [1,2,3,4] -> #5 container home-web-1, StartContainer: created
    [5] -> #6 container home-web-1, WaitStable: it must prove itself
    ");
    let plan = world.plan();
    assert_eq!(plan.pulls().expect("a first part").nodes.len(), 1);
    assert!(plan.summary().ends_with("; 1 image(s) to build."), "{}", plan.summary());
    let text = format!("{} {} {plan:?}", plan.to_text(), plan.steps_text());
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn what_was_built_from_the_same_is_not_built_again_but_gets_its_names() {
    let mut world = building("1");
    let tag = world.service("web").build.clone().expect("built").tag.clone();
    has_image(&mut world, "sha256:b1", &[&tag, "home-web:more"]);
    has_image(&mut world, "sha256:b2", &["home-web:latest"]);
    insta::assert_snapshot!(steps(&world), @r"
    [] -> #1 image home-web, TagImage: the name means another image, or none
    [1] -> #2 container home-web-1, CreateContainer as home-web-1: no such container
    [1,2] -> #3 container home-web-1, StartContainer: created
    [3] -> #4 container home-web-1, WaitStable: it must prove itself
    ");
    let plan = world.plan();
    let request = plan.nodes.iter().find_map(|node| match &node.action {
        Action::Call(Call::CreateContainer { request, .. }) => Some(request),
        _ => None,
    });
    let request = request.expect("a create");
    assert_eq!(request.image, "home-web", "its name means it by then");
    assert_eq!(request.labels[crate::core::desired::label::compose::IMAGE], "sha256:b1");
}

/// The same, and its container runs from an image of these names.
fn running(content: &str, names: &[&str]) -> World {
    let mut world = building(content).stands("web", 1, "home-web-1", State::Running);
    let service = world.service("web").clone();
    let tag = service.build.expect("built").tag.clone();
    has_image(&mut world, "sha256:b1", &[&[tag.as_str()], names].concat());
    let found = world.found("home-web-1");
    found.image = "home-web".into();
    found.image_id = "sha256:b1".into();
    found.own.as_mut().expect("ours").digest = service.digest;
    world
}

#[test]
fn a_changed_context_is_why_the_container_is_replaced() {
    let mut world = running("1", &["home-web:latest", "home-web:more"]);
    assert_eq!(world.plan().to_text(), "Nothing to do.\n");
    build(&mut world, "2");
    insta::assert_snapshot!(world.plan().to_text(), @r"
      -/+ container home-web-1
            content changed of build ./app
    Plan: 0 to create, 0 to update, 1 to replace, 0 to remove; 1 image(s) to build.
    ");
    insta::assert_snapshot!(steps(&world), @r"
    [] -> #1 image home-web, BuildImage as TAG: no image of what ./app holds now
    [1] -> #2 image home-web, TagImage: the name means another image, or none
    [1] -> #3 image home-web:more, TagImage: the name means another image, or none
    [1,2,3] -> #4 container home-web-1, CreateContainer as home-web-1--next: replaces the running one
    [1,2,3,4] -> #5 container home-web-1, SetRestartPolicy no: an engine restart must not wake it
    [5] -> #6 container home-web-1, StopContainer: content changed of build ./app
    [1,2,3,4,6] -> #7 container home-web-1, StartContainer: replaces the old one
    [7] -> #8 container home-web-1, WaitStable: it must prove itself
    [8] -> #9 container home-web-1, RenameContainer to home-web-1--prev: kept until the whole stack is well
    [9] -> #10 container home-web-1, RenameContainer to home-web-1: proven
    [8,10] -> #11 container home-web-1, RemoveContainer: the whole stack is well
    ");
}

#[test]
fn names_that_somebody_moved_are_put_back_only_where_a_deploy_is_taken_back() {
    let mut world = running("1", &[]);
    has_image(&mut world, "sha256:b2", &["home-web:latest", "home-web:more"]);
    assert_eq!(world.plan().to_text(), "Nothing to do.\n");
    insta::assert_snapshot!(world.plan_with(true).steps_text(), @r"
    [] -> #1 image home-web, TagImage: the name means another image, or none (optional)
    [] -> #2 image home-web:more, TagImage: the name means another image, or none (optional)
    ");
    // An image that is gone can have no name.
    world.observed.images.retain(|image| image.id != "sha256:b1");
    assert_eq!(world.plan_with(true).nodes, []);
}

#[test]
fn what_a_stable_revision_ran_is_not_built_again_even_where_it_was_built_by_others() {
    let mut world = building("1");
    has_image(&mut world, "sha256:b3", &[]);
    let pin = (service_name("web"), fingerprint(world.service("web")));
    world.memory.pins.insert(pin, "sha256:b3".into());
    insta::assert_snapshot!(steps(&world), @r"
    [] -> #1 image home-web, TagImage: the name means another image, or none
    [] -> #2 image home-web:more, TagImage: the name means another image, or none
    [1,2] -> #3 container home-web-1, CreateContainer as home-web-1: no such container
    [1,2,3] -> #4 container home-web-1, StartContainer: created
    [4] -> #5 container home-web-1, WaitStable: it must prove itself
    ");
}

#[test]
fn tags_of_content_and_images_of_then_are_asked_for_as_well() {
    let world = building("1");
    let tag = world.desired.services[&service_name("web")].build.clone().expect("built").tag.clone();
    let mut memory = Memory::default();
    let fingerprint = fingerprint(&world.desired.services[&service_name("web")]);
    memory.pins.insert((service_name("web"), fingerprint), "sha256:b9".into());
    let asked = images_to_probe(&world.desired, &world.observed, &memory, false);
    assert_eq!(asked, ["home-web".to_owned(), tag, "home-web:more".into(), "sha256:b9".into()]);
}
