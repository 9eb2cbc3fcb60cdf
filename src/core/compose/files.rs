//! Which files a project is read from, its name, its folder and its variables: options, environment and `.env`.

use std::collections::BTreeMap;

use super::dotenv;
use super::load::Options;
use super::load::discover;
use super::load::several;
use super::read::Because;
use super::read::Reader;
use super::report::Failed;
use super::report::Report;
use crate::core::model::EntryKind;
use crate::core::model::ProjectName;
use crate::core::model::normalise;
use crate::core::yaml::Path;
use crate::core::yaml::Span;

/// What the options come down to.
#[derive(Debug, Clone, Default)]
pub(super) struct Setup {
    /// The absolute paths of the files, in the order of merging.
    pub(super) files: Vec<String>,
    /// The folder that relative paths are resolved against.
    pub(super) working_dir: String,
    /// The variables.
    pub(super) environment: BTreeMap<String, String>,
    /// The files named by `--env-file` or `COMPOSE_ENV_FILES`, as given.
    pub(super) env_files: Vec<String>,
    /// The active profiles. If nothing names one, the profile without a name is active.
    pub(super) profiles: Vec<String>,
    /// The name if an option or variable says it.
    pub(super) name: Option<String>,
    /// The name if nothing says it.
    pub(super) default_name: Option<String>,
}

const FROM_OPTIONS: Because = Because { span: Span { file: 0, line: 0, column: 0 }, kind: "env file" };

/// Follows the options.
pub(super) fn setup(
    options: &Options,
    reader: &mut Reader<'_>,
    report: &mut Report,
) -> Result<Setup, Failed> {
    let cwd = normalise("/", &options.working_dir);
    let absolute = |path: &String| normalise(&cwd, path);
    let mut environment = options.environment.clone();
    environment.entry("PWD".into()).or_insert_with(|| cwd.clone());
    refuse_elsewhere(&options.files, report)?;

    let project_directory = options.project_directory.as_ref().map(absolute);
    let mut files: Vec<String> = options.files.iter().map(absolute).collect();
    let folder = |files: &[String]| {
        let of_file = || files.first().map(|file| parent(file));
        project_directory.clone().or_else(of_file).unwrap_or_else(|| cwd.clone())
    };
    let env_files = explicit_env_files(options, &environment);
    read_env_files(&env_files, &folder(&files), &cwd, &mut environment, reader, report)?;
    if files.is_empty()
        && let Some(list) = environment.get("COMPOSE_FILE")
    {
        let separator =
            environment.get("COMPOSE_PATH_SEPARATOR").filter(|s| !s.is_empty()).map_or(":", String::as_str);
        let named: Vec<String> = list.split(separator).map(str::to_owned).collect();
        refuse_elsewhere(&named, report)?;
        files = named.iter().map(absolute).collect();
    }
    if files.is_empty() {
        files = find_files(&folder(&files), options, reader, report)?;
    }
    let working_dir = folder(&files);
    read_env_files(&env_files, &working_dir, &cwd, &mut environment, reader, report)?;

    let profiles = if options.profiles.is_empty() {
        let list = environment.get("COMPOSE_PROFILES").map(String::as_str).unwrap_or_default();
        list.split(',').map(|profile| profile.trim().to_owned()).collect()
    } else {
        options.profiles.clone()
    };
    let name = options.name.clone().filter(|name| !name.is_empty());
    let name =
        name.or_else(|| environment.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty()).cloned());
    if let Some(name) = &name
        && ProjectName::new(name.as_str()).is_err()
    {
        let message = format!(
            "invalid project name {name:?}: must consist only of lowercase alphanumeric characters, hyphens, and \
             underscores as well as start with a letter or number"
        );
        return Err(report.plain("project-name", message));
    }
    let base = working_dir.rsplit('/').next().unwrap_or_default();
    let default_name =
        ProjectName::normalised(options.default_name.as_deref().unwrap_or(base)).map(String::from);
    Ok(Setup { files, working_dir, environment, env_files, profiles, name, default_name })
}

fn parent(path: &str) -> String {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/".into(),
        Some((folder, _)) => folder.into(),
    }
}

fn refuse_elsewhere(files: &[String], report: &mut Report) -> Result<(), Failed> {
    for file in files {
        if is_remote(file) {
            let message = format!("{file} is elsewhere: remote Compose files are not supported");
            report.push(
                crate::core::diag::Diagnostic::error("remote", message)
                    .hint("copy the file into the repository"),
            );
            return Err(Failed);
        }
    }
    Ok(())
}

/// Whether a path names something on another host.
pub(super) fn is_remote(path: &str) -> bool {
    let schemes = ["https://", "http://", "git://", "ssh://", "oci://", "git@", "github.com/"];
    schemes.iter().any(|scheme| path.starts_with(scheme))
}

fn explicit_env_files(options: &Options, environment: &BTreeMap<String, String>) -> Vec<String> {
    if !options.env_files.is_empty() {
        return options.env_files.clone();
    }
    let list = environment.get("COMPOSE_ENV_FILES").map(String::as_str).unwrap_or_default();
    list.split(',').filter(|file| !file.is_empty()).map(str::to_owned).collect()
}

/// Adds the variables of the given files, or of the folder's `.env`; those that are set stay.
fn read_env_files(
    explicit: &[String],
    folder: &str,
    cwd: &str,
    environment: &mut BTreeMap<String, String>,
    reader: &mut Reader<'_>,
    report: &mut Report,
) -> Result<(), Failed> {
    let mut files: Vec<(String, String)> = explicit.iter().map(|f| (f.clone(), normalise(cwd, f))).collect();
    if explicit.is_empty() {
        if let Some(text) = environment.get("COMPOSE_DISABLE_ENV_FILE") {
            match text.as_str() {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => return Ok(()),
                "0" | "f" | "F" | "FALSE" | "false" | "False" => {}
                _ => {
                    let message = format!("COMPOSE_DISABLE_ENV_FILE: {text:?} is not a boolean");
                    return Err(report.plain("type", message));
                }
            }
        }
        let path = normalise(folder, ".env");
        if matches!(reader.tree().kind(&path), Ok(Some(EntryKind::File { .. }))) {
            files.push((path.clone(), path));
        }
    }
    let mut found = BTreeMap::new();
    for (given, path) in files {
        if given == "/dev/null" {
            continue;
        }
        if matches!(reader.tree().kind(&path), Ok(Some(EntryKind::Folder))) {
            return Err(report.plain("env-file", format!("{given} is a directory")));
        }
        let Some(text) = reader.text(&path, FROM_OPTIONS, report)? else {
            return Err(report.plain("env-file", format!("couldn't find env file: {given}")));
        };
        read_dotenv(&text, &path, &given, &mut found, &*environment, report)?;
    }
    for (key, value) in found {
        environment.entry(key).or_insert(value);
    }
    Ok(())
}

/// Reads the variables of one file; its values may refer to `outer` variables.
pub(super) fn read_dotenv(
    text: &str,
    path: &str,
    given: &str,
    found: &mut BTreeMap<String, String>,
    outer: &BTreeMap<String, String>,
    report: &mut Report,
) -> Result<(), Failed> {
    dotenv::read(text, found, &|name| outer.get(name).cloned()).map_err(|error| {
        let span = Span {
            file: report.sources.add(path),
            line: u32::try_from(error.line).unwrap_or(u32::MAX),
            column: 1,
        };
        report.error("dotenv", span, &Path::TOP, format!("failed to read {given}: {error}"));
        Failed
    })
}

/// Looks for the default names in a folder and those above it.
fn find_files(
    start: &str,
    options: &Options,
    reader: &Reader<'_>,
    report: &mut Report,
) -> Result<Vec<String>, Failed> {
    let stop = options.stop_discovery_at.as_ref().map(|path| normalise("/", path));
    let mut folder = start.to_owned();
    loop {
        if let Some(files) = discover(reader.tree(), &folder) {
            let others = several(reader.tree(), &folder);
            if others.len() > 1 {
                let message =
                    format!("Found multiple config files with supported names: {}", others.join(", "));
                report.warnings.push(crate::core::diag::Diagnostic::warning("several-files", message));
            }
            return Ok(files);
        }
        if folder == "/" || stop.as_ref() == Some(&folder) {
            report.push(
                crate::core::diag::Diagnostic::error("no-file", "no configuration file provided: not found")
                    .hint(format!("there is no compose.yaml in {start}")),
            );
            return Err(Failed);
        }
        folder = parent(&folder);
    }
}
