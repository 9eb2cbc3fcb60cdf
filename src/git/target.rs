//! From what is followed and what the remote listed to the one object that is meant. Pure.

use git2::Oid;

use crate::core::diag::did_you_mean;
use crate::core::model::CommitId;

use super::error::GitError;
use super::remote::Listing;
use super::spec::Follow;

const BRANCHES: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";
/// How many branches an error names.
const NAMED: usize = 5;

/// What is followed, as the remote has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A branch or tag.
    Ref {
        /// The full name.
        name: String,
        /// What it points to: a commit, or a tag that stands for one.
        id: Oid,
    },
    /// A commit, which a remote does not list.
    Commit(CommitId),
}

impl Target {
    /// Returns the name without its prefix, for people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Ref { name, .. } => short(name).into(),
            Self::Commit(id) => id.short().into(),
        }
    }
}

/// Finds what is followed.
///
/// # Errors
/// Fails if the remote has nothing, or not this.
pub(super) fn find(follow: &Follow, listing: &Listing, url: &str) -> Result<Target, GitError> {
    if branches(listing).next().is_none() && !listing.refs.iter().any(|r| r.name.starts_with(TAGS)) {
        return Err(GitError::Empty { url: url.into() });
    }
    let name = match follow {
        Follow::Commit(id) => return Ok(Target::Commit(id.clone())),
        Follow::Default => default_branch(listing),
        Follow::Branch(_) | Follow::Tag(_) => follow.full_name(),
    };
    name.and_then(|name| {
        let found = listing.refs.iter().find(|reference| reference.name == name)?;
        Some(Target::Ref { id: found.id, name })
    })
    .ok_or_else(|| not_found(follow, listing, url))
}

/// Returns the error that says what is there instead.
pub(super) fn not_found(follow: &Follow, listing: &Listing, url: &str) -> GitError {
    let mut names: Vec<String> = branches(listing).map(str::to_owned).collect();
    if let Follow::Branch(wanted) = follow
        && let Some(meant) = did_you_mean(wanted, names.iter().map(String::as_str)).map(str::to_owned)
    {
        names.retain(|name| *name != meant);
        names.insert(0, meant);
    }
    names.truncate(NAMED);
    GitError::RefNotFound { url: url.into(), wanted: follow.to_string(), branches: names }
}

/// The one that the remote says; or the only one, as a new bare repository's HEAD often names a branch that is never
/// pushed.
fn default_branch(listing: &Listing) -> Option<String> {
    let said = listing.default.clone().filter(|name| listing.refs.iter().any(|r| r.name == *name));
    said.or_else(|| {
        let mut all = branches(listing);
        match (all.next(), all.next()) {
            (Some(only), None) => Some(format!("{BRANCHES}{only}")),
            _ => None,
        }
    })
}

fn branches(listing: &Listing) -> impl Iterator<Item = &str> {
    listing.refs.iter().filter_map(|reference| reference.name.strip_prefix(BRANCHES))
}

fn short(name: &str) -> &str {
    name.strip_prefix(BRANCHES).or_else(|| name.strip_prefix(TAGS)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::super::remote::RemoteRef;
    use super::*;

    fn listing(names: &[&str], default: Option<&str>) -> Listing {
        let refs = names.iter().map(|name| RemoteRef { name: (*name).into(), id: Oid::ZERO_SHA1 }).collect();
        Listing { refs, default: default.map(str::to_owned) }
    }

    #[test]
    fn the_only_branch_is_the_default_where_head_points_nowhere() {
        let one = listing(&["refs/heads/main", "refs/tags/v1"], None);
        assert_eq!(find(&Follow::Default, &one, "u").expect("found").shown(), "main");
        let dangling = listing(&["refs/heads/main"], Some("refs/heads/master"));
        assert_eq!(find(&Follow::Default, &dangling, "u").expect("found").shown(), "main");
        let two = listing(&["refs/heads/a", "refs/heads/b"], None);
        let error = find(&Follow::Default, &two, "u").expect_err("which one?").to_string();
        assert_eq!(error, "u has no default branch; its branches are a, b");
    }

    #[test]
    fn a_wrong_branch_names_those_that_exist_nearest_first() {
        let names: Vec<String> = ('a'..='h').map(|c| format!("refs/heads/{c}")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.push("refs/heads/production");
        let error = find(&Follow::Branch("prodcution".into()), &listing(&names, None), "u");
        let Err(GitError::RefNotFound { branches, wanted, .. }) = error else { panic!("{error:?}") };
        assert_eq!(branches, ["production", "a", "b", "c", "d"]);
        assert_eq!(wanted, "branch `prodcution`");
    }
}
