//! One project of the suite: its files in the folder that they are deployed from, and what is said about them.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

use crate::engine::Engine;
use crate::process::evenkeel;

/// Where projects are deployed from. Compose's hashes contain the path, so it is the same everywhere.
const PLACE: &str = "/tmp/evenkeel-parity";
/// The file of a project that is about it, not its input.
const OPTIONS: &str = "options.yaml";

/// A project, locked for this process.
pub(crate) struct Project {
    /// The folder's name, which is the test's.
    pub(crate) name: String,
    /// The Compose project's name. Nothing of another project of the suite begins with it.
    pub(crate) compose_name: String,
    /// The folder that it is deployed from.
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    /// Released when it is closed.
    _lock: File,
}

/// What a project's `options.yaml` says; most have none.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Options {
    /// Files to give with `-f`, instead of those that are found.
    files: Vec<String>,
    /// Files to give with `--env-file`.
    env_files: Vec<String>,
    /// Profiles to activate.
    profiles: Vec<String>,
    /// The environment that it is loaded in.
    environment: BTreeMap<String, String>,
    /// Containers of others, by what follows the project's name and a hyphen.
    pub(crate) outside_containers: Vec<String>,
    /// Networks of others, likewise.
    pub(crate) outside_networks: Vec<String>,
    /// Volumes of others, likewise.
    pub(crate) outside_volumes: Vec<String>,
    /// Services whose containers end by themselves.
    pub(crate) ends: Vec<String>,
    /// Files in containers to look at: by the container's service and number, as `web-1`.
    pub(crate) look: BTreeMap<String, Vec<String>>,
    /// The first version of the engine's API that has all that the project uses, its minor number: it is 1.x.
    pub(crate) needs_api: Option<u32>,
    /// What the engine says when it cannot do what the project asks for.
    pub(crate) fails: Option<String>,
    /// What it says if it cannot on this machine.
    pub(crate) may_fail: Option<String>,
}

/// The names of all projects, sorted.
pub(crate) fn all() -> Vec<String> {
    let entries = fs::read_dir("tests/parity/projects").expect("the projects");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a name in UTF-8");
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort_unstable();
    names
}

impl Project {
    /// Waits until no other process has the project, and writes its files to their place.
    pub(crate) fn open(name: &str) -> Self {
        let compose_name = format!("{}-parity", name.replace('_', "-"));
        let place = Path::new(PLACE);
        fs::create_dir_all(place).expect("a folder");
        let lock = File::create(place.join(format!("{compose_name}.lock"))).expect("a file to lock");
        lock.lock().expect("a lock");
        let source = Path::new("tests/parity/projects").join(name);
        let folder = place.join(&compose_name);
        // It may be left of a run that was killed.
        drop(fs::remove_dir_all(&folder));
        copy(&source, &folder);
        let options = match fs::read_to_string(source.join(OPTIONS)) {
            Ok(text) => serde_yaml::from_str(&text).expect("options of a project"),
            Err(_) => Options::default(),
        };
        Self { name: name.into(), compose_name, folder, options, _lock: lock }
    }

    /// The text of all its files: what is in it is not chosen by an engine.
    pub(crate) fn text(&self) -> String {
        fn collect(folder: &Path, text: &mut String) {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    collect(&path, text);
                } else {
                    text.push_str(&fs::read_to_string(&path).unwrap_or_default());
                }
            }
        }
        let mut text = String::new();
        collect(&self.folder, &mut text);
        text
    }

    /// Returns `evenkeel COMMAND` for this project.
    pub(crate) fn evenkeel(&self, command: &str, data: &Path) -> Command {
        let mut evenkeel = evenkeel();
        evenkeel.arg(command).arg("--dir").arg(&self.folder).arg("--data-dir").arg(data);
        self.load(&mut evenkeel);
        evenkeel
    }

    /// Returns the reference's program for this project; the command is to be added.
    pub(crate) fn compose(&self, engine: &Engine) -> Option<Command> {
        let mut compose = engine.compose()?;
        self.load(&mut compose);
        compose.arg("--ansi=never");
        Some(compose)
    }

    fn load(&self, command: &mut Command) {
        command.current_dir(&self.folder).envs(&self.options.environment);
        for (option, values) in [
            ("--file", &self.options.files),
            ("--env-file", &self.options.env_files),
            ("--profile", &self.options.profiles),
        ] {
            command.args(values.iter().flat_map(|value| [option, value]));
        }
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // The lock's file stays: somebody may wait for it.
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a project's folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else if name != OPTIONS {
            fs::copy(&path, to.join(name)).expect("a copied file");
        }
    }
}
