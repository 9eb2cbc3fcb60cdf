//! A network whose definition changes, with everybody on it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::faults::Scenario;
use super::world::Lab;
use super::world::Repo;
use crate::core::model::Revision;
use crate::core::plan::Call;
use crate::core::run::Verdict;
use crate::ports::Engine as _;

const OLD: &str = "10.1.0.0/24";
const NEW: &str = "10.2.0.0/24";

/// Two services on one network, one of which depends on the other.
fn pair(subnet: &str, db: &str, web: &str) -> String {
    format!(
        "services:
  db:
    image: {db}
    restart: \"no\"
    networks: [net]
    volumes: [data:/data]
  web:
    image: {web}
    restart: unless-stopped
    networks: [net]
    ports: [\"80:80\"]
    depends_on: [db]
networks:
  net:
    ipam: {{config: [{{subnet: {subnet}}}]}}
volumes:
  data: {{}}
"
    )
}

/// A lab in which the pair runs on the old subnet.
async fn lab(repo: &Repo) -> (Lab, Revision) {
    let lab = Lab::new(repo);
    let first = repo.home(&pair(OLD, "app:1", "app:1"));
    assert_eq!(lab.pass(&first).await.verdict, Verdict::Succeeded);
    lab.guard.all_is_well().await;
    lab.engine.forget_calls();
    (lab, first)
}

async fn ids(lab: &Lab) -> [String; 2] {
    [lab.id_of("db").await, lab.id_of("web").await]
}

#[tokio::test(start_paused = true)]
async fn a_changed_network_keeps_its_containers_and_the_next_pass_does_nothing() {
    let repo = Repo::new();
    let (lab, first) = lab(&repo).await;
    let before = ids(&lab).await;
    let moved = repo.home(&pair(NEW, "app:1", "app:1"));
    assert_eq!(lab.pass(&moved).await.verdict, Verdict::Succeeded);
    assert_eq!(lab.is_not_on(NEW).await, None);
    assert_eq!(ids(&lab).await, before);
    lab.engine.forget_calls();
    assert_eq!(lab.pass(&moved).await.verdict, Verdict::NothingToDo);
    assert_eq!(lab.engine.mutating_calls(), []);
    assert_eq!(lab.pass(&first).await.verdict, Verdict::Succeeded);
    assert_eq!(lab.is_not_on(OLD).await, None);
    assert_eq!(ids(&lab).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_bad_change_beside_it_takes_the_network_back_too() {
    let repo = Repo::new();
    let (lab, _) = lab(&repo).await;
    let before = ids(&lab).await;
    let bad = repo.home(&pair(NEW, "app:1", "app:bad"));
    assert_eq!(lab.pass(&bad).await.verdict, Verdict::RolledBack);
    assert_eq!(lab.is_not_on(OLD).await, None);
    lab.assert_runs(&[("db", "app:1"), ("web", "app:1")]).await;
    assert_eq!(ids(&lab).await, before);
    lab.engine.forget_calls();
    lab.pass(&bad).await;
    assert_eq!(lab.engine.mutating_calls(), []);
    // Another subnet is another try.
    let fixed = repo.home(&pair("10.3.0.0/24", "app:1", "app:1"));
    assert_eq!(lab.pass(&fixed).await.verdict, Verdict::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_network_that_cannot_be_made_is_taken_back_and_the_next_one_is_tried() {
    let repo = Repo::new();
    let (lab, _) = lab(&repo).await;
    let before = ids(&lab).await;
    let good = pair(NEW, "app:1", "app:1");
    let bad = repo.home(&good.replace("  net:\n    ipam", "  net:\n    driver: nonesuch\n    ipam"));
    assert_eq!(lab.pass(&bad).await.verdict, Verdict::RolledBack);
    assert_eq!(lab.is_not_on(OLD).await, None);
    assert_eq!(ids(&lab).await, before);
    lab.engine.forget_calls();
    lab.pass(&bad).await;
    assert_eq!(lab.engine.mutating_calls(), [], "it is known to be bad");
    let fixed = repo.home(&good);
    assert_eq!(lab.pass(&fixed).await.verdict, Verdict::Succeeded);
    assert_eq!(lab.is_not_on(NEW).await, None);
}

#[tokio::test(start_paused = true)]
async fn each_call_may_go_wrong_while_a_network_is_made_anew() {
    let repo = Repo::new();
    let before = repo.home(&pair(OLD, "app:1", "app:1"));
    let after = repo.home(&pair(NEW, "app:1", "app:1"));
    let mut scenario = Scenario::new(Some(before), after, &[("db", "app:1"), ("web", "app:1")]);
    scenario.subnet = Some(NEW);
    scenario.survives_everything(&repo, 8).await;
}

#[tokio::test(start_paused = true)]
async fn each_call_may_go_wrong_while_a_user_of_it_is_replaced() {
    let repo = Repo::new();
    let before = repo.home(&pair(OLD, "app:1", "app:1"));
    let after = repo.home(&pair(NEW, "app:1", "app:2"));
    let mut scenario = Scenario::new(Some(before), after, &[("db", "app:1"), ("web", "app:2")]);
    scenario.subnet = Some(NEW);
    scenario.survives_everything(&repo, 14).await;
}

#[tokio::test(start_paused = true)]
async fn each_call_may_go_wrong_on_the_way_back_to_the_old_network() {
    let repo = Repo::new();
    let before = repo.home(&pair(OLD, "app:1", "app:1"));
    let after = repo.home(&pair(NEW, "app:1", "app:bad"));
    let mut scenario = Scenario::new(Some(before), after, &[("db", "app:1"), ("web", "app:1")]);
    scenario.subnet = Some(OLD);
    scenario.survives_everything(&repo, 20).await;
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_ended_midway_leaves_nobody_without_a_network() {
    let repo = Repo::new();
    let (lab, _) = lab(&repo).await;
    let moved = repo.home(&pair(NEW, "app:1", "app:1"));
    let (job, reconciler, ended) = (lab.job(&moved), lab.reconciler(), CancellationToken::new());
    lab.guard.begin_pass();
    let end = async {
        while !lab.engine.mutating_calls().iter().any(|call| matches!(call, Call::DisconnectNetwork { .. })) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        ended.cancel();
    };
    let (report, ()) = tokio::join!(reconciler.pass(&job, &ended), end);
    assert_eq!(report.verdict, Verdict::Superseded);
    assert_eq!(lab.is_not_on(NEW).await, None);
    assert_eq!(lab.pass(&moved).await.verdict, Verdict::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_network_that_a_stranger_has_joined_stays_and_nothing_is_touched() {
    let repo = Repo::new();
    let (lab, _) = lab(&repo).await;
    let join = Call::ConnectNetwork {
        network: "home_net".into(),
        container: super::world::STRANGER.into(),
        endpoint: Box::default(),
    };
    lab.engine.call(&join).await.expect("joined");
    lab.engine.forget_calls();
    let moved = repo.home(&pair(NEW, "app:1", "app:1"));
    let report = lab.try_pass(&moved).await.expect("not killed");
    assert_eq!(report.verdict, Verdict::Refused, "{report:?}");
    assert!(report.message.contains("`stranger`"), "{}", report.message);
    assert_eq!(lab.engine.mutating_calls(), []);
    assert_eq!(lab.is_not_on(OLD).await, None);
}
