//! What cannot be rendered, collected with its place in the file. Nothing is dropped: each finding is an error.

use crate::core::compose::Project;
use crate::core::diag::Diagnostic;

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

    /// Adds an error that has its path; its place is looked up.
    pub(super) fn add(&mut self, error: Diagnostic) {
        let place = self.project.place(&error.path);
        self.errors.push(match place {
            Some(place) => error.at(place),
            None => error,
        });
    }

    /// Adds all errors of another collection.
    pub(super) fn extend(&mut self, other: Findings<'_>) {
        self.errors.extend(other.errors);
    }

    /// Returns the errors, in the order of their places.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.errors.sort_by(|a, b| a.place.cmp(&b.place).then_with(|| a.path.cmp(&b.path)));
        self.errors
    }
}
