//! A repository, an engine and a controller over both.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::guard::Guard;
use crate::controller::BatchReport;
use crate::controller::Definitions;
use crate::controller::Job;
use crate::controller::Reconciler;
use crate::controller::Report;
use crate::controller::Site;
use crate::controller::SourceTask;
use crate::controller::stack::StackSpec;
use crate::core::desired::Owner;
use crate::core::desired::Settings;
use crate::core::desired::request::ContainerRequest;
use crate::core::model::CommitId;
use crate::core::model::InstanceId;
use crate::core::model::Revision;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::observed::Container;
use crate::core::observed::Health;
use crate::core::observed::State;
use crate::core::plan;
use crate::core::run::Event;
use crate::core::run::EventType;
use crate::core::run::HealthState;
use crate::core::run::Initiator;
use crate::core::run::Memory;
use crate::core::run::Sync;
use crate::core::schedule::Backoff;
use crate::core::schedule::Schedule;
use crate::git::Follow;
use crate::git::GitSource;
use crate::git::RemoteUrl;
use crate::git::ScratchRepository;
use crate::git::SourceSpec;
use crate::ports::Clock;
use crate::ports::Engine as _;
use crate::sim::SimEngine;
use crate::store::EventQuery;
use crate::store::Store;
use crate::telemetry::Metrics;

pub(super) const STRANGER: &str = "stranger";

fn started() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

/// Goes with tokio's clock.
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        started() + self.0.elapsed()
    }
}

/// A repository that is pushed to, and the mirror of it.
pub(super) struct Repo {
    _folder: TempDir,
    scratch: ScratchRepository,
    pub(super) git: Arc<GitSource>,
}

impl Repo {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bare = folder.path().join("lab.git");
        let scratch = ScratchRepository::init_bare(&bare).expect("a repository");
        let url = RemoteUrl::parse(bare.to_str().expect("text"), false).expect("an address");
        let mut spec = SourceSpec::new(source_name(), url);
        spec.follow = Follow::Branch("main".into());
        let git = Arc::new(GitSource::new(spec, folder.path()));
        Self { _folder: folder, scratch, git }
    }

    pub(super) fn push(&self, files: &[(&str, &str)]) -> CommitId {
        let files: Vec<(String, String)> = files.iter().map(|(p, c)| ((*p).into(), (*c).into())).collect();
        self.scratch.commit(&files, "change", "Ada").expect("committed")
    }

    pub(super) fn revert(&self, newest_first: &[CommitId]) -> CommitId {
        self.scratch.revert(newest_first, "Ada").expect("reverted")
    }

    /// Pushes the file of the stack `home`, and fetches.
    pub(super) fn home(&self, compose: &str) -> Revision {
        self.push(&[("home/compose.yaml", compose)]);
        self.fetch()
    }

    pub(super) fn fetch(&self) -> Revision {
        self.git.poll().expect("fetched").revision()
    }
}

fn source_name() -> SourceName {
    SourceName::new("lab").expect("a name")
}

/// A controller with its data folder, its database and its engine.
pub(super) struct Lab {
    data: TempDir,
    git: Arc<GitSource>,
    pub(super) engine: SimEngine,
    pub(super) guard: Arc<Guard>,
    pub(super) store: Store,
    clock: Arc<TestClock>,
    pub(super) settings: Settings,
}

impl Lab {
    /// Returns one whose engine can pull `app:1` to `app:3` and runs somebody else's container. `app:bad` never
    /// becomes healthy.
    pub(super) fn new(repo: &Repo) -> Self {
        let engine = SimEngine::new(7, started());
        for tag in ["1", "2", "3", "bad"] {
            engine.publish(&format!("app:{tag}"), &format!("content of {tag}"));
        }
        engine.add_image("other:1", "somebody else's");
        let request = ContainerRequest { image: "other:1".into(), ..ContainerRequest::default() };
        let id = engine.outside().create(STRANGER, &request).expect("created");
        engine.outside().start(&id).expect("started");
        engine.set_latency(Duration::from_millis(5));
        Self {
            data: tempfile::tempdir().expect("a folder"),
            git: Arc::clone(&repo.git),
            guard: Arc::new(Guard::new(engine.clone())),
            engine,
            store: new_store(),
            clock: Arc::new(TestClock(Instant::now())),
            settings: Settings {
                min_healthy_time: Duration::from_secs(1),
                healthy_deadline: Duration::from_secs(20),
                ..Settings::default()
            },
        }
    }

    /// Where somebody runs the stack `home` with Docker Compose.
    pub(super) fn project(&self) -> PathBuf {
        self.data.path().join("elsewhere/home")
    }

    pub(super) fn site(&self) -> Arc<Site> {
        Arc::new(Site {
            instance: InstanceId::new("evenkeel").expect("a name"),
            source: source_name(),
            data_dir: self.data.path().into(),
            defaults: self.settings.clone(),
            definitions: Definitions::Git(Arc::clone(&self.git)),
        })
    }

    pub(super) fn reconciler(&self) -> Reconciler {
        Reconciler {
            engine: Arc::<Guard>::clone(&self.guard),
            store: self.store.clone(),
            clock: Arc::<TestClock>::clone(&self.clock),
            metrics: Arc::new(Metrics::new("test")),
        }
    }

    pub(super) fn job(&self, revision: &Revision) -> Job {
        Job {
            site: self.site(),
            stack: StackSpec::of_folder(StackName::new("home").expect("a name"), "home"),
            revision: revision.clone(),
            commit: None,
            initiator: Initiator::Poll,
        }
    }

    /// Does a pass for the stack `home`; `None` if the process was killed in it.
    pub(super) async fn try_pass(&self, revision: &Revision) -> Option<Report> {
        self.guard.begin_pass();
        let (job, reconciler, never) = (self.job(revision), self.reconciler(), CancellationToken::new());
        tokio::select! {
            biased;
            () = self.guard.killed() => None,
            report = reconciler.pass(&job, &never) => Some(report),
        }
    }

    /// Does a pass for the stack `home`, and checks that no rule was broken.
    pub(super) async fn pass(&self, revision: &Revision) -> Report {
        let report = self.try_pass(revision).await.expect("not killed");
        assert_eq!(self.guard.violations(), [""; 0]);
        report
    }

    /// Fetches, and brings all stacks to what was found.
    pub(super) async fn round(&self) -> BatchReport {
        self.guard.begin_pass();
        self.task().0.once(&CancellationToken::new()).await.expect("fetched")
    }

    /// Returns the source's loop, and what hints to it.
    pub(super) fn task(&self) -> (SourceTask, mpsc::Sender<()>) {
        let (hint, hints) = mpsc::channel(1);
        let task = SourceTask {
            site: self.site(),
            git: Arc::clone(&self.git),
            path: String::new(),
            schedule: Schedule::every(Duration::from_secs(5)),
            retry: Backoff::new(Duration::from_secs(1), Duration::from_mins(1)),
            drift_interval: Duration::from_mins(5),
            suspend: false,
            look: Arc::new(Notify::new()),
            hints,
            reconciler: self.reconciler(),
            on_read: Arc::new(|| {}),
        };
        (task, hint)
    }

    /// Loses the database.
    pub(super) fn forget_everything(&mut self) {
        self.store = new_store();
    }

    pub(super) async fn memory(&self) -> Memory {
        let job = self.job(&Revision::folder());
        self.reconciler().memory(&job).await.expect("read")
    }

    /// Returns how the stack was last seen to stand.
    pub(super) async fn status(&self) -> (Sync, HealthState) {
        let statuses = self.store.call(|store| store.read().statuses()).await.expect("readable");
        let status = statuses.first().expect("a stack was looked at");
        (status.sync, status.health)
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.store.read().events(&EventQuery::newest(1_000)).expect("read")
    }

    /// Returns how often something was told.
    pub(super) fn told(&self, kind: EventType) -> usize {
        self.events().iter().filter(|event| event.kind == kind).count()
    }

    pub(super) async fn ours(&self) -> Vec<Container> {
        let observed = self.engine.observe(&[]).await.expect("reachable");
        let owner = Owner {
            instance: InstanceId::new("evenkeel").expect("a name"),
            source: source_name(),
            stack: StackName::new("home").expect("a name"),
        };
        observed.of(&owner).cloned().collect()
    }

    /// Returns the id of a service's live container.
    pub(super) async fn id_of(&self, service: &str) -> String {
        let name = format!("home-{service}-1");
        self.engine.inspect(&name).await.expect("reachable").expect("there").id
    }

    /// Returns what keeps the stack from running exactly these images, one container a service.
    pub(super) async fn differs_from(&self, wanted: &BTreeMap<String, String>) -> Option<String> {
        let observed = self.engine.observe(&[]).await.expect("reachable");
        let ours = self.ours().await;
        for found in &ours {
            let service = found.compose.as_ref().map(|c| c.service.to_string()).unwrap_or_default();
            let Some(image) = wanted.get(&service) else { return Some(format!("`{}` is left", found.name)) };
            if found.name != format!("home-{service}-1") {
                return Some(format!("`{}` is no final name", found.name));
            }
            if observed.image_id(image) != Some(found.image_id.as_str()) {
                return Some(format!("`{}` runs {} and not {image}", found.name, found.image));
            }
            let well = found.state == State::Running && matches!(found.health, None | Some(Health::Healthy));
            if !well {
                return Some(format!("`{}` is {:?} {:?}", found.name, found.state, found.health));
            }
        }
        (ours.len() != wanted.len()).then(|| format!("{} containers, not {}", ours.len(), wanted.len()))
    }

    /// Returns what keeps all of the stack's containers from being on its network `net` with that subnet.
    pub(super) async fn is_not_on(&self, subnet: &str) -> Option<String> {
        let observed = self.engine.observe(&[]).await.expect("reachable");
        let Some(network) = observed.networks.iter().find(|network| network.name == "home_net") else {
            return Some("the network is gone".into());
        };
        let has = network.request.ipam.as_ref().map(|ipam| ipam.config[0].subnet.as_str());
        if has != Some(subnet) {
            return Some(format!("the network has {has:?}"));
        }
        let ours = self.ours().await;
        let is_off = |found: &&Container| {
            found.networks.get("home_net").is_none_or(|end| end.network_id != network.id)
        };
        ours.iter().find(is_off).map(|found| format!("`{}` is not on the network", found.name))
    }

    pub(super) async fn assert_runs(&self, wanted: &[(&str, &str)]) {
        assert_eq!(self.differs_from(&images(wanted)).await, None);
        assert!(
            self.ours().await.iter().all(|c| !c.name.ends_with(plan::NEXT) && !c.name.ends_with(plan::PREV))
        );
    }

    /// Returns where a file of the stack `home` is published.
    pub(super) fn published(&self, path: &str) -> PathBuf {
        self.data.path().join("stacks/lab/home").join(path)
    }
}

pub(super) fn images(wanted: &[(&str, &str)]) -> BTreeMap<String, String> {
    wanted.iter().map(|(service, image)| ((*service).into(), (*image).into())).collect()
}

fn new_store() -> Store {
    Store::in_memory("evenkeel").expect("a database")
}

/// A service `web` that runs an image.
pub(super) fn web(image: &str) -> String {
    format!("services:\n  web:\n    image: {image}\n    restart: unless-stopped\n")
}
