//! A stack in which services live in another one's network and use its volumes, as behind a VPN.

use super::faults::Scenario;
use super::world::Lab;
use super::world::Repo;
use crate::core::run::EventType;
use crate::core::run::Verdict;

/// A VPN, a service in its network, and one that has the volumes of that one.
fn stack(vpn: &str, torrent: &str) -> String {
    format!(
        "services:
  vpn:
    image: app:{vpn}
    restart: always
    ports: [\"8080:80\"]
  torrent:
    image: app:{torrent}
    restart: unless-stopped
    network_mode: service:vpn
    volumes: [/downloads]
  media:
    image: app:1
    restart: unless-stopped
    volumes_from: [torrent]
"
    )
}

const FIRST: [(&str, &str); 3] = [("vpn", "app:1"), ("torrent", "app:1"), ("media", "app:1")];
const SECOND: [(&str, &str); 3] = [("vpn", "app:2"), ("torrent", "app:1"), ("media", "app:1")];

async fn network_of(lab: &Lab, service: &str) -> String {
    let found = crate::ports::Engine::inspect(&lab.engine, &lab.id_of(service).await).await;
    let request = found.expect("reachable").expect("there").request.expect("inspected");
    request.host_config.network_mode
}

#[tokio::test(start_paused = true)]
async fn who_lives_in_a_network_goes_with_it_and_the_next_pass_does_nothing() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    for (revision, runs) in [(repo.home(&stack("1", "1")), FIRST), (repo.home(&stack("2", "1")), SECOND)] {
        let report = lab.pass(&revision).await;
        assert_eq!(report.verdict, Verdict::Succeeded, "{}", report.message);
        lab.assert_runs(&runs).await;
        lab.guard.all_is_well().await;
        assert_eq!(network_of(&lab, "torrent").await, format!("container:{}", lab.id_of("vpn").await));
        lab.engine.forget_calls();
        assert_eq!(lab.pass(&revision).await.verdict, Verdict::NothingToDo);
        assert_eq!(lab.engine.mutating_calls(), []);
    }
    let told = lab.events().into_iter().rfind(|event| event.kind == EventType::DeploySucceeded);
    let causes: Vec<String> = told.expect("told").changes.into_iter().map(|change| change.cause).collect();
    let expected = [
        "volumes_from: service:torrent was replaced",
        "network_mode: service:vpn was replaced",
        "image: app:1 → app:2",
    ];
    assert_eq!(causes, expected);
}

#[tokio::test(start_paused = true)]
async fn a_bad_change_of_one_brings_back_the_same_containers_of_all() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let first = repo.home(&stack("1", "1"));
    assert_eq!(lab.pass(&first).await.verdict, Verdict::Succeeded);
    lab.guard.all_is_well().await;
    let ids = || async { (lab.id_of("vpn").await, lab.id_of("torrent").await, lab.id_of("media").await) };
    let before = ids().await;
    for bad in [stack("bad", "1"), stack("2", "bad")] {
        let report = lab.pass(&repo.home(&bad)).await;
        assert_eq!(report.verdict, Verdict::RolledBack, "{}", report.message);
        assert_eq!(ids().await, before);
        lab.assert_runs(&FIRST).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_stopped_if_what_waits_for_an_id_cannot_be_created() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let first = repo.home(&stack("1", "1"));
    assert_eq!(lab.pass(&first).await.verdict, Verdict::Succeeded);
    lab.engine.forget_calls();
    let no_space = crate::ports::EngineError::new(crate::ports::EngineErrorKind::DiskFull, "no space left");
    let is_torrent = |call: &crate::core::plan::Call| matches!(call, crate::core::plan::Call::CreateContainer { name, .. } if name.contains("torrent"));
    lab.engine.fail_next(is_torrent, crate::sim::Fault::ErrorBefore(no_space));
    lab.pass(&repo.home(&stack("2", "1"))).await;
    lab.assert_runs(&FIRST).await;
    let names: Vec<&str> = lab.engine.mutating_calls().iter().map(crate::core::plan::Call::name).collect();
    assert!(!names.contains(&"StopContainer"), "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_network_was_started_anew_is_restarted() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let first = repo.home(&stack("1", "1"));
    assert_eq!(lab.pass(&first).await.verdict, Verdict::Succeeded);
    lab.guard.all_is_well().await;
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    lab.engine.outside().crash("home-vpn-1", 1).expect("crashed");
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    lab.engine.forget_calls();
    assert_eq!(lab.pass(&first).await.verdict, Verdict::Succeeded);
    let names: Vec<&str> = lab.engine.mutating_calls().iter().map(crate::core::plan::Call::name).collect();
    assert_eq!(names, ["RestartContainer"]);
    assert_eq!(lab.pass(&first).await.verdict, Verdict::NothingToDo);
}

#[tokio::test(start_paused = true)]
async fn a_first_deploy_in_stages_survives_each_call_going_wrong() {
    let repo = Repo::new();
    let after = repo.home(&stack("1", "1"));
    Scenario::new(None, after, &FIRST).survives_everything(&repo, 8).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_in_stages_survives_each_call_going_wrong() {
    let repo = Repo::new();
    let before = repo.home(&stack("1", "1"));
    let after = repo.home(&stack("2", "1"));
    Scenario::new(Some(before), after, &SECOND).survives_everything(&repo, 22).await;
}

#[tokio::test(start_paused = true)]
async fn a_way_back_from_stages_survives_each_call_going_wrong() {
    let repo = Repo::new();
    let before = repo.home(&stack("1", "1"));
    let after = repo.home(&stack("2", "bad"));
    Scenario::new(Some(before), after, &FIRST).survives_everything(&repo, 35).await;
}

/// The same, by the names of the containers.
fn by_name(vpn: &str, torrent: &str) -> String {
    let stack = stack(vpn, torrent).replace("service:vpn", "container:home-vpn-1");
    stack.replace("[torrent]", "[\"container:home-torrent-1\"]")
}

#[tokio::test(start_paused = true)]
async fn what_is_referred_to_by_its_containers_name_is_followed_and_no_hash_changes() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    let mut hashes = Vec::new();
    for (revision, runs) in [(repo.home(&by_name("1", "1")), FIRST), (repo.home(&by_name("2", "1")), SECOND)]
    {
        let report = lab.pass(&revision).await;
        assert_eq!(report.verdict, Verdict::Succeeded, "{}", report.message);
        lab.assert_runs(&runs).await;
        lab.guard.all_is_well().await;
        assert_eq!(network_of(&lab, "torrent").await, format!("container:{}", lab.id_of("vpn").await));
        let torrent = crate::ports::Engine::inspect(&lab.engine, &lab.id_of("torrent").await).await;
        hashes.push(torrent.expect("reachable").expect("there").compose.expect("labels").config_hash);
        lab.engine.forget_calls();
        assert_eq!(lab.pass(&revision).await.verdict, Verdict::NothingToDo);
        assert_eq!(lab.engine.mutating_calls(), []);
    }
    assert_eq!(hashes[0], hashes[1]);
    let before = (lab.id_of("vpn").await, lab.id_of("torrent").await, lab.id_of("media").await);
    assert_eq!(lab.pass(&repo.home(&by_name("bad", "1"))).await.verdict, Verdict::RolledBack);
    assert_eq!((lab.id_of("vpn").await, lab.id_of("torrent").await, lab.id_of("media").await), before);
}

#[tokio::test(start_paused = true)]
async fn a_change_by_names_survives_each_call_going_wrong() {
    let repo = Repo::new();
    let before = repo.home(&by_name("1", "1"));
    let after = repo.home(&by_name("2", "1"));
    Scenario::new(Some(before), after, &SECOND).survives_everything(&repo, 22).await;
}
