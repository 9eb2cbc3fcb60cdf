//! The demo checks itself: it exits with 0 only if all went as told. Here, that it leaves nothing behind either.

use std::process::Command;

use crate::harness::process::Said;
use crate::harness::process::evenkeel;

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("the `docker` program");
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The name that the demo gave to its installation.
fn instance(said: &Said) -> &str {
    let name = said.stdout.split_whitespace().find_map(|word| word.strip_prefix("throwaway-"));
    name.expect("the installation is named").trim_end_matches('.')
}

#[test]
fn it_goes_as_told_on_a_docker_engine_and_leaves_nothing_behind() {
    let made = Command::new("scripts/demo-images").status().expect("scripts/demo-images");
    assert!(made.success(), "no images for the demo");
    let folder = tempfile::tempdir().expect("a folder");
    let said = Said::by(evenkeel().args(["demo", "--engine", "docker"]).env("TMPDIR", folder.path()));
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    for shown in ["result: deploy.rolled_back", "the same container as before the bad change", "signature ok"]
    {
        assert!(said.stdout.contains(shown), "{shown}: {}", said.stdout);
    }
    let name = format!("name={}", instance(&said));
    for list in [&["ps", "--all"], &["network", "ls"], &["volume", "ls"]] {
        let left = docker(&[&list[..], &["--quiet", "--filter", &name]].concat());
        assert_eq!(left, "", "{list:?}");
    }
    assert_eq!(folder.path().read_dir().expect("the folder is there").count(), 0);
}

#[test]
fn it_goes_as_told_without_an_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = format!("unix://{}", folder.path().join("none.sock").display());
    let said = Said::by(evenkeel().arg("demo").env("DOCKER_HOST", nowhere).env("TMPDIR", folder.path()));
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("The simulated engine: nothing runs for real"), "{}", said.stdout);
    assert_eq!(folder.path().read_dir().expect("the folder is there").count(), 0);
}
