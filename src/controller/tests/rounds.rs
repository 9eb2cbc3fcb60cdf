//! Rounds over all stacks of a source, and the source's loop.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::world::Lab;
use super::world::Repo;
use super::world::web;
use crate::core::model::StackName;
use crate::core::run::EventType;
use crate::core::run::Verdict;
use crate::sim::Behaviour;

fn stack(name: &str) -> StackName {
    StackName::new(name).expect("a name")
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_left_git_goes_and_comes_back_with_its_volumes() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let db = format!("{}    volumes: [data:/data]\nvolumes: {{data: {{}}}}\n", web("app:2"));
    repo.push(&[("home/compose.yaml", &web("app:1"))]);
    let added = repo.push(&[("wiki/compose.yaml", &db)]);
    assert!(lab.round().await.is_good());
    repo.revert(&[added]);
    let report = lab.round().await;
    assert_eq!(report.verdicts.get(&stack("wiki")), Some(&Verdict::Succeeded));
    assert_eq!(lab.guard.violations(), [""; 0]);
    assert_eq!(lab.told(EventType::PruneDone), 1);
    lab.engine.forget_calls();
    assert!(lab.round().await.is_good());
    assert_eq!(lab.engine.mutating_calls(), []);

    // It comes back, and does not become well: there is nothing to go back to.
    repo.push(&[("wiki/compose.yaml", &db.replace("app:2", "app:bad"))]);
    let report = lab.round().await;
    assert_eq!(report.verdicts.get(&stack("wiki")), Some(&Verdict::Failed));
    assert_eq!(lab.told(EventType::DeployRollbackFailed), 0);
}

#[tokio::test(start_paused = true)]
async fn an_empty_repository_prunes_nothing_and_that_is_told_once() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    repo.push(&[("readme.md", "stacks")]);
    let only = repo.push(&[("home/compose.yaml", &web("app:1"))]);
    assert!(lab.round().await.is_good());
    repo.revert(&[only]);
    lab.engine.forget_calls();
    for _ in 0..3 {
        lab.round().await;
    }
    assert_eq!(lab.engine.mutating_calls(), []);
    assert_eq!(lab.told(EventType::PruneRefused), 1);
    lab.assert_runs(&[("web", "app:1")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_newer_commit_ends_the_wait_of_an_older_one() {
    let repo = Repo::new();
    let mut lab = Lab::new(&repo);
    lab.settings.healthy_deadline = Duration::from_hours(1);
    lab.engine.set_behaviour("app:2", Behaviour::healthy_after(Duration::from_mins(50)));
    repo.push(&[("home/compose.yaml", &web("app:1"))]);
    let (task, _hint) = lab.task();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(task.run(shutdown.clone()));
    tokio::time::sleep(Duration::from_secs(20)).await;
    lab.assert_runs(&[("web", "app:1")]).await;
    repo.push(&[("home/compose.yaml", &web("app:2"))]);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(lab.told(EventType::DeployStarted), 2);
    lab.guard.begin_pass();
    repo.push(&[("home/compose.yaml", &web("app:3"))]);
    tokio::time::sleep(Duration::from_secs(20)).await;
    lab.assert_runs(&[("web", "app:3")]).await;
    assert_eq!(lab.told(EventType::DeploySuperseded), 1);
    assert_eq!(lab.told(EventType::DeployFailed), 0);
    shutdown.cancel();
    running.await.expect("ended");
    assert_eq!(lab.guard.violations(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_newer_commit_ends_a_pull_that_takes_long() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    repo.push(&[("home/compose.yaml", &web("app:1"))]);
    let (task, _hint) = lab.task();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(task.run(shutdown.clone()));
    tokio::time::sleep(Duration::from_secs(20)).await;
    lab.engine.set_pull_time(Duration::from_mins(10));
    repo.push(&[("home/compose.yaml", &web("app:2"))]);
    tokio::time::sleep(Duration::from_secs(20)).await;
    lab.engine.set_pull_time(Duration::ZERO);
    repo.push(&[("home/compose.yaml", &web("app:3"))]);
    tokio::time::sleep(Duration::from_secs(20)).await;
    lab.assert_runs(&[("web", "app:3")]).await;
    assert_eq!(lab.told(EventType::DeploySuperseded), 1);
    assert_eq!(lab.told(EventType::DeployFailed), 0);
    shutdown.cancel();
    running.await.expect("ended");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_is_tried_again_until_it_is_well() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    repo.push(&[("home/compose.yaml", &web("app:9"))]);
    let (task, _hint) = lab.task();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(task.run(shutdown.clone()));
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(lab.told(EventType::DeployFailed), 1);
    lab.engine.publish("app:9", "at last");
    tokio::time::sleep(Duration::from_mins(2)).await;
    lab.assert_runs(&[("web", "app:9")]).await;
    lab.engine.forget_calls();
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(lab.engine.mutating_calls(), []);
    shutdown.cancel();
    running.await.expect("ended");
}

#[tokio::test(start_paused = true)]
async fn a_stack_waits_for_those_that_it_depends_on() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let order = "stacks:\n  - {name: app, dependsOn: [base]}\n  - {name: base}\n";
    let app = web("app:1").replace("web", "app");
    let files = |base: &str| {
        [
            ("evenkeel.yaml", order.to_owned()),
            ("base/compose.yaml", web(base)),
            ("app/compose.yaml", app.clone()),
        ]
    };
    let push = |base: &str| {
        let files = files(base);
        repo.push(&files.each_ref().map(|(path, text)| (*path, text.as_str())))
    };
    push("app:bad");
    let report = lab.round().await;
    assert_eq!(report.verdicts.get(&stack("app")), Some(&Verdict::Refused));
    assert!(report.retry);
    push("app:2");
    let report = lab.round().await;
    assert!(report.is_good(), "{report:?}");
    assert_eq!(report.verdicts.get(&stack("app")), Some(&Verdict::Succeeded));
}
