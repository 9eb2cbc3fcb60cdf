//! Commits and revisions, written as Flux writes them: `main@sha1:<40 hex>`.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use super::NameError;

/// A git commit's full id, 40 hexadecimal digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

impl CommitId {
    /// Returns the id if the text is 40 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit()))
            .then(|| Self(text.to_ascii_lowercase()))
    }

    /// Returns all 40 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first eight digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> Self {
        id.0
    }
}

impl TryFrom<String> for CommitId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a full commit id"))
    }
}

/// A commit and the ref it was found under; a folder without git has the ref alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision {
    /// The branch, tag or `HEAD` that was followed.
    pub reference: String,
    /// The commit; `None` for a plain folder.
    pub commit: Option<CommitId>,
}

impl Revision {
    /// Returns the revision of a commit found under a ref.
    pub fn of(reference: impl Into<String>, commit: CommitId) -> Self {
        Self { reference: reference.into(), commit: Some(commit) }
    }

    /// Returns the revision of a plain folder.
    pub fn folder() -> Self {
        Self { reference: "folder".into(), commit: None }
    }

    /// Returns `main@1a2b3c4d`, for people.
    pub fn short(&self) -> String {
        match &self.commit {
            Some(commit) => format!("{}@{}", self.reference, commit.short()),
            None => self.reference.clone(),
        }
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text.rsplit_once("@sha1:") {
            Some((reference, id)) => Some(Self::of(reference, CommitId::parse(id)?)),
            None => (!text.is_empty() && !text.contains('@'))
                .then(|| Self { reference: text.into(), commit: None }),
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.commit {
            Some(commit) => write!(f, "{}@sha1:{commit}", self.reference),
            None => f.write_str(&self.reference),
        }
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.to_string()
    }
}

impl TryFrom<String> for Revision {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text).ok_or_else(|| NameError::new("revision", text, "write it as `main@sha1:<40 hex>`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_reads_what_it_writes() {
        let text = "release/1.x@sha1:0123456789abcdef0123456789abcdef01234567";
        let revision = Revision::parse(text).expect("a revision");
        assert_eq!(revision.to_string(), text);
        assert_eq!(revision.short(), "release/1.x@01234567");
        assert_eq!(Revision::parse("folder"), Some(Revision::folder()));
        assert_eq!(Revision::parse("main@sha1:123"), None);
    }
}
