//! Each call of a deploy goes wrong once, in each way there is; then nothing goes wrong any more. Within three passes
//! the stack must run what it should, and the pass after must do nothing.

use super::guard::Strike;
use super::world::Lab;
use super::world::Repo;
use super::world::images;
use crate::core::desired::DriftMode;
use crate::core::model::Revision;
use crate::core::run::Verdict;
use crate::ports::EngineError;
use crate::ports::EngineErrorKind;
use crate::sim::Fault;

/// Passes without faults after which all must be well.
const PASSES: usize = 3;

/// A change to be brought in while something goes wrong.
pub(super) struct Scenario {
    before: Option<Revision>,
    after: Revision,
    /// Services and images that run in the end.
    wanted: Vec<(&'static str, &'static str)>,
    leaving: Vec<&'static str>,
    /// A published file and its content in the end.
    file: Option<(&'static str, &'static str)>,
    /// The subnet of the stack's network in the end.
    pub(super) subnet: Option<&'static str>,
    drift: DriftMode,
}

impl Scenario {
    pub(super) fn new(
        before: Option<Revision>,
        after: Revision,
        wanted: &[(&'static str, &'static str)],
    ) -> Self {
        let (wanted, leaving, drift) = (wanted.to_vec(), Vec::new(), DriftMode::Correct);
        Self { before, after, wanted, leaving, file: None, subnet: None, drift }
    }

    async fn lab(&self, repo: &Repo) -> Lab {
        let mut lab = Lab::new(repo);
        lab.settings.drift = self.drift;
        if let Some(before) = &self.before {
            assert_eq!(lab.pass(before).await.verdict, Verdict::Succeeded);
            lab.guard.all_is_well().await;
        }
        lab.guard.let_go(&self.leaving);
        lab.engine.forget_calls();
        lab
    }

    /// Returns the names of the calls that are made if nothing goes wrong.
    async fn calls(&self, repo: &Repo) -> Vec<&'static str> {
        let lab = self.lab(repo).await;
        lab.pass(&self.after).await;
        assert_eq!(self.problem(&lab).await, None);
        lab.engine.mutating_calls().iter().map(crate::core::plan::Call::name).collect()
    }

    async fn problem(&self, lab: &Lab) -> Option<String> {
        if let Some(violation) = lab.guard.violations().first() {
            return Some(violation.clone());
        }
        if let Some((path, content)) = self.file {
            let found = std::fs::read_to_string(lab.published(path)).unwrap_or_default();
            if found != content {
                return Some(format!("`{path}` holds {found:?}"));
            }
        }
        if let Some(subnet) = self.subnet
            && let Some(why) = lab.is_not_on(subnet).await
        {
            return Some(why);
        }
        lab.differs_from(&images(&self.wanted)).await
    }

    /// Returns what is wrong after the call of that number went wrong.
    async fn struck(&self, repo: &Repo, number: usize, strike: &Strike, forgets: bool) -> Option<String> {
        let mut lab = self.lab(repo).await;
        lab.guard.arm(number, strike.clone());
        lab.try_pass(&self.after).await;
        if lab.guard.is_armed() {
            return Some("the call was never made".into());
        }
        if forgets {
            lab.forget_everything();
        }
        let mut problem = self.problem(&lab).await;
        for _ in 0..PASSES {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            lab.try_pass(&self.after).await;
            problem = self.problem(&lab).await;
        }
        if problem.is_some() {
            return problem;
        }
        lab.engine.forget_calls();
        lab.try_pass(&self.after).await;
        let calls = lab.engine.mutating_calls();
        (!calls.is_empty()).then(|| format!("the next pass still calls {calls:?}"))
    }

    /// Lets each call go wrong in each way.
    pub(super) async fn survives_everything(&self, repo: &Repo, expected_calls: usize) {
        let calls = self.calls(repo).await;
        assert_eq!(calls.len(), expected_calls, "{calls:?}");
        let mut problems = Vec::new();
        for (at, call) in calls.iter().enumerate() {
            for (strike, forgets) in strikes(call) {
                if let Some(problem) = self.struck(repo, at + 1, &strike, forgets).await {
                    let memory = if forgets { ", database lost" } else { "" };
                    problems.push(format!(
                        "call {} of {}, {call}, {strike:?}{memory}: {problem}",
                        at + 1,
                        calls.len()
                    ));
                }
            }
        }
        assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    }
}

/// The ways in which a call can go wrong, and whether the database is lost with it.
fn strikes(call: &str) -> Vec<(Strike, bool)> {
    let before = |kind| Strike::Fault(Fault::ErrorBefore(EngineError::new(kind, "it went wrong")));
    let mut all = vec![
        (before(EngineErrorKind::Unreachable), false),
        (before(EngineErrorKind::DiskFull), false),
        (Strike::Fault(Fault::LostReply), false),
        (Strike::Fault(Fault::HangUntilTimeout), false),
        (Strike::KillBefore, false),
        (Strike::KillAfter, false),
        (Strike::KillBefore, true),
    ];
    if call == "StartContainer" {
        all.push((Strike::Fault(Fault::CancelledStart), false));
    }
    all
}

/// Three services that wait for each other, with ports, a volume and a job's restart policy among them.
fn chain(tag: &str) -> String {
    format!(
        "services:
  db:
    image: app:{tag}
    restart: always
    ports: [\"5432:5432\"]
    volumes: [data:/data]
  api:
    image: app:{tag}
    restart: \"no\"
    ports: [\"8080:80\"]
    depends_on: [db]
  web:
    image: app:{tag}
    restart: unless-stopped
    ports: [\"80:80\"]
    depends_on:
      api: {{condition: service_started}}
volumes:
  data: {{}}
"
    )
}

const CHAIN_1: [(&str, &str); 3] = [("db", "app:1"), ("api", "app:1"), ("web", "app:1")];
const CHAIN_2: [(&str, &str); 3] = [("db", "app:2"), ("api", "app:2"), ("web", "app:2")];

#[tokio::test(start_paused = true)]
async fn a_first_deploy_survives_each_call_going_wrong() {
    let repo = Repo::new();
    let after = repo.home(&chain("1"));
    Scenario::new(None, after, &CHAIN_1).survives_everything(&repo, 9).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_three_chained_services_survives_each_call_going_wrong() {
    let repo = Repo::new();
    let before = repo.home(&chain("1"));
    let after = repo.home(&chain("2"));
    Scenario::new(Some(before), after, &CHAIN_2).survives_everything(&repo, 21).await;
}

#[tokio::test(start_paused = true)]
async fn a_removal_survives_each_call_going_wrong() {
    let repo = Repo::new();
    let before = repo.home(&chain("1"));
    let after = repo.home("services:\n  db:\n    image: app:1\n    restart: always\n    ports: [\"5432:5432\"]\n    volumes: [data:/data]\nvolumes:\n  data: {}\n");
    let mut scenario = Scenario::new(Some(before), after, &[("db", "app:1")]);
    scenario.leaving = vec!["api", "web"];
    scenario.survives_everything(&repo, 5).await;
}

#[tokio::test(start_paused = true)]
async fn a_way_back_survives_each_call_going_wrong() {
    let repo = Repo::new();
    let before = repo.home(&chain("1"));
    let bad = chain("1").replacen("app:1", "app:2", 1).replacen(
        "app:1\n    restart: \"no\"",
        "app:bad\n    restart: \"no\"",
        1,
    );
    let after = repo.home(&bad);
    for drift in [DriftMode::Correct, DriftMode::Warn] {
        let mut scenario = Scenario::new(Some(before.clone()), after.clone(), &CHAIN_1);
        scenario.drift = drift;
        scenario.survives_everything(&repo, 21).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_mounted_file_survives_each_call_going_wrong() {
    let repo = Repo::new();
    let compose = "services:\n  web:\n    image: app:1\n    restart: \"no\"\n    volumes: [\"./site.conf:/etc/site.conf:ro\"]\n";
    repo.push(&[("home/compose.yaml", compose), ("home/site.conf", "one\n")]);
    let before = repo.fetch();
    repo.push(&[("home/site.conf", "two\n")]);
    let after = repo.fetch();
    let mut scenario = Scenario::new(Some(before), after, &[("web", "app:1")]);
    scenario.file = Some(("home/site.conf", "two\n"));
    scenario.survives_everything(&repo, 6).await;
}
