//! The way in: options and a tree to a project.

use std::collections::BTreeMap;

use super::assemble::assemble;
use super::assemble::drop_unused;
use super::consistency;
use super::env_file;
use super::files;
use super::files::Setup;
use super::interpolate::interpolate;
use super::model;
use super::model::Scope;
use super::normalize::normalize;
use super::project::Project;
use super::read::Because;
use super::read::Parsed;
use super::read::Reader;
use super::report::Failed;
use super::report::Report;
use crate::core::diag::Diagnostic;
use crate::core::model::EntryKind;
use crate::core::model::ProjectName;
use crate::core::model::Tree;
use crate::core::model::normalise;
use crate::core::yaml::Document;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Span;
use crate::core::yaml::Value;

/// What a project is loaded from, as `docker compose`'s own options and environment say it.
#[derive(Clone, Default)]
pub struct Options {
    /// The files as given by `-f`; empty: look for the default names.
    pub files: Vec<String>,
    /// The folder that relative paths are resolved against; default: that of the first file.
    pub project_directory: Option<String>,
    /// The current folder, absolute.
    pub working_dir: String,
    /// The project's name, outranking all that files and variables say.
    pub name: Option<String>,
    /// The active profiles; empty: `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// The files with variables; empty: `COMPOSE_ENV_FILES`, else `.env` if it is there.
    pub env_files: Vec<String>,
    /// The variables that are set, outranking those of files.
    pub environment: BTreeMap<String, String>,
    /// The folder above which no default names are looked for.
    pub stop_discovery_at: Option<String>,
    /// The name used when nothing names the project, instead of the folder's.
    pub default_name: Option<String>,
    /// The stages that are left out, for a look at what is in between.
    pub skip: Skip,
}

/// Stages of a load that can be left out. What is loaded then is for looking at, not for running.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skip {
    /// Whether what does not hold together is let through.
    pub consistency: bool,
    /// Whether relative paths stay as they are written, but for those of included and extended files.
    pub paths: bool,
    /// Whether what follows from what is said is left out: the default network, names, implied dependencies.
    pub normalize: bool,
}

/// What a load yields.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The project.
    pub project: Project,
    /// What is odd and does not keep it from loading.
    pub warnings: Vec<Diagnostic>,
}

/// A top-level `x-` key with the places of all that is in it.
#[derive(Debug, Clone, Copy)]
pub struct Extension<'a> {
    /// Its value.
    pub node: &'a Node,
    /// The document it is of, which resolves its places.
    pub document: &'a Document,
}

impl Loaded {
    /// Returns a top-level `x-` key. `None` if there is none of that name.
    pub fn extension(&self, key: &str) -> Option<Extension<'_>> {
        let document = &self.project.document;
        document.extensions.get(key).map(|node| Extension { node, document })
    }
}

/// The names a project's file may have, the preferred first.
const MAIN_NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// The names of the file that is merged over the main one without being named.
const OVERRIDE_NAMES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Returns the Compose files of a folder by their default names, the main one first; `None` if there is none.
pub fn discover(tree: &dyn Tree, folder: &str) -> Option<Vec<String>> {
    let main = several(tree, folder).into_iter().next()?;
    Some(std::iter::once(main).chain(named(tree, folder, OVERRIDE_NAMES).next()).collect())
}

/// Returns all files of a folder that have a main file's name.
pub(super) fn several(tree: &dyn Tree, folder: &str) -> Vec<String> {
    named(tree, folder, MAIN_NAMES).collect()
}

fn named<'a>(tree: &'a dyn Tree, folder: &'a str, names: [&'a str; 4]) -> impl Iterator<Item = String> + 'a {
    let paths = names.into_iter().map(move |name| normalise(folder, name));
    paths.filter(|path| matches!(tree.kind(path), Ok(Some(EntryKind::File { .. }))))
}

/// Loads a project.
///
/// # Errors
/// Fails with all that is wrong, as far as it can be told at once: a file that is not there, no YAML, not of Compose's
/// schema, or a project that does not hold together.
pub fn load(tree: &dyn Tree, options: &Options) -> Result<Loaded, Vec<Diagnostic>> {
    let mut report = Report::default();
    let project = stages(tree, options, &mut report);
    let warnings = report.finish()?;
    project.map(|project| Loaded { project, warnings }).map_err(|Failed| Vec::new())
}

fn stages(tree: &dyn Tree, options: &Options, report: &mut Report) -> Result<Project, Failed> {
    let mut reader = Reader::new(tree);
    let mut setup = files::setup(options, &mut reader, report)?;
    let files = reader.all(&setup.files, FROM_OPTIONS, report);
    let name = match setup.name.clone() {
        Some(name) => Some(name),
        None => match declared_name(&files, &setup, report) {
            Some(declared) if options.skip.normalize => Some(declared),
            Some(declared) => ProjectName::normalised(&declared).map(String::from),
            None => setup.default_name.clone(),
        },
    };
    setup.environment.insert("COMPOSE_PROJECT_NAME".into(), name.clone().unwrap_or_default());
    let scope = Scope {
        folder: &setup.working_dir,
        environment: &setup.environment,
        included: &[],
        keep_paths: options.skip.paths,
    };
    let mut root = model::load(files, scope, &mut reader, report);
    if root.as_map().is_none_or(Map::is_empty) {
        report.check()?;
        return Err(report.plain("empty", "empty compose file"));
    }
    let Some(name) = name else {
        return Err(report.plain("project-name", "project name must not be empty"));
    };
    if !options.skip.normalize {
        normalize(&mut root, &name, &setup.environment);
    }
    let mut project = assemble(root, &name, setup, report);
    if !options.skip.consistency && !report.is_incomplete() {
        consistency::check(&project, report);
    }
    env_file::resolve(&mut project, &options.working_dir, &mut reader, report);
    report.check()?;
    drop_unused(&mut project);
    Ok(project)
}

/// The main files are named by options or found.
const FROM_OPTIONS: Because = Because { span: Span { file: 0, line: 0, column: 0 }, kind: "compose file" };

/// Returns the name that the files give the project: the last `name:` that is one.
fn declared_name(files: &[Parsed], setup: &Setup, report: &mut Report) -> Option<String> {
    let mut names = files.iter().flat_map(|file| &file.documents).filter_map(|document| document.get("name"));
    let declared = names.rfind(|name| name.as_str().is_some_and(|name| !name.is_empty())).cloned();
    let mut node = declared?;
    let mut wrapped = Map::default();
    wrapped.insert("name", node.span, std::mem::take(&mut node));
    let mut wrapped = Node::new(Span::default(), Value::Map(wrapped));
    interpolate(&mut wrapped, &|name| setup.environment.get(name).cloned(), report);
    wrapped.get("name").and_then(Node::as_str).map(str::to_owned)
}
