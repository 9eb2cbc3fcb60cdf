//! `evenkeel validate`: all that is wrong or odd about a folder's Compose files, for people, programs and forges.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::Exit;
use super::args::FindingsOutput;
use super::args::Validate;
use super::output;
use super::output::Problem;
use super::project;
use crate::core::compose;
use crate::core::desired::Builds;
use crate::core::desired::COMPOSE_VERSION;
use crate::core::diag::Diagnostic;
use crate::core::diag::Severity;
use crate::core::diag::annotation;
use crate::core::diag::snippet;
use crate::core::model::EntryKind;
use crate::core::model::Tree;
use crate::publish::FolderTree;

/// How deep projects are looked for below the given folder.
const MAX_DEPTH: usize = 6;

/// Validates the project of a folder, or those of the folders in it. Says so in the exit code if there are errors.
pub(super) fn validate(arguments: &Validate) -> Result<Exit, Problem> {
    let options = project::options(&arguments.project, &arguments.dir)?;
    let single = !options.files.is_empty() || compose::discover(&FolderTree, &options.working_dir).is_some();
    let folders = if single { vec![options.working_dir.clone()] } else { projects(&options.working_dir) };
    if folders.is_empty() {
        let message = format!("there is no Compose file in {} or below it", arguments.dir.display());
        return Err(Problem::new(message).hint("name a folder with a compose.yaml"));
    }
    let mut findings = Vec::new();
    for folder in &folders {
        findings.extend(of_project(&compose::Options { working_dir: folder.clone(), ..options.clone() }));
    }
    print(&findings, arguments.output, &options.working_dir)?;
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if matches!(arguments.output, FindingsOutput::Text) {
        let warnings = findings.len() - errors;
        output::note(&format!("{} project(s): {errors} error(s), {warnings} warning(s)", folders.len()));
    }
    Ok(if errors > 0 { Exit::Changed } else { Exit::Good })
}

fn of_project(options: &compose::Options) -> Vec<Diagnostic> {
    match compose::load(&FolderTree, options) {
        Ok(loaded) => {
            let lints = compose::lint(&loaded);
            let tree: Arc<dyn Tree> = Arc::new(FolderTree);
            let builds = match Builds::read(&loaded.project, &tree, COMPOSE_VERSION) {
                Ok((_, findings)) | Err(findings) => findings,
            };
            loaded.warnings.into_iter().chain(lints).chain(builds).collect()
        }
        Err(errors) => errors,
    }
}

/// Returns the folders with a Compose file, sorted. Hidden ones are passed over; below a project there are no others.
fn projects(root: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        if compose::discover(&FolderTree, &folder).is_some() {
            found.push(folder);
            continue;
        }
        let entries =
            if depth < MAX_DEPTH { FolderTree.list(&folder).unwrap_or_default() } else { Vec::new() };
        let inner = entries.into_iter().filter(|e| e.kind == EntryKind::Folder && !e.name.starts_with('.'));
        open.extend(inner.map(|entry| (format!("{folder}/{}", entry.name), depth + 1)));
    }
    found.sort();
    found
}

fn print(findings: &[Diagnostic], form: FindingsOutput, root: &str) -> Result<(), Problem> {
    let findings: Vec<Diagnostic> = findings.iter().map(|finding| relative(finding, root)).collect();
    match form {
        FindingsOutput::Json => output::json(&findings),
        FindingsOutput::Github => {
            findings.iter().try_for_each(|finding| output::data(&format!("{}\n", annotation(finding))))
        }
        FindingsOutput::Text => {
            let mut texts: BTreeMap<String, Option<String>> = BTreeMap::new();
            for finding in &findings {
                let source = finding.place.as_ref().and_then(|place| {
                    let read = || fs::read_to_string(Path::new(root).join(&place.file)).ok();
                    texts.entry(place.file.clone()).or_insert_with(read).as_deref()
                });
                output::data(&format!("{}\n", snippet(finding, source)))?;
            }
            Ok(())
        }
    }
}

/// Names files relative to the folder that is validated, as a forge shows them.
fn relative(finding: &Diagnostic, root: &str) -> Diagnostic {
    let mut finding = finding.clone();
    if let Some(place) = &mut finding.place
        && let Some(inside) = place.file.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'))
    {
        place.file = inside.to_owned();
    }
    finding
}
