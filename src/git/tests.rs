//! Sources that follow a repository on this disk.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use git2::Repository;
use tempfile::TempDir;

use crate::core::model::CommitId;
use crate::core::model::EntryKind;
use crate::core::model::Tree;
use crate::core::model::TreeError;

use super::Follow;
use super::GitError;
use super::GitSource;
use super::News;
use super::Poll;
use super::Repair;
use super::source::oid;
use super::testing::Upstream;

const FILE: i32 = 0o100_644;
const EXECUTABLE: i32 = 0o100_755;
const LINK: i32 = 0o120_000;
const FOLDER: i32 = 0o040_000;
const SUBMODULE: i32 = 0o160_000;

fn data() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Polls. A process that another test starts holds the lock of the poll before for a moment, until it has become its program.
fn poll(source: &GitSource) -> Poll {
    for _ in 0..10_000 {
        match source.poll() {
            Err(GitError::Busy { .. }) => std::thread::yield_now(),
            polled => return polled.expect("polled"),
        }
    }
    panic!("somebody works in the mirror");
}

fn following(upstream: &Upstream, data: &Path, follow: Follow) -> GitSource {
    let mut spec = upstream.spec();
    spec.follow = follow;
    GitSource::new(spec, data)
}

fn mirror(data: &Path) -> PathBuf {
    data.join("git/lab.git")
}

fn overwrite_pack(mirror: &Path, change: impl Fn(&mut Vec<u8>)) {
    for entry in fs::read_dir(mirror.join("objects/pack")).expect("read") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "pack") {
            let mut pack = fs::read(&path).expect("read");
            change(&mut pack);
            fs::remove_file(&path).expect("removed");
            fs::write(&path, pack).expect("written");
        }
    }
}

fn unchanged(commit: &CommitId) -> News {
    News::Unchanged { commit: commit.clone() }
}

fn updated(from: Option<&CommitId>, to: &CommitId, fast_forward: bool) -> News {
    News::Updated { from: from.cloned(), to: to.clone(), fast_forward }
}

#[test]
fn a_poll_fetches_once_and_then_only_when_the_branch_moves() {
    let (upstream, first) = Upstream::new();
    let data = data();
    let source = upstream.source(data.path());

    let poll_one = poll(&source);
    assert_eq!(poll_one.news, updated(None, &first, true));
    assert_eq!((poll_one.listings, poll_one.fetches), (1, 1));
    assert_eq!(poll_one.revision().to_string(), format!("main@sha1:{first}"));
    assert_eq!(poll_one.repair, None);

    let quiet = poll(&source);
    assert_eq!((quiet.news, quiet.listings, quiet.fetches), (unchanged(&first), 1, 0));

    upstream.push("other", &[("x", "y")], "elsewhere");
    assert_eq!(poll(&source).fetches, 0, "another branch is no news");

    let second = upstream.push("main", &[("a", "b")], "second");
    let news = poll(&source);
    assert_eq!((news.news, news.listings, news.fetches), (updated(Some(&first), &second, true), 1, 1));
}

#[test]
fn a_new_process_goes_on_where_the_last_one_was() {
    let (upstream, first) = Upstream::new();
    let data = data();
    poll(&upstream.source(data.path()));
    let again = poll(&upstream.source(data.path()));
    assert_eq!((again.news, again.fetches, again.repair), (unchanged(&first), 0, None));
}

#[test]
fn branches_tags_and_commits_can_be_followed() {
    let (upstream, first) = Upstream::new();
    let second = upstream.push("dev/x", &[("a", "b")], "second");
    let object = upstream.repository.find_object(oid(&first), None).expect("there");
    let who = git2::Signature::now("Ada", "ada@example.org").expect("a signature");
    upstream.repository.tag("v1", &object, &who, "annotated", false).expect("tagged");
    upstream.repository.tag_lightweight("v2", &object, false).expect("tagged");

    for (follow, commit, shown) in [
        (Follow::Branch("dev/x".into()), &second, "dev/x".to_owned()),
        (Follow::Tag("v1".into()), &first, "v1".to_owned()),
        (Follow::Tag("v2".into()), &first, "v2".to_owned()),
        (Follow::Commit(first.clone()), &first, first.short().to_owned()),
    ] {
        let data = data();
        let source = following(&upstream, data.path(), follow);
        let found = poll(&source);
        assert_eq!((found.news, found.reference), (updated(None, commit, true), shown));
        let again = poll(&source);
        assert_eq!((again.news, again.fetches), (unchanged(commit), 0));
    }
}

#[test]
fn a_commit_that_is_here_needs_no_remote() {
    let (upstream, first) = Upstream::new();
    let data = data();
    let source = following(&upstream, data.path(), Follow::Commit(first.clone()));
    poll(&source);
    fs::remove_dir_all(upstream.path()).expect("removed");
    let found = poll(&source);
    assert_eq!((found.news, found.listings), (unchanged(&first), 0));
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let (upstream, _) = Upstream::new();
    upstream.push("develop", &[], "x");
    for (follow, words) in [
        (Follow::Branch("mian".into()), "has no branch `mian`; its branches are main, develop"),
        (Follow::Tag("v9".into()), "has no tag `v9`; its branches are develop, main"),
        (Follow::Commit(CommitId::parse(&"1".repeat(40)).expect("an id")), "has no commit 11111111;"),
    ] {
        let data = data();
        let error = following(&upstream, data.path(), follow).poll().expect_err("refused");
        assert!(error.to_string().contains(words), "{error}");
        assert!(matches!(error, GitError::RefNotFound { .. }));
    }
}

#[test]
fn an_empty_repository_recovers_with_its_first_commit() {
    let upstream = Upstream::empty();
    let data = data();
    let source = upstream.source(data.path());
    assert!(matches!(source.poll(), Err(GitError::Empty { .. })));
    let first = upstream.push("main", &[("a", "b")], "first");
    assert_eq!(poll(&source).news, updated(None, &first, true));
}

#[test]
fn a_folder_without_repository_and_no_folder_are_no_repositories() {
    let data = data();
    let mut spec = Upstream::empty().spec();
    for path in [data.path().to_owned(), data.path().join("none")] {
        spec.url = super::RemoteUrl::Local(path);
        let error = GitSource::new(spec.clone(), data.path()).poll().expect_err("refused");
        assert!(matches!(error, GitError::NotARepository { .. }), "{error:?}");
    }
}

#[test]
fn a_force_push_is_refused_until_it_is_allowed_and_the_old_commit_stays() {
    let (upstream, first) = Upstream::new();
    let data = data();
    let source = upstream.source(data.path());
    poll(&source);
    let rewritten = upstream.force_push("main", &[("b", "c")]);

    let refused = News::Refused { held: first.clone(), offered: rewritten.clone() };
    let found = poll(&source);
    assert_eq!((found.commit(), found.fetches), (&first, 1));
    assert_eq!(found.news, refused);
    let again = poll(&upstream.source(data.path()));
    assert_eq!((again.news, again.fetches), (refused, 0), "also by the next process");

    let mut spec = upstream.spec();
    spec.allow_force_push = true;
    let allowing = GitSource::new(spec, data.path());
    assert_eq!(poll(&allowing).news, updated(Some(&first), &rewritten, false));
    assert_eq!(poll(&allowing).news, unchanged(&rewritten));
    let tree = allowing.tree(&first, "/r").expect("the old commit is still there");
    assert!(tree.read("/r/compose.yaml").is_ok());
    let kept = Repository::open_bare(mirror(data.path())).expect("a mirror");
    assert!(kept.find_reference(&format!("refs/evenkeel/kept/{first}")).is_ok());
}

#[test]
fn a_refused_force_push_is_over_when_the_remote_goes_on_from_the_held_commit() {
    let (upstream, first) = Upstream::new();
    let data = data();
    let source = upstream.source(data.path());
    poll(&source);
    upstream.force_push("main", &[("b", "c")]);
    poll(&source);
    upstream.set("refs/heads/main", oid(&first));
    assert_eq!(poll(&source).news, unchanged(&first));
    let second = upstream.push("main", &[("b", "c")], "second");
    assert_eq!(poll(&source).news, updated(Some(&first), &second, true));
}

#[test]
fn following_another_branch_is_no_force_push() {
    let (upstream, first) = Upstream::new();
    let other = upstream.force_push("a/b", &[("b", "c")]);
    upstream.set("refs/heads/x", oid(&other));
    let data = data();
    assert_eq!(poll(&upstream.source(data.path())).news, updated(None, &first, true));
    for branch in ["a/b", "x"] {
        let source = following(&upstream, data.path(), Follow::Branch(branch.into()));
        assert_eq!(poll(&source).news, updated(None, &other, true));
    }
}

#[test]
fn a_branch_may_become_a_folder_of_branches() {
    let (upstream, first) = Upstream::new();
    upstream.set("refs/heads/a", oid(&first));
    let data = data();
    let source = upstream.source(data.path());
    poll(&source);
    upstream.repository.find_reference("refs/heads/a").and_then(|mut r| r.delete()).expect("deleted");
    let other = upstream.push("a/b", &[("x", "y")], "other");
    let second = upstream.push("main", &[("x", "y")], "second");
    assert_eq!(poll(&source).news, updated(Some(&first), &second, true));
    assert_eq!(source.resolve("a/b"), Ok(other));
    assert!(source.resolve("a").is_err());
}

#[test]
fn a_damaged_mirror_is_made_anew_and_that_is_said_once() {
    type Damage = (&'static str, fn(&Path));
    let damages: [Damage; 4] = [
        ("no repository", |mirror| fs::remove_file(mirror.join("HEAD")).expect("removed")),
        ("no objects", |mirror| {
            fs::remove_dir_all(mirror.join("objects")).expect("removed");
            fs::create_dir(mirror.join("objects")).expect("made");
        }),
        ("half a pack", |mirror| {
            overwrite_pack(mirror, |pack| *pack = b"PACK garbage".to_vec());
        }),
        ("a file in its place", |mirror| {
            fs::remove_dir_all(mirror).expect("removed");
            fs::write(mirror, "x").expect("written");
        }),
    ];
    for (name, damage) in damages {
        let (upstream, first) = Upstream::new();
        let data = data();
        poll(&upstream.source(data.path()));
        damage(&mirror(data.path()));

        let source = upstream.source(data.path());
        let found = source.poll().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(matches!(found.repair, Some(Repair::MadeAnew { .. })), "{name}: {:?}", found.repair);
        assert_eq!(found.commit(), &first, "{name}");
        assert!(source.tree(&first, "/r").is_ok_and(|tree| tree.read("/r/compose.yaml").is_ok()), "{name}");
        assert_eq!(poll(&source).repair, None, "{name}: said once");
        let left: Vec<_> = fs::read_dir(data.path().join("git")).expect("read").collect();
        assert_eq!(left.len(), 2, "{name}: the mirror and its lock, nothing else");
    }
}

#[test]
fn damage_while_running_is_noticed_by_a_read_and_mended_by_the_next_poll() {
    let (upstream, first) = Upstream::new();
    let data = data();
    let source = upstream.source(data.path());
    poll(&source);
    // The last object of a pack is a file's content; the pack's own checksum comes after it.
    overwrite_pack(&mirror(data.path()), |pack| {
        let end = pack.len() - 20;
        pack[end - 10..end].fill(0xff);
    });
    let tree = source.tree(&first, "/r").expect("a tree");
    assert_eq!(poll(&source).repair, None, "a quiet poll looks at the refs alone");
    let Err(TreeError::Unreadable(words)) = tree.read("/r/compose.yaml") else { panic!("read") };
    assert!(words.contains("damaged"), "{words}");
    // libgit2 shares open packs by their name, and the new mirror's is called the same.
    drop(tree);
    assert!(matches!(poll(&source).repair, Some(Repair::MadeAnew { .. })));
    assert!(source.tree(&first, "/r").expect("a tree").read("/r/compose.yaml").is_ok());
}

#[test]
fn a_damaged_mirror_stays_while_the_remote_is_away() {
    let (upstream, _) = Upstream::new();
    let data = data();
    poll(&upstream.source(data.path()));
    fs::remove_file(mirror(data.path()).join("HEAD")).expect("removed");
    let away = upstream.root().join("away");
    fs::rename(upstream.path(), &away).expect("moved");
    let source = upstream.source(data.path());
    assert!(matches!(source.poll(), Err(GitError::NotARepository { .. })));
    assert!(mirror(data.path()).join("objects").exists());
    fs::rename(&away, upstream.path()).expect("moved");
    assert!(matches!(poll(&source).repair, Some(Repair::MadeAnew { .. })));
}

#[test]
fn locks_of_a_killed_process_are_removed_and_that_is_said_once() {
    let (upstream, first) = Upstream::new();
    let data = data();
    poll(&upstream.source(data.path()));
    fs::write(mirror(data.path()).join("refs/heads/main.lock"), "").expect("written");
    fs::write(mirror(data.path()).join("objects/pack/pack_git2_x"), "half").expect("written");
    let second = upstream.push("main", &[("a", "b")], "second");

    let source = upstream.source(data.path());
    let found = poll(&source);
    assert_eq!(found.repair, Some(Repair::StaleLocks { files: vec!["refs/heads/main.lock".into()] }));
    assert_eq!(found.news, updated(Some(&first), &second, true));
    assert!(!mirror(data.path()).join("objects/pack/pack_git2_x").exists());
    assert_eq!(poll(&source).repair, None);
}

#[test]
fn two_processes_do_not_work_in_one_mirror() {
    let (upstream, _) = Upstream::new();
    let data = data();
    let source = upstream.source(data.path());
    poll(&source);
    let lock = fs::File::open(data.path().join("git/lab.lock")).expect("open");
    lock.lock().expect("locked");
    assert!(matches!(source.poll(), Err(GitError::Busy { .. })));
    lock.unlock().expect("unlocked");
    assert!(source.poll().is_ok());
}

#[test]
fn the_past_can_be_asked_for() {
    let (upstream, first) = Upstream::new();
    let second = upstream.push("main", &[("conf/a", "b"), ("compose.yaml", "x")], "second: a thing\n\nbody");
    let data = data();
    let source = upstream.source(data.path());
    poll(&source);

    let info = source.info(&second).expect("info");
    assert_eq!((info.author.as_str(), info.subject.as_str()), ("Ada", "second: a thing"));
    assert_eq!(info.time.as_second(), 1_700_000_000);
    assert_eq!(source.is_ancestor(&first, &second), Ok(true));
    assert_eq!(source.is_ancestor(&second, &first), Ok(false));
    assert_eq!(source.is_ancestor(&first, &first), Ok(true));
    let paths: Vec<String> = source.changed_paths(&first, &second).expect("paths").into_iter().collect();
    assert_eq!(paths, ["compose.yaml", "conf/a"]);

    for name in ["main", "HEAD", second.as_str(), second.short()] {
        assert_eq!(source.resolve(name), Ok(second.clone()), "{name}");
    }
    assert_eq!(source.resolve("HEAD~1"), Ok(first));
    let nobody = CommitId::parse(&"1".repeat(40)).expect("an id");
    for name in ["nothing", "", "-x", "main:compose.yaml", nobody.as_str()] {
        assert_eq!(source.resolve(name), Err(GitError::UnknownRevision(name.into())));
    }
    assert!(source.info(&nobody).is_err());
    assert!(source.is_ancestor(&nobody, &second).is_err());
}

#[test]
fn a_commit_is_read_as_if_it_were_checked_out() {
    let (upstream, _) = Upstream::new();
    let run = upstream.blob("#!/bin/sh");
    let folder = upstream.subtree(&[("run.sh", EXECUTABLE, run), ("up", LINK, upstream.blob("../a"))]);
    let commit = upstream.push_entries(&[
        ("a", FILE, upstream.blob("A")),
        ("bin", FOLDER, folder),
        ("bin.txt", FILE, upstream.blob("x")),
        ("link", LINK, upstream.blob("bin/../bin/./run.sh")),
        ("folder-link", LINK, upstream.blob("bin")),
        ("loop", LINK, upstream.blob("loop")),
        ("dangling", LINK, upstream.blob("nothing")),
        ("escape", LINK, upstream.blob("../../etc/passwd")),
        ("absolute", LINK, upstream.blob("/etc/passwd")),
        ("module", SUBMODULE, git2::Oid::from_str(&"1".repeat(40)).expect("an id")),
        ("lfs", FILE, upstream.blob("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")),
    ]);
    let data = data();
    let source = upstream.source(data.path());
    poll(&source);
    let tree = source.tree(&commit, "/srv/lab/").expect("a tree");

    assert_eq!(tree.read("/srv/lab/a"), Ok(b"A".to_vec()));
    for path in ["link", "folder-link/run.sh", "bin/../link"] {
        assert_eq!(tree.read(&format!("/srv/lab/{path}")), Ok(b"#!/bin/sh".to_vec()), "{path}");
    }
    assert_eq!(tree.read("/srv/lab/folder-link/up"), Ok(b"A".to_vec()), "a link is relative to where it is");
    assert_eq!(tree.kind("/srv/lab/link"), Ok(Some(EntryKind::File { executable: true })));
    assert_eq!(tree.kind("/srv/lab"), Ok(Some(EntryKind::Folder)));
    assert_eq!(tree.kind("/srv/lab/module"), Ok(Some(EntryKind::Other)));
    for path in ["dangling", "none", "a/x"] {
        assert_eq!(tree.kind(&format!("/srv/lab/{path}")), Ok(None), "{path}");
        assert_eq!(tree.read(&format!("/srv/lab/{path}")), Err(TreeError::NotFound), "{path}");
    }
    for path in
        ["/srv/lab/escape", "/srv/lab/absolute", "/srv/lab/../x", "/srv/laboratory", "/srv", "/etc/passwd"]
    {
        assert_eq!(tree.read(path), Err(TreeError::Outside), "{path}");
    }
    assert_eq!(tree.read("/srv/lab/bin"), Err(TreeError::IsFolder));
    assert_eq!(tree.list("/srv/lab/a"), Err(TreeError::NotFolder));
    for (path, words) in [("loop", "symbolic links"), ("module", "submodule"), ("lfs", "LFS")] {
        let Err(TreeError::Unreadable(text)) = tree.read(&format!("/srv/lab/{path}")) else {
            panic!("{path}")
        };
        assert!(text.contains(words), "{text}");
    }
    let entries = tree.list("/srv/lab").expect("listed");
    assert!(entries.is_sorted_by(|a, b| a.name < b.name));
    let kind = |name: &str| entries.iter().find(|entry| entry.name == name).map(|entry| entry.kind);
    assert_eq!(kind("link"), Some(EntryKind::Symlink));
    assert_eq!(tree.link("/srv/lab/link").as_deref(), Ok("bin/../bin/./run.sh"));
    assert!(tree.link("/srv/lab/bin/run.sh").is_err());
    assert_eq!(tree.link("/srv/lab/none"), Err(TreeError::NotFound));
    assert_eq!(kind("bin"), Some(EntryKind::Folder));
    assert_eq!(kind("module"), Some(EntryKind::Other));

    let small = source.tree(&commit, "/srv/lab").expect("a tree").with_limit(8);
    assert_eq!(small.read("/srv/lab/bin/run.sh"), Err(TreeError::TooLarge { limit: 8 }));
    let rooted = source.tree(&commit, "/").expect("a tree");
    assert_eq!(rooted.read("/a"), Ok(b"A".to_vec()));
    assert!(source.tree(&CommitId::parse(&"1".repeat(40)).expect("an id"), "/").is_err());
}

#[tokio::test]
async fn blocking_work_runs_beside_the_runtime() {
    let (upstream, first) = Upstream::new();
    let data = data();
    let source = Arc::new(upstream.source(data.path()));
    let found = source.run(GitSource::poll).await.expect("polled");
    assert_eq!(found.commit(), &first);
}

#[tokio::test]
async fn work_that_does_not_end_is_not_waited_for() {
    let (upstream, _) = Upstream::new();
    let data = data();
    let mut spec = upstream.spec();
    spec.deadlines.total = Duration::from_millis(1);
    let source = Arc::new(GitSource::new(spec, data.path()));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let result = source.run(move |_| Ok(released.recv().is_ok())).await;
    assert!(matches!(result, Err(GitError::TimedOut { .. })), "{result:?}");
    drop(release);
}

/// A small file system of its own, gone with the test.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where nothing may be mounted.
    fn mount() -> Option<Self> {
        let folder = data();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=200k", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        mounted.then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0.path()).status().ok();
    }
}

#[test]
fn a_full_disk_is_told_and_is_over_when_there_is_space() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: no small file system can be mounted here");
        return;
    };
    let (upstream, first) = Upstream::new();
    let source = upstream.source(disk.0.path());
    poll(&source);
    let noise: String = (0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_string()).collect();
    upstream.push("main", &[("big", &noise)], "big");
    let error = source.poll().expect_err("full");
    assert!(matches!(error, GitError::DiskFull { .. }), "{error:?}");
    assert!(source.tree(&first, "/r").is_ok_and(|tree| tree.read("/r/compose.yaml").is_ok()));
    upstream.set("refs/heads/main", oid(&first));
    let small = upstream.push("main", &[("a", "b")], "small");
    assert_eq!(poll(&source).commit(), &small);
}
