//! `evenkeel.yaml` at a repository's root: which stacks there are and in which order they go.
//!
//! Whoever may push writes this file, so it grants nothing: it names folders of the repository and can suspend.

use std::collections::BTreeMap;

use super::ConfigError;
use super::Loaded;
use super::host::document;
use super::host::split;
use super::host::unique_names;
use super::source::inner_path;
use crate::core::diag::Diagnostic;
use crate::core::diag::Place;
use crate::core::diag::did_you_mean;
use crate::core::model::StackName;
use crate::core::shape::Field;
use crate::core::shape::Section;
use crate::core::shape::Shape;
use crate::core::shape::Text;
use crate::core::shape::check;

const WORDS: Shape = Shape::List(&Shape::Text);

/// The keys of `evenkeel.yaml`.
pub const REPOSITORY: &[Field] = &[
    Field::new(
        "stacks",
        Shape::List(&Shape::Map(STACK)),
        "the stacks; if left out, each folder with a compose file is one",
    ),
    Field::new(
        "ignore",
        WORDS,
        "folders to leave out when stacks are looked for; `*` and `**` match any name and path",
    ),
];

const STACK: &[Field] = &[
    Field::new("name", Shape::Text, "what the stack is called").required(),
    Field::new(
        "path",
        Shape::Text,
        "its folder, seen from the folder of this file; if left out, the one with its name",
    ),
    Field::new("files", WORDS, "its compose files, seen from its folder, later ones over earlier ones"),
    Field::new("profiles", WORDS, "the profiles that are active"),
    Field::new(
        "envFiles",
        WORDS,
        "files with values for `${VARIABLES}`, seen from its folder, instead of `.env`",
    ),
    Field::new("dependsOn", WORDS, "the stacks that must be stable first"),
    Field::new("suspend", Shape::Flag, "look at the stack, but do not touch it").or("false"),
];

/// What a repository says about its stacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repository {
    /// The stacks, by unique names and without cycles; `None` if they are to be looked for.
    pub stacks: Option<Vec<StackEntry>>,
    ignore: Vec<String>,
}

/// A stack as a repository describes it. All paths are without `..` and without slashes at their ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackEntry {
    /// Its name.
    pub name: StackName,
    /// Its folder, seen from the folder of `evenkeel.yaml`; empty for that one itself.
    pub path: String,
    /// Its compose files, seen from its folder; empty for those that Compose would take.
    pub files: Vec<String>,
    /// The active profiles.
    pub profiles: Vec<String>,
    /// Files with values for interpolation, seen from its folder; empty for `.env`.
    pub env_files: Vec<String>,
    /// The stacks that must be stable first.
    pub depends_on: Vec<StackName>,
    /// If it is not to be touched.
    pub suspend: bool,
    /// Where it is described.
    pub place: Place,
}

impl Repository {
    /// The file's name.
    pub const FILE: &str = "evenkeel.yaml";

    /// Reads the file's content. `file` is its name in messages.
    ///
    /// # Errors
    /// Fails with all mistakes if there are any, such as stacks that wait for one another.
    pub fn read(bytes: &[u8], file: &str) -> Result<Loaded<Self>, ConfigError> {
        let value = document(bytes, file).map_err(|problem| ConfigError::Invalid(vec![problem]))?;
        let mut problems = check(&value, REPOSITORY);
        let root = Section::root(&value);
        let sections = root.sections("stacks");
        let names = unique_names(&sections, "stack", &mut problems);
        let stacks: Vec<StackEntry> =
            sections.iter().filter_map(|section| stack(section, &names, &mut problems)).collect();
        problems.extend(cycle(&stacks));
        let mut ignore = Vec::new();
        for pattern in root.texts("ignore") {
            ignore
                .extend(pattern.parse("bad-path", &mut problems, inner_path).filter(|path| !path.is_empty()));
        }
        let stacks = (!sections.is_empty()).then_some(stacks);
        split(Self { stacks, ignore }, problems)
    }

    /// Returns true if no stacks are to be looked for in a folder, given by its path without slashes at its ends.
    ///
    /// A pattern with a slash matches from the root, one without matches a folder of that name anywhere; what lies in
    /// a matched folder is matched too.
    pub fn ignores(&self, folder: &str) -> bool {
        let parts: Vec<&str> = folder.split('/').collect();
        self.ignore.iter().any(|pattern| {
            let pattern: Vec<&str> = pattern.split('/').collect();
            match pattern.as_slice() {
                [name] if *name != "**" => parts.iter().any(|part| name_matches(name, part)),
                path => (1..=parts.len()).any(|length| path_matches(path, &parts[..length])),
            }
        })
    }
}

fn stack(section: &Section<'_>, known: &[Text<'_>], problems: &mut Vec<Diagnostic>) -> Option<StackEntry> {
    let name = section.text("name")?.parse("bad-name", problems, StackName::new);
    let path = match section.text("path") {
        Some(path) => path.parse("bad-path", problems, inner_path),
        None => name.as_ref().map(|name| name.as_str().to_owned()),
    };
    let mut depends_on = Vec::new();
    for other in section.texts("dependsOn") {
        if known.iter().any(|name| name.text == other.text) {
            depends_on.extend(other.parse("bad-name", problems, StackName::new));
        } else {
            let problem = other.error("unknown-stack", format!("there is no stack `{}`", other.text));
            problems.push(match did_you_mean(other.text, known.iter().map(|name| name.text)) {
                Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                None => problem,
            });
        }
    }
    Some(StackEntry {
        files: paths(section, "files", problems),
        profiles: section.texts("profiles").iter().map(|profile| profile.text.to_owned()).collect(),
        env_files: paths(section, "envFiles", problems),
        depends_on,
        suspend: section.flag("suspend").unwrap_or(false),
        place: section.place().clone(),
        name: name?,
        path: path?,
    })
}

fn paths(section: &Section<'_>, key: &str, problems: &mut Vec<Diagnostic>) -> Vec<String> {
    let mut paths = Vec::new();
    for path in section.texts(key) {
        paths.extend(path.parse("bad-path", problems, inner_path));
    }
    paths
}

/// Returns an error with the way around if stacks wait for one another.
fn cycle(stacks: &[StackEntry]) -> Option<Diagnostic> {
    let mut waiting: BTreeMap<&StackName, &StackEntry> =
        stacks.iter().map(|stack| (&stack.name, stack)).collect();
    // What waits for nothing that is left can go; what is left in the end is in a cycle or waits for one.
    while let Some(free) = waiting
        .values()
        .find(|stack| stack.depends_on.iter().all(|other| !waiting.contains_key(other)))
        .map(|stack| &stack.name)
    {
        waiting.remove(free);
    }
    let mut stack = *waiting.values().next()?;
    let mut way: Vec<&StackName> = Vec::new();
    while !way.contains(&&stack.name) {
        way.push(&stack.name);
        let next = stack.depends_on.iter().find_map(|other| waiting.get(other));
        stack = next.expect("what is left waits for something that is left");
    }
    let start = way.iter().position(|name| **name == stack.name)?;
    let names: Vec<&str> = way[start..].iter().chain(&[&stack.name]).map(|name| name.as_str()).collect();
    let message = format!("stacks wait for one another: {}", names.join(" → "));
    Some(Diagnostic::error("cycle", message).at(stack.place.clone()).path("stacks"))
}

/// Matches a path part by part; `**` stands for any number of parts.
fn path_matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=path.len()).any(|skip| path_matches(rest, &path[skip..])),
        ([first, rest @ ..], [part, parts @ ..]) => name_matches(first, part) && path_matches(rest, parts),
        _ => false,
    }
}

/// Matches a name; `*` stands for any number of characters. The pieces between stars are found from the left, which
/// leaves the most for the last one.
fn name_matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        match name.find(piece) {
            Some(at) => name = &name[at + piece.len()..],
            None => return false,
        }
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Repository, String> {
        Repository::read(text.as_bytes(), "evenkeel.yaml")
            .map(|loaded| loaded.value)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_said_leaves_stacks_to_be_looked_for() {
        assert_eq!(read(""), Ok(Repository::default()));
        assert_eq!(read("stacks:\n").expect("read").stacks, None);
    }

    #[test]
    fn stacks_are_read_with_their_order() {
        let text = "\
stacks:
  - name: proxy
  - name: media
    path: ./apps/media/
    files: [compose.yaml, compose.prod.yaml]
    profiles: [gpu]
    envFiles: [prod.env]
    dependsOn: [proxy]
    suspend: true
";
        let stacks = read(text).expect("read").stacks.expect("stacks");
        assert_eq!(stacks[0].path, "proxy");
        let media = &stacks[1];
        assert_eq!(media.path, "apps/media");
        assert_eq!(media.files, ["compose.yaml", "compose.prod.yaml"]);
        assert_eq!(media.profiles, ["gpu"]);
        assert_eq!(media.env_files, ["prod.env"]);
        assert_eq!(media.depends_on, [StackName::new("proxy").expect("a name")]);
        assert!(media.suspend);
        assert_eq!(media.place.to_string(), "evenkeel.yaml:3:5");
    }

    #[test]
    fn mistakes_are_told_at_once() {
        let text = "\
stacks:
  - name: a
    path: ../b
  - name: a
    dependsOn: [bb]
  - name: b
    dependson: [a]
ignore: [/x]
";
        insta::assert_snapshot!(read(text).expect_err("mistakes"), @r"
        evenkeel.yaml:3:11: `../b` must be a folder in the repository, seen from its root
        evenkeel.yaml:4:11: another stack is called `a`, in line 2
        evenkeel.yaml:5:17: there is no stack `bb` (did you mean `b`?)
        evenkeel.yaml:7:5: unknown key `dependson` (did you mean `dependsOn`?)
        evenkeel.yaml:8:10: `/x` must be a folder in the repository, seen from its root
        ");
    }

    #[test]
    fn a_cycle_shows_its_way_and_not_what_waits_for_it() {
        let text = "stacks:\n- {name: a, dependsOn: [c]}\n- {name: b, dependsOn: [d]}\n- {name: c, dependsOn: [b]}\n\
                    - {name: d, dependsOn: [c]}\n";
        assert_eq!(
            read(text).expect_err("a cycle"),
            "evenkeel.yaml:4:3: stacks wait for one another: c → b → d → c"
        );
        assert!(read("stacks:\n- {name: a, dependsOn: [a]}").expect_err("a cycle").ends_with("a → a"));
    }

    #[test]
    fn folders_are_ignored_by_name_or_by_path() {
        let repository = read("ignore: [old, 'test-*', apps/*/dev, docs/**]").expect("read");
        for folder in ["old", "apps/old", "old/x", "a/test-1/b", "apps/web/dev", "apps/web/dev/x", "docs/a/b"]
        {
            assert!(repository.ignores(folder), "{folder}");
        }
        for folder in ["older", "a/test", "apps/dev", "apps/web", "x/apps/web/dev", ""] {
            assert!(!repository.ignores(folder), "{folder}");
        }
    }

    #[test]
    fn stars_match_any_part_of_a_name() {
        for (pattern, name, matches) in [
            ("*", "", true),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("a*a", "a", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*b", "a-b", false),
            ("*b*", "abc", true),
            ("**", "x", true),
        ] {
            assert_eq!(name_matches(pattern, name), matches, "{pattern} {name}");
        }
    }
}
