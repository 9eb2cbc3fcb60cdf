//! What Docker Compose runs is taken over as it runs.

use std::collections::BTreeMap;
use std::fs;

use tokio_util::sync::CancellationToken;

use super::world::Lab;
use super::world::Repo;
use crate::controller::PlanError;
use crate::core::model::Revision;
use crate::core::observed::Adoption;
use crate::core::plan::Call;
use crate::core::run::Verdict;
use crate::ports::Engine as _;

const MOUNTS: &str = "services:\n  web:\n    image: IMAGE\n    restart: unless-stopped\n    volumes: [\"./conf:/conf\"]\n  \
                      db:\n    image: app:1\n    restart: unless-stopped\n";

/// A world in which Docker Compose has started the stack from a folder that holds what the repository does.
struct Running {
    lab: Lab,
    repo: Repo,
    first: Revision,
}

impl Running {
    async fn new() -> Self {
        Self::with_labels(&[]).await
    }

    /// Docker Compose inside of another program, which has labels of its own.
    async fn with_labels(labels: &[(&str, &str)]) -> Self {
        let repo = Repo::new();
        let lab = Lab::new(&repo);
        let first = push(&repo, "app:1", "1");
        fs::create_dir_all(lab.project().join("conf")).expect("a folder");
        fs::write(lab.project().join("conf/a"), "1").expect("a file");
        let running = Self { lab, repo, first };
        running.compose_up(labels).await;
        running
    }

    fn adoption(&self) -> Adoption {
        Adoption {
            project: "home".into(),
            working_dir: self.lab.project().to_string_lossy().into_owned(),
            compose_version: "2.40.3".into(),
            digests: BTreeMap::new(),
        }
    }

    /// Makes what `docker compose up` would make: the same, without our labels.
    async fn compose_up(&self, labels: &[(&str, &str)]) {
        let job = self.lab.job(&self.first);
        self.lab.engine.add_image("app:1", "content of 1");
        let planned = self.lab.reconciler().plan_adoption(&job, self.adoption()).await.expect("a plan");
        for network in planned.rendered.desired.networks.values() {
            let mut request = network.create.clone().expect("the project's own");
            request.labels.retain(|name, _| !name.starts_with("dev.evenkeel."));
            self.lab.engine.call(&Call::CreateNetwork(request)).await.expect("created");
        }
        for service in planned.rendered.desired.services.values() {
            for container in &service.containers {
                let mut request = container.request.clone();
                request.labels.retain(|name, _| !name.starts_with("dev.evenkeel."));
                let more = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                request.labels.extend(more);
                self.lab.engine.outside().create(&container.name, &request).expect("created");
                self.lab.engine.outside().start(&container.name).expect("started");
            }
        }
    }

    async fn take_over(&self) {
        let observed = self.lab.engine.observe(&["home".into()]).await.expect("reachable");
        let adoption = Adoption::of_project(&observed, "home").expect("it runs");
        assert_eq!(adoption, self.adoption());
        let (job, reconciler) = (self.lab.job(&self.first), self.lab.reconciler());
        let planned = reconciler.plan_adoption(&job, adoption).await.expect("a plan");
        reconciler.take_over(&job, &planned).await.expect("written down");
        self.lab.guard.give("home");
    }

    async fn ids(&self) -> Vec<(String, String)> {
        let observed = self.lab.engine.observe(&[]).await.expect("reachable");
        let named = observed.containers.into_iter().filter(|found| found.name.starts_with("home-"));
        named.map(|found| (found.name, found.id)).collect()
    }
}

fn push(repo: &Repo, image: &str, content: &str) -> Revision {
    repo.push(&[("home/compose.yaml", &MOUNTS.replace("IMAGE", image)), ("home/conf/a", content)]);
    repo.fetch()
}

#[tokio::test(start_paused = true)]
async fn what_runs_is_a_stranger_until_it_is_taken_over_and_then_not_restarted() {
    let mut running = Running::new().await;
    let before = running.ids().await;
    assert_eq!(running.lab.pass(&running.first).await.verdict, Verdict::Refused);
    running.take_over().await;
    running.lab.engine.forget_calls();
    assert_eq!(running.lab.pass(&running.first).await.verdict, Verdict::NothingToDo);
    assert_eq!(running.lab.engine.mutating_calls(), []);
    running.lab.forget_everything();
    running.lab.engine.forget_calls();
    running.lab.pass(&running.first).await;
    assert_eq!(running.ids().await, before);
    assert_eq!(running.lab.engine.mutating_calls(), []);
}

#[tokio::test(start_paused = true)]
async fn a_changed_file_replaces_what_mounts_it_and_a_bad_change_is_taken_back() {
    let running = Running::new().await;
    running.take_over().await;
    running.lab.pass(&running.first).await;
    let before = running.ids().await;

    let bad = push(&running.repo, "app:bad", "1");
    assert_eq!(running.lab.pass(&bad).await.verdict, Verdict::RolledBack);
    assert_eq!(running.ids().await, before, "the very same containers");

    let changed = push(&running.repo, "app:1", "2");
    assert_eq!(running.lab.pass(&changed).await.verdict, Verdict::Succeeded);
    assert_eq!(fs::read_to_string(running.lab.project().join("conf/a")).expect("a file"), "2");
    let after = running.ids().await;
    let kept: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before == after).collect();
    assert_eq!(kept, [true, false], "the database stays, what mounts the file does not: {after:?}");
    running.lab.engine.forget_calls();
    assert_eq!(running.lab.pass(&changed).await.verdict, Verdict::NothingToDo);
    assert_eq!(running.lab.engine.mutating_calls(), []);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_differs_keeps_the_project_from_being_taken_over() {
    let running = Running::new().await;
    fs::write(running.lab.project().join("conf/a"), "somebody's own").expect("a file");
    let job = running.lab.job(&running.first);
    let refused = running.lab.reconciler().plan_adoption(&job, running.adoption()).await;
    let Err(PlanError::Files(why)) = refused else { panic!("it differs") };
    assert!(why.contains("conf/a"), "{why}");
    assert_eq!(fs::read_to_string(running.lab.project().join("conf/a")).expect("a file"), "somebody's own");
}

#[tokio::test(start_paused = true)]
async fn a_project_that_was_taken_over_goes_when_it_leaves_git() {
    let running = Running::new().await;
    running.take_over().await;
    running.lab.pass(&running.first).await;
    running.repo.push(&[("other/compose.yaml", "services: {a: {image: \"app:1\"}}\n")]);
    let gone = running.repo.fetch();
    running.lab.guard.let_go(&["web", "db"]);
    let (job, never) = (running.lab.job(&gone), CancellationToken::new());
    let report = running.lab.reconciler().remove(&job, &never).await;
    assert!(report.verdict.is_good(), "{report:?}");
    assert_eq!(running.ids().await, []);
    assert_eq!(running.lab.site().adoptions().stacks(), []);
    let file = fs::read_to_string(running.lab.project().join("conf/a"));
    assert_eq!(file.expect("its folder is its owner's"), "1");
}

#[tokio::test(start_paused = true)]
async fn a_network_that_was_taken_over_is_made_anew_when_it_changes() {
    let running = Running::new().await;
    running.take_over().await;
    running.lab.pass(&running.first).await;
    let before = running.ids().await;
    let compose = MOUNTS.replace("IMAGE", "app:1") + "networks:\n  default: {internal: true}\n";
    running.repo.push(&[("home/compose.yaml", &compose), ("home/conf/a", "1")]);
    let changed = running.repo.fetch();
    assert_eq!(running.lab.pass(&changed).await.verdict, Verdict::Succeeded);
    assert_eq!(running.ids().await, before, "the very same containers");
    running.lab.engine.forget_calls();
    assert_eq!(running.lab.pass(&changed).await.verdict, Verdict::NothingToDo);
    assert_eq!(running.lab.engine.mutating_calls(), []);
}

#[tokio::test(start_paused = true)]
async fn what_doco_cd_runs_is_taken_over_like_what_docker_compose_does() {
    let labels = [
        ("cd.doco.metadata.manager", "doco-cd"),
        ("cd.doco.deployment.name", "home"),
        ("cd.doco.deployment.compose.sha", "0123456789abcdef"),
    ];
    let running = Running::with_labels(&labels).await;
    let before = running.ids().await;
    running.take_over().await;
    assert_eq!(running.lab.pass(&running.first).await.verdict, Verdict::NothingToDo);
    assert_eq!(running.ids().await, before, "its labels are no part of the definition");
}
