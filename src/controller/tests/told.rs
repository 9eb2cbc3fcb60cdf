//! What keeps a pass from beginning is told once when it begins and once when it is over.

use super::world::Lab;
use super::world::Repo;
use super::world::web;
use crate::core::desired::request::ContainerRequest;
use crate::core::desired::request::PortBinding;
use crate::core::run::EventType;
use crate::core::run::HealthState;
use crate::core::run::Sync;
use crate::core::run::Verdict;

const BROKEN: &str = "services:\n  web:\n    imagee: app:1\n";

#[tokio::test(start_paused = true)]
async fn a_foreign_container_in_the_way_is_told_once_and_left_alone() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let request = ContainerRequest { image: "other:1".into(), ..ContainerRequest::default() };
    lab.engine.outside().create("home-web-1", &request).expect("created");
    let revision = repo.home(&web("app:1"));
    for _ in 0..3 {
        let report = lab.pass(&revision).await;
        assert_eq!((report.verdict, report.retry), (Verdict::Refused, true));
    }
    assert_eq!(lab.engine.mutating_calls(), []);
    assert_eq!(lab.told(EventType::DeployFailed), 1);
    lab.engine.outside().remove("home-web-1");
    assert_eq!(lab.pass(&revision).await.verdict, Verdict::Succeeded);
    assert_eq!(lab.told(EventType::DeploySucceeded), 1);
}

#[tokio::test(start_paused = true)]
async fn a_port_that_another_container_holds_is_told_once_and_taken_when_it_is_free() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let mut request = ContainerRequest { image: "other:1".into(), ..ContainerRequest::default() };
    let binding = PortBinding { host_ip: String::new(), host_port: "8080".into() };
    request.host_config.port_bindings.insert("80/tcp".into(), vec![binding]);
    lab.engine.outside().create("holder", &request).expect("created");
    lab.engine.outside().start("holder").expect("started");
    let revision = repo.home(&format!("{}    ports: [\"8080:80\"]\n", web("app:1")));
    for _ in 0..3 {
        assert_eq!(lab.pass(&revision).await.verdict, Verdict::Refused);
    }
    assert_eq!(lab.engine.mutating_calls(), []);
    assert_eq!(lab.told(EventType::DeployFailed), 1);
    lab.engine.outside().stop("holder").expect("stopped");
    assert_eq!(lab.pass(&revision).await.verdict, Verdict::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_is_told_once_for_each_mistake_and_what_runs_stays() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    assert_eq!(lab.pass(&repo.home(&web("app:1"))).await.verdict, Verdict::Succeeded);
    lab.engine.forget_calls();
    let broken = repo.home(BROKEN);
    for _ in 0..3 {
        assert_eq!(lab.pass(&broken).await.verdict, Verdict::Refused);
    }
    assert_eq!(lab.told(EventType::DeployFailed), 1);
    let message = lab.events().into_iter().rfind(|event| event.kind == EventType::DeployFailed);
    let message = message.expect("it was told").message;
    assert!(message.starts_with("nothing was changed: home/compose.yaml:3:5: "), "{message}");
    let otherwise = repo.home("services: [");
    for _ in 0..2 {
        assert_eq!(lab.pass(&otherwise).await.verdict, Verdict::Refused);
    }
    assert_eq!(lab.told(EventType::DeployFailed), 2);
    assert_eq!(lab.engine.mutating_calls(), []);
    let fixed = repo.home(&web("app:1"));
    assert_eq!(lab.pass(&fixed).await.verdict, Verdict::NothingToDo);
    assert_eq!(lab.told(EventType::HealthRecovered), 1);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_is_told_once_and_once_more_when_it_is_back() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let revision = repo.home(&web("app:1"));
    assert_eq!(lab.pass(&revision).await.verdict, Verdict::Succeeded);
    lab.engine.outside().set_reachable(false);
    for _ in 0..3 {
        let report = lab.pass(&revision).await;
        assert_eq!((report.verdict, report.retry), (Verdict::Failed, true));
    }
    assert_eq!((lab.told(EventType::DeployStalled), lab.told(EventType::HealthRecovered)), (1, 0));
    lab.engine.outside().set_reachable(true);
    lab.engine.forget_calls();
    for _ in 0..2 {
        assert_eq!(lab.pass(&revision).await.verdict, Verdict::NothingToDo);
    }
    assert_eq!((lab.told(EventType::DeployStalled), lab.told(EventType::HealthRecovered)), (1, 1));
    assert_eq!(lab.engine.mutating_calls(), []);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_stack_is_left_alone_and_each_change_of_that_is_told() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let awake = web("app:1");
    let asleep = format!("x-evenkeel: {{suspend: true}}\n{awake}");
    assert_eq!(lab.pass(&repo.home(&awake)).await.verdict, Verdict::Succeeded);
    lab.engine.outside().stop("home-web-1").expect("stopped");
    lab.engine.forget_calls();
    for told in 1..=2 {
        let suspended = repo.home(&asleep);
        for _ in 0..2 {
            assert_eq!(lab.pass(&suspended).await.verdict, Verdict::Suspended);
        }
        assert_eq!(lab.told(EventType::StackSuspended), told);
        assert_eq!(lab.engine.mutating_calls(), []);
        lab.engine.outside().start("home-web-1").expect("started");
        let resumed = repo.home(&awake);
        assert_eq!(lab.pass(&resumed).await.verdict, Verdict::NothingToDo);
        assert_eq!(lab.told(EventType::StackResumed), told);
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_is_told_once_each_time_it_begins() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let good = repo.home(&web("app:1"));
    assert_eq!(lab.pass(&good).await.verdict, Verdict::Succeeded);
    for told in 1..=2 {
        let missing = repo.home(&web("app:missing"));
        for _ in 0..2 {
            let report = lab.pass(&missing).await;
            assert_eq!((report.verdict, report.retry), (Verdict::Failed, true));
        }
        lab.assert_runs(&[("web", "app:1")]).await;
        assert_eq!(lab.told(EventType::DeployFailed), told);
        assert_eq!(lab.pass(&repo.home(&web("app:1"))).await.verdict, Verdict::NothingToDo);
    }
}

#[tokio::test(start_paused = true)]
async fn what_runs_does_well_although_the_next_commit_is_refused() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    assert_eq!(lab.pass(&repo.home(&web("app:1"))).await.verdict, Verdict::Succeeded);
    let request = ContainerRequest { image: "other:1".into(), ..ContainerRequest::default() };
    lab.engine.outside().create("home-more-1", &request).expect("created");
    let refused = repo.home(&format!("{}  more: {{image: \"app:1\"}}\n", web("app:1")));
    assert_eq!(lab.pass(&refused).await.verdict, Verdict::Refused);
    assert_eq!(lab.status().await, (Sync::OutOfSync, HealthState::Healthy));
    let missing = repo.home(&web("app:missing"));
    assert_eq!(lab.pass(&missing).await.verdict, Verdict::Failed);
    assert_eq!(lab.status().await, (Sync::OutOfSync, HealthState::Healthy));
}
