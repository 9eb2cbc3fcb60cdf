//! The accepted differences, and the projects that Evenkeel cannot do yet. The file is a list of debts: an entry that
//! is not needed fails the suite.

use std::fs;

use serde::Deserialize;

use crate::snapshot::Difference;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Exceptions {
    differences: Vec<Exception>,
    not_yet: Vec<NotYet>,
}

/// Fields that may differ.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    /// The projects that it is for.
    projects: Vec<String>,
    /// The object and the field's path in it; `*` stands for any text.
    at: String,
    /// The versions of the engine's API that it is for; all, if none is named.
    #[serde(default)]
    api: Vec<String>,
    /// Why the difference is right.
    #[expect(dead_code, reason = "for people")]
    why: String,
}

/// A project that Evenkeel cannot do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotYet {
    project: String,
    /// What it says instead.
    says: String,
}

impl Exceptions {
    /// # Panics
    /// Panics if the file is not as it should be.
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string("tests/parity/exceptions.yaml").expect("tests/parity/exceptions.yaml");
        serde_yaml::from_str(&text).expect("exceptions")
    }

    /// The names of all projects that are named.
    pub(crate) fn projects(&self) -> Vec<String> {
        let of_differences = self.differences.iter().flat_map(|exception| exception.projects.iter());
        of_differences.chain(self.not_yet.iter().map(|not_yet| &not_yet.project)).cloned().collect()
    }

    /// What Evenkeel says of a project that it cannot do yet.
    pub(crate) fn not_yet(&self, project: &str) -> Option<&str> {
        let not_yet = self.not_yet.iter().find(|not_yet| not_yet.project == project)?;
        Some(&not_yet.says)
    }

    /// Returns what is wrong with a project: the differences that are not accepted, and the exceptions without one.
    pub(crate) fn judge(&self, project: &str, api: &str, differences: &[Difference]) -> Vec<String> {
        let is_here = |exception: &&Exception| {
            exception.projects.iter().any(|name| name == project)
                && (exception.api.is_empty() || exception.api.iter().any(|version| version == api))
        };
        let exceptions: Vec<&Exception> = self.differences.iter().filter(is_here).collect();
        let accepts = |exception: &Exception, found: &Difference| matches(&exception.at, &found.at);
        let wrong = differences
            .iter()
            .filter(|found| !exceptions.iter().any(|exception| accepts(exception, found)))
            .map(|found| format!("{}: {}", found.at, found.text));
        let unneeded = exceptions
            .iter()
            .filter(|exception| !differences.iter().any(|found| accepts(exception, found)))
            .map(|exception| format!("exceptions.yaml: nothing differs at {}: remove it", exception.at));
        wrong.chain(unneeded).collect()
    }
}

/// Whether the text is as the pattern, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).filter(|&at| rest.is_char_boundary(at)).any(|at| matches(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(at: &str) -> Difference {
        Difference { at: at.into(), text: "expected 1, got 2".into() }
    }

    fn exceptions(at: &str) -> Exceptions {
        let text = format!(
            "differences: [{{projects: [shop], at: '{at}', api: ['1.41'], why: because}}]\nnotYet: []\n"
        );
        serde_yaml::from_str(&text).expect("exceptions")
    }

    #[test]
    fn an_exception_is_for_its_field_its_projects_and_its_engines_alone() {
        let found = [difference("container shop-web-1/Config/Memory")];
        let exceptions = exceptions("container *-1/Config/Memory");
        assert_eq!(exceptions.judge("shop", "1.41", &found), [""; 0]);
        let wrong = ["container shop-web-1/Config/Memory: expected 1, got 2"];
        assert_eq!(exceptions.judge("shop", "1.51", &found), wrong);
        assert_eq!(exceptions.judge("blog", "1.41", &found), wrong);
        let other = [found[0].clone(), difference("container shop-web-1/Config/Cmd")];
        assert_eq!(
            exceptions.judge("shop", "1.41", &other),
            ["container shop-web-1/Config/Cmd: expected 1, got 2"]
        );
    }

    #[test]
    fn an_exception_that_is_not_needed_is_wrong() {
        let found = exceptions("container a/Config/Memory").judge("shop", "1.41", &[]);
        assert_eq!(found, ["exceptions.yaml: nothing differs at container a/Config/Memory: remove it"]);
    }
}
