//! The reference Docker Compose, where there is one.

use std::path::Path;
use std::process::Command;

/// How Docker Compose is called here.
pub(crate) struct Compose {
    command: Vec<String>,
}

impl Compose {
    /// Looks for version 2 or newer: as `docker`'s plugin, as a program, or beside this repository.
    #[expect(clippy::print_stderr, reason = "a test that could not run says so")]
    pub(crate) fn find() -> Option<Self> {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tools/engine");
        let beside = beside.to_string_lossy().into_owned();
        let ways = [vec!["docker", "compose"], vec!["docker-compose"], vec![beside.as_str(), "compose"]];
        let found = ways.into_iter().find(|way| {
            let asked = Command::new(way[0]).args(&way[1..]).args(["version", "--short"]).output();
            let version = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            let major = version
                .ok()
                .and_then(|text| text.trim().trim_start_matches('v').split('.').next()?.parse().ok());
            major.is_some_and(|major: u32| major >= 2)
        });
        if found.is_none() {
            eprintln!("skipped: there is no Docker Compose 2 here");
        }
        Some(Self { command: found?.into_iter().map(str::to_owned).collect() })
    }

    /// Runs it on the project of a folder.
    #[track_caller]
    pub(crate) fn run(&self, folder: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).arg("--project-directory").arg(folder).args(arguments);
        let output = command.output().expect("it ran before");
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "compose {arguments:?}: {said}");
        said
    }
}
