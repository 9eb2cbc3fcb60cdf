//! What is checked of one project, from an engine that has nothing of it to an engine that has nothing of it again.

use std::process::Command;

use serde_json::Value;

use crate::engine::Engine;
use crate::engine::Kind;
use crate::engine::docker;
use crate::exceptions::Exceptions;
use crate::process::Said;
use crate::project::Project;
use crate::record;
use crate::snapshot::Snapshot;
use crate::snapshot::differences;
use crate::snapshot::of_project;
use crate::wait;

/// What outside containers run.
const IMAGE: &str = "evenkeel-test/busybox:1";
/// Evenkeel's exit codes of `apply`.
const STABLE: i32 = 0;
const FAILED: i32 = 1;
const REFUSED: i32 = 2;

/// A project on the engine. What belongs to it is removed before and after.
struct Stage {
    project: Project,
    engine: &'static Engine,
    data: tempfile::TempDir,
}

/// Applies a project and compares it with what the reference makes of it.
///
/// # Panics
/// Panics if there is a difference that is not accepted.
pub(crate) fn check(name: &str) {
    let engine = Engine::get();
    let data = tempfile::tempdir().expect("a folder");
    let stage = Stage { project: Project::open(name), engine, data };
    let exceptions = Exceptions::read();
    stage.clear();
    stage.make_what_is_outside();
    let options = &stage.project.options;
    if let Some(needed) = options.needs_api.filter(|&needed| needed > engine.minor()) {
        return stage.refuses(&format!("API 1.{needed}"));
    }
    if let Some(message) = &options.fails {
        return stage.fails(message);
    }
    if let Some(message) = &options.may_fail
        && stage.cannot(message)
    {
        return stage.fails(message);
    }
    let Some(expected) = stage.expected() else {
        return skip(&format!("no record for API {} and no Docker Compose 2 or newer", engine.api));
    };
    if let Some(says) = exceptions.not_yet(name) {
        let said = Said::by(&mut stage.apply_command());
        let text = format!("{}{}", said.stdout, said.stderr);
        let fails = said.code != Some(STABLE) && text.contains(says);
        assert!(fails, "exceptions.yaml: {name} does not fail with `{says}`: works now? remove it\n{text}");
        return;
    }
    stage.apply();
    // A health check that has just passed may fail once on a busy machine.
    let wrong = || exceptions.judge(name, &engine.api, &differences(&expected, &of_project(&stage.project)));
    let right = wait::within(wait::DEADLINE / 20, || wrong().is_empty().then_some(()));
    assert!(right.is_some(), "{name}: not as the reference's\n{}", wrong().join("\n"));
    stage.others_get_along();
}

/// Starts a project with the reference and lets Evenkeel apply it: first while it runs, then after a `down`, which keeps
/// the volumes.
///
/// # Panics
/// Panics if Evenkeel touches a container that it did not make, or does not go on with the volumes.
pub(crate) fn check_what_the_reference_started(name: &str) {
    let engine = Engine::get();
    let data = tempfile::tempdir().expect("a folder");
    let stage = Stage { project: Project::open(name), engine, data };
    stage.clear();
    let Some(mut up) = stage.project.compose(engine) else {
        return skip("no Docker Compose 2 or newer");
    };
    succeed(up.args(["up", "--detach"]));
    stage.settle();
    let runs = || {
        let seen = stage.containers().into_iter().map(|mut shown| {
            let started = shown["State"]["StartedAt"].take();
            (shown["Name"].take(), shown["Id"].take(), started)
        });
        seen.collect::<Vec<_>>()
    };
    let volumes = || Kind::Volume.inspect(&Kind::Volume.of_project(&stage.project.compose_name));
    let (running, kept) = (runs(), volumes());
    let said = Said::by(&mut stage.apply_command());
    assert_eq!(runs(), running, "what the reference started\n{}{}", said.stdout, said.stderr);
    if let Some(mut down) = stage.project.compose(engine) {
        succeed(down.args(["down", "--timeout", "1"]));
    }
    stage.apply();
    assert_eq!(volumes(), kept, "the volumes that the reference left");
}

impl Stage {
    /// Returns what the reference makes of the project: by the record, or by the reference itself.
    fn expected(&self) -> Option<Snapshot> {
        let name = &self.project.name;
        let records = std::env::var_os("EVENKEEL_PARITY_RECORD").is_some();
        if !records && let Some(recorded) = record::read(name) {
            return Some(recorded);
        }
        let mut up = self.project.compose(self.engine)?;
        succeed(up.args(["up", "--detach", "--quiet-pull"]));
        self.settle();
        let made = of_project(&self.project);
        self.clear();
        self.make_what_is_outside();
        if records {
            record::write(name, &made);
        }
        Some(made)
    }

    fn apply(&self) {
        let said = Said::by(&mut self.apply_command());
        assert_eq!(said.code, Some(STABLE), "apply\n{}{}", said.stdout, said.stderr);
        self.settle();
    }

    fn apply_command(&self) -> Command {
        let mut apply = self.project.evenkeel("apply", self.data.path());
        apply.args(["--min-healthy-time", "0s"]);
        apply
    }

    /// Checks that Evenkeel refuses the project, says why, and makes nothing of it.
    fn refuses(&self, why: &str) {
        let said = Said::by(&mut self.apply_command());
        let text = format!("{}{}", said.stdout, said.stderr);
        assert_eq!(said.code, Some(REFUSED), "apply must refuse with `{why}`\n{text}");
        assert!(text.contains(why), "apply must refuse with `{why}`\n{text}");
        let left = Kind::Container.of_project(&self.project.compose_name);
        assert_eq!(left, [""; 0], "containers of a project that was refused");
    }

    /// Whether the engine refuses the project with this message, on this machine.
    fn cannot(&self, message: &str) -> bool {
        let said = match self.project.compose(self.engine) {
            Some(mut up) => Said::by(up.args(["up", "--detach"])),
            None => Said::by(&mut self.apply_command()),
        };
        self.clear();
        said.code != Some(0) && format!("{}{}", said.stdout, said.stderr).contains(message)
    }

    /// Checks that the engine's own refusal is told by both.
    fn fails(&self, message: &str) {
        if let Some(mut up) = self.project.compose(self.engine) {
            let said = Said::by(up.args(["up", "--detach"]));
            assert!(said.code != Some(0) && said.stderr.contains(message), "up\n{}", said.stderr);
            self.clear();
        }
        let said = Said::by(&mut self.apply_command());
        let text = format!("{}{}", said.stdout, said.stderr);
        assert!(said.code == Some(FAILED) && text.contains(message), "apply: {:?}\n{text}", said.code);
    }

    /// Checks that the reference takes what was applied for its own, and that Evenkeel then has nothing to do.
    fn others_get_along(&self) {
        let ids = || Kind::ALL.map(|kind| kind.of_project(&self.project.compose_name));
        let applied = ids();
        if let Some(mut up) = self.project.compose(self.engine) {
            succeed(up.args(["up", "--detach"]));
            self.settle();
            assert_eq!(ids(), applied, "`docker compose up` must not make anything anew");
        }
        succeed(&mut self.project.evenkeel("plan", self.data.path()));
        if let Some(mut ps) = self.project.compose(self.engine) {
            let listed = succeed(ps.args(["ps", "--all", "--quiet", "--no-trunc"]));
            let mut listed: Vec<&str> = listed.lines().collect();
            listed.sort_unstable();
            assert_eq!(listed, applied[0], "`docker compose ps` must show all containers");
        }
        if let Some(mut stop) = self.project.compose(self.engine) {
            succeed(stop.args(["stop", "--timeout", "1"]));
            let running = self.containers().into_iter().filter(|shown| shown["State"]["Running"] == true);
            let running: Vec<Value> = running.map(|shown| shown["Name"].clone()).collect();
            assert_eq!(running, [""; 0], "`docker compose stop` must stop all containers");
        }
        if let Some(mut down) = self.project.compose(self.engine) {
            succeed(down.args(["down", "--volumes", "--timeout", "1"]));
            for kind in Kind::ALL {
                let left = kind.of_project(&self.project.compose_name);
                assert_eq!(left, [""; 0], "`docker compose down` must remove every {}", kind.word());
            }
        }
    }

    /// Makes what the project expects to be there.
    fn make_what_is_outside(&self) {
        for (kind, name) in self.outside() {
            let made = match kind {
                Kind::Container => docker(&["run", "--detach", "--ipc=shareable", "--name", &name, IMAGE]),
                Kind::Network | Kind::Volume => docker(&[kind.word(), "create", &name]),
            };
            made.expect("an outside object can be made");
        }
    }

    fn outside(&self) -> Vec<(Kind, String)> {
        let options = &self.project.options;
        let names = [&options.outside_containers, &options.outside_networks, &options.outside_volumes];
        let full = |name: &String| format!("{}-{name}", self.project.compose_name);
        let of_kind = |(kind, names): (Kind, &Vec<String>)| {
            names.iter().map(|name| (kind, full(name))).collect::<Vec<_>>()
        };
        Kind::ALL.into_iter().zip(names).flat_map(of_kind).collect()
    }

    fn containers(&self) -> Vec<Value> {
        Kind::Container.inspect(&Kind::Container.of_project(&self.project.compose_name))
    }

    /// Removes all that the engine has of the project.
    fn clear(&self) {
        let mut found = Kind::ALL.map(|kind| (kind, kind.of_project(&self.project.compose_name))).to_vec();
        found.extend(self.outside().into_iter().map(|(kind, name)| (kind, vec![name])));
        for (kind, ids) in found {
            // What is outside may not be there.
            drop(kind.remove(&ids));
        }
    }

    /// Waits until all containers are what they will stay.
    fn settle(&self) {
        let ends = &self.project.options.ends;
        let settled = |container: &Value| {
            let service = container["Config"]["Labels"]["com.docker.compose.service"].as_str();
            let status = container["State"]["Status"].as_str();
            let health = container["State"]["Health"]["Status"].as_str();
            match service {
                Some(service) if ends.iter().any(|end| end == service) => status == Some("exited"),
                _ => status != Some("running") || health != Some("starting"),
            }
        };
        wait::until("all containers have settled", || self.containers().iter().all(settled));
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.clear();
    }
}

#[expect(clippy::print_stderr, reason = "who reads the output of a test must see what it did not do")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// Runs a program that must succeed, and returns what it printed.
#[track_caller]
fn succeed(command: &mut Command) -> String {
    let said = Said::by(command);
    assert_eq!(said.code, Some(0), "{command:?}\n{}{}", said.stdout, said.stderr);
    said.stdout
}
