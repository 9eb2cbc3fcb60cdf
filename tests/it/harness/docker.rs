//! The Docker Engine as a user sees it: through the `docker` program, past the proxy.

use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// The objects of one world: those whose names begin with its name.
pub(crate) struct Docker {
    prefix: String,
    /// What `DOCKER_HOST` says.
    host: String,
}

/// A container, as `docker inspect` shows it.
#[derive(Debug, Clone)]
pub(crate) struct Container(Value);

impl Container {
    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The full id.
    pub(crate) fn id(&self) -> &str {
        self.text("/Id")
    }

    /// The image's id.
    pub(crate) fn image_id(&self) -> &str {
        self.text("/Image")
    }

    /// `running`, `exited`, ….
    pub(crate) fn status(&self) -> &str {
        self.text("/State/Status")
    }

    /// `healthy`, …; empty without a health check.
    pub(crate) fn health(&self) -> &str {
        self.text("/State/Health/Status")
    }

    /// When it was last started.
    pub(crate) fn started(&self) -> jiff::Timestamp {
        self.text("/State/StartedAt").parse().expect("a time")
    }

    /// When its last run ended.
    pub(crate) fn finished(&self) -> jiff::Timestamp {
        self.text("/State/FinishedAt").parse().expect("a time")
    }

    /// The exit code of its last run.
    pub(crate) fn exit_code(&self) -> i64 {
        self.0.pointer("/State/ExitCode").and_then(Value::as_i64).unwrap_or(-1)
    }

    /// The restart policy's name.
    pub(crate) fn restart_policy(&self) -> &str {
        self.text("/HostConfig/RestartPolicy/Name")
    }

    /// The value of a label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.0.pointer("/Config/Labels").and_then(|labels| labels.get(name)).and_then(Value::as_str)
    }
}

impl Docker {
    /// # Panics
    /// Panics if no engine answers, or if the test images cannot be made there.
    pub(crate) fn new(prefix: &str) -> Self {
        static IMAGES: OnceLock<()> = OnceLock::new();
        IMAGES.get_or_init(|| {
            let made = Command::new("scripts/test-images").output().expect("scripts/test-images");
            assert!(
                made.status.success(),
                "no test images: does a Docker Engine answer at DOCKER_HOST or the default place?\n{}",
                String::from_utf8_lossy(&made.stderr)
            );
        });
        Self { prefix: prefix.to_owned(), host: std::env::var("DOCKER_HOST").unwrap_or_default() }
    }

    /// Runs `docker` and returns what it printed.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        match self.docker(arguments) {
            Ok(printed) => printed,
            Err(why) => panic!("docker {arguments:?}: {why}"),
        }
    }

    /// Looks at a container by name or id.
    pub(crate) fn container(&self, name: &str) -> Option<Container> {
        let printed = self.docker(&["container", "inspect", name]).ok()?;
        let mut all: Vec<Value> = serde_json::from_str(&printed).expect("docker prints JSON");
        Some(Container(all.remove(0)))
    }

    /// The names of all containers of this world, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.list(&["ps", "--all", "--format", "{{.Names}}"])
    }

    /// The names of all volumes of this world, sorted.
    pub(crate) fn volumes(&self) -> Vec<String> {
        self.list(&["volume", "ls", "--format", "{{.Name}}"])
    }

    /// The names of all networks of this world, sorted.
    pub(crate) fn networks(&self) -> Vec<String> {
        self.list(&["network", "ls", "--format", "{{.Name}}"])
    }

    fn list(&self, arguments: &[&str]) -> Vec<String> {
        let printed = self.docker(arguments).unwrap_or_default();
        let mut names: Vec<String> =
            printed.lines().filter(|name| name.starts_with(&self.prefix)).map(str::to_owned).collect();
        names.sort();
        names
    }

    /// Runs a program in a container and returns what it printed, or `None` if it fails.
    pub(crate) fn exec(&self, container: &str, command: &[&str]) -> Option<String> {
        self.docker(&[&["exec", container], command].concat()).ok()
    }

    /// An image's id, if it is there.
    pub(crate) fn image_id(&self, reference: &str) -> Option<String> {
        self.docker(&["image", "inspect", "--format", "{{.Id}}", reference]).ok()
    }

    /// What `docker ps` shows of this world, for people.
    pub(crate) fn summary(&self) -> String {
        let filter = format!("name={}", self.prefix);
        self.docker(&["ps", "--all", "--no-trunc", "--filter", &filter]).unwrap_or_else(|why| why)
    }

    /// Removes everything whose name begins with the world's.
    pub(crate) fn clean_up(&self) {
        let remove = |command: &[&str], names: &[String]| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            if !names.is_empty() {
                drop(self.docker(&[command, &names].concat()));
            }
        };
        remove(&["rm", "--force", "--volumes"], &self.names());
        remove(&["network", "rm"], &self.networks());
        remove(&["volume", "rm"], &self.volumes());
        remove(&["rmi"], &self.list(&["images", "--format", "{{.Repository}}:{{.Tag}}"]));
        let label = format!("label=evenkeel.e2e={}", self.prefix);
        let built = self.docker(&["images", "--all", "--quiet", "--filter", &label]).unwrap_or_default();
        remove(&["rmi", "--force"], &built.lines().map(str::to_owned).collect::<Vec<_>>());
    }

    fn docker(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new("docker");
        let output = command.args(arguments).env("DOCKER_HOST", &self.host).output();
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }
}
