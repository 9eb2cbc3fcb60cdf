//! What a load has found so far: errors and warnings with their places. A stage is told all that is wrong; of what an
//! earlier stage has refused, later ones say nothing more.

use std::collections::BTreeSet;

use crate::core::diag::Diagnostic;
use crate::core::yaml::Path;
use crate::core::yaml::Sources;
use crate::core::yaml::Span;
use crate::core::yaml::behind;

/// The findings of a load. Stages add to it, and go on as long as they can.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The files that spans refer to.
    pub(super) sources: Sources,
    /// What keeps the project from loading.
    errors: Vec<Diagnostic>,
    /// How many errors were there when the tree was last healed.
    healed: usize,
    /// The paths that earlier stages have refused.
    refused: BTreeSet<String>,
    /// Whether a part of the project could not be read at all, so that what refers to it cannot be told from a mistake.
    incomplete: bool,
    /// What does not.
    pub(super) warnings: Vec<Diagnostic>,
    /// The places that were warned of.
    warned: BTreeSet<(&'static str, Span, String)>,
    /// How much text variables have brought in.
    filled: usize,
    /// How many ports short forms stand for.
    ports: usize,
    /// How many values services have got from those that they extend.
    extended: usize,
    /// How many values documents were laid over.
    covered: usize,
}

/// How many errors and how many warnings are told. Nobody reads more, and a large file could have one a line.
const MAX_FINDINGS: usize = 1000;

/// How many ports the short forms of a project may stand for.
pub(super) const MAX_PORTS: usize = 200_000;

/// How many values services may get from those that they extend, each time counted.
pub(super) const MAX_EXTENDED: usize = 1_000_000;

/// How many values documents may be laid over, each time counted: all of them are looked at again.
pub(super) const MAX_COVERED: usize = 5_000_000;

/// How much text variables may bring into a project, in bytes.
pub(super) const MAX_FILLED: usize = 16 << 20;

/// The marker that a stage found errors, which are in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed;

impl Report {
    /// Adds an error at a node.
    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: Span,
        path: &Path<'_>,
        message: impl Into<String>,
    ) {
        let error = self.placed(Diagnostic::error(code, message), span).path(path.to_string());
        self.push(error);
    }

    /// Adds an error at a node, with what to do about it.
    pub(super) fn error_hint(
        &mut self,
        code: &'static str,
        span: Span,
        path: &Path<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let error = self.placed(Diagnostic::error(code, message), span).path(path.to_string());
        self.push(error.hint(hint));
    }

    /// Adds an error, unless an earlier stage has refused what it is about.
    pub(super) fn push(&mut self, error: Diagnostic) {
        if self.errors.len() < MAX_FINDINGS && !self.is_refused(&error.path) {
            self.errors.push(error);
        }
    }

    /// Whether a path, one below it or one above it was refused. Whole sections are above too much to be meant.
    fn is_refused(&self, path: &str) -> bool {
        let path = path.strip_prefix('.').unwrap_or(path);
        let is_below = |path: &str, above: &str| behind(path, above).is_some();
        let is_object = path.contains('.');
        self.refused.iter().any(|refused| is_below(path, refused) || (is_object && is_below(refused, path)))
    }

    /// Returns the paths of the errors that have come since the last time. More about them is not told.
    pub(super) fn take_refused(&mut self) -> Vec<String> {
        let new = self.errors[self.healed..].iter().map(|error| error.path.clone());
        let paths: Vec<String> = new.filter(|path| !path.is_empty()).collect();
        self.healed = self.errors.len();
        self.refused.extend(paths.iter().cloned());
        paths
    }

    /// Says that nothing more is to be told about an object.
    pub(super) fn refuse_object(&mut self, path: &Path<'_>) {
        self.refused.insert(path.to_string());
    }

    /// Whether nothing more is to be told about an object.
    pub(super) fn is_refused_object(&self, path: &Path<'_>) -> bool {
        self.refused.contains(&path.to_string())
    }

    /// Says that a part of the project could not be read.
    pub(super) fn lacks_a_part(&mut self) {
        self.incomplete = true;
    }

    /// Whether a part of the project could not be read.
    pub(super) fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// Returns what was found: the errors, each once and in the order of their places, or the warnings.
    pub(super) fn finish(mut self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        if self.errors.is_empty() {
            return Ok(self.warnings);
        }
        self.errors.sort_by(|a, b| (&a.place, &a.message).cmp(&(&b.place, &b.message)));
        self.errors.dedup();
        Err(self.errors)
    }

    /// Adds an error that no file's line is to blame for.
    pub(super) fn plain(&mut self, code: &'static str, message: impl Into<String>) -> Failed {
        self.push(Diagnostic::error(code, message));
        Failed
    }

    /// Adds a warning at a node. The same warning at the same place is given once.
    pub(super) fn warning(
        &mut self,
        code: &'static str,
        span: Span,
        path: &Path<'_>,
        message: impl Into<String>,
    ) {
        if self.warnings.len() >= MAX_FINDINGS || !self.warned.insert((code, span, path.to_string())) {
            return;
        }
        let warning = self.placed(Diagnostic::warning(code, message), span).path(path.to_string());
        self.warnings.push(warning);
    }

    /// Counts text that variables have brought in. Returns whether it is too much.
    pub(super) fn fills_too_much(&mut self, bytes: usize) -> bool {
        self.filled += bytes;
        self.filled > MAX_FILLED
    }

    /// Counts ports of short forms. Returns whether there are too many.
    pub(super) fn are_too_many_ports(&mut self, ports: usize) -> bool {
        self.ports += ports;
        self.ports > MAX_PORTS
    }

    /// Counts values that a service gets from another. Returns whether there are too many.
    pub(super) fn extends_too_much(&mut self, values: usize) -> bool {
        self.extended += values;
        self.extended > MAX_EXTENDED
    }

    /// Counts values that another document is laid over. Returns whether there are too many.
    pub(super) fn covers_too_much(&mut self, values: usize) -> bool {
        self.covered += values;
        self.covered > MAX_COVERED
    }

    /// Returns the errors so far.
    #[cfg(test)]
    pub(super) fn errors(&self) -> &[Diagnostic] {
        &self.errors
    }

    /// Fails if there are errors.
    pub(super) fn check(&self) -> Result<(), Failed> {
        if self.errors.is_empty() { Ok(()) } else { Err(Failed) }
    }

    fn placed(&self, diagnostic: Diagnostic, span: Span) -> Diagnostic {
        match self.sources.place(span) {
            Some(place) => diagnostic.at(place),
            None => diagnostic,
        }
    }
}
