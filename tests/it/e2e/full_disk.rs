//! The data folder's disk is full. What runs goes on, it is said once, and with some space all is made up for.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::web;
use crate::harness::World;
use crate::harness::wait;

/// A small disk in memory; gone when it is dropped.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one; `None` if that is not allowed here.
    fn at(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).expect("a folder");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(folder).output();
        mount.ok()?.status.success().then(|| Self { folder: folder.into() })
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Leaves not one byte.
    fn fill(&self) {
        use std::io::Write as _;
        let mut file = fs::File::create(self.ballast()).expect("a file");
        for size in [1 << 16, 1 << 10, 1] {
            let block = vec![b'x'; size];
            let full = loop {
                if let Err(error) = file.write_all(&block) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull);
        }
    }

    fn make_space(&self) {
        fs::remove_file(self.ballast()).expect("the ballast is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.folder).output());
    }
}

#[test]
fn a_full_disk() {
    let mut world = World::new();
    let Some(disk) = SmallDisk::at(&world.data()) else {
        eprintln!("skipped: nothing can be mounted here");
        return;
    };
    let first = world.push(&web("evenkeel-test/web:1"), "the first commit");
    world.start();
    world.until_stable(&first);
    let before = world.id("web");

    disk.fill();
    world.proxy.forget();
    let commit = world.push(&web("evenkeel-test/web:2"), "too much");
    wait::until("it says that the disk is full", || world.log().contains("no space"));
    wait::always_for(Duration::from_secs(5), "nothing is changed", || world.proxy.changes().is_empty());
    assert_eq!(world.id("web"), before);
    let errors: Vec<String> =
        world.log().lines().filter(|l| l.contains("ERROR")).map(str::to_owned).collect();
    assert!(!errors.is_empty() && errors.len() <= 2, "once for what it is: {errors:#?}");

    disk.make_space();
    world.until_stable(&commit);
    assert_eq!(world.version("web").as_deref(), Some("2"));
    world.until_only(&["web"]);
    assert_eq!(world.terminate(), Some(0));
    drop(disk);
}
