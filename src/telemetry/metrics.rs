//! What is counted. Label values come from the configuration and the sources alone, never from a request.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::core::model::SourceName;
use crate::core::run::StackId;
use crate::core::run::StackStatus;
use crate::core::run::Verdict;

/// The bounds of a pass's duration in seconds: from a pass with nothing to do to one that pulls.
const DURATIONS: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    source: String,
    stack: String,
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StackLabels {
    source: String,
    stack: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StackInfoLabels {
    source: String,
    stack: String,
    sync: &'static str,
    health: &'static str,
    revision: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderLabels {
    provider: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: &'static str,
}

/// The metrics, each prefixed `evenkeel_`. Shared by reference.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: Family<PassLabels, Counter>,
    durations: Family<StackLabels, Histogram, fn() -> Histogram>,
    fetched: Family<SourceLabels, Gauge<f64, AtomicU64>>,
    fetch_errors: Family<SourceLabels, Counter>,
    mutations: Family<CallLabels, Counter>,
    pending: Family<ProviderLabels, Gauge>,
    dead: Family<ProviderLabels, Gauge>,
    stacks: Family<StackInfoLabels, Gauge>,
    shown: Mutex<BTreeMap<StackId, StackInfoLabels>>,
}

impl Metrics {
    /// Returns metrics at zero. `version` is the binary's.
    pub fn new(version: &str) -> Self {
        let durations: fn() -> Histogram = || Histogram::new(DURATIONS);
        let mut metrics = Self {
            registry: Registry::with_prefix("evenkeel"),
            passes: Family::default(),
            durations: Family::new_with_constructor(durations),
            fetched: Family::default(),
            fetch_errors: Family::default(),
            mutations: Family::default(),
            pending: Family::default(),
            dead: Family::default(),
            stacks: Family::default(),
            shown: Mutex::new(BTreeMap::new()),
        };
        metrics.register(version);
        metrics
    }

    fn register(&mut self, version: &str) {
        let registry = &mut self.registry;
        registry.register("build", "The running binary", Info::new([("version", version.to_owned())]));
        registry.register("passes", "Passes by stack and verdict", self.passes.clone());
        registry.register("pass_duration_seconds", "How long passes took", self.durations.clone());
        registry.register(
            "source_last_success_timestamp_seconds",
            "When the source was last read",
            self.fetched.clone(),
        );
        registry.register(
            "source_fetch_errors",
            "Failed tries to read the source",
            self.fetch_errors.clone(),
        );
        registry.register("engine_mutations", "Changing calls to the engine", self.mutations.clone());
        registry.register("outbox_pending", "Events that the provider has yet to get", self.pending.clone());
        registry.register("outbox_dead", "Events that were given up for the provider", self.dead.clone());
        registry.register("stack_info", "How the stack stands; always 1", self.stacks.clone());
    }

    /// Counts a pass.
    pub fn pass(&self, stack: &StackId, verdict: Verdict, took: Duration) {
        let (source, name) = (stack.source.to_string(), stack.stack.to_string());
        let labels = StackLabels { source: source.clone(), stack: name.clone() };
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
        self.passes.get_or_create(&PassLabels { source, stack: name, verdict: verdict.as_str() }).inc();
    }

    /// Notes that a source was read.
    pub fn fetched(&self, source: &SourceName, at: Timestamp) {
        let labels = SourceLabels { source: source.to_string() };
        self.fetched.get_or_create(&labels).set(at.as_duration().as_secs_f64());
    }

    /// Counts a failed try to read a source.
    pub fn fetch_failed(&self, source: &SourceName) {
        self.fetch_errors.get_or_create(&SourceLabels { source: source.to_string() }).inc();
    }

    /// Counts a changing call to the engine.
    pub fn engine_mutation(&self, call: &'static str) {
        self.mutations.get_or_create(&CallLabels { call }).inc();
    }

    /// Says how much a provider has yet to get, and how much was given up.
    pub fn set_outbox(&self, provider: &str, pending: u64, dead: u64) {
        let labels = ProviderLabels { provider: provider.into() };
        self.pending.get_or_create(&labels).set(i64::try_from(pending).unwrap_or(i64::MAX));
        self.dead.get_or_create(&labels).set(i64::try_from(dead).unwrap_or(i64::MAX));
    }

    /// Says how the stacks stand. Those that are not named are not shown any more.
    pub fn set_stacks(&self, statuses: &[StackStatus]) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeMap<StackId, StackInfoLabels> =
            statuses.iter().map(|status| (status.id.clone(), stack_info(status))).collect();
        for (_, old) in shown.iter().filter(|(id, old)| now.get(id) != Some(old)) {
            self.stacks.remove(old);
        }
        for labels in now.values() {
            self.stacks.get_or_create(labels).set(1);
        }
        *shown = now;
    }

    /// Returns all of it in the text form of `OpenMetrics`.
    ///
    /// # Errors
    /// Fails if a metric cannot be written, which only a fault of ours can cause.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn stack_info(status: &StackStatus) -> StackInfoLabels {
    let revision = status.last_applied.as_ref().map(ToString::to_string).unwrap_or_default();
    StackInfoLabels {
        source: status.id.source.to_string(),
        stack: status.id.stack.to_string(),
        sync: status.sync.as_str(),
        health: status.health.as_str(),
        revision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::Revision;
    use crate::core::model::StackName;
    use crate::core::run::HealthState;
    use crate::core::run::Sync;

    fn stack(name: &str) -> StackId {
        StackId::new(SourceName::new("homelab").expect("a name"), StackName::new(name).expect("a name"))
    }

    fn status(name: &str, sync: Sync) -> StackStatus {
        StackStatus {
            id: stack(name),
            sync,
            health: HealthState::Healthy,
            message: String::new(),
            last_attempted: None,
            last_applied: Some(Revision::folder()),
            last_stable: None,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_metric_is_there_under_its_name() {
        let metrics = Metrics::new("1.2.3");
        metrics.pass(&stack("media"), Verdict::RolledBack, Duration::from_millis(700));
        metrics.fetched(&stack("media").source, Timestamp::from_second(1_800_000_000).expect("a time"));
        metrics.fetch_failed(&stack("media").source);
        metrics.engine_mutation("CreateContainer");
        metrics.set_outbox("ops", 3, 1);
        metrics.set_stacks(&[status("media", Sync::Synced)]);
        insta::assert_snapshot!(metrics.encode().expect("a text"));
    }

    #[test]
    fn a_stack_is_shown_once_as_it_stands_and_not_when_it_is_gone() {
        let metrics = Metrics::new("1.2.3");
        metrics.set_stacks(&[status("media", Sync::Synced), status("web", Sync::Synced)]);
        metrics.set_stacks(&[status("media", Sync::Drifted)]);
        let text = metrics.encode().expect("a text");
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("evenkeel_stack_info{")).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("Drifted") && lines[0].contains("media"), "{lines:?}");
    }
}
