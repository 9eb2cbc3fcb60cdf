//! One test's own small world.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tempfile::TempDir;

use super::docker::Container;
use super::docker::Docker;
use super::http;
use super::process::Controller;
use super::process::Said;
use super::process::evenkeel;
use super::proxy::Proxy;
use super::receiver::KEY;
use super::receiver::Receiver;
use super::repo::Repo;
use super::wait;

/// The stack that most tests deploy.
pub(crate) const STACK: &str = "shop";

pub(crate) struct World {
    /// What the names of all its objects begin with; also the instance's name.
    pub(crate) name: String,
    pub(crate) repo: Repo,
    pub(crate) docker: Docker,
    pub(crate) receiver: Receiver,
    pub(crate) proxy: Proxy,
    /// Where the controller answers.
    pub(crate) address: SocketAddr,
    /// How often the repository is looked at.
    pub(crate) interval: &'static str,
    /// Further options of `evenkeel run`.
    pub(crate) options: Vec<String>,
    controller: Option<Controller>,
    folder: TempDir,
}

impl World {
    /// Makes a world in which nothing has happened yet: an empty repository, no controller.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("e2e{}x{:03}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("key"), KEY).expect("a file");
        Self {
            repo: Repo::new(folder.path()),
            docker: Docker::new(&name),
            receiver: Receiver::new(),
            proxy: Proxy::new(folder.path()),
            address: SocketAddr::from(([127, 0, 0, 1], http::free_port())),
            interval: "1s",
            options: Vec::new(),
            controller: None,
            name,
            folder,
        }
    }

    /// Makes a world in which these services run, deployed from the commit whose id is returned.
    pub(crate) fn running(services: &str) -> (Self, String) {
        let mut world = Self::new();
        let commit = world.push(services, "the first commit");
        world.start();
        world.until_stable(&commit);
        (world, commit)
    }

    /// Returns a compose file with these services, and with gates that a test can wait for.
    pub(crate) fn compose(&self, services: &str) -> String {
        self.compose_of(STACK, services)
    }

    /// The same for another stack.
    pub(crate) fn compose_of(&self, stack: &str, services: &str) -> String {
        let update = "x-evenkeel:\n  update: {minHealthyTime: 1s, healthyDeadline: 15s}\n";
        let services = services.trim_start_matches('\n');
        format!("name: {}-{stack}\n{update}{services}", self.name)
    }

    /// Pushes a commit with these services. Returns its id.
    pub(crate) fn push(&self, services: &str, subject: &str) -> String {
        self.repo.write(&format!("{STACK}/compose.yaml"), &self.compose(services)).push(subject)
    }

    /// Where the controller keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder of the test's own.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = evenkeel();
        command.args(arguments).env("DOCKER_HOST", self.proxy.host()).current_dir(self.folder.path());
        command
    }

    fn run(&self) -> Command {
        let mut command = self.program(&["run", "--engine", "docker", "--interval", self.interval]);
        command.args(["--repo", &self.repo.url(), "--instance", &self.name]);
        command.args(["--webhook", &self.receiver.url(), "--webhook-secret-file"]);
        command.arg(self.folder.path().join("key")).arg("--data-dir").arg(self.data());
        command.args(["--listen", &self.address.to_string()]).args(&self.options);
        command
    }

    /// Starts the controller.
    pub(crate) fn start(&mut self) {
        assert!(self.controller.is_none(), "one controller at a time");
        self.controller = Some(Controller::start(self.run(), self.folder.path().join("log")));
    }

    /// Ends the controller by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.controller.take().expect("a controller runs").kill();
    }

    /// Ends the controller by SIGTERM. Returns its exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.controller.take().expect("a controller runs").terminate().code()
    }

    /// Ends the controller and starts another one.
    pub(crate) fn restart(&mut self) {
        assert_eq!(self.terminate(), Some(0));
        self.start();
    }

    /// Runs one pass to its verdict. No controller may run beside it.
    pub(crate) fn once(&self) -> Said {
        assert!(self.controller.is_none(), "one controller at a time");
        Said::by(self.run().arg("--once"))
    }

    /// Runs one of the commands that look at the controller's data, or that only plan.
    pub(crate) fn evenkeel(&self, arguments: &[&str]) -> Said {
        Said::by(self.program(arguments).arg("--data-dir").arg(self.data()))
    }

    /// What the controllers wrote until now.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The name that a service's container has when it is live.
    pub(crate) fn name_of(&self, service: &str) -> String {
        format!("{}-{STACK}-{service}-1", self.name)
    }

    /// A service's live container.
    #[track_caller]
    pub(crate) fn container(&self, service: &str) -> Container {
        let name = self.name_of(service);
        self.docker.container(&name).unwrap_or_else(|| panic!("there is no container {name}"))
    }

    /// The id of a service's live container.
    #[track_caller]
    pub(crate) fn id(&self, service: &str) -> String {
        self.container(service).id().to_owned()
    }

    /// What a service's container has in its `/version`.
    pub(crate) fn version(&self, service: &str) -> Option<String> {
        self.docker.exec(&self.name_of(service), &["cat", "/version"])
    }

    /// Waits until a commit is deployed and said to be so.
    #[track_caller]
    pub(crate) fn until_stable(&self, commit: &str) {
        self.receiver.until("deploy.succeeded", commit);
    }

    /// Asserts that there are exactly the live containers of these services, and nothing that a swap leaves behind.
    #[track_caller]
    pub(crate) fn assert_only(&self, services: &[&str]) {
        let mut expected: Vec<String> = services.iter().map(|service| self.name_of(service)).collect();
        expected.sort();
        assert_eq!(self.docker.names(), expected);
    }

    /// Waits until there are exactly the live containers of these services.
    #[track_caller]
    pub(crate) fn until_only(&self, services: &[&str]) {
        let mut expected: Vec<String> = services.iter().map(|service| self.name_of(service)).collect();
        expected.sort();
        wait::until(&format!("there is nothing but {expected:?}"), || self.docker.names() == expected);
    }

    #[expect(clippy::print_stderr, reason = "a failed test tells what it saw")]
    fn report(&self) {
        let lines = |lines: Vec<String>| lines.join("\n");
        let changes = self.proxy.changes().iter().map(ToString::to_string).collect();
        let events = self.receiver.events();
        let events = events.iter().map(|e| format!("{} {}: {}", e.kind, e.object(), e.message())).collect();
        eprintln!("== {}: the controller's log\n{}", self.name, self.log());
        eprintln!("== docker ps\n{}", self.docker.summary());
        eprintln!("== changing calls\n{}\n== webhooks\n{}", lines(changes), lines(events));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A second panic would hide the first.
            drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.report())));
        }
        self.controller = None;
        self.docker.clean_up();
    }
}
