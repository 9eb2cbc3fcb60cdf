//! Diagnostics as data: code, message, place, path, hint. Collected by the loaders, printed by `cli` alone.

mod render;

use std::fmt;

use serde::Serialize;

pub use render::annotation;
pub use render::snippet;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look; the project loads.
    Warning,
    /// The project does not load.
    Error,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file, as the loader names it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// A stable id such as `unknown-key`, to search for and to silence.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, without the place.
    pub message: String,
    /// Where, if a file is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The path in the document, such as `services.web.ports[0]`; empty if there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Returns an error without place, path and hint.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            place: None,
            path: String::new(),
            hint: None,
        }
    }

    /// Returns a warning without place, path and hint.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Says where it is.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Says where in the document it is.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Names files below `root` as they are named in the repository that is laid out there.
    #[must_use]
    pub fn below(mut self, root: &str) -> Self {
        let (inside, top) = (format!("{}/", root.trim_end_matches('/')), root.trim_end_matches('/'));
        let shorten = |text: &str| text.replace(&inside, "").replace(top, "the repository's root");
        self.message = shorten(&self.message);
        self.hint = self.hint.as_deref().map(shorten);
        self.place = self.place.map(|place| Place { file: shorten(&place.file), ..place });
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// What is longer is no slip of the pen.
const LONGEST_MEANT: usize = 100;

/// How many candidates are looked at: suggestions must not make a large file slow.
const MOST_CANDIDATES: usize = 500;

/// Returns the candidate that was most likely meant: at most a third of the letters (rounded up) differ.
pub fn did_you_mean<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > LONGEST_MEANT {
        return None;
    }
    let limit = (text.chars().count().div_ceil(3)).max(1);
    candidates
        .into_iter()
        .take(MOST_CANDIDATES)
        .filter(|candidate| candidate.len() <= 2 * LONGEST_MEANT)
        .map(|candidate| (distance(text, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_found_and_a_far_one_is_not() {
        let keys = ["image", "interval", "ports"];
        assert_eq!(did_you_mean("intervall", keys), Some("interval"));
        assert_eq!(did_you_mean("imgae", keys), Some("image"));
        assert_eq!(did_you_mean("port", keys), Some("ports"));
        assert_eq!(did_you_mean("zzz", keys), None);
    }

    #[test]
    fn files_are_named_as_they_were_pushed() {
        let place = Place { file: "/data/lab/web/compose.yaml".into(), line: 3, column: 5 };
        let finding = Diagnostic::error("x", "/data/lab/web/a.env not found in /data/lab")
            .at(place)
            .hint("create /data/lab/web/a.env")
            .below("/data/lab");
        assert_eq!(
            finding.to_string(),
            "web/compose.yaml:3:5: web/a.env not found in the repository's root (create web/a.env)"
        );
    }

    #[test]
    fn a_diagnostic_reads_as_one_line() {
        let place = Place { file: "compose.yaml".into(), line: 3, column: 5 };
        let text =
            Diagnostic::error("unknown-key", "unknown key `imgae`").at(place).hint("did you mean `image`?");
        assert_eq!(text.to_string(), "compose.yaml:3:5: unknown key `imgae` (did you mean `image`?)");
    }
}
