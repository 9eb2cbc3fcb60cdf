//! Stage: the `env_file`s and `label_file`s of the active services are read.

use std::collections::BTreeMap;

use super::dotenv;
use super::project::Project;
use super::read::Because;
use super::read::Reader;
use super::report::Report;
use super::types::Service;
use crate::core::diag::Diagnostic;
use crate::core::diag::Place;
use crate::core::model::normalise;

/// Reads the files and keeps what they yield beside the services. A path that was left relative is one of `folder`.
pub(super) fn resolve(project: &mut Project, folder: &str, reader: &mut Reader<'_>, report: &mut Report) {
    let services = std::mem::take(&mut project.services);
    for (name, service) in &services {
        if !service.env_file.is_empty() {
            let environment = environment(project, name, service, folder, reader, report);
            project.environments.insert(name.clone(), environment);
        }
        if !service.label_file.is_empty() {
            let labels = labels(project, name, service, folder, reader, report);
            project.labels.insert(name.clone(), labels);
        }
    }
    project.services = services;
}

fn environment(
    project: &Project,
    name: &str,
    service: &Service,
    folder: &str,
    reader: &mut Reader<'_>,
    report: &mut Report,
) -> BTreeMap<String, Option<String>> {
    let own = |key: &str| service.environment.get(key).cloned().flatten();
    let lookup = |key: &str| project.environment.get(key).cloned().or_else(|| own(key));
    let mut vars: BTreeMap<String, String> =
        service.environment.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
    for (index, file) in service.env_file.iter().enumerate() {
        let path = format!("services.{name}.env_file[{index}]");
        let Some(text) = text(
            project,
            &path,
            &normalise(folder, &file.path),
            file.required.then_some("env file"),
            reader,
            report,
        ) else {
            continue;
        };
        let read = match file.format.as_str() {
            "" => dotenv::read,
            "raw" => dotenv::read_raw,
            other => {
                let error = Diagnostic::error("env-file", format!("unsupported env_file format {other:?}"));
                fail(project, report, &path, error.hint("leave it out, or say `raw`"));
                continue;
            }
        };
        if let Err(error) = read(&text, &mut vars, &lookup) {
            refuse(report, &path, &file.path, &error);
        }
    }
    let mut environment: BTreeMap<String, Option<String>> =
        vars.into_iter().map(|(key, value)| (key, Some(value))).collect();
    environment.extend(service.environment.clone());
    environment
}

fn labels(
    project: &Project,
    name: &str,
    service: &Service,
    folder: &str,
    reader: &mut Reader<'_>,
    report: &mut Report,
) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (index, file) in service.label_file.iter().enumerate() {
        let path = format!("services.{name}.label_file[{index}]");
        let Some(text) = text(project, &path, &normalise(folder, file), Some("label file"), reader, report)
        else {
            continue;
        };
        let mut found = BTreeMap::new();
        let known = &labels;
        match dotenv::read(&text, &mut found, &|key| known.get(key).cloned()) {
            Ok(()) => labels.extend(found),
            Err(error) => refuse(report, &path, file, &error),
        }
    }
    labels.extend(service.labels.clone());
    labels
}

/// Reads a file; reports its absence if `required` says what it is.
fn text(
    project: &Project,
    path: &str,
    file: &str,
    required: Option<&str>,
    reader: &mut Reader<'_>,
    report: &mut Report,
) -> Option<String> {
    let span = project.document.places.span(path);
    let text = reader.text(file, Because { span, kind: "env file" }, report).ok()?;
    if let (None, Some(kind)) = (&text, required) {
        let message = format!("{kind} {file} not found: stat {file}: no such file or directory");
        fail(project, report, path, Diagnostic::error("env-file", message));
    }
    text
}

fn fail(project: &Project, report: &mut Report, path: &str, error: Diagnostic) {
    let mut error = error.path(path);
    error.place = project.place(path);
    report.push(error);
}

fn refuse(report: &mut Report, path: &str, file: &str, error: &dotenv::DotenvError) {
    let place = Place { file: file.to_owned(), line: error.line, column: 1 };
    let message = format!("failed to read {file}: {error}");
    report.push(Diagnostic::error("dotenv", message).at(place).path(path));
}
