//! Reading files through the tree, within limits.

use super::report::Failed;
use super::report::Report;
use crate::core::diag::Diagnostic;
use crate::core::model::Tree;
use crate::core::model::TreeError;
use crate::core::yaml::Limits;
use crate::core::yaml::Node;
use crate::core::yaml::Span;
use crate::core::yaml::parse;

/// The largest file that is read, in bytes.
const MAX_FILE: usize = 4 << 20;

/// How many files one load may read, each time counted.
const MAX_FILES: usize = 2000;

/// How much one load may read in all, in bytes.
const MAX_READ: usize = 64 << 20;

/// The files of a load.
pub(super) struct Reader<'a> {
    tree: &'a dyn Tree,
    files: usize,
    bytes: usize,
}

/// A file that was read.
pub(super) struct Parsed {
    /// Its absolute path.
    pub(super) path: String,
    /// Its documents.
    pub(super) documents: Vec<Node>,
}

/// What makes a file be read, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Because {
    /// Where it is named; nowhere if by an option.
    pub(super) span: Span,
    /// What it is: `compose file`, `env file`.
    pub(super) kind: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tree: &'a dyn Tree) -> Self {
        Self { tree, files: 0, bytes: 0 }
    }

    /// Returns the tree for looking around.
    pub(super) fn tree(&self) -> &'a dyn Tree {
        self.tree
    }

    /// Reads a text. `Ok(None)` if nothing is there.
    pub(super) fn text(
        &mut self,
        path: &str,
        because: Because,
        report: &mut Report,
    ) -> Result<Option<String>, Failed> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(refuse(
                report,
                because,
                "limit-files",
                format!("more than {MAX_FILES} files are read"),
            ));
        }
        let kind = because.kind;
        let bytes = match self.tree.read(path) {
            Ok(bytes) => bytes,
            Err(TreeError::NotFound | TreeError::NotFolder) => return Ok(None),
            Err(error @ TreeError::Outside) => {
                let message = format!("{kind} {path}: {error}");
                return Err(refuse(report, because, "outside", message));
            }
            Err(error) => {
                return Err(refuse(report, because, "unreadable", format!("{kind} {path}: {error}")));
            }
        };
        if bytes.len() > MAX_FILE {
            let message = format!("{kind} {path}: the file is larger than {MAX_FILE} bytes");
            return Err(refuse(report, because, "limit-size", message));
        }
        self.bytes += bytes.len();
        if self.bytes > MAX_READ {
            let message = format!("{kind} {path}: more than {MAX_READ} bytes are read in all");
            return Err(refuse(report, because, "limit-size", message));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let message = format!("{kind} {path}: byte {at} is not UTF-8");
                Err(refuse(report, because, "encoding", message))
            }
        }
    }

    /// Reads the documents of Compose files. Those that cannot be read are left out, and reported.
    pub(super) fn all(&mut self, paths: &[String], because: Because, report: &mut Report) -> Vec<Parsed> {
        let mut files = Vec::new();
        for path in paths {
            match self.documents(path, because, report) {
                Ok(documents) => files.push(Parsed { path: path.clone(), documents }),
                Err(Failed) => report.lacks_a_part(),
            }
        }
        files
    }

    /// Reads the documents of a Compose file.
    pub(super) fn documents(
        &mut self,
        path: &str,
        because: Because,
        report: &mut Report,
    ) -> Result<Vec<Node>, Failed> {
        let Some(text) = self.text(path, because, report)? else {
            let message = format!("open {path}: no such file or directory");
            return Err(refuse(report, because, "no-file", message));
        };
        let file = report.sources.add(path);
        parse(&text, &report.sources, file, Limits::default()).map_err(|error| {
            report.push(error);
            Failed
        })
    }
}

fn refuse(report: &mut Report, because: Because, code: &'static str, message: String) -> Failed {
    let error = Diagnostic::error(code, message);
    let place = report.sources.place(because.span);
    report.push(match place {
        Some(place) => error.at(place),
        None => error,
    });
    Failed
}
