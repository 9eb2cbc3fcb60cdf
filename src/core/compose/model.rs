//! The way of each file into the merged tree.
//!
//! For every document: resets, interpolation, extends, resets again on what was merged before, include, merge, the last
//! of equal items, schema, long forms, the last of equal items again. After the last file: defaults, checks, absolute
//! paths, values of lone keys.

use std::collections::BTreeMap;

use super::canonical;
use super::check;
use super::defaults;
use super::extends;
use super::heal::heal;
use super::include;
use super::interpolate;
use super::merge;
use super::normalize;
use super::paths;
use super::read::Parsed;
use super::read::Reader;
use super::report::Failed;
use super::report::MAX_COVERED;
use super::report::Report;
use super::reset;
use super::schema;
use super::unique::unique;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Span;
use crate::core::yaml::Value;

/// What a group of files is loaded with: the project's own, or those of one include.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    /// The folder that relative paths are resolved against.
    pub(super) folder: &'a str,
    /// The variables.
    pub(super) environment: &'a BTreeMap<String, String>,
    /// The files that led here by include, the first one first.
    pub(super) included: &'a [String],
    /// Whether relative paths stay relative.
    pub(super) keep_paths: bool,
}

impl Scope<'_> {
    /// Returns the base of relative paths.
    pub(super) fn base(&self) -> paths::Base<'_> {
        paths::Base { folder: self.folder, home: self.environment.get("HOME").map(String::as_str) }
    }
}

/// Loads a group of files into one tree. What is wrong is reported and left out.
pub(super) fn load(
    files: Vec<Parsed>,
    scope: Scope<'_>,
    reader: &mut Reader<'_>,
    report: &mut Report,
) -> Node {
    let mut merged = Node::new(Span::default(), Value::Map(Map::default()));
    for file in files {
        for document in file.documents {
            add(&mut merged, document, &file.path, scope, reader, report);
        }
    }
    defaults::add(&mut merged);
    check::check(&merged, report);
    heal(&mut merged, report);
    if !scope.keep_paths {
        paths::resolve(&mut merged, scope.base(), report);
        heal(&mut merged, report);
    }
    normalize::lone_keys(&mut merged, scope.environment);
    merged
}

/// Lays one document of a file over what there is.
fn add(
    merged: &mut Node,
    mut document: Node,
    file: &str,
    scope: Scope<'_>,
    reader: &mut Reader<'_>,
    report: &mut Report,
) {
    let Ok(resets) = raw(&mut document, file, scope.environment, report) else {
        return report.lacks_a_part();
    };
    if refuse_too_many(merged, &document, report).is_err() {
        return report.lacks_a_part();
    }
    extends::apply(&mut document, file, &resets, scope, reader, report);
    heal(&mut document, report);
    resets.apply(merged);
    include::apply(&mut document, file, scope, reader, report);
    heal(&mut document, report);
    merge::merge(merged, document, &Path::TOP, report);
    unique(merged, &Path::TOP, report);
    heal(merged, report);
    schema::check(merged, report);
    heal(merged, report);
    if let Some(version) = merged.as_map_mut().and_then(|map| map.remove("version")) {
        let message = format!(
            "{file}: the attribute `version` is obsolete, it will be ignored, please remove it to avoid potential \
             confusion"
        );
        report.warning("version", version.span, &Path::TOP.key("version"), message);
    }
    canonical::canonical(merged, report);
    unique(merged, &Path::TOP, report);
    heal(merged, report);
}

/// Refuses another document if those before have grown large and are many.
pub(super) fn refuse_too_many(merged: &Node, document: &Node, report: &mut Report) -> Result<(), Failed> {
    if !report.covers_too_much(merged.count()) {
        return Ok(());
    }
    let message = format!("documents are laid over more than {MAX_COVERED} values of those before them");
    report.error("limit-documents", document.span, &Path::TOP, message);
    Err(Failed)
}

/// Takes the resets out of a document that was just read and fills in its variables. Fails only if it is no mapping.
pub(super) fn raw(
    document: &mut Node,
    file: &str,
    environment: &BTreeMap<String, String>,
    report: &mut Report,
) -> Result<reset::Resets, Failed> {
    let resets = reset::take(document);
    if document.as_map().is_none() {
        let message =
            if document.is_null() { "empty compose file" } else { "top-level object must be a mapping" };
        report.error("top-level", document.span, &Path::TOP, format!("{file}: {message}"));
        return Err(Failed);
    }
    interpolate::interpolate(document, &|name| environment.get(name).cloned(), report);
    heal(document, report);
    Ok(resets)
}
