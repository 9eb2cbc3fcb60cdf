//! From arguments and the configuration file to the parts that a command works with.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use super::args;
use super::args::EngineChoice;
use super::output;
use super::output::Problem;
use crate::config;
use crate::config::Config;
use crate::controller::Counted;
use crate::controller::Definitions;
use crate::controller::Reconciler;
use crate::controller::Site;
use crate::core::model::InstanceId;
use crate::docker::DockerEngine;
use crate::git::Auth;
use crate::git::Deadlines;
use crate::git::Follow;
use crate::git::GitSource;
use crate::git::RemoteUrl;
use crate::git::SourceSpec;
use crate::ports::Clock;
use crate::ports::Engine;
use crate::ports::SystemClock;
use crate::sim::SimEngine;
use crate::store::Store;
use crate::telemetry::Metrics;

const DEFAULT_CONFIG: &str = "/etc/evenkeel/config.yaml";

/// Reads the configuration: the file that is named, or the repository that is given, or the default file.
pub(super) fn config(place: &args::Place, repo: Option<&args::Repo>) -> Result<Config, Problem> {
    let given = repo.and_then(|repo| repo.url.as_ref().map(|url| (url, repo)));
    let mut config = match (&place.config, given) {
        (Some(_), Some(_)) => {
            return Err(Problem::new("`--config` and `--repo` exclude each other")
                .hint("add the repository to the file's `sources`"));
        }
        (Some(path), None) => loaded(path)?,
        (None, Some((url, repo))) => {
            let (branch, path) = (repo.branch.as_deref(), repo.path.as_deref());
            Config::for_repo(&config::Repo { url, branch, path, interval: None })?
        }
        (None, None) if Path::new(DEFAULT_CONFIG).exists() => loaded(Path::new(DEFAULT_CONFIG))?,
        (None, None) => Config::default(),
    };
    if let Some(folder) = &place.data_dir {
        config.data_dir = std::path::absolute(folder)
            .map_err(|error| Problem::new(format!("cannot use {}: {error}", folder.display())))?;
    }
    if let Some(engine) = place.engine {
        config.engine = match engine {
            EngineChoice::Docker => config::Engine::Docker,
            EngineChoice::Simulated => config::Engine::Simulated,
        };
    }
    if let Some(name) = &place.instance {
        config.instance = InstanceId::new(name.as_str()).map_err(|error| Problem::new(error.to_string()))?;
    }
    Ok(config)
}

fn loaded(path: &Path) -> Result<Config, Problem> {
    let loaded = Config::load(path)?;
    loaded.warnings.iter().for_each(output::finding);
    Ok(loaded.value)
}

/// Returns the engine that is configured.
pub(super) fn engine(config: &Config) -> Result<Arc<dyn Engine>, Problem> {
    Ok(match config.engine {
        config::Engine::Docker => {
            let host = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
            Arc::new(DockerEngine::connect(host.as_deref()).map_err(|error| {
                Problem::new(error.to_string()).hint("check DOCKER_HOST and that Docker runs")
            })?)
        }
        config::Engine::Simulated => Arc::new(SimEngine::demo(SystemClock.now())),
    })
}

/// Returns the database's place.
pub(super) fn database(config: &Config) -> PathBuf {
    config.data_dir.join("state.db")
}

/// Opens the database for writing.
pub(super) fn store(config: &Config) -> Result<Store, Problem> {
    std::fs::create_dir_all(&config.data_dir).map_err(|error| {
        Problem::new(format!("cannot make the data folder {}: {error}", config.data_dir.display()))
            .hint("name another one with `--data-dir`")
    })?;
    let opened = Store::open(&database(config), config.instance.as_str(), SystemClock.now())?;
    if let Some(recovered) = &opened.recovered {
        output::note(&format!("warning: {recovered}"));
    }
    for run in &opened.interrupted {
        output::note(&format!(
            "note: an earlier deploy of {} to {} was interrupted",
            run.stack,
            run.revision.short()
        ));
    }
    Ok(opened.store)
}

/// Returns what passes need.
pub(super) fn reconciler(engine: Arc<dyn Engine>, store: Store) -> Reconciler {
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
    Reconciler {
        engine: Arc::new(Counted::new(engine, Arc::clone(&metrics))),
        store,
        clock: Arc::new(SystemClock),
        metrics,
    }
}

/// Returns a configured source's repository.
pub(super) fn git(config: &Config, source: &config::Source) -> Result<Arc<GitSource>, Problem> {
    let url = RemoteUrl::parse(&source.url, source.insecure).map_err(|error| {
        let place = source.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        Problem::new(format!("{place}source `{}`: {error}", source.name))
    })?;
    let mut spec = SourceSpec::new(source.name.clone(), url);
    spec.follow = match &source.follow {
        config::Follow::Default => Follow::Default,
        config::Follow::Branch(name) => Follow::Branch(name.clone()),
        config::Follow::Tag(name) => Follow::Tag(name.clone()),
        config::Follow::Commit(id) => Follow::Commit(id.clone()),
    };
    spec.auth = match &source.auth {
        config::Auth::None => Auth::None,
        config::Auth::Token { username, token_file } => {
            Auth::Basic { username: username.clone(), token_file: token_file.clone() }
        }
        config::Auth::SshKey { private_key_file, known_hosts_file } => Auth::SshKey {
            private_key_file: private_key_file.clone(),
            known_hosts_file: known_hosts_file.clone(),
        },
    };
    spec.ca_file.clone_from(&source.ca_file);
    spec.allow_force_push = source.allow_force_push;
    spec.deadlines = Deadlines { total: source.timeout, ..Deadlines::default() };
    Ok(Arc::new(GitSource::new(spec, &config.data_dir)))
}

/// Returns what holds for a source's stacks.
pub(super) fn site(config: &Config, source: &config::Source, git: &Arc<GitSource>) -> Arc<Site> {
    Arc::new(Site {
        instance: config.instance.clone(),
        source: source.name.clone(),
        data_dir: config.data_dir.clone(),
        defaults: config.settings.clone(),
        definitions: Definitions::Git(Arc::clone(git)),
    })
}
