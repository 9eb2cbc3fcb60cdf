//! One conformance case: its inputs, and how near what is rendered comes to what the reference created.

mod canon;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use evenkeel::core::compose;
use evenkeel::core::compose::HashFlavor;
use evenkeel::core::compose::Project;
use evenkeel::core::desired::Builds;
use evenkeel::core::desired::COMPOSE_VERSION;
use evenkeel::core::desired::Context;
use evenkeel::core::desired::Desired;
use evenkeel::core::desired::DesiredService;
use evenkeel::core::desired::Owner;
use evenkeel::core::desired::Settings;
use evenkeel::core::desired::Shared;
use evenkeel::core::desired::render;
use evenkeel::core::diag::Diagnostic;
use evenkeel::core::model::Entry;
use evenkeel::core::model::EntryKind;
use evenkeel::core::model::InstanceId;
use evenkeel::core::model::Revision;
use evenkeel::core::model::SourceName;
use evenkeel::core::model::StackName;
use evenkeel::core::model::Tree;
use evenkeel::core::model::TreeError;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

use canon::canon;
use canon::differences;

/// The folder that all cases were recorded in. Hashes contain it.
const PARENT: &str = "/srv/corpus";
/// The API version of the engine that the cases were recorded against.
const API: (u32, u32) = (1, 51);
/// What is created in a case that the reference refuses.
const NOTHING: &str = r#"{ "networks": {}, "volumes": {}, "containers": {} }"#;
/// Files of a case that are about it, not its input.
const ABOUT: [&str; 8] = [
    "args",
    "engine.err",
    "engine.json",
    "environment",
    "expected.err",
    "expected.json",
    "hashes.txt",
    "warnings.txt",
];

/// A case that the reference loads.
pub(crate) struct Case {
    pub(crate) id: String,
    folder: PathBuf,
}

/// How a case came out.
pub(crate) enum Outcome {
    /// As the reference's.
    Same,
    /// The project could not be loaded.
    NotLoaded(String),
    /// It could not be rendered, by the findings' codes and paths.
    Refused(Vec<String>),
    /// What is rendered differs, and where.
    Different(Vec<String>),
}

impl Case {
    /// Returns all cases that have the file, sorted by name: `engine.json` holds the create requests, `engine.err` why
    /// there are none.
    pub(crate) fn with(file: &str, cases: &Path) -> io::Result<Vec<Self>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(cases)? {
            let folder = entry?.path();
            if folder.join(file).exists() {
                let id = folder.file_name().map(|name| name.to_string_lossy().into_owned());
                all.push(Self { id: id.unwrap_or_default(), folder });
            }
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    /// Returns why the reference creates nothing.
    pub(crate) fn reason(&self) -> String {
        fs::read_to_string(self.folder.join("engine.err")).expect("a recorded refusal")
    }

    /// Loads, renders and compares.
    pub(crate) fn run(&self) -> Outcome {
        let tree = CaseTree { root: format!("{PARENT}/{}", self.id), folder: self.folder.clone() };
        let project = match self.load(&tree) {
            Ok(project) => project,
            Err(errors) => return Outcome::NotLoaded(texts(&errors).join("\n    ")),
        };
        match render(&project, &tree, &context(), &Builds::default()) {
            Ok(desired) => {
                let found = differences(&self.recorded(), &rendered(&desired), "");
                if found.is_empty() { Outcome::Same } else { Outcome::Different(found) }
            }
            Err(errors) => {
                let lost = errors.iter().find(|error| error.place.is_none());
                assert!(lost.is_none(), "{}: a finding without a place: {lost:?}", self.id);
                let mut causes: Vec<String> = errors.iter().map(cause).collect();
                causes.sort();
                causes.dedup();
                Outcome::Refused(causes)
            }
        }
    }

    fn load(&self, tree: &CaseTree) -> Result<Project, Vec<Diagnostic>> {
        let mut options = compose::Options {
            working_dir: tree.root.clone(),
            stop_discovery_at: Some(tree.root.clone()),
            environment: self.environment(),
            ..compose::Options::default()
        };
        let args = fs::read_to_string(self.folder.join("args")).unwrap_or_default();
        let mut args = args.lines().filter(|line| !line.is_empty());
        while let (Some(option), Some(value)) = (args.next(), args.next()) {
            let value = value.to_owned();
            match option {
                "-f" => options.files.push(value),
                "-p" => options.name = Some(value),
                "--profile" => options.profiles.push(value),
                "--env-file" => options.env_files.push(value),
                "--project-directory" => options.project_directory = Some(value),
                other => panic!("{}: unknown option {other}", self.id),
            }
        }
        compose::load(tree, &options).map(|loaded| loaded.project)
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.folder.join("environment")).unwrap_or_default();
        let given = text.lines().filter_map(|line| line.split_once('='));
        [("HOME", "/home/user"), ("PATH", "/usr/bin:/bin")]
            .into_iter()
            .chain(given)
            .map(|(key, value)| (key.to_owned(), value.replace("\\n", "\n")))
            .collect()
    }

    fn recorded(&self) -> Value {
        let text = fs::read_to_string(self.folder.join("engine.json")).unwrap_or_else(|_| NOTHING.into());
        let text =
            text.replace("${CASE_DIR}", &format!("{PARENT}/{}", self.id)).replace("${CASE_PARENT}", PARENT);
        let mut recorded: Value = serde_json::from_str(&text).expect("JSON");
        for kind in ["networks", "volumes"] {
            for body in recorded[kind].as_object_mut().expect("an object").values_mut() {
                *body = canon(body.take());
            }
        }
        for container in recorded["containers"].as_object_mut().expect("an object").values_mut() {
            container["body"] = canon(container["body"].take());
        }
        let archives = recorded.get("archives").cloned().unwrap_or_else(|| json!([]));
        json!({
            "networks": recorded["networks"],
            "volumes": recorded["volumes"],
            "containers": recorded["containers"],
            "archives": archives_by_container(&archives),
        })
    }
}

fn archives_by_container(archives: &Value) -> Value {
    let mut files: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for archive in archives.as_array().expect("a list") {
        let name = archive["name"].as_str().expect("a name").to_owned();
        for mut file in archive["files"].as_array().expect("a list").clone() {
            let path = file["name"].as_str().expect("a path").trim_start_matches('/').to_owned();
            file["name"] = format!("/{path}").into();
            files.entry(name.clone()).or_default().push(file);
        }
    }
    for list in files.values_mut() {
        list.sort_by_key(|file| file["name"].to_string());
    }
    json!(files)
}

fn rendered(desired: &Desired) -> Value {
    let networks: BTreeMap<_, _> = desired
        .networks
        .values()
        .filter_map(|network| Some((network.name.clone(), canon(json!(network.create.as_ref()?)))))
        .collect();
    let volumes: BTreeMap<_, _> = desired
        .volumes
        .values()
        .filter_map(|volume| Some((volume.name.clone(), canon(json!(volume.create.as_ref()?)))))
        .collect();
    let mut containers = BTreeMap::new();
    let mut archives: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for service in desired.services.values() {
        let service = filled_in(desired, service);
        for container in &service.containers {
            let mut value = json!({ "body": canon(json!(container.request)) });
            if let Some(platform) = &service.platform {
                value["platform"] = platform.clone().into();
            }
            containers.insert(container.name.clone(), value);
            for file in &container.archives {
                archives.entry(container.name.clone()).or_default().push(json!({
                    "name": file.path,
                    "content": file.content.expose(),
                    "uid": file.uid,
                    "gid": file.gid,
                    "mode": format!("0o{:o}", file.mode),
                }));
            }
        }
    }
    for list in archives.values_mut() {
        list.sort_by_key(|file| file["name"].to_string());
    }
    json!({ "networks": networks, "volumes": volumes, "containers": containers, "archives": archives })
}

/// Returns the service with the ids that the recording engine gave to the containers it refers to.
fn filled_in(desired: &Desired, service: &DesiredService) -> DesiredService {
    let with = service.shared.iter().flat_map(Shared::with);
    let ids = with.map(|other| {
        let name = &desired.services[&other].containers[0].name;
        (other, hex::encode(Sha256::digest(format!("ctr:{name}"))))
    });
    service.with_ids(&ids.collect()).expect("all ids are known")
}

fn context() -> Context {
    Context {
        owner: Owner {
            instance: InstanceId::new("test").expect("a name"),
            source: SourceName::new("corpus").expect("a name"),
            stack: StackName::new("case").expect("a name"),
        },
        revision: Revision::folder(),
        publish_root: None,
        settings: Settings::default(),
        compose_version: COMPOSE_VERSION.into(),
        flavor: HashFlavor::V2,
        api: API,
    }
}

fn texts(errors: &[Diagnostic]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// What a finding is about, without the names of services.
fn cause(error: &Diagnostic) -> String {
    let field = error.path.strip_prefix("services.").and_then(|path| path.split_once('.'));
    format!("{} {}", error.code, field.map_or(error.path.as_str(), |(_, field)| field))
}

/// The case's folder, as if it were where it was recorded. Nothing is beside it.
struct CaseTree {
    root: String,
    folder: PathBuf,
}

impl CaseTree {
    fn locate(&self, path: &str) -> Result<PathBuf, TreeError> {
        let inside = path.strip_prefix(&self.root).ok_or(TreeError::NotFound)?;
        let inside = inside.trim_start_matches('/');
        if ABOUT.contains(&inside) { Err(TreeError::NotFound) } else { Ok(self.folder.join(inside)) }
    }
}

impl Tree for CaseTree {
    fn read(&self, path: &str) -> Result<Vec<u8>, TreeError> {
        fs::read(self.locate(path)?).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => TreeError::NotFound,
            io::ErrorKind::IsADirectory => TreeError::IsFolder,
            _ => TreeError::Unreadable(error.to_string()),
        })
    }

    fn kind(&self, path: &str) -> Result<Option<EntryKind>, TreeError> {
        let located = match self.locate(path) {
            Ok(located) => located,
            Err(TreeError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(match fs::metadata(located) {
            Ok(metadata) if metadata.is_dir() => Some(EntryKind::Folder),
            Ok(_) => Some(EntryKind::File { executable: false }),
            Err(_) => None,
        })
    }

    fn list(&self, path: &str) -> Result<Vec<Entry>, TreeError> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.locate(path)?).map_err(|_| TreeError::NotFound)? {
            let name = entry.map_err(|error| TreeError::Unreadable(error.to_string()))?;
            let name = name.file_name().to_string_lossy().into_owned();
            if let Some(kind) = self.kind(&format!("{path}/{name}"))? {
                entries.push(Entry { name, kind });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}
