//! What a load has found so far: errors and warnings with their places.

use crate::core::diag::Diagnostic;
use crate::core::yaml::Path;
use crate::core::yaml::Sources;
use crate::core::yaml::Span;

/// The findings of a load. Stages add to it; the loader stops between two stages when there are errors.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The files that spans refer to.
    pub(super) sources: Sources,
    /// What keeps the project from loading.
    pub(super) errors: Vec<Diagnostic>,
    /// What does not.
    pub(super) warnings: Vec<Diagnostic>,
}

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
        self.errors.push(error);
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
        self.error(code, span, path, message);
        if let Some(last) = self.errors.pop() {
            self.errors.push(last.hint(hint));
        }
    }

    /// Adds an error that no file's line is to blame for.
    pub(super) fn plain(&mut self, code: &'static str, message: impl Into<String>) -> Failed {
        self.errors.push(Diagnostic::error(code, message));
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
        let warning = self.placed(Diagnostic::warning(code, message), span).path(path.to_string());
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
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
