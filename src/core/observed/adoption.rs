//! A Compose project that a stack has taken over from Docker Compose. Its containers lack our labels, which cannot be
//! added, so that who they belong to is said here until each is replaced for another reason.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::Container;
use super::Observed;
use super::OwnLabels;
use crate::core::desired::Owner;
use crate::core::desired::label;
use crate::core::model::ServiceName;

/// What is to be known of a project that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Adoption {
    /// The Compose project's name.
    pub project: String,
    /// The folder that it was started in. Paths below it are in its config hashes, so that files stay there.
    pub working_dir: String,
    /// The version of Docker Compose that made its containers.
    pub compose_version: String,
    /// The digest of what each service mounted when it was taken over.
    pub digests: BTreeMap<ServiceName, String>,
}

impl Adoption {
    /// Reads off a running project what its containers' labels say; `None` if no container of it is free to be taken.
    /// Digests are not among it: what a container mounts is no label of Compose's.
    pub fn of_project(observed: &Observed, project: &str) -> Option<Self> {
        let newest = free(observed, project).max_by_key(|found| found.created_at)?;
        let labels = &newest.request.as_ref()?.labels;
        let text = |key: &str| labels.get(key).cloned().unwrap_or_default();
        Some(Self {
            project: project.to_owned(),
            working_dir: text(label::compose::WORKING_DIR),
            compose_version: text(label::compose::VERSION),
            digests: BTreeMap::new(),
        })
    }

    /// Returns where the repository would have to be for `folder` in it to be the project's own folder: what the
    /// working folder ends in must be the folder in the repository.
    pub fn root(&self, folder: &str) -> Option<String> {
        let inside = self.working_dir.strip_suffix(folder)?;
        let root = if folder.is_empty() { inside } else { inside.strip_suffix('/')? };
        (!root.is_empty()).then(|| root.to_owned())
    }
}

/// Returns the projects that Docker Compose runs and no Evenkeel owns, by name.
pub fn free_projects(observed: &Observed) -> Vec<&str> {
    let mut names: Vec<&str> = observed
        .containers
        .iter()
        .filter(|found| found.own.is_none())
        .filter_map(|found| found.compose.as_ref())
        .map(|compose| compose.project.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn free<'a>(observed: &'a Observed, project: &'a str) -> impl Iterator<Item = &'a Container> {
    observed
        .containers
        .iter()
        .filter(move |c| c.own.is_none() && c.compose.as_ref().is_some_and(|c| c.project == project))
}

impl Observed {
    /// Lets the project's containers and networks that are nobody's count as the owner's.
    pub fn take_over(&mut self, owner: &Owner, adoption: &Adoption) {
        for found in &mut self.containers {
            let Some(compose) = found.compose.as_ref().filter(|c| c.project == adoption.project) else {
                continue;
            };
            if found.own.is_none() {
                let digest = adoption.digests.get(&compose.service).cloned().unwrap_or_default();
                found.own = Some(OwnLabels { owner: owner.clone(), revision: String::new(), digest });
            }
        }
        for found in self.networks.iter_mut().filter(|found| found.own.is_none()) {
            if found.request.labels.get(label::compose::PROJECT) == Some(&adoption.project) {
                let (revision, digest) = (String::new(), String::new());
                found.own = Some(OwnLabels { owner: owner.clone(), revision, digest });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adoption(working_dir: &str, version: &str) -> Adoption {
        Adoption {
            project: "home".into(),
            working_dir: working_dir.into(),
            compose_version: version.into(),
            digests: BTreeMap::new(),
        }
    }

    #[test]
    fn the_repository_is_laid_out_so_that_paths_stay_the_same() {
        let root = |dir: &str, folder: &str| adoption(dir, "2.40.3").root(folder);
        assert_eq!(root("/opt/lab/home", "home").as_deref(), Some("/opt/lab"));
        assert_eq!(root("/opt/lab", "").as_deref(), Some("/opt/lab"));
        assert_eq!(root("/opt/lab/stacks/home", "stacks/home").as_deref(), Some("/opt/lab"));
        assert_eq!(root("/opt/myhome", "home"), None, "half a name is none");
        assert_eq!(root("/home", "home"), None, "never the root of the disk");
        assert_eq!(root("/opt/lab", "home"), None);
    }
}
