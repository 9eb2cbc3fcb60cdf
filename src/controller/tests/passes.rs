//! Passes of one stack: deploys, failures, ways back, repairs.

use std::time::Duration;

use super::guard::Strike;
use super::world::Lab;
use super::world::Repo;
use super::world::web;
use crate::core::desired::DriftMode;
use crate::core::model::Revision;
use crate::core::run::EventType;
use crate::core::run::Verdict;
use crate::sim::Behaviour;

/// A repository and a controller that has brought it `app:1`.
async fn deployed() -> (Repo, Lab, Revision) {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let first = repo.home(&web("app:1"));
    assert_eq!(lab.pass(&first).await.verdict, Verdict::Succeeded);
    lab.guard.all_is_well().await;
    lab.engine.forget_calls();
    (repo, lab, first)
}

async fn assert_quiet(lab: &Lab, revision: &Revision, verdict: Verdict) {
    lab.engine.forget_calls();
    let report = lab.pass(revision).await;
    assert_eq!(report.verdict, verdict, "{}", report.message);
    assert_eq!(lab.engine.mutating_calls(), []);
}

#[tokio::test(start_paused = true)]
async fn a_first_deploy_and_a_change_succeed_and_the_next_pass_does_nothing() {
    let (repo, lab, first) = deployed().await;
    lab.assert_runs(&[("web", "app:1")]).await;
    assert_quiet(&lab, &first, Verdict::NothingToDo).await;
    let second = repo.home(&web("app:2"));
    assert_eq!(lab.pass(&second).await.verdict, Verdict::Succeeded);
    lab.assert_runs(&[("web", "app:2")]).await;
    assert_quiet(&lab, &second, Verdict::NothingToDo).await;
    let memory = lab.memory().await;
    assert_eq!((memory.last_applied, memory.last_stable), (Some(second.clone()), Some(second)));
    assert_eq!(lab.told(EventType::DeploySucceeded), 2);
}

#[tokio::test(start_paused = true)]
async fn a_bad_change_is_taken_back_to_the_same_container_and_not_tried_again() {
    let (repo, lab, first) = deployed().await;
    let before = lab.id_of("web").await;
    let bad = repo.home(&web("app:bad"));
    let report = lab.pass(&bad).await;
    assert_eq!(report.verdict, Verdict::RolledBack, "{}", report.message);
    assert_eq!(lab.id_of("web").await, before);
    lab.assert_runs(&[("web", "app:1")]).await;
    let memory = lab.memory().await;
    assert_eq!((memory.last_applied, memory.last_stable), (Some(first.clone()), Some(first)));
    assert_eq!(memory.bad.expect("remembered").revision, bad);
    for _ in 0..3 {
        assert_quiet(&lab, &bad, Verdict::Failed).await;
    }
    assert_eq!((lab.told(EventType::DeployFailed), lab.told(EventType::DeployRolledBack)), (1, 1));

    let good = repo.home(&web("app:2"));
    assert_eq!(lab.pass(&good).await.verdict, Verdict::Succeeded);
    lab.assert_runs(&[("web", "app:2")]).await;
    assert_eq!(lab.memory().await.bad, None);
}

#[tokio::test(start_paused = true)]
async fn a_first_deploy_that_fails_is_left_for_people_to_look_at() {
    let repo = Repo::new();
    let mut lab = Lab::new(&repo);
    let bad = repo.home(&web("app:bad"));
    assert_eq!(lab.pass(&bad).await.verdict, Verdict::Failed);
    assert_quiet(&lab, &bad, Verdict::Failed).await;
    assert_eq!(lab.memory().await.last_stable, None);
    lab.forget_everything();
    let report = lab.pass(&bad).await;
    assert!(!report.verdict.is_good(), "{report:?}");
    assert_eq!(lab.memory().await.last_stable, None, "what never was well is not stable");
}

#[tokio::test(start_paused = true)]
async fn a_revert_runs_the_image_of_then_without_a_pull() {
    let (repo, lab, _) = deployed().await;
    let of_then = lab.ours().await[0].image_id.clone();
    let change = repo.push(&[("home/compose.yaml", &web("app:2"))]);
    assert_eq!(lab.pass(&repo.fetch()).await.verdict, Verdict::Succeeded);
    lab.engine.add_image("app:1", "the tag has moved on");
    let pulls = lab.engine.pulls().len();
    repo.revert(&[change]);
    let report = lab.pass(&repo.fetch()).await;
    assert_eq!(report.verdict, Verdict::Succeeded, "{}", report.message);
    assert_eq!(lab.ours().await[0].image_id, of_then);
    assert_eq!(lab.engine.pulls().len(), pulls);
    lab.engine.forget_calls();
    assert_eq!(lab.pass(&repo.fetch()).await.verdict, Verdict::NothingToDo);
    assert_eq!(lab.engine.mutating_calls(), []);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_left_the_file_goes_and_its_volume_stays() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let both = format!(
        "{}  db:\n    image: app:2\n    restart: always\n    volumes: [data:/data]\nvolumes: {{data: {{}}}}\n",
        web("app:1")
    );
    assert_eq!(lab.pass(&repo.home(&both)).await.verdict, Verdict::Succeeded);
    lab.guard.all_is_well().await;
    lab.guard.let_go(&["db"]);
    let without = repo.home(&web("app:1"));
    assert_eq!(lab.pass(&without).await.verdict, Verdict::Succeeded);
    lab.assert_runs(&[("web", "app:1")]).await;
    assert_eq!(lab.told(EventType::PruneDone), 1);
    assert_quiet(&lab, &without, Verdict::NothingToDo).await;
}

#[tokio::test(start_paused = true)]
async fn drift_is_repaired_or_told_as_the_stack_says() {
    let (_repo, mut lab, first) = deployed().await;
    lab.engine.outside().stop("home-web-1").expect("stopped");
    assert_eq!(lab.pass(&first).await.verdict, Verdict::Succeeded);
    lab.assert_runs(&[("web", "app:1")]).await;
    lab.engine.outside().rename("home-web-1", "mine").expect("renamed");
    assert_eq!(lab.pass(&first).await.verdict, Verdict::Succeeded);
    lab.assert_runs(&[("web", "app:1")]).await;
    lab.engine.outside().remove("home-web-1");
    lab.guard.let_go(&["web"]);
    assert_eq!(lab.pass(&first).await.verdict, Verdict::Succeeded);
    lab.assert_runs(&[("web", "app:1")]).await;
    assert_eq!(lab.told(EventType::DriftCorrected), 3);

    lab.settings.drift = DriftMode::Warn;
    lab.engine.outside().stop("home-web-1").expect("stopped");
    for _ in 0..3 {
        assert_quiet(&lab, &first, Verdict::Refused).await;
    }
    assert_eq!(lab.told(EventType::DriftDetected), 4);
}

#[tokio::test(start_paused = true)]
async fn a_lost_database_costs_no_call() {
    let (repo, mut lab, _) = deployed().await;
    let second = repo.home(&web("app:2"));
    assert_eq!(lab.pass(&second).await.verdict, Verdict::Succeeded);
    lab.forget_everything();
    assert_quiet(&lab, &second, Verdict::NothingToDo).await;
    assert_eq!(lab.memory().await.last_stable, Some(second));
}

#[tokio::test(start_paused = true)]
async fn a_bad_change_after_the_database_was_lost_is_taken_back_all_the_same() {
    let (repo, mut lab, _) = deployed().await;
    let before = lab.id_of("web").await;
    lab.forget_everything();
    let bad = repo.home(&web("app:bad"));
    assert_eq!(lab.pass(&bad).await.verdict, Verdict::RolledBack);
    assert_eq!(lab.id_of("web").await, before);
    lab.assert_runs(&[("web", "app:1")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_deploy_cut_off_at_its_gate_is_not_stable_before_it_has_passed() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    lab.engine.set_behaviour("app:2", Behaviour::never_healthy());
    let revision = repo.home(&web("app:2"));
    let cut_off = tokio::time::timeout(Duration::from_millis(400), lab.try_pass(&revision)).await;
    assert!(cut_off.is_err(), "it waits at the gate");
    let report = lab.pass(&revision).await;
    assert!(!report.verdict.is_good(), "{report:?}");
    assert_eq!(lab.memory().await.last_stable, None);
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_was_cut_off_is_finished_and_the_revision_stays_bad() {
    for drift in [DriftMode::Off, DriftMode::Correct] {
        let (repo, mut lab, _) = deployed().await;
        let before = lab.id_of("web").await;
        lab.settings.drift = drift;
        let bad = repo.home(&web("app:bad"));
        let is_removal = |call: &crate::core::plan::Call| call.name() == "RemoveContainer";
        let error = crate::ports::EngineError::new(crate::ports::EngineErrorKind::Unreachable, "gone");
        lab.engine.fail_next(is_removal, crate::sim::Fault::ErrorBefore(error));
        assert_eq!(lab.pass(&bad).await.verdict, Verdict::RollbackFailed);
        assert_eq!(lab.pass(&bad).await.verdict, Verdict::RolledBack);
        assert_eq!(lab.id_of("web").await, before);
        lab.assert_runs(&[("web", "app:1")]).await;
        assert_eq!(lab.memory().await.bad.map(|bad| bad.revision), Some(bad.clone()));
        assert_quiet(&lab, &bad, Verdict::Failed).await;
        assert_eq!(lab.told(EventType::DeployFailed), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_process_could_not_tell_is_told_by_the_next() {
    // Killed after the last call: of a change, and of a way back.
    let endings = [("app:2", EventType::DeploySucceeded, 0), ("app:bad", EventType::DeployRolledBack, 1)];
    for (image, told, failed) in endings {
        let (repo, lab, _) = deployed().await;
        let before = lab.told(told);
        let revision = repo.home(&web(image));
        lab.guard.arm(8, Strike::KillAfter);
        assert!(lab.try_pass(&revision).await.is_none(), "{:?}", lab.engine.mutating_calls());
        assert_eq!(lab.told(told), before);
        for _ in 0..2 {
            lab.pass(&revision).await;
        }
        assert_eq!((lab.told(told), lab.told(EventType::DeployFailed)), (before + 1, failed), "{image}");
    }
}
