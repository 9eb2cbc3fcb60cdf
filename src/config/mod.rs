//! What a person configures: the host's file (`/etc/evenkeel/config.yaml`) and `evenkeel.yaml` at a repository's root,
//! read, checked and made into values that need no more checking.
//!
//! All mistakes are told at once. Secrets come from files only. The host's file is the one place that grants trust; a
//! repository can tighten what it grants and never loosen it. Nothing here connects anywhere or starts anything.

mod doco_cd;
mod fields;
mod hooks;
mod host;
mod repository;
mod secret_file;
mod source;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

pub use doco_cd::FromDocoCd;
pub use doco_cd::from_doco_cd;
pub use fields::HOST;
pub use hooks::Provider;
pub use hooks::Receiver;
pub use repository::REPOSITORY;
pub use repository::Repository;
pub use repository::StackEntry;
pub use source::Auth;
pub use source::Follow;
pub use source::Source;

use crate::core::desired::Settings;
use crate::core::diag::Diagnostic;
use crate::core::model::InstanceId;
use crate::core::schedule::Schedule;

/// Everything that a run of the controller needs to be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which installation this is.
    pub instance: InstanceId,
    /// Where mirrors, published files and the database are.
    pub data_dir: PathBuf,
    /// Where HTTP is served; `None` for nowhere.
    pub listen: Option<SocketAddr>,
    /// Which engine is brought to what git says.
    pub engine: Engine,
    /// The repositories that are followed, by unique names.
    pub sources: Vec<Source>,
    /// Where notifications go, by unique names.
    pub providers: Vec<Provider>,
    /// Where forges tell of pushes, by unique names.
    pub receivers: Vec<Receiver>,
    /// What holds for a stack that says nothing else.
    pub settings: Settings,
    /// How often stacks are looked at without a reason.
    pub drift_interval: Duration,
    /// How the log is written.
    pub log: Log,
}

/// Which engine is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The Docker Engine at `DOCKER_HOST` or the default socket.
    Docker,
    /// One in memory, to try things out.
    Simulated,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// In which form.
    pub format: LogFormat,
    /// What is left out.
    pub level: LogLevel,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least important lines that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what failed.
    Error,
    /// And what may become a failure.
    Warn,
    /// And what is done.
    Info,
    /// And why.
    Debug,
    /// And each step.
    Trace,
}

/// A configuration that is fit to run, and what is worth a look in it.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// What was read.
    pub value: T,
    /// What should be told to whoever wrote it.
    pub warnings: Vec<Diagnostic>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// There are mistakes in it, all of which are listed.
    #[error("{}", lines(.0))]
    Invalid(Vec<Diagnostic>),
}

impl Default for Config {
    /// Returns what holds without a file: no sources, loopback only.
    fn default() -> Self {
        Self {
            instance: InstanceId::new("evenkeel").expect("a valid name"),
            data_dir: "/var/lib/evenkeel".into(),
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 8470))),
            engine: Engine::Docker,
            sources: Vec::new(),
            providers: Vec::new(),
            receivers: Vec::new(),
            settings: Settings::default(),
            drift_interval: Duration::from_mins(5),
            log: Log { format: LogFormat::Text, level: LogLevel::Info },
        }
    }
}

impl Config {
    /// Reads the host's file and the secrets that it names. Relative paths in it start at its folder.
    ///
    /// # Errors
    /// Fails with all mistakes if there are any. A receiver's secret that is not there is no mistake: the receiver is
    /// off, and a warning says so. Nothing is said about files that only git needs; they are read for each fetch.
    pub fn load(path: &Path) -> Result<Loaded<Self>, ConfigError> {
        let unreadable = |error| ConfigError::Unreadable { path: path.into(), error };
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        host::read(&bytes, &path.display().to_string(), folder)
    }

    /// Returns what `run --repo URL` needs: the defaults and one source, named after the repository.
    ///
    /// # Errors
    /// Fails as a file with these values would.
    pub fn for_repo(repo: &Repo<'_>) -> Result<Self, ConfigError> {
        let source = source::from_arguments(repo).map_err(|error| ConfigError::Invalid(vec![error]))?;
        Ok(Self { sources: vec![source], ..Self::default() })
    }

    /// Adds a webhook that wants all events, as `run --webhook URL` does.
    ///
    /// # Errors
    /// Fails if the URL is none, or the file with the key for signatures cannot be read or holds a weak key.
    pub fn add_webhook(&mut self, url: &str, secret_file: Option<&Path>) -> Result<(), ConfigError> {
        let provider = hooks::webhook_from_arguments(url, secret_file, &self.providers)
            .map_err(|error| ConfigError::Invalid(vec![error]))?;
        self.providers.push(provider);
        Ok(())
    }
}

/// A repository given on the command line.
#[derive(Debug, Clone, Default)]
pub struct Repo<'a> {
    /// Its address.
    pub url: &'a str,
    /// The branch to follow instead of the repository's default.
    pub branch: Option<&'a str>,
    /// The folder in it that holds the stacks.
    pub path: Option<&'a str>,
    /// How often to look for commits.
    pub interval: Option<Duration>,
}

impl LogLevel {
    const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// Reads the word that a configuration has for it.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }

    /// Returns the word for it in a configuration, which is also the one in a log filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Returns how often a source is polled if nobody says otherwise.
fn default_schedule() -> Schedule {
    Schedule::every(Duration::from_mins(1))
}

fn lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
