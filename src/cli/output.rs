//! Printing: data to stdout, the rest to stderr. A reader that went away is no failure.

use std::io;
use std::io::Write as _;

use crate::core::diag::Diagnostic;
use crate::core::diag::Severity;

/// Why a command could not be done.
#[derive(Debug)]
pub(super) struct Problem {
    message: String,
    hint: Option<String>,
    findings: Vec<Diagnostic>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, findings: Vec::new() }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Mistakes in files; each line says where.
    pub(super) fn findings(findings: Vec<Diagnostic>) -> Self {
        Self { message: String::new(), hint: None, findings }
    }
}

impl From<crate::store::StoreError> for Problem {
    fn from(error: crate::store::StoreError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<crate::config::ConfigError> for Problem {
    fn from(error: crate::config::ConfigError) -> Self {
        match error {
            crate::config::ConfigError::Invalid(findings) => Self::findings(findings),
            error @ crate::config::ConfigError::Unreadable { .. } => Self::new(error.to_string()),
        }
    }
}

/// Prints data.
pub(super) fn data(text: &str) -> Result<(), Problem> {
    match anstream::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Problem::new(format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints data as JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Problem::new(format!("cannot be written as JSON: {error}")))?;
    data(&format!("{text}\n"))
}

/// Prints what is worth knowing.
pub(super) fn note(text: &str) {
    // Nobody is left to be told if this fails.
    writeln!(anstream::stderr(), "{text}").ok();
}

/// Prints a finding: `warning: FILE:LINE:COLUMN: …`.
pub(super) fn finding(finding: &Diagnostic) {
    let word = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    note(&format!("{word}: {}", Diagnostic { hint: None, ..finding.clone() }));
    if let Some(hint) = &finding.hint {
        note(&format!("hint: {hint}"));
    }
}

/// Prints why a command could not be done.
pub(super) fn problem(problem: &Problem) {
    problem.findings.iter().for_each(finding);
    if !problem.message.is_empty() {
        note(&format!("error: {}", problem.message));
    }
    if let Some(hint) = &problem.hint {
        note(&format!("hint: {hint}"));
    }
}
