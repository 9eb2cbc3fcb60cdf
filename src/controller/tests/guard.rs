//! An engine that watches over what is done to it, and lets one call go wrong.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::MutexGuard;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use tokio::sync::Notify;

use super::world::STRANGER;
use crate::core::desired::label;
use crate::core::observed::Container;
use crate::core::observed::EngineInfo;
use crate::core::observed::Focus;
use crate::core::observed::Health;
use crate::core::observed::Image;
use crate::core::observed::Observed;
use crate::core::observed::State;
use crate::core::plan;
use crate::core::plan::Call;
use crate::ports::CallOutcome;
use crate::ports::Engine;
use crate::ports::EngineError;
use crate::ports::EngineEvent;
use crate::sim::Fault;
use crate::sim::SimEngine;

/// What happens to a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Strike {
    /// The engine or the connection to it fails.
    Fault(Fault),
    /// The process is killed before the call is sent.
    KillBefore,
    /// The process is killed after the call was done and before its answer is read.
    KillAfter,
}

/// A [`SimEngine`] with rules.
pub(super) struct Guard {
    engine: SimEngine,
    inner: Mutex<Inner>,
    kill: Notify,
}

#[derive(Default)]
struct Inner {
    calls: usize,
    strike: Option<(usize, Strike)>,
    /// Containers that have proven themselves, by id, with their service.
    good: BTreeMap<String, String>,
    /// Services that are to go.
    leaving: BTreeSet<String>,
    volumes: BTreeSet<String>,
    stranger: Option<Container>,
    /// The first call of this pass that took something away.
    destroyed: Option<String>,
    violations: Vec<String>,
    /// Networks that this pass has removed.
    removed_networks: BTreeSet<String>,
    /// A project that was taken over.
    given: Option<String>,
}

impl Guard {
    pub(super) fn new(engine: SimEngine) -> Self {
        Self { engine, inner: Mutex::default(), kill: Notify::new() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while it was held")
    }

    /// Says that a new pass begins.
    pub(super) fn begin_pass(&self) {
        let mut inner = self.inner();
        inner.destroyed = None;
        inner.removed_networks.clear();
    }

    /// Lets the call of that number, from 1 and from now, go wrong.
    pub(super) fn arm(&self, number: usize, strike: Strike) {
        let mut inner = self.inner();
        inner.calls = 0;
        inner.strike = Some((number, strike));
    }

    /// Returns whether what was armed has not happened.
    pub(super) fn is_armed(&self) -> bool {
        self.inner().strike.is_some()
    }

    /// Says that services may go for good.
    pub(super) fn let_go(&self, services: &[&str]) {
        self.inner().leaving.extend(services.iter().map(|service| (*service).to_owned()));
    }

    /// Says that a project of Docker Compose may be touched.
    pub(super) fn give(&self, project: &str) {
        self.inner().given = Some(project.to_owned());
    }

    fn is_given(&self, found: &Container) -> bool {
        let given = self.inner().given.clone();
        given.is_some() && found.compose.as_ref().map(|compose| &compose.project) == given.as_ref()
    }

    /// Says that what runs now has proven itself.
    pub(super) async fn all_is_well(&self) {
        let observed = self.engine.observe(&[]).await.expect("reachable");
        let well = observed.containers.iter().filter(|found| is_up_and_well(found));
        let good =
            well.filter_map(|found| Some((found.id.clone(), found.compose.as_ref()?.service.to_string())));
        self.inner().good.extend(good);
    }

    /// Returns when the process is to die.
    pub(super) async fn killed(&self) {
        self.kill.notified().await;
    }

    /// Returns the rules that were broken.
    pub(super) fn violations(&self) -> Vec<String> {
        self.inner().violations.clone()
    }

    fn violation(&self, call: &Call, why: impl std::fmt::Display) {
        self.inner().violations.push(format!("{call:?}: {why}"));
    }

    async fn die(&self) -> ! {
        self.kill.notify_one();
        std::future::pending().await
    }

    async fn check_before(&self, call: &Call) {
        let observed = self.engine.observe(&[]).await.unwrap_or_default();
        let target = target(call).and_then(|name| {
            observed.containers.iter().find(|found| found.id == *name || found.name == *name)
        });
        if target.is_some_and(|target| target.own.is_none() && !self.is_given(target)) {
            self.violation(call, "it is not ours");
        }
        let given = self.inner().given.clone();
        let is_given = |labels: &BTreeMap<String, String>| {
            given.is_some() && labels.get(label::compose::PROJECT) == given.as_ref()
        };
        if let Call::RemoveNetwork { id, .. } = call
            && observed
                .networks
                .iter()
                .any(|n| n.id == *id && n.own.is_none() && !is_given(&n.request.labels))
        {
            self.violation(call, "it is not ours");
        }
        if let Some(target) = target.filter(|_| matches!(call, Call::RemoveContainer { .. })) {
            self.check_removal(call, target, &observed);
        }
        let is_debris = target.is_some_and(|target| target.name.ends_with(plan::NEXT));
        self.check_order(call, is_debris);
    }

    /// What has proven itself goes only when its successor has.
    fn check_removal(&self, call: &Call, target: &Container, observed: &Observed) {
        let inner = self.inner();
        let Some(service) = inner.good.get(&target.id).filter(|name| !inner.leaving.contains(*name)) else {
            return;
        };
        let successor = observed.containers.iter().any(|found| {
            found.id != target.id
                && is_up_and_well(found)
                && found.own.is_some()
                && found.compose.as_ref().is_some_and(|c| c.service.as_str() == service)
        });
        drop(inner);
        if !successor {
            self.violation(call, "nobody is there to take its place");
        }
    }

    /// All that a pass fetches and creates comes before all that it takes away.
    fn check_order(&self, call: &Call, is_debris: bool) {
        let prepares = matches!(
            call,
            Call::PullImage { .. }
                | Call::BuildImage { .. }
                | Call::CreateNetwork(_)
                | Call::CreateVolume(_)
                | Call::CreateContainer { .. }
        );
        let destroys = matches!(
            call,
            Call::StopContainer { .. }
                | Call::RestartContainer { .. }
                | Call::RenameContainer { .. }
                | Call::SetRestartPolicy { .. }
                | Call::RemoveContainer { .. }
                | Call::RemoveNetwork { .. }
                | Call::DisconnectNetwork { .. }
        );
        let mut inner = self.inner();
        if let Call::RemoveNetwork { name, .. } = call {
            inner.removed_networks.insert(name.clone());
        }
        let is_made_anew =
            matches!(call, Call::CreateNetwork(request) if inner.removed_networks.contains(&request.name));
        if prepares
            && !is_made_anew
            && let Some(before) = inner.destroyed.clone()
        {
            inner.violations.push(format!("{call:?} comes after {before}"));
        }
        if destroys && !is_debris && inner.destroyed.is_none() {
            inner.destroyed = Some(call.name().into());
        }
    }

    async fn check_after(&self, call: &Call) {
        let Ok(observed) = self.engine.observe(&[]).await else { return };
        let stranger = observed.named(STRANGER).cloned();
        let volumes: BTreeSet<String> = observed.volumes.iter().map(|volume| volume.name.clone()).collect();
        let mut inner = self.inner();
        let before =
            inner.stranger.get_or_insert_with(|| stranger.clone().expect("made with the world")).clone();
        let lost = !inner.volumes.is_subset(&volumes);
        inner.volumes.extend(volumes);
        let (good, leaving) = (inner.good.clone(), inner.leaving.clone());
        drop(inner);
        if lost {
            self.violation(call, "a volume is gone");
        }
        if stranger != Some(before) {
            self.violation(call, "somebody else's container is not as it was");
        }
        let services: BTreeSet<&String> =
            good.values().filter(|service| !leaving.contains(*service)).collect();
        for service in services {
            let of =
                |found: &&Container| found.compose.as_ref().is_some_and(|c| c.service.as_str() == service);
            if !observed.containers.iter().any(|found| of(&found)) {
                self.violation(call, format!("nothing is left of `{service}`"));
            }
        }
    }
}

fn is_up_and_well(found: &Container) -> bool {
    found.state == State::Running && matches!(found.health, None | Some(Health::Healthy))
}

fn target(call: &Call) -> Option<&String> {
    match call {
        Call::ConnectNetwork { container, .. }
        | Call::DisconnectNetwork { container, .. }
        | Call::CopyFile { container, .. }
        | Call::StartContainer { container }
        | Call::RunHook { container, .. }
        | Call::StopContainer { container, .. }
        | Call::RestartContainer { container, .. }
        | Call::UnpauseContainer { container }
        | Call::RenameContainer { container, .. }
        | Call::SetRestartPolicy { container, .. }
        | Call::RemoveContainer { container, .. } => Some(container),
        Call::PullImage { .. }
        | Call::BuildImage { .. }
        | Call::TagImage { .. }
        | Call::CreateNetwork(_)
        | Call::RemoveNetwork { .. }
        | Call::CreateVolume(_)
        | Call::CreateContainer { .. } => None,
    }
}

#[async_trait]
impl Engine for Guard {
    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.engine.info().await
    }

    fn last_info(&self) -> Option<EngineInfo> {
        self.engine.last_info()
    }

    async fn observe_for(&self, focus: &Focus) -> Result<Observed, EngineError> {
        self.engine.observe_for(focus).await
    }

    async fn images_named(&self, references: &[String]) -> Result<Vec<Image>, EngineError> {
        self.engine.images_named(references).await
    }

    async fn observe(&self, projects: &[String]) -> Result<Observed, EngineError> {
        self.engine.observe(projects).await
    }

    async fn inspect(&self, container: &str) -> Result<Option<Container>, EngineError> {
        self.engine.inspect(container).await
    }

    async fn call(&self, call: &Call) -> Result<CallOutcome, EngineError> {
        let strike = {
            let mut inner = self.inner();
            inner.calls += 1;
            let number = inner.calls;
            inner.strike.take_if(|(wanted, _)| *wanted == number).map(|(_, strike)| strike)
        };
        self.check_before(call).await;
        let result = match strike {
            Some(Strike::KillBefore) => self.die().await,
            Some(Strike::KillAfter) => {
                self.engine.call(call).await.ok();
                self.check_after(call).await;
                self.die().await
            }
            Some(Strike::Fault(fault)) => {
                self.engine.fail_next(|_| true, fault);
                self.engine.call(call).await
            }
            None => self.engine.call(call).await,
        };
        self.check_after(call).await;
        result
    }

    async fn logs(&self, container: &str, lines: usize) -> Result<Vec<String>, EngineError> {
        self.engine.logs(container, lines).await
    }

    async fn events(&self) -> Result<BoxStream<'static, EngineEvent>, EngineError> {
        self.engine.events().await
    }
}
