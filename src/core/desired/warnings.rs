//! What renders, but not as its author may think.

use std::collections::BTreeMap;

use super::Context;
use super::build;
use super::mounted;
use crate::core::compose::Project;
use crate::core::compose::types::FileObject;
use crate::core::compose::types::FileReference;
use crate::core::compose::types::Service;
use crate::core::diag::Diagnostic;
use crate::core::model::Tree;

/// Prefixes of labels that Compose and Evenkeel keep for themselves.
const RESERVED: [&str; 2] = ["com.docker.compose.", "dev.evenkeel."];

/// Returns what is ignored or overridden when the project is rendered, and what the host must have by itself.
pub fn warnings(project: &Project, tree: &dyn Tree, context: &Context) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, service) in &project.services {
        let in_service = in_service(project, service).into_iter();
        found.extend(
            in_service.map(|(code, field, message)| (code, format!("services.{name}.{field}"), message)),
        );
    }
    if let Some(root) = &context.publish_root {
        found.extend(not_committed(tree, root, "secrets", &project.secrets));
        found.extend(not_committed(tree, root, "configs", &project.configs));
    }
    let warning = |(code, path, message): Found| {
        let warning = Diagnostic::warning(code, message);
        let place = project.place(&path);
        let warning = warning.path(path);
        match place {
            Some(place) => warning.at(place),
            None => warning,
        }
    };
    found.into_iter().map(warning).collect()
}

/// A code, a path in the document, and a message.
type Found = (&'static str, String, String);

fn in_service(project: &Project, service: &Service) -> Vec<Found> {
    let mut found = Vec::new();
    if service.build.is_some() && build::built(service).is_none() {
        let message =
            format!("`build` is ignored: `pull_policy` is `{}`, which pulls the image", service.pull_policy);
        found.push(("build-ignored", "build".into(), message));
    }
    if service.credential_spec.is_some() {
        let message = "`credential_spec` is for Windows containers and ignored".into();
        found.push(("ignored", "credential_spec".into(), message));
    }
    for label in service.labels.keys().filter(|label| RESERVED.iter().any(|p| label.starts_with(p))) {
        let message = format!("the label `{label}` is in a reserved name space and may be overridden");
        found.push(("reserved-label", format!("labels.{label}"), message));
    }
    found.extend(ignored_owners("secrets", &service.secrets, &project.secrets));
    found.extend(ignored_owners("configs", &service.configs, &project.configs));
    found
}

/// A file of the host is mounted as it is.
fn ignored_owners<'a>(
    list: &'a str,
    references: &'a [FileReference],
    objects: &'a BTreeMap<String, FileObject>,
) -> impl Iterator<Item = Found> + 'a {
    references.iter().enumerate().filter_map(move |(index, reference)| {
        let is_file = objects.get(&reference.source).is_some_and(|object| !object.file.is_empty());
        let has_owner = !reference.uid.is_empty() || !reference.gid.is_empty() || reference.mode.is_some();
        (is_file && has_owner).then(|| {
            let message = format!(
                "`uid`, `gid` and `mode` of `{}` are ignored: it is a file of the host",
                reference.source
            );
            ("ignored", format!("{list}[{index}]"), message)
        })
    })
}

/// Files that the repository does not have may be there on the host: that is how secrets are kept out of a repository.
fn not_committed<'a>(
    tree: &'a dyn Tree,
    root: &'a str,
    list: &'a str,
    objects: &'a BTreeMap<String, FileObject>,
) -> impl Iterator<Item = Found> + 'a {
    objects.iter().filter_map(move |(key, object)| {
        let file = &object.file;
        let missing = mounted::is_below(root, file) && matches!(tree.kind(file), Ok(None));
        missing.then(|| {
            let message = format!("the repository has no such file: it must be on the host as {file}");
            ("not-in-repository", format!("{list}.{key}.file"), message)
        })
    })
}
