//! The content behind a service's mounts: which repository files it sees, and one digest over them and its secrets.
//!
//! A mounted path that the tree has nothing at is an app's own data: it is neither read nor published.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use sha2::Digest;
use sha2::Sha256;

use super::Archive;
use super::Context;
use super::ImageBuild;
use super::MountedPath;
use super::View;
use super::content;
use super::findings::Findings;
use super::host;
use crate::core::compose::Project;
use crate::core::model::EntryKind;
use crate::core::model::Tree;

/// The content that one service sees.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Over everything in `parts`, by where it is mounted; empty if there is nothing.
    pub(super) digest: String,
    /// The sha256 of each file, by the path that the user knows it by.
    pub(super) parts: BTreeMap<String, String>,
}

/// Reads mounted paths of the tree, each once however many services mount it.
pub(super) struct Reader<'a> {
    tree: &'a dyn Tree,
    publish_root: Option<&'a str>,
    working_dir: &'a str,
    read: BTreeMap<String, Option<Read>>,
}

/// One mounted path.
#[derive(Clone)]
struct Read {
    digest: String,
    files: Vec<(String, String)>,
}

impl<'a> Reader<'a> {
    /// Returns a reader that has read nothing.
    pub(super) fn new(project: &'a Project, tree: &'a dyn Tree, context: &'a Context) -> Self {
        let publish_root = context.publish_root.as_deref();
        Self { tree, publish_root, working_dir: &project.working_dir, read: BTreeMap::new() }
    }

    /// Returns what has to be published: the repository's files and folders that were found mounted.
    pub(super) fn published(self) -> Vec<MountedPath> {
        if self.publish_root.is_none() {
            return Vec::new();
        }
        let found = self.read.into_iter().filter(|(_, read)| read.is_some());
        found.map(|(path, _)| MountedPath { path }).collect()
    }

    /// Returns the content that a service sees through its mounts, its secrets, its security options and its image, if
    /// that is built.
    pub(super) fn seen(
        &mut self,
        view: &View<'_>,
        mounts: &[Source],
        archives: &[(String, Archive)],
        build: Option<&ImageBuild>,
        findings: &mut Findings<'_>,
    ) -> Seen {
        let mut digests: BTreeSet<(String, String)> = BTreeSet::new();
        let mut parts = BTreeMap::new();
        for mount in mounts {
            match self.read(&mount.path) {
                Ok(None) => {}
                Ok(Some(read)) => {
                    digests.insert((mount.target.clone(), read.digest));
                    let known = |path| as_written(path, &view.project.working_dir);
                    parts.extend(read.files.iter().map(|(path, sha)| (known(path), sha.clone())));
                }
                Err(error) => {
                    let hint = "a commit must have all that is mounted from it";
                    findings.error("unreadable-mount", &view.path(&mount.field), error.to_string(), hint);
                }
            }
        }
        for (name, archive) in archives {
            let sha = salted(view, name, archive.content.expose());
            digests.insert((archive.path.clone(), sha.clone()));
            parts.insert(name.clone(), sha);
        }
        for path in host::seccomp_profiles(view) {
            if let Ok(profile) = self.tree.read(&path) {
                let sha = sha256(&[&profile]);
                digests.insert((path.clone(), sha.clone()));
                parts.insert(as_written(&path, &view.project.working_dir), sha);
            }
        }
        if let Some(build) = build {
            digests.insert(("build".into(), build.digest.clone()));
            parts.insert(format!("build {}", build.shown), build.digest.clone());
        }
        let flat: Vec<&[u8]> = digests.iter().flat_map(|(at, sha)| [at.as_bytes(), sha.as_bytes()]).collect();
        let digest = if flat.is_empty() { String::new() } else { sha256(&flat) };
        Seen { digest, parts }
    }

    fn read(&mut self, path: &str) -> Result<Option<Read>, content::MountError> {
        if !self.is_ours(path) {
            return Ok(None);
        }
        if let Some(read) = self.read.get(path) {
            return Ok(read.clone());
        }
        let read = content::read_mount(self.tree, path)?.map(|files| Read {
            digest: content::digest(path, &files),
            files: files.into_iter().map(|file| (file.path, sha256(&[&file.content]))).collect(),
        });
        self.read.insert(path.into(), read.clone());
        Ok(read)
    }

    /// Returns true if the path may be the repository's. Of a plain folder that is the project's, in which apps keep
    /// their data beside the files: single files count there and folders do not.
    fn is_ours(&self, path: &str) -> bool {
        match self.publish_root {
            Some(root) => {
                path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            None => {
                is_below(self.working_dir, path)
                    && matches!(self.tree.kind(path), Ok(Some(EntryKind::File { .. })))
            }
        }
    }
}

/// Returns true if the path is the folder or in it.
pub(super) fn is_below(folder: &str, path: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path of the host that is mounted.
pub(super) struct Source {
    /// The absolute path.
    pub(super) path: String,
    /// Where it is in the container.
    pub(super) target: String,
    /// The field of the service that says so.
    pub(super) field: String,
}

/// Returns all paths of the host that the service mounts: binds, files of secrets and configs, and volumes that are
/// binds in disguise.
pub(super) fn sources(view: &View<'_>) -> Vec<Source> {
    let volumes = view.service.volumes.iter().enumerate().filter_map(|(index, volume)| {
        let path = match volume.r#type.as_str() {
            "bind" => volume.source.as_str(),
            "volume" => view.project.volumes.get(&volume.source)?.driver_opts.get("device")?,
            _ => return None,
        };
        Some((path, volume.target.clone(), format!("volumes[{index}]")))
    });
    let secrets = view.service.secrets.iter().enumerate().filter_map(|(index, secret)| {
        let path = &view.project.secrets.get(&secret.source)?.file;
        Some((path.as_str(), format!("secret {}", secret.target), format!("secrets[{index}]")))
    });
    let configs = view.service.configs.iter().enumerate().filter_map(|(index, config)| {
        let path = &view.project.configs.get(&config.source)?.file;
        let target = if config.target.is_empty() { &config.source } else { &config.target };
        Some((path.as_str(), format!("config {target}"), format!("configs[{index}]")))
    });
    let all = volumes.chain(secrets).chain(configs).filter(|(path, ..)| path.starts_with('/'));
    all.map(|(path, target, field)| Source { path: path.to_owned(), target, field }).collect()
}

/// Returns the path as it would be written in the project's file.
pub(super) fn as_written(path: &str, working_dir: &str) -> String {
    if path == working_dir {
        return ".".into();
    }
    match path.strip_prefix(working_dir).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) => format!("./{rest}"),
        None => path.into(),
    }
}

/// A digest of a value that may be secret. It ends up in a label, so equal values of two stacks must not look alike.
fn salted(view: &View<'_>, name: &str, value: &str) -> String {
    let owner = &view.context.owner;
    let salt = [owner.instance.as_str(), owner.source.as_str(), owner.stack.as_str(), name];
    let mut parts: Vec<&[u8]> = salt.iter().map(|part| part.as_bytes()).collect();
    parts.push(value.as_bytes());
    sha256(&parts)
}

/// The digest of one part is its sha256; that of several also depends on where they are split.
fn sha256(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        if parts.len() > 1 {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        }
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
