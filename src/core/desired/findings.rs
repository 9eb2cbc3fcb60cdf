//! What cannot be rendered, collected with its place in the file. Nothing is dropped: each finding is an error, except
//! for what changes nothing.

use crate::core::compose::Project;
use crate::core::diag::Diagnostic;
use crate::core::diag::Severity;

/// The errors of one rendering.
pub(super) struct Findings<'a> {
    project: &'a Project,
    errors: Vec<Diagnostic>,
}

impl<'a> Findings<'a> {
    /// Returns an empty collection for a project, which knows the places.
    pub(super) fn new(project: &'a Project) -> Self {
        Self { project, errors: Vec::new() }
    }

    /// Adds an error at a path of the document, such as `services.web.build`.
    pub(super) fn error(&mut self, code: &'static str, path: &str, message: impl Into<String>, hint: &str) {
        let mut error = Diagnostic::error(code, message).path(path);
        if !hint.is_empty() {
            error = error.hint(hint);
        }
        self.add(error);
    }

    /// Adds an error that has its path; its place is looked up if it has none.
    pub(super) fn add(&mut self, error: Diagnostic) {
        let known = || self.project.place(&error.path);
        let place = error.place.clone().or_else(known);
        self.errors.push(match place {
            Some(place) => error.at(place),
            None => error,
        });
    }

    /// Adds all errors of another collection.
    pub(super) fn extend(&mut self, other: Findings<'_>) {
        self.errors.extend(other.errors);
    }

    /// Returns how many errors there are.
    pub(super) fn len(&self) -> usize {
        self.errors.iter().filter(|error| error.severity == Severity::Error).count()
    }

    /// Returns the warnings if there is nothing else, all sorted.
    ///
    /// # Errors
    /// Fails with the errors.
    pub(super) fn split(self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let (errors, warnings): (Vec<_>, Vec<_>) =
            self.finish().into_iter().partition(|finding| finding.severity == Severity::Error);
        if errors.is_empty() { Ok(warnings) } else { Err(errors) }
    }

    /// Returns the errors, in the order of their places.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.errors.sort_by(|a, b| a.place.cmp(&b.place).then_with(|| a.path.cmp(&b.path)));
        self.errors
    }
}
