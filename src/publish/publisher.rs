//! Brings the files of one stack to what is wanted.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::core::desired::content::MOST_BYTES;
use crate::core::desired::content::MountedContent;
use crate::core::desired::content::MountedFile;

use super::dir::Dir;
use super::dir::Found;
use super::dir::in_the_way;
use super::error::PublishError;
use super::manifest::Manifest;
use super::manifest::sha256;
use super::relative::ancestors;
use super::relative::below;
use super::relative::check_case;

/// A longer file is not one that was written.
const LONGEST: u64 = MOST_BYTES as u64 + 1;

/// Writes the files of one stack below one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    root: PathBuf,
}

/// What changed on the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// Files that were written, relative to the root.
    pub written: Vec<String>,
    /// Files that were removed.
    pub removed: Vec<String>,
    /// Files that are no longer wanted, but were changed by somebody else since they were written. They stay.
    pub kept: Vec<String>,
}

/// What is wanted, by path relative to the root.
struct Wanted<'a> {
    files: BTreeMap<String, &'a MountedFile>,
    /// Folders that must be there, those of the files included.
    folders: BTreeSet<String>,
}

impl Publisher {
    /// Returns a publisher for the stack whose files are below `root`, an absolute path.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns what [`Publisher::publish`] would write, make or remove, relative to the root; folders end in a slash.
    /// Changes nothing.
    ///
    /// # Errors
    /// Fails if [`Publisher::publish`] would fail before its first change.
    pub fn stale(&self, content: &MountedContent) -> Result<Vec<String>, PublishError> {
        let wanted = self.wanted(content)?;
        if !self.root.exists() {
            let folders = wanted.folders.iter().map(|folder| format!("{folder}/"));
            return Ok(wanted
                .files
                .into_keys()
                .chain(folders)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect());
        }
        let root = Dir::root(&self.root)?;
        let manifest = Manifest::load(&root)?;
        let mut stale = differing(&root, &wanted, &manifest)?;
        for folder in &wanted.folders {
            if walk_past(&root, folder, &manifest)?.is_none() {
                stale.push(format!("{folder}/"));
            }
        }
        stale.extend(manifest.files.into_keys().filter(|path| !wanted.files.contains_key(path)));
        stale.sort();
        Ok(stale)
    }

    /// Writes the files that are not there as wanted, and removes those that were written before and are no longer
    /// wanted. Mounted folders are made even if no file is in them. All paths are absolute and below the root.
    ///
    /// Files are replaced one by one, each in one step. What is in the way is found before anything is written.
    ///
    /// # Errors
    /// Fails if a path is refused, something that is not ours is in the way, or the disk does. If it fails after the
    /// first file was written, the next call goes on from there.
    pub fn publish(&self, content: &MountedContent) -> Result<Published, PublishError> {
        let wanted = self.wanted(content)?;
        if wanted.files.is_empty() && wanted.folders.is_empty() && !self.root.exists() {
            return Ok(Published::default());
        }
        let root = Dir::root(&self.root)?;
        let before = Manifest::load(&root)?;
        let mut manifest = before.clone();
        let differing = differing(&root, &wanted, &manifest)?;

        // On the list before on the disk: what a crash leaves behind is known to be ours.
        for path in &differing {
            manifest.files.entry(path.clone()).or_insert_with(|| sha256(&wanted.files[path].content));
        }
        for folder in &wanted.folders {
            if walk_past(&root, folder, &before)?.is_none() {
                manifest.folders.insert(folder.clone());
            }
        }
        if manifest != before {
            manifest.save(&root)?;
        }

        let mut done = Published::default();
        let stale = manifest.files.keys().filter(|path| !wanted.files.contains_key(*path)).cloned();
        let (blocking, rest): (Vec<String>, Vec<String>) = stale.partition(|path| wanted.is_blocked_by(path));
        remove_files(&root, &blocking, &mut manifest, &mut done)?;
        remove_folders(&root, &wanted, &mut manifest)?;
        for folder in &wanted.folders {
            make(&root, folder)?;
        }
        for path in differing {
            let file = wanted.files[&path];
            let (folder, name) = parent(&path);
            make(&root, folder)?.write(name, &file.content, file.executable)?;
            done.written.push(path);
        }
        remove_files(&root, &rest, &mut manifest, &mut done)?;
        remove_folders(&root, &wanted, &mut manifest)?;

        let now = wanted.files.iter().map(|(path, file)| (path.clone(), sha256(&file.content)));
        manifest.files.extend(now);
        if manifest != before {
            manifest.save(&root)?;
        }
        Ok(done)
    }

    fn wanted<'a>(&self, content: &'a MountedContent) -> Result<Wanted<'a>, PublishError> {
        let root = self.root.to_str().ok_or_else(|| PublishError::Refused {
            path: self.root.display().to_string(),
            rule: "the stack's folder has a name that is not UTF-8",
        })?;
        let root = root.trim_end_matches('/');
        let mut wanted = Wanted { files: BTreeMap::new(), folders: BTreeSet::new() };
        for file in &content.files {
            let path = below(root, &file.path)?;
            let refused = |rule| PublishError::Refused { path: file.path.clone(), rule };
            if path.is_empty() {
                return Err(refused("it is the stack's folder itself"));
            }
            wanted.folders.extend(ancestors(&path).map(str::to_owned));
            if wanted.files.insert(path, file).is_some_and(|before| before != file) {
                return Err(refused("it is wanted twice, with different content"));
            }
        }
        for folder in &content.folders {
            let path = below(root, folder)?;
            if !path.is_empty() {
                wanted.folders.extend(ancestors(&path).map(str::to_owned));
                wanted.folders.insert(path);
            }
        }
        if let Some(path) = wanted.files.keys().find(|path| wanted.folders.contains(*path)) {
            return Err(PublishError::Refused {
                path: path.clone(),
                rule: "it is wanted as a file and as a folder",
            });
        }
        check_case(wanted.files.keys().chain(&wanted.folders).map(String::as_str))?;
        Ok(wanted)
    }
}

impl Wanted<'_> {
    /// Returns true if a file is where a wanted folder goes, or in a folder where a wanted file goes.
    fn is_blocked_by(&self, path: &str) -> bool {
        self.folders.contains(path) || ancestors(path).any(|folder| self.files.contains_key(folder))
    }
}

/// Returns the files that are not there as wanted.
///
/// # Errors
/// Fails if something that is not ours is in the way of any.
fn differing(root: &Dir, wanted: &Wanted<'_>, ours: &Manifest) -> Result<Vec<String>, PublishError> {
    for folder in &wanted.folders {
        walk_past(root, folder, ours)?;
    }
    let mut differing = Vec::new();
    for (path, file) in &wanted.files {
        let (folder, name) = parent(path);
        let found = match walk_past(root, folder, ours)? {
            // One byte more than wanted tells a longer file.
            Some(dir) => dir.look(name, file.content.len() as u64 + 1)?,
            None => Found::Nothing,
        };
        match found {
            Found::File { content, executable }
                if content == file.content && executable == file.executable =>
            {
                continue;
            }
            Found::File { content, .. } if content == file.content => {}
            Found::File { .. } if ours.files.contains_key(path) => {}
            Found::File { .. } => return Err(PublishError::Foreign { path: root.at(path) }),
            // A folder of ours makes way if nothing else is in it; that shows when it is removed.
            Found::Folder if ours.folders.contains(path) => {}
            Found::Nothing => {}
            found => return Err(in_the_way(&root.at(path), &found)),
        }
        differing.push(path.clone());
    }
    Ok(differing)
}

/// Opens a folder; `None` if it is not there. A file of ours in its way counts as nothing, for it will make way.
fn walk_past(root: &Dir, folder: &str, ours: &Manifest) -> Result<Option<Dir>, PublishError> {
    if ancestors(folder).chain([folder]).any(|path| ours.files.contains_key(path)) {
        return Ok(None);
    }
    walk(root, folder)
}

/// Opens a folder; `None` if it is not there.
fn walk(root: &Dir, folder: &str) -> Result<Option<Dir>, PublishError> {
    let mut here = root.again()?;
    for name in folder.split('/').filter(|name| !name.is_empty()) {
        match here.enter(name)? {
            Some(dir) => here = dir,
            None => return Ok(None),
        }
    }
    Ok(Some(here))
}

/// Opens a folder, made if it is not there.
fn make(root: &Dir, folder: &str) -> Result<Dir, PublishError> {
    let mut here = root.again()?;
    for name in folder.split('/').filter(|name| !name.is_empty()) {
        here = here.make(name)?;
    }
    Ok(here)
}

/// Opens a folder of ours; `None` if it is not there any more, or something else is in its place.
fn walk_ours(root: &Dir, folder: &str) -> Result<Option<Dir>, PublishError> {
    match walk(root, folder) {
        Err(PublishError::Link { .. } | PublishError::InTheWay { .. }) => Ok(None),
        result => result,
    }
}

/// Removes files that are as they were written, and takes all of them off the list.
fn remove_files(
    root: &Dir,
    paths: &[String],
    manifest: &mut Manifest,
    done: &mut Published,
) -> Result<(), PublishError> {
    for path in paths {
        let (folder, name) = parent(path);
        if let Some(dir) = walk_ours(root, folder)?
            && let Found::File { content, .. } = dir.look(name, LONGEST)?
        {
            if manifest.files.get(path).is_some_and(|digest| sha256(&content) == *digest) {
                dir.remove(name)?;
                done.removed.push(path.clone());
            } else {
                done.kept.push(path.clone());
            }
        }
        manifest.files.remove(path);
    }
    Ok(())
}

/// Removes folders that we made, are not wanted, and are empty.
fn remove_folders(root: &Dir, wanted: &Wanted<'_>, manifest: &mut Manifest) -> Result<(), PublishError> {
    let unwanted: Vec<String> =
        manifest.folders.iter().rev().filter(|folder| !wanted.folders.contains(*folder)).cloned().collect();
    for path in unwanted {
        let (folder, name) = parent(&path);
        let gone = match walk_ours(root, folder)? {
            Some(dir) => dir.remove_empty(name)?,
            None => true,
        };
        if gone {
            manifest.folders.remove(&path);
        }
    }
    Ok(())
}

/// Splits a path into its folder, empty for the root, and its name.
fn parent(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
