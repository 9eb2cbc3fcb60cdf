//! The engine that both sides deploy to, and the two programs of others that act on it: `docker` and the reference.

use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::process::Said;

/// The label that Compose finds its objects by.
const PROJECT: &str = "com.docker.compose.project";

/// What is known of the engine at `DOCKER_HOST` or the default place.
pub(crate) struct Engine {
    /// The newest version of its API, as `1.41`.
    pub(crate) api: String,
    /// Where it keeps its objects.
    pub(crate) root: String,
    /// The machine's name.
    pub(crate) host: String,
    /// The test images' names by their ids.
    pub(crate) images: Vec<(String, String)>,
    /// The reference's program and its first arguments, if there is one.
    reference: Option<Vec<String>>,
}

impl Engine {
    /// Returns the engine, with the test images on it.
    ///
    /// # Panics
    /// Panics if no engine answers.
    pub(crate) fn get() -> &'static Self {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        ENGINE.get_or_init(|| {
            let made = Said::by(&mut Command::new("scripts/test-images"));
            assert!(made.code == Some(0), "no test images: does a Docker Engine answer?\n{}", made.stderr);
            let told = |arguments: &[&str]| docker(arguments).expect("an engine that answers");
            let names = Said::by(Command::new("scripts/test-images").arg("--names")).stdout;
            let image =
                |name: &str| (told(&["image", "inspect", "--format", "{{.Id}}", name]), name.to_owned());
            Self {
                api: told(&["version", "--format", "{{.Server.APIVersion}}"]),
                root: told(&["info", "--format", "{{.DockerRootDir}}"]),
                host: told(&["info", "--format", "{{.Name}}"]),
                images: names.lines().map(image).collect(),
                reference: reference(),
            }
        })
    }

    /// The minor number of the API's version.
    pub(crate) fn minor(&self) -> u32 {
        let minor = self.api.strip_prefix("1.").and_then(|minor| minor.parse().ok());
        minor.expect("the Engine API is 1.x")
    }

    /// Returns the reference's program, if there is one.
    pub(crate) fn compose(&self) -> Option<Command> {
        let (program, arguments) = self.reference.as_ref()?.split_first()?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        for name in ["PATH", "HOME", "XDG_CACHE_HOME", "DOCKER_HOST", "EVENKEEL_ENGINE_CACHE"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        Some(command)
    }
}

/// Finds the reference as benches/compose-vs-evenkeel does.
fn reference() -> Option<Vec<String>> {
    let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/tools/engine");
    [&["docker", "compose"][..], &["docker-compose"], &[tool, "compose"]].into_iter().find_map(|command| {
        let version =
            Command::new(command[0]).args(&command[1..]).args(["version", "--short"]).output().ok()?;
        let text = String::from_utf8(version.stdout).ok()?;
        let major: u32 = text.trim().trim_start_matches('v').split('.').next()?.parse().ok()?;
        let found = version.status.success() && major >= 2;
        found.then(|| command.iter().map(|&word| word.to_owned()).collect())
    })
}

/// Runs `docker` and returns what it printed, or what it complained of.
pub(crate) fn docker(arguments: &[&str]) -> Result<String, String> {
    let said = Said::by(Command::new("docker").args(arguments));
    match said.code {
        Some(0) => Ok(said.stdout.trim().to_owned()),
        _ => Err(said.stderr.trim().to_owned()),
    }
}

/// The kinds of objects that a project has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Container,
    Network,
    Volume,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Container, Self::Network, Self::Volume];

    /// `docker`'s word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Network => "network",
            Self::Volume => "volume",
        }
    }

    /// The ids (of volumes: the names) of a Compose project's objects.
    pub(crate) fn of_project(self, compose_name: &str) -> Vec<String> {
        let filter = format!("label={PROJECT}={compose_name}");
        let mut arguments = vec![self.word(), "ls", "--quiet", "--filter", &filter];
        match self {
            Self::Container => arguments.extend(["--all", "--no-trunc"]),
            Self::Network => arguments.push("--no-trunc"),
            Self::Volume => {}
        }
        let mut ids: Vec<String> =
            docker(&arguments).expect("docker lists").lines().map(str::to_owned).collect();
        ids.sort_unstable();
        ids
    }

    /// What the engine shows of objects.
    pub(crate) fn inspect(self, ids: &[String]) -> Vec<Value> {
        if ids.is_empty() {
            return Vec::new();
        }
        let mut arguments = vec![self.word(), "inspect"];
        arguments.extend(ids.iter().map(String::as_str));
        serde_json::from_str(&docker(&arguments).expect("docker inspects")).expect("docker prints JSON")
    }

    /// Removes objects, or says why not.
    pub(crate) fn remove(self, ids: &[String]) -> Result<(), String> {
        let ids = ids.iter().map(String::as_str);
        let how: &[&str] = if self == Self::Container { &["rm", "--force", "--volumes"] } else { &["rm"] };
        let arguments: Vec<&str> = [self.word()].iter().chain(how).copied().chain(ids).collect();
        if arguments.len() == 1 + how.len() {
            return Ok(());
        }
        docker(&arguments).map(|_| ())
    }
}
