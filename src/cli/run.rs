//! `run`: the controller with everything around it.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Exit;
use super::args;
use super::assemble;
use super::output::Problem;
use crate::config;
use crate::config::Config;
use crate::controller::Reconciler;
use crate::controller::SourceTask;
use crate::core::desired::label;
use crate::core::model::Secret;
use crate::core::model::SourceName;
use crate::http;
use crate::http::Readiness;
use crate::notify;
use crate::ports::Clock as _;
use crate::ports::Engine;
use crate::ports::EngineEvent;
use crate::ports::SystemClock;
use crate::store::Route;
use crate::store::Store;
use crate::telemetry;
use crate::telemetry::Metrics;

/// How often the engine is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(15);

/// An engine that was silent for so long counts as gone.
const PATIENCE: Duration = Duration::from_secs(45);

/// Runs the controller until a signal ends it, or for one pass.
pub(super) async fn run(arguments: &args::Run) -> Result<Exit, Problem> {
    let config = resolved(arguments)?;
    telemetry::init_logging(&log_options(&config)).map_err(|error| Problem::new(error.to_string()))?;
    if config.sources.is_empty() {
        return Err(Problem::new("there is no repository to watch")
            .hint("name one with `--repo URL`, or list `sources` in a file and name it with `--config`"));
    }
    let engine = assemble::engine(&config)?;
    if config.engine == config::Engine::Simulated {
        tracing::warn!("the engine is simulated: no container is really started");
    }
    let store = assemble::store(&config)?;
    let reconciler = assemble::reconciler(engine, store.clone());
    let routes: Vec<Route> = config
        .providers
        .iter()
        .map(|provider| Route {
            provider: provider.name.clone(),
            filter: provider.events.clone(),
            sources: provider.sources.clone(),
            stacks: provider.stacks.clone(),
        })
        .collect();
    let dropped = store.call(move |store| store.set_providers(&routes)).await?;
    if dropped > 0 {
        tracing::warn!("{dropped} event(s) for providers that are no longer configured are dropped");
    }
    let shutdown = CancellationToken::new();
    let service = Service { config, reconciler, shutdown };
    if arguments.once { service.once().await } else { service.run().await }
}

fn resolved(arguments: &args::Run) -> Result<Config, Problem> {
    let mut config = assemble::config(&arguments.place, Some(&arguments.repo))?;
    if let Some(interval) = arguments.interval {
        for source in &mut config.sources {
            source.schedule = crate::core::schedule::Schedule::every(interval);
        }
    }
    if let Some(listen) = &arguments.listen {
        config.listen = match listen.as_str() {
            "off" => None,
            address => Some(address.parse::<SocketAddr>().map_err(|_| {
                Problem::new(format!("`{address}` is no address to listen on"))
                    .hint("write it as 127.0.0.1:8470, or `off`")
            })?),
        };
    }
    if let Some(url) = &arguments.webhook {
        config.add_webhook(url, arguments.webhook_secret_file.as_deref())?;
    }
    if let Some(file) = &arguments.hook_secret_file {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Problem::new(format!("cannot read {}: {error}", file.display())))?;
        let key = Some(Secret::new(text.trim()));
        config.receivers.push(config::Receiver { name: "push".into(), key, sources: Vec::new() });
    }
    Ok(config)
}

fn log_options(config: &Config) -> telemetry::LogOptions {
    let format = match config.log.format {
        config::LogFormat::Text => telemetry::LogFormat::Text,
        config::LogFormat::Json => telemetry::LogFormat::Json,
    };
    let filter = std::env::var("EVENKEEL_LOG").unwrap_or_else(|_| config.log.level.as_str().to_owned());
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    telemetry::LogOptions { format, colour, filter }
}

struct Service {
    config: Config,
    reconciler: Reconciler,
    shutdown: CancellationToken,
}

impl Service {
    async fn once(self) -> Result<Exit, Problem> {
        let (readiness, _) = watch::channel(Readiness::starting([], PATIENCE));
        let (tasks, _) = self.tasks(&readiness)?;
        stop_on_signal(self.shutdown.clone());
        let mut good = true;
        for task in &tasks {
            match task.once(&self.shutdown).await {
                Ok(report) => good &= report.is_good(),
                Err(error) => {
                    let name = &task.site.source;
                    return Err(Problem::new(format!("source `{name}`: {error}")).hint(error.hint()));
                }
            }
        }
        self.deliver_what_waits().await;
        Ok(if good { Exit::Good } else { Exit::Changed })
    }

    /// Gives providers a moment to take what the pass has to tell. What they do not take stays in the outbox.
    async fn deliver_what_waits(&self) {
        const MOMENT: Duration = Duration::from_secs(10);
        let stop = CancellationToken::new();
        let Ok(workers) = self.notifiers(stop.clone()) else { return };
        let workers = tokio::spawn(workers);
        let store = self.reconciler.store.clone();
        let empty = async {
            loop {
                let backlog = store.call(|store| store.read().backlog()).await.unwrap_or_default();
                if backlog.iter().all(|provider| provider.pending == 0) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(MOMENT, empty).await.ok();
        stop.cancel();
        workers.await.ok();
    }

    async fn run(self) -> Result<Exit, Problem> {
        let names = self.config.sources.iter().map(|source| source.name.clone());
        let (readiness, watched) = watch::channel(Readiness::starting(names, PATIENCE));
        let (tasks, links) = self.tasks(&readiness)?;
        let listener = match self.config.listen {
            Some(address) => Some(http::bind(address).await.map_err(|error| {
                Problem::new(error.to_string()).hint("name another address with `--listen`, or `off`")
            })?),
            None => None,
        };
        stop_on_signal(self.shutdown.clone());
        let mut all = JoinSet::new();
        let notifiers = self.notifiers(self.shutdown.clone())?;
        all.spawn(notifiers);
        all.spawn(watch_engine(Arc::clone(&self.reconciler.engine), readiness, self.shutdown.clone()));
        let instance = self.config.instance.to_string();
        let engine = Arc::clone(&self.reconciler.engine);
        all.spawn(follow_events(engine, instance, links.hints.clone(), self.shutdown.clone()));
        if let Some(listener) = listener {
            if let Ok(address) = listener.local_addr() {
                tracing::info!("listening on {address}");
            }
            let app = http::App {
                metrics: Arc::clone(&self.reconciler.metrics),
                readiness: watched,
                controls: Arc::new(links),
                clock: Arc::new(SystemClock),
            };
            let router = http::router(app, receivers(&self.config)?);
            all.spawn(http::serve(listener, router, self.shutdown.clone()));
        }
        for task in tasks {
            let name = task.site.source.clone();
            tracing::info!("watching {name}");
            all.spawn(task.run(self.shutdown.clone()));
        }
        while let Some(ended) = all.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a part of the controller ended unexpectedly");
                self.shutdown.cancel();
            }
        }
        tracing::info!("ended");
        Ok(Exit::Good)
    }

    fn tasks(&self, readiness: &watch::Sender<Readiness>) -> Result<(Vec<SourceTask>, Links), Problem> {
        let mut tasks = Vec::new();
        let mut links =
            Links { looks: BTreeMap::new(), hints: BTreeMap::new(), store: self.reconciler.store.clone() };
        for source in &self.config.sources {
            let git = assemble::git(&self.config, source)?;
            let look = Arc::new(Notify::new());
            // One hint is as good as many.
            let (hint, hints) = mpsc::channel(1);
            links.looks.insert(source.name.clone(), Arc::clone(&look));
            links.hints.insert(source.name.clone(), hint);
            let (readiness, name) = (readiness.clone(), source.name.clone());
            tasks.push(SourceTask {
                site: assemble::site(&self.config, source, &git),
                git,
                path: source.path.clone(),
                schedule: source.schedule.clone(),
                retry: source.retry,
                drift_interval: self.config.drift_interval,
                suspend: source.suspend,
                look,
                hints,
                reconciler: self.reconciler.clone(),
                on_read: Arc::new(move || {
                    readiness.send_modify(|readiness| {
                        readiness.sources.insert(name.clone(), true);
                    });
                }),
            });
        }
        Ok((tasks, links))
    }

    fn notifiers(&self, stop: CancellationToken) -> Result<impl Future<Output = ()> + use<>, Problem> {
        let providers = providers(&self.config)?;
        let outbox = Arc::new(self.reconciler.store.clone());
        Ok(async move {
            let clock = Arc::new(SystemClock);
            if let Err(error) = notify::run(outbox, providers, clock, notify::Timing::default(), stop).await {
                tracing::error!("{error}");
            }
        })
    }
}

/// Returns the configured providers as the notifier takes them.
pub(super) fn providers(config: &Config) -> Result<Vec<notify::Provider>, Problem> {
    let providers = config
        .providers
        .iter()
        .map(|provider| notify::Provider::new(provider.name.as_str(), &provider.url, provider.key.clone()));
    providers.collect::<Result<_, _>>().map_err(|error| Problem::new(error.to_string()))
}

fn receivers(config: &Config) -> Result<Vec<http::Receiver>, Problem> {
    let all = || config.sources.iter().map(|source| source.name.clone()).collect::<Vec<_>>();
    let receivers = config.receivers.iter().map(|receiver| {
        let sources = if receiver.sources.is_empty() { all() } else { receiver.sources.clone() };
        http::Receiver::new(receiver.name.as_str(), http::Scheme::Gitea, receiver.key.clone(), sources)
    });
    receivers.collect::<Result<_, _>>().map_err(|error| Problem::new(error.to_string()))
}

/// What requests and engine events reach.
struct Links {
    looks: BTreeMap<SourceName, Arc<Notify>>,
    hints: BTreeMap<SourceName, mpsc::Sender<()>>,
    store: Store,
}

impl http::Controls for Links {
    fn look(&self, sources: &[SourceName]) {
        for look in sources.iter().filter_map(|source| self.looks.get(source)) {
            look.notify_one();
        }
    }

    fn refresh(&self, metrics: &Metrics) {
        for provider in self.store.read().backlog().unwrap_or_default() {
            metrics.set_outbox(&provider.provider, provider.pending, provider.dead);
        }
        metrics.set_stacks(&self.store.read().statuses().unwrap_or_default());
    }
}

fn stop_on_signal(shutdown: CancellationToken) {
    tokio::spawn(async move {
        let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(terminate) => terminate,
            Err(error) => return tracing::error!(%error, "signals cannot be taken"),
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        tracing::info!("ending: finishing what is under way");
        shutdown.cancel();
    });
}

/// Notes signs of life of the engine.
async fn watch_engine(engine: Arc<dyn Engine>, readiness: watch::Sender<Readiness>, stop: CancellationToken) {
    let mut reservation = None;
    loop {
        if let Ok(info) = engine.info().await {
            if let Some(text) = info.reservation().filter(|text| reservation.replace(*text) != Some(*text)) {
                tracing::warn!("the engine, version {}: {text}", info.version);
            }
            readiness.send_modify(|readiness| readiness.engine_seen = Some(SystemClock.now()));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PING_EVERY) => {}
        }
    }
}

/// Turns the engine's events into hints to look. They are hints only: a stream that breaks loses nothing.
async fn follow_events(
    engine: Arc<dyn Engine>,
    instance: String,
    hints: BTreeMap<SourceName, mpsc::Sender<()>>,
    stop: CancellationToken,
) {
    const AGAIN_AFTER: Duration = Duration::from_secs(5);
    loop {
        if let Ok(mut events) = engine.events().await {
            // What happened while nobody listened is not known: look everywhere.
            hints.values().for_each(hint);
            loop {
                let event = tokio::select! {
                    () = stop.cancelled() => return,
                    event = events.next() => event,
                };
                let Some(event) = event else { break };
                if let Some(source) = matters(&event, &instance) {
                    hints.get(&source).into_iter().for_each(hint);
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(AGAIN_AFTER) => {}
        }
    }
}

/// A full channel holds a hint already.
fn hint(sender: &mpsc::Sender<()>) {
    sender.try_send(()).ok();
}

/// Returns the source of the container that an event is about, if it may call for a pass.
fn matters(event: &EngineEvent, instance: &str) -> Option<SourceName> {
    const TELLING: [&str; 8] =
        ["die", "destroy", "stop", "pause", "rename", "oom", "start", "health_status: unhealthy"];
    let ours = event.attributes.get(label::INSTANCE).is_some_and(|owner| owner == instance);
    let telling = event.kind == "container" && TELLING.contains(&event.action.as_str());
    (ours && telling).then(|| SourceName::new(event.attributes.get(label::SOURCE)?.as_str()).ok())?
}
