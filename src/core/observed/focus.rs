//! What a snapshot is taken for: how much of the engine has to be looked at for one stack.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::OwnLabels;
use super::State;
use crate::core::desired::Owner;
use crate::core::desired::label;

/// Whose containers a snapshot looks at closely, and which volumes it is about. Of all other containers, what a listing
/// says is enough: names, ports, states. The default is nobody's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Focus {
    /// Whose.
    pub owner: Option<Owner>,
    /// Compose projects, whoever runs them.
    pub projects: Vec<String>,
    /// The volumes' names on the engine.
    pub volumes: BTreeSet<String>,
}

impl Focus {
    /// Returns true if a container with these labels and in this state is looked at closely. So is one of any
    /// Evenkeel's that is between two runs: the host ports that it takes again are in no listing.
    pub fn is_on(&self, labels: &BTreeMap<String, String>, state: &State) -> bool {
        let own = OwnLabels::read(labels).map(|own| own.owner);
        let in_project = || {
            let project = labels.get(label::compose::PROJECT);
            project.is_some_and(|project| self.projects.contains(project))
        };
        match own {
            Some(_) if *state == State::Restarting => true,
            Some(owner) if self.owner.as_ref() == Some(&owner) => true,
            _ => in_project(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::InstanceId;
    use crate::core::model::SourceName;
    use crate::core::model::StackName;

    fn labels(stack: Option<&str>, project: &str) -> BTreeMap<String, String> {
        let own = stack.map(|stack| [(label::INSTANCE, "i"), (label::SOURCE, "s"), (label::STACK, stack)]);
        let all = own.into_iter().flatten().chain([(label::compose::PROJECT, project)]);
        all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_stacks_own_and_its_projects_containers_are_looked_at_closely() {
        let owner = Owner {
            instance: InstanceId::new("i").expect("an id"),
            source: SourceName::new("s").expect("a name"),
            stack: StackName::new("home").expect("a name"),
        };
        let focus = Focus { owner: Some(owner), projects: vec!["home".into()], volumes: BTreeSet::new() };
        let is_on = |stack, project| focus.is_on(&labels(stack, project), &State::Running);
        assert!(is_on(Some("home"), "its-former-project"));
        assert!(is_on(None, "home"), "Docker Compose's own container of the project");
        assert!(!is_on(Some("media"), "media") && !is_on(None, "media"));
        assert!(focus.is_on(&labels(Some("media"), "media"), &State::Restarting));
        assert!(!focus.is_on(&labels(None, "media"), &State::Restarting));
        assert!(!Focus::default().is_on(&labels(Some("home"), "home"), &State::Running));
    }
}
