//! The stacks of a repository at a revision: those that `evenkeel.yaml` lists, or else those that are found.

use super::stack;
use super::stack::StackSpec;
use crate::config::ConfigError;
use crate::config::Repository;
use crate::config::StackEntry;
use crate::core::diag::Diagnostic;
use crate::core::model::Revision;
use crate::core::model::SourceName;
use crate::core::model::Tree as _;
use crate::git::GitSource;

/// Returns the stacks below a folder of the repository. Blocks.
///
/// # Errors
/// Fails if the commit cannot be read or its stacks cannot be told apart.
pub fn stacks(
    git: &GitSource,
    revision: &Revision,
    path: &str,
    source: &SourceName,
) -> Result<Vec<StackSpec>, Vec<Diagnostic>> {
    let Some(commit) = &revision.commit else { return Ok(Vec::new()) };
    let tree = git
        .tree(commit, "/")
        .map_err(|error| vec![Diagnostic::error("unreadable", error.to_string()).hint(error.hint())])?;
    let root = stack::join("/", path);
    let listed = match tree.read(&stack::join(&root, Repository::FILE)) {
        Ok(bytes) => read(&bytes)?,
        Err(_) => Repository::default(),
    };
    let mut stacks = match &listed.stacks {
        Some(entries) => entries.iter().map(of_entry).collect(),
        None => stack::find(&tree, &root, source, &|folder| listed.ignores(folder))?,
    };
    for stack in &mut stacks {
        let below = format!("{path}/{}", stack.folder);
        below.trim_matches('/').clone_into(&mut stack.folder);
    }
    Ok(stacks)
}

fn read(bytes: &[u8]) -> Result<Repository, Vec<Diagnostic>> {
    match Repository::read(bytes, Repository::FILE) {
        Ok(loaded) => {
            loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            Ok(loaded.value)
        }
        Err(ConfigError::Invalid(problems)) => Err(problems),
        Err(error) => Err(vec![Diagnostic::error("unreadable", error.to_string())]),
    }
}

fn of_entry(entry: &StackEntry) -> StackSpec {
    StackSpec {
        files: entry.files.clone(),
        profiles: entry.profiles.clone(),
        env_files: entry.env_files.clone(),
        depends_on: entry.depends_on.clone(),
        suspend: entry.suspend,
        ..StackSpec::of_folder(entry.name.clone(), entry.path.as_str())
    }
}
