//! Publishing to a real folder, peacefully and under attack.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::core::desired::content::MountedContent;
use crate::core::desired::content::MountedFile;

/// A stack's folder with something precious beside it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("stack")).expect("made");
        fs::create_dir(folder.path().join("precious")).expect("made");
        fs::write(folder.path().join("precious/x"), "mine").expect("written");
        Self { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("stack")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    fn path(&self, path: &str) -> String {
        self.at(path).display().to_string()
    }

    fn file(&self, path: &str, content: &str) -> MountedFile {
        MountedFile { path: self.path(path), content: content.into(), executable: false }
    }

    fn publish(&self, files: &[(&str, &str)]) -> Result<Published, PublishError> {
        self.publish_with(files, &[])
    }

    fn publish_with(&self, files: &[(&str, &str)], folders: &[&str]) -> Result<Published, PublishError> {
        let files: Vec<MountedFile> = files.iter().map(|(path, content)| self.file(path, content)).collect();
        let folders: Vec<String> = folders.iter().map(|path| self.path(path)).collect();
        Publisher::new(self.root()).publish(&MountedContent { files, folders })
    }

    fn write(&self, path: &str, content: &str) {
        fs::create_dir_all(self.at(path).parent().expect("a parent")).expect("made");
        fs::write(self.at(path), content).expect("written");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).expect("read")
    }

    /// Returns all files and folders below, the list left out.
    fn all(&self) -> BTreeSet<String> {
        fn walk(folder: &std::path::Path, root: &std::path::Path, found: &mut BTreeSet<String>) {
            for entry in fs::read_dir(folder).expect("read") {
                let path = entry.expect("an entry").path();
                found.insert(path.strip_prefix(root).expect("below").display().to_string());
                if path.is_dir() && !path.is_symlink() {
                    walk(&path, root, found);
                }
            }
        }
        let mut found = BTreeSet::new();
        walk(&self.root(), &self.root(), &mut found);
        found.remove(".evenkeel-manifest.json");
        found
    }

    fn assert_precious(&self) {
        let entries: Vec<_> = fs::read_dir(self.folder.path().join("precious")).expect("read").collect();
        assert_eq!(entries.len(), 1, "nothing was put beside it");
        assert_eq!(fs::read_to_string(self.folder.path().join("precious/x")).expect("read"), "mine");
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn files_are_written_once_and_only_what_differs_is_touched() {
    let place = Place::new();
    let first = place.publish(&[("conf/a", "1"), ("b", "2")]).expect("published");
    assert_eq!(first, Published { written: names(&["b", "conf/a"]), ..Published::default() });
    let before: Vec<(u64, i64)> = ["conf/a", "b", ".evenkeel-manifest.json"]
        .map(|path| fs::metadata(place.at(path)).expect("there"))
        .map(|meta| (meta.ino(), meta.mtime_nsec()))
        .into();
    assert_eq!(place.publish(&[("conf/a", "1"), ("b", "2")]), Ok(Published::default()));
    let after: Vec<(u64, i64)> = ["conf/a", "b", ".evenkeel-manifest.json"]
        .map(|path| fs::metadata(place.at(path)).expect("there"))
        .map(|meta| (meta.ino(), meta.mtime_nsec()))
        .into();
    assert_eq!(before, after, "nothing was written");

    let second = place.publish(&[("conf/a", "11"), ("b", "2")]).expect("published");
    assert_eq!(second.written, names(&["conf/a"]));
    assert_eq!(place.read("conf/a"), "11");
}

#[test]
fn modes_are_as_in_git_whatever_they_were() {
    let place = Place::new();
    let mut run = place.file("run.sh", "x");
    let publisher = Publisher::new(place.root());
    let mode = |path: &str| fs::metadata(place.at(path)).expect("there").permissions().mode() & 0o777;
    let publish = |run: &MountedFile| {
        let files = vec![run.clone(), place.file("conf/a", "")];
        publisher.publish(&MountedContent { files, folders: vec![] }).expect("published")
    };
    publish(&run);
    assert_eq!((mode("run.sh"), mode("conf"), mode("conf/a")), (0o644, 0o755, 0o644));
    run.executable = true;
    assert_eq!((publish(&run).written, mode("run.sh")), (names(&["run.sh"]), 0o755));
}

#[test]
fn what_is_no_longer_wanted_goes_and_what_the_app_made_stays() {
    let place = Place::new();
    place.publish(&[("conf/a", "1"), ("conf/deep/b", "2"), ("data/c", "3")]).expect("published");
    place.write("data/app.db", "rows");
    let done = place.publish(&[("conf/a", "1")]).expect("published");
    assert_eq!(done.removed, names(&["conf/deep/b", "data/c"]));
    assert_eq!(place.all(), ["conf", "conf/a", "data", "data/app.db"].map(String::from).into());

    fs::remove_file(place.at("data/app.db")).expect("removed");
    place.publish(&[]).expect("published");
    assert!(place.all().is_empty(), "folders that were made go when they are empty");
    assert!(!place.at(".evenkeel-manifest.json").exists());
    place.assert_precious();
}

#[test]
fn folders_that_were_there_stay_though_they_are_empty() {
    let place = Place::new();
    fs::create_dir(place.at("theirs")).expect("made");
    place.publish(&[("theirs/a", "1")]).expect("published");
    place.publish(&[]).expect("published");
    assert_eq!(place.all(), ["theirs".to_owned()].into());
}

#[test]
fn an_empty_mounted_folder_is_made() {
    let place = Place::new();
    place.publish_with(&[], &["conf/sites"]).expect("published");
    assert!(place.at("conf/sites").is_dir());
    place.publish(&[]).expect("published");
    assert!(place.all().is_empty());
}

#[test]
fn a_file_that_the_app_wrote_is_in_the_way_unless_it_is_the_same() {
    let place = Place::new();
    place.write("conf/a", "theirs");
    let error = place.publish(&[("b", "1"), ("conf/a", "ours")]).expect_err("refused");
    assert_eq!(error, PublishError::Foreign { path: place.at("conf/a") });
    assert_eq!(place.all(), ["conf", "conf/a"].map(String::from).into(), "nothing was written");
    assert_eq!(place.read("conf/a"), "theirs");
    place.publish(&[("conf/a", "theirs")]).expect("the same content is taken over");
    place.publish(&[("conf/a", "ours")]).expect("and is ours from then on");
    assert_eq!(place.read("conf/a"), "ours");
}

#[test]
fn a_file_of_ours_that_was_changed_is_put_right_but_not_removed() {
    let place = Place::new();
    place.publish(&[("a", "1")]).expect("published");
    place.write("a", "changed");
    assert_eq!(place.publish(&[("a", "1")]).expect("published").written, names(&["a"]));
    place.write("a", "changed");
    let done = place.publish(&[]).expect("published");
    assert_eq!(done, Published { kept: names(&["a"]), ..Published::default() });
    assert_eq!(place.read("a"), "changed");
}

#[test]
fn a_file_may_become_a_folder_and_back() {
    let place = Place::new();
    place.publish(&[("a", "1")]).expect("published");
    place.publish(&[("a/b/c", "2")]).expect("published");
    assert_eq!(place.read("a/b/c"), "2");
    place.publish(&[("a", "3")]).expect("published");
    assert_eq!(place.read("a"), "3");

    place.publish(&[("a/b", "4")]).expect("published");
    place.write("a/app.db", "rows");
    let error = place.publish(&[("a", "5")]).expect_err("the app's file is in the folder");
    assert_eq!(error, PublishError::InTheWay { path: place.at("a"), there: "a folder" });
    assert_eq!(place.read("a/app.db"), "rows");
}

#[test]
fn no_link_below_the_root_is_followed() {
    for (link, target, wanted) in [
        ("conf", "../precious", "conf/x"),
        ("conf", "../precious", "conf/new/x"),
        ("deep/conf", "../../precious", "deep/conf/x"),
        ("conf/x", "../../precious/x", "conf/x"),
        ("conf/x", "../../precious/new", "conf/x"),
    ] {
        let place = Place::new();
        fs::create_dir_all(place.at(link).parent().expect("a parent")).expect("made");
        symlink(target, place.at(link)).expect("linked");
        let result = place.publish(&[("fine", "1"), (wanted, "evil")]);
        assert_eq!(result, Err(PublishError::Link { path: place.at(link) }), "{wanted} through {link}");
        let result = place.publish_with(&[], &[wanted]);
        assert_eq!(result, Err(PublishError::Link { path: place.at(link) }), "{wanted} through {link}");
        assert!(!place.at("fine").exists(), "nothing was written");
        place.assert_precious();
    }
}

#[test]
fn a_link_put_in_the_place_of_ours_is_neither_written_through_nor_removed_through() {
    let place = Place::new();
    place.publish(&[("conf/x", "ours")]).expect("published");
    fs::remove_dir_all(place.at("conf")).expect("removed");
    symlink("../precious", place.at("conf")).expect("linked");
    assert!(matches!(place.publish(&[("conf/x", "evil")]), Err(PublishError::Link { .. })));
    assert_eq!(place.publish(&[]), Ok(Published::default()), "it is not there any more");
    assert!(place.at("conf").is_symlink());
    place.assert_precious();

    let place = Place::new();
    place.publish(&[("x", "mine")]).expect("published");
    fs::remove_file(place.at("x")).expect("removed");
    symlink("../precious/x", place.at("x")).expect("linked");
    assert!(matches!(place.publish(&[("x", "evil")]), Err(PublishError::Link { .. })));
    place.publish(&[]).expect("published");
    place.assert_precious();
}

#[test]
fn an_unfinished_file_of_a_crash_is_no_trap() {
    let place = Place::new();
    symlink("../precious/x", place.at(".evenkeel-unfinished")).expect("linked");
    place.publish(&[("a", "1")]).expect("published");
    assert_eq!(place.all(), ["a".to_owned()].into());
    place.assert_precious();
}

#[test]
fn a_list_that_somebody_else_wrote_reaches_nothing_outside() {
    let place = Place::new();
    let digest = manifest::sha256(b"mine");
    let evil = format!(
        r#"{{"files": {{"../precious/x": "{digest}", "/etc/passwd": "{digest}"}}, "folders": ["../precious", ".."]}}"#
    );
    place.write(".evenkeel-manifest.json", &evil);
    assert_eq!(place.publish(&[]), Ok(Published::default()));
    place.assert_precious();

    place.write(".evenkeel-manifest.json", "{}");
    assert!(matches!(place.publish(&[("a", "1")]), Err(PublishError::Manifest { .. })));
    fs::remove_file(place.at(".evenkeel-manifest.json")).expect("removed");
    symlink("../precious/x", place.at(".evenkeel-manifest.json")).expect("linked");
    assert!(matches!(place.publish(&[("a", "1")]), Err(PublishError::Link { .. })));
    place.assert_precious();
}

#[test]
fn a_pipe_in_the_way_is_not_waited_for() {
    let place = Place::new();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, place.at("a"), rustix::fs::FileType::Fifo, mode, 0).expect("made");
    assert!(matches!(place.publish(&[("a", "1")]), Err(PublishError::InTheWay { .. })));
}

#[test]
fn dangerous_wishes_are_refused_before_anything_is_written() {
    let place = Place::new();
    for bad in ["../precious/x", "a/../../precious/x", ".git/config", "a\nb"] {
        let result = place.publish(&[("fine", "1"), (bad, "evil")]);
        assert!(matches!(result, Err(PublishError::Refused { .. })), "{bad:?}: {result:?}");
    }
    assert!(matches!(place.publish(&[("A", "1"), ("a", "2")]), Err(PublishError::Refused { .. })));
    assert!(matches!(place.publish(&[("a", "1"), ("a", "2")]), Err(PublishError::Refused { .. })));
    assert!(matches!(place.publish(&[("a", "1"), ("a/b", "2")]), Err(PublishError::Refused { .. })));
    assert!(place.all().is_empty());
    place.assert_precious();
}

#[test]
fn a_crash_after_the_list_was_written_leaves_nothing_foreign() {
    let place = Place::new();
    let list = format!(r#"{{"files": {{"a": "{}"}}, "folders": []}}"#, manifest::sha256(b"1"));
    place.write(".evenkeel-manifest.json", &list);
    place.write("a", "1");
    assert_eq!(place.publish(&[("a", "2")]).expect("published").written, names(&["a"]));
    assert_eq!(place.publish(&[]).expect("published").removed, names(&["a"]));
}

#[test]
fn what_would_change_can_be_asked_for_without_changing_it() {
    let place = Place::new();
    let stale = |files: &[(&str, &str)], folders: &[&str]| {
        let files = files.iter().map(|(path, content)| place.file(path, content)).collect();
        let folders = folders.iter().map(|path| place.path(path)).collect();
        Publisher::new(place.root()).stale(&MountedContent { files, folders })
    };
    fs::remove_dir(place.root()).expect("removed");
    assert_eq!(stale(&[("conf/a", "1")], &["e"]), Ok(names(&["conf/", "conf/a", "e/"])));
    assert!(!place.root().exists());

    place.publish_with(&[("conf/a", "1"), ("b", "2")], &["e"]).expect("published");
    assert_eq!(stale(&[("conf/a", "1"), ("b", "2")], &["e"]), Ok(vec![]));
    assert_eq!(stale(&[("conf/a", "11"), ("c/d", "3")], &[]), Ok(names(&["b", "c/", "c/d", "conf/a"])));
    assert_eq!(place.read("conf/a"), "1");
    place.write("theirs", "x");
    assert_eq!(stale(&[("theirs", "y")], &[]), Err(PublishError::Foreign { path: place.at("theirs") }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_sequence_ends_with_exactly_what_is_wanted(
        steps in proptest::collection::vec(
            proptest::collection::btree_map("[ab](/[ab]){0,2}", "[xy]{0,2}", 0..4), 1..5)
    ) {
        let place = Place::new();
        for step in steps {
            let clash = step.keys().any(|path| step.keys().any(|other| other.starts_with(&format!("{path}/"))));
            let files: Vec<(&str, &str)> = step.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            let result = place.publish(&files);
            prop_assert_eq!(result.is_err(), clash);
            if clash {
                continue;
            }
            let there: BTreeMap<String, String> = place
                .all()
                .into_iter()
                .filter(|path| place.at(path).is_file())
                .map(|path| (path.clone(), place.read(&path)))
                .collect();
            prop_assert_eq!(there, step.clone());
            let empty = place.all().into_iter().filter(|path| place.at(path).is_dir()).find(|path| {
                fs::read_dir(place.at(path)).expect("read").next().is_none()
            });
            prop_assert_eq!(empty, None);
        }
    }
}
