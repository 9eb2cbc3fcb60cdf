//! Building images and naming them.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::core::compose;
use evenkeel::core::desired::Builds;
use evenkeel::core::desired::ImageBuild;
use evenkeel::core::desired::label;
use evenkeel::core::model::MemoryTree;
use evenkeel::core::model::Tree;
use evenkeel::core::plan::Call;
use evenkeel::ports::CallOutcome;
use evenkeel::ports::EngineErrorKind;

use crate::support::Bench;
use crate::support::call_error;

/// The build of an image that has this content in a file. It carries the label that the bench looks for when it cleans up.
fn build(bench: &Bench, content: &str) -> Arc<ImageBuild> {
    let file = format!(
        "name: {project}\nservices:\n  web:\n    build:\n      context: .\n      args: {{NOTE: 'a b&c=d'}}\n      \
         labels: {{{label}: {instance}}}\n      extra_hosts: ['one=127.0.0.1', 'two=127.0.0.2']\n      \
         ulimits: {{nofile: 1000}}\n      shm_size: 64m\n",
        project = bench.name("p"),
        label = label::INSTANCE,
        instance = bench.labels()[label::INSTANCE],
    );
    let dockerfile = "FROM evenkeel-test/busybox:1\nARG NOTE\nCOPY file /file\n\
                      RUN test \"$NOTE\" = 'a b&c=d' && grep -q 127.0.0.2 /etc/hosts && test \"$(ulimit -n)\" = 1000\n";
    let long = format!("/r/{}/{}", "d".repeat(120), "f".repeat(130));
    let tree: Arc<dyn Tree> = Arc::new(MemoryTree::new([
        ("/r/compose.yaml", file.as_str()),
        ("/r/Dockerfile", dockerfile),
        ("/r/file", content),
        (&long, "long"),
    ]));
    let options = compose::Options { working_dir: "/r".into(), ..compose::Options::default() };
    let project = compose::load(tree.as_ref(), &options).expect("a project").project;
    let (builds, _) = Builds::read(&project, &tree, "2.40.3").expect("it can be built");
    builds.all().next().cloned().expect("it is built")
}

async fn built(bench: &Bench, build: &Arc<ImageBuild>) -> CallOutcome {
    let call = Call::BuildImage { build: Arc::clone(build), timeout: Duration::from_mins(2) };
    bench.engine.call(&call).await.expect("built")
}

async fn id_of(bench: &Bench, name: &str) -> Option<String> {
    let observed = bench.engine.observe(&[]).await.expect("a snapshot");
    observed.image_id(name).map(str::to_owned)
}

pub(super) async fn an_image_is_built_and_known_by_its_content(bench: &Bench) {
    let one = build(bench, "1");
    let made = built(bench, &one).await;
    assert!(made.id.starts_with("sha256:"), "{made:?}");
    assert_eq!(id_of(bench, &one.tag).await.as_ref(), Some(&made.id));
    assert_eq!(id_of(bench, &one.names[0]).await, None, "its plain name is given apart");
    let again = built(bench, &one).await;
    assert_eq!(id_of(bench, &one.tag).await.as_ref(), Some(&again.id));
    let two = built(bench, &build(bench, "2")).await;
    assert_ne!(two.id, again.id);
    let mut request = bench.request("busybox:1");
    request.image.clone_from(&one.tag);
    bench.run("a", request).await;
    assert_eq!(bench.inspect("a").await.image_id, again.id);
}

pub(super) async fn a_name_goes_from_one_image_to_another(bench: &Bench) {
    let (one, two) = (build(bench, "1"), build(bench, "2"));
    let (first, second) = (built(bench, &one).await.id, built(bench, &two).await.id);
    let name = &one.names[0];
    let tag = |image: &str| Call::TagImage { image: image.to_owned(), name: name.clone() };
    bench.engine.call(&tag(&one.tag)).await.expect("by its name");
    assert_eq!(id_of(bench, name).await, Some(first.clone()));
    bench.engine.call(&tag(&second)).await.expect("by its id");
    assert_eq!(id_of(bench, name).await, Some(second));
    assert_eq!(id_of(bench, &one.tag).await, Some(first), "it keeps its other names");
    let missing = bench.engine.call(&tag("evenkeel-test/none:1")).await;
    assert_eq!(call_error(&missing), Some(EngineErrorKind::NotFound));
}
