//! Passes of a stack that builds its image: built once for each content, and what runs stays if it cannot be built.

use super::faults::Scenario;
use super::world::Lab;
use super::world::Repo;
use crate::core::model::Revision;
use crate::core::plan::Call;
use crate::core::run::EventType;
use crate::core::run::Verdict;
use crate::ports::Engine as _;
use crate::sim::Behaviour;

const COMPOSE: &str =
    "services:\n  web:\n    build:\n      context: app\n      args: {TOKEN: hunter22}\n    restart: always\n";

/// Pushes the stack with a file of this content in its context.
fn push(repo: &Repo, content: &str) -> Revision {
    repo.push(&[
        ("home/compose.yaml", COMPOSE),
        ("home/app/Dockerfile", "FROM busybox\nARG TOKEN\nCOPY . /\n"),
        ("home/app/.dockerignore", "*.md\n"),
        ("home/app/file", content),
    ]);
    repo.fetch()
}

async fn deployed(repo: &Repo) -> (Lab, Revision) {
    let lab = Lab::new(repo);
    let first = push(repo, "1");
    let report = lab.pass(&first).await;
    assert_eq!(report.verdict, Verdict::Succeeded, "{}", report.message);
    lab.guard.all_is_well().await;
    lab.engine.forget_calls();
    (lab, first)
}

async fn image_of(lab: &Lab, name: &str) -> Option<String> {
    let observed = lab.engine.observe(&[]).await.expect("reachable");
    observed.image_id(name).map(str::to_owned)
}

async fn assert_quiet(lab: &Lab, revision: &Revision) {
    lab.engine.forget_calls();
    let report = lab.pass(revision).await;
    assert_eq!(report.verdict, Verdict::NothingToDo, "{}", report.message);
    assert_eq!(lab.engine.mutating_calls(), []);
}

#[tokio::test(start_paused = true)]
async fn a_change_in_the_context_is_built_and_its_revert_is_not() {
    let repo = Repo::new();
    let (lab, first) = deployed(&repo).await;
    assert_quiet(&lab, &first).await;
    lab.assert_runs(&[("web", "home-web")]).await;
    let of_first = image_of(&lab, "home-web").await;

    repo.push(&[("home/app/README.md", "ignored"), ("other/file", "elsewhere")]);
    assert_quiet(&lab, &repo.fetch()).await;

    let change = repo.push(&[("home/app/file", "2")]);
    let second = repo.fetch();
    assert_eq!(lab.pass(&second).await.verdict, Verdict::Succeeded);
    lab.assert_runs(&[("web", "home-web")]).await;
    assert_ne!(image_of(&lab, "home-web").await, of_first);
    assert_eq!(lab.engine.builds().len(), 2);
    assert_quiet(&lab, &second).await;

    repo.revert(&[change]);
    let report = lab.pass(&repo.fetch()).await;
    assert_eq!(report.verdict, Verdict::Succeeded, "{}", report.message);
    lab.assert_runs(&[("web", "home-web")]).await;
    assert_eq!((image_of(&lab, "home-web").await, lab.engine.builds().len()), (of_first, 2));
    assert_quiet(&lab, &repo.fetch()).await;
}

#[tokio::test(start_paused = true)]
async fn a_revert_builds_nothing_even_where_everything_was_forgotten() {
    let repo = Repo::new();
    let (mut lab, _) = deployed(&repo).await;
    let change = repo.push(&[("home/app/file", "2")]);
    assert_eq!(lab.pass(&repo.fetch()).await.verdict, Verdict::Succeeded);
    repo.revert(&[change]);
    lab.forget_everything();
    assert_eq!(lab.pass(&repo.fetch()).await.verdict, Verdict::Succeeded);
    assert_eq!(lab.engine.builds().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_build_that_fails_changes_nothing_and_is_told_with_its_last_lines() {
    let repo = Repo::new();
    let (lab, _) = deployed(&repo).await;
    let (before, image) = (lab.id_of("web").await, image_of(&lab, "home-web").await);
    lab.engine.set_broken_build("home-web", Some("make: *** [all] Error 2, with hunter22\n  took 3 s"));
    let broken = push(&repo, "2");
    let report = lab.pass(&broken).await;
    assert_eq!((report.verdict, report.retry), (Verdict::Failed, true));
    assert!(report.message.contains("make: *** [all] Error 2, with [redacted]"), "{}", report.message);
    assert_eq!((lab.id_of("web").await, image_of(&lab, "home-web").await), (before.clone(), image));
    let calls = lab.engine.mutating_calls();
    assert!(calls.iter().all(|call| matches!(call, Call::BuildImage { .. })), "{calls:?}");
    // Told once, however often it is tried, and never with a secret.
    lab.engine.set_broken_build("home-web", Some("make: *** [all] Error 2, with hunter22\n  took 4 s"));
    assert_eq!(lab.pass(&broken).await.verdict, Verdict::Failed);
    let failed: Vec<_> =
        lab.events().into_iter().filter(|event| event.kind == EventType::DeployFailed).collect();
    let [failed] = failed.as_slice() else { panic!("told once: {failed:?}") };
    assert_eq!(failed.reason, "BuildFailed");
    assert!(failed.message.contains("with [redacted]"), "{}", failed.message);
    assert!(lab.events().iter().all(|event| !format!("{event:?}").contains("hunter22")));

    lab.engine.set_broken_build("home-web", None);
    assert_eq!(lab.pass(&broken).await.verdict, Verdict::Succeeded);
    assert_ne!(lab.id_of("web").await, before);
}

#[tokio::test(start_paused = true)]
async fn what_is_built_and_does_not_become_well_is_taken_back_with_its_names() {
    let repo = Repo::new();
    let (lab, _) = deployed(&repo).await;
    let (before, image) = (lab.id_of("web").await, image_of(&lab, "home-web").await);
    let bad = push(&repo, "2");
    let job = lab.job(&bad);
    let rendered = job.site.render(&job.stack, &bad, (1, 51)).expect("it renders");
    let build = rendered.desired.services.values().find_map(|service| service.build.as_ref());
    lab.engine.set_behaviour(&build.expect("it is built").tag, Behaviour::never_healthy());
    let report = lab.pass(&bad).await;
    assert_eq!(report.verdict, Verdict::RolledBack, "{}", report.message);
    assert_eq!((lab.id_of("web").await, image_of(&lab, "home-web").await), (before, image));
    lab.engine.forget_calls();
    assert_eq!(lab.pass(&bad).await.verdict, Verdict::Failed);
    assert_eq!(lab.engine.mutating_calls(), []);
}

#[tokio::test(start_paused = true)]
async fn a_missing_dockerfile_is_told_before_anything_is_done() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let revision = repo.home(COMPOSE);
    let report = lab.pass(&revision).await;
    assert!(!report.verdict.is_good());
    assert!(report.message.contains("home/app: no such file or directory"), "{}", report.message);
    assert_eq!(lab.engine.mutating_calls(), []);
}

#[tokio::test(start_paused = true)]
async fn each_call_of_a_build_may_go_wrong_once() {
    let repo = Repo::new();
    let (before, after) = (push(&repo, "1"), push(&repo, "2"));
    let scenario = Scenario::new(Some(before), after, &[("web", "home-web")]);
    scenario.survives_everything(&repo, 9).await;
}
