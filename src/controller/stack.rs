//! Which stacks a repository holds: what `evenkeel.yaml` lists, or else each folder with a compose file.

use crate::core::compose;
use crate::core::diag::Diagnostic;
use crate::core::model::EntryKind;
use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::model::Tree;
use crate::core::yaml;
use crate::core::yaml::Node;

/// As deep as folders are searched for compose files.
const DEEPEST: usize = 5;

/// A stack of a repository, as far as it is known without reading its Compose files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSpec {
    /// Its name.
    pub name: StackName,
    /// Its folder in the repository, without slashes at the ends; empty for the root.
    pub folder: String,
    /// Its Compose files, relative to the folder; empty for the default names.
    pub files: Vec<String>,
    /// Active profiles.
    pub profiles: Vec<String>,
    /// Files with variables, relative to the folder; empty for `.env`.
    pub env_files: Vec<String>,
    /// The Compose project's name, outranking the files; `None` for what they say.
    pub project: Option<String>,
    /// Stacks of the same source that must be well before.
    pub depends_on: Vec<StackName>,
    /// It is looked at and not touched.
    pub suspend: bool,
}

impl StackSpec {
    /// Returns a stack of a folder with everything else as the files say.
    pub fn of_folder(name: StackName, folder: impl Into<String>) -> Self {
        Self {
            name,
            folder: folder.into(),
            files: Vec::new(),
            profiles: Vec::new(),
            env_files: Vec::new(),
            project: None,
            depends_on: Vec::new(),
            suspend: false,
        }
    }
}

/// Finds the stacks below a folder of a tree: each folder with a compose file, named after the folder; the topmost
/// one after its `name:`, else after the source. Hidden folders are not searched, nor are `ignored` ones; a compose
/// file that another one includes is no stack of its own.
///
/// # Errors
/// Fails if two folders would have the same name, or if a folder's name is none for a stack.
pub fn find(
    tree: &dyn Tree,
    root: &str,
    source: &SourceName,
    ignored: &dyn Fn(&str) -> bool,
) -> Result<Vec<StackSpec>, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    search(tree, root, "", 0, ignored, &mut found);
    let included: Vec<String> = found.iter().flat_map(|folder| includes(tree, root, folder)).collect();
    let mut stacks: Vec<StackSpec> = Vec::new();
    for folder in found {
        let files = compose::discover(tree, &join(root, &folder)).unwrap_or_default();
        if files.iter().any(|file| included.contains(file)) {
            continue;
        }
        let wanted = match folder.rsplit('/').next() {
            Some(last) if !last.is_empty() => last.to_owned(),
            _ => top_name(tree, &files).unwrap_or_else(|| source.to_string()),
        };
        match StackName::new(wanted.as_str()) {
            Err(error) => problems.push(
                Diagnostic::error("stack-name", format!("folder `{folder}`: {error}"))
                    .hint("rename the folder, or list the stacks in `evenkeel.yaml`"),
            ),
            Ok(name) => match stacks.iter().find(|other| other.name == name) {
                Some(other) => problems.push(
                    Diagnostic::error(
                        "stack-name-twice",
                        format!("folders `{}` and `{folder}` would both be stack `{name}`", other.folder),
                    )
                    .hint("rename one of them, or list the stacks in `evenkeel.yaml`"),
                ),
                None => stacks.push(StackSpec::of_folder(name, folder)),
            },
        }
    }
    if problems.is_empty() { Ok(stacks) } else { Err(problems) }
}

/// Returns the path of a folder of the repository in the tree.
pub fn join(root: &str, folder: &str) -> String {
    crate::core::model::normalise(root, folder)
}

fn search(
    tree: &dyn Tree,
    root: &str,
    folder: &str,
    depth: usize,
    ignored: &dyn Fn(&str) -> bool,
    found: &mut Vec<String>,
) {
    let path = join(root, folder);
    if compose::discover(tree, &path).is_some() {
        found.push(folder.to_owned());
    }
    if depth == DEEPEST {
        return;
    }
    for entry in tree.list(&path).unwrap_or_default() {
        let below = if folder.is_empty() { entry.name.clone() } else { format!("{folder}/{}", entry.name) };
        if entry.kind == EntryKind::Folder && !entry.name.starts_with('.') && !ignored(&below) {
            search(tree, root, &below, depth + 1, ignored, found);
        }
    }
}

/// Returns the files that a folder's compose files include, as paths of the tree. What cannot be read includes
/// nothing: its own load will say what is wrong with it.
fn includes(tree: &dyn Tree, root: &str, folder: &str) -> Vec<String> {
    let path = join(root, folder);
    let mut all = Vec::new();
    for file in compose::discover(tree, &path).unwrap_or_default() {
        let Some(include) = top_level(tree, &file, "include") else { continue };
        let paths = include.as_list().unwrap_or_default().iter().flat_map(included_paths);
        all.extend(paths.map(|included| crate::core::model::normalise(&path, &included)));
    }
    all
}

/// An include is a path, or a mapping with one path or several.
fn included_paths(item: &Node) -> Vec<String> {
    let path = item.get("path").unwrap_or(item);
    let several = path.as_list().unwrap_or_default().iter();
    path.as_str().into_iter().chain(several.filter_map(Node::as_str)).map(str::to_owned).collect()
}

fn top_name(tree: &dyn Tree, files: &[String]) -> Option<String> {
    let name = files.iter().find_map(|file| top_level(tree, file, "name")?.as_str().map(str::to_owned));
    name.filter(|name| !name.contains('$'))
}

/// Reads one top-level key of a file that need not be sound.
fn top_level(tree: &dyn Tree, file: &str, key: &str) -> Option<Node> {
    let bytes = tree.read(file).ok()?;
    let mut sources = yaml::Sources::default();
    let index = sources.add(file);
    let text = String::from_utf8_lossy(&bytes);
    let documents = yaml::parse(&text, &sources, index, yaml::Limits::default()).ok()?;
    documents.iter().find_map(|document| document.get(key)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::MemoryTree;

    fn stacks(files: &[(&str, &str)]) -> Result<Vec<(String, String)>, Vec<Diagnostic>> {
        let tree = MemoryTree::new(files.iter().copied());
        let source = SourceName::new("lab").expect("a name");
        let found = find(&tree, "/r", &source, &|folder| folder == "drafts")?;
        Ok(found.into_iter().map(|stack| (stack.name.to_string(), stack.folder)).collect())
    }

    #[test]
    fn each_folder_with_a_compose_file_is_a_stack_named_after_it() {
        let found = stacks(&[
            ("/r/media/compose.yaml", ""),
            ("/r/apps/wiki/docker-compose.yml", ""),
            ("/r/.git/compose.yaml", ""),
            ("/r/drafts/x/compose.yaml", ""),
            ("/r/docs/readme.md", ""),
        ]);
        let wanted = [("wiki", "apps/wiki"), ("media", "media")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(found, Ok(wanted.to_vec()));
    }

    #[test]
    fn the_topmost_stack_is_named_after_its_name_or_the_source() {
        let name = |text| stacks(&[("/r/compose.yaml", text)]).expect("stacks")[0].0.clone();
        assert_eq!(name("name: home\nservices: {}\n"), "home");
        assert_eq!(name("services: {}\n"), "lab");
        assert_eq!(name("services:\n  a: &x {image: b}\n  c: *x\nname: later\n"), "later");
    }

    #[test]
    fn an_included_file_is_no_stack_of_its_own() {
        let found = stacks(&[
            ("/r/compose.yaml", "name: top\ninclude:\n  - a/compose.yaml\n  - path: [b/compose.yaml]\n"),
            ("/r/a/compose.yaml", ""),
            ("/r/b/compose.yaml", ""),
            ("/r/c/compose.yaml", ""),
        ])
        .expect("stacks");
        assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["top", "c"]);
    }

    #[test]
    fn two_folders_of_one_name_are_refused_with_both_named() {
        let problems =
            stacks(&[("/r/a/web/compose.yaml", ""), ("/r/b/web/compose.yaml", "")]).expect_err("twice");
        assert!(problems[0].message.contains("`a/web` and `b/web`"), "{}", problems[0]);
    }
}
