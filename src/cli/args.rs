//! The arguments as typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;

use super::config_cmd::ConfigArgs;
use super::config_cmd::ProjectArgs;
use super::demo::DemoArguments;
use crate::core::shape::parse_duration;

/// A GitOps controller for a Docker homelab: push to deploy, be told, revert to roll back.
#[derive(Debug, Parser)]
#[command(name = "evenkeel", version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Watch repositories and keep the engine as they say
    Run(Run),
    /// Show what would change and why; exits 0 if nothing, 1 if something, 2 if it cannot be said
    Plan(Deploy),
    /// Bring stacks to what the files say, once; exits 0 if stable, 1 if not, 2 if nothing was changed
    Apply(Apply),
    /// Take over what Docker Compose runs; without `--yes` only shows what that would change
    Adopt(Adopt),
    /// Print a project as `docker compose config` does
    Config(ConfigArgs),
    /// Check the Compose files of a folder
    Validate(Validate),
    /// Show how the stacks stand
    Get(Show),
    /// Show what was deployed, newest first
    History(History),
    /// Show what happened, oldest first
    Events(Events),
    /// Check the configuration, the engine, the data folder and the remotes
    Check(Check),
    /// Notifications
    Notify {
        #[command(subcommand)]
        command: NotifyCommand,
    },
    /// Show a deploy, a change, a rolled back change and a revert, in a repository made for it, and clean up
    Demo(DemoArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum NotifyCommand {
    /// Send a test event to a webhook, or to all that are configured
    Test(NotifyTest),
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanOutput {
    /// For people
    Text,
    /// For programs
    Json,
    /// For a comment on a pull request
    Markdown,
}

/// Which engine is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineChoice {
    /// The Docker Engine at `DOCKER_HOST` or the default socket
    Docker,
    /// One in memory, to try things out
    Simulated,
}

/// Where the installation is.
#[derive(Debug, Clone, Args)]
pub(super) struct Place {
    /// The configuration file [default: /etc/evenkeel/config.yaml, if it is there]
    #[arg(long, value_name = "FILE", env = "EVENKEEL_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Where mirrors, published files and the database are
    #[arg(long, value_name = "DIR", env = "EVENKEEL_DATA_DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Which engine is used
    #[arg(long, value_name = "ENGINE")]
    pub(super) engine: Option<EngineChoice>,
    /// The installation's name; containers of other installations are never touched
    #[arg(long, value_name = "NAME")]
    pub(super) instance: Option<String>,
}

/// A repository without a configuration file.
#[derive(Debug, Clone, Args)]
pub(super) struct Repo {
    /// The repository's address; then no configuration file is needed
    #[arg(id = "repo", long = "repo", value_name = "URL")]
    pub(super) url: Option<String>,
    /// The branch to follow
    #[arg(long, requires = "repo")]
    pub(super) branch: Option<String>,
    /// The folder in the repository that holds the stacks
    #[arg(long, requires = "repo")]
    pub(super) path: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) place: Place,
    #[command(flatten)]
    pub(super) repo: Repo,
    /// How often to look for commits
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "repo")]
    pub(super) interval: Option<Duration>,
    /// Where to serve probes, metrics and the webhook receiver; `off` for nowhere
    #[arg(long, value_name = "ADDRESS", env = "EVENKEEL_LISTEN")]
    pub(super) listen: Option<String>,
    /// A webhook to tell what happens
    #[arg(long, value_name = "URL")]
    pub(super) webhook: Option<String>,
    /// A file with the key to sign what the webhook gets
    #[arg(long, value_name = "FILE", requires = "webhook")]
    pub(super) webhook_secret_file: Option<PathBuf>,
    /// A file with the key that `POST /hook/push` must be signed with; without it the endpoint is off
    #[arg(long, value_name = "FILE")]
    pub(super) hook_secret_file: Option<PathBuf>,
    /// Do one pass and exit with its verdict
    #[arg(long)]
    pub(super) once: bool,
}

#[derive(Debug, Args)]
pub(super) struct Deploy {
    /// The stacks; all if none is named
    #[arg(value_name = "STACK")]
    pub(super) stacks: Vec<String>,
    /// A folder with a Compose project, instead of a repository
    #[arg(long, value_name = "DIR", conflicts_with_all = ["repo", "revision"])]
    pub(super) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) project: ProjectArgs,
    #[command(flatten)]
    pub(super) repo: Repo,
    /// A branch, tag or commit, instead of the newest commit
    #[arg(long, value_name = "REV")]
    pub(super) revision: Option<String>,
    #[command(flatten)]
    pub(super) place: Place,
    /// How the plan is printed
    #[arg(long, value_enum, default_value = "text")]
    pub(super) output: PlanOutput,
    /// Print the single steps as well
    #[arg(long)]
    pub(super) steps: bool,
}

#[derive(Debug, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    pub(super) deploy: Deploy,
    /// How long a container must be well before it counts
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) min_healthy_time: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct Adopt {
    /// The Compose projects; all that run if none is named
    #[arg(value_name = "PROJECT")]
    pub(super) projects: Vec<String>,
    /// Take over what matches a stack. Containers that match exactly are not touched, the rest with the next pass
    #[arg(long)]
    pub(super) yes: bool,
    /// Print the evenkeel.yaml that does what doco-cd's `.doco-cd.yaml` in this folder says, and do nothing else
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["projects", "yes", "repo"])]
    pub(super) from_doco_cd: Option<PathBuf>,
    /// The target of doco-cd whose file it is: `.doco-cd.TARGET.yaml`
    #[arg(long, requires = "from_doco_cd")]
    pub(super) target: Option<String>,
    #[command(flatten)]
    pub(super) repo: Repo,
    #[command(flatten)]
    pub(super) place: Place,
    /// How it is printed
    #[arg(long, value_enum, default_value = "text")]
    pub(super) output: Output,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FindingsOutput {
    /// For people
    Text,
    /// For programs
    Json,
    /// As annotations that a forge's CI shows
    Github,
}

#[derive(Debug, Args)]
pub(super) struct Validate {
    /// The folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) dir: PathBuf,
    #[command(flatten)]
    pub(super) project: ProjectArgs,
    /// How findings are printed
    #[arg(long, value_enum, default_value = "text")]
    pub(super) output: FindingsOutput,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The stacks; all if none is named
    #[arg(value_name = "STACK")]
    pub(super) stacks: Vec<String>,
    #[command(flatten)]
    pub(super) place: Place,
    /// How it is printed
    #[arg(long, value_enum, default_value = "text")]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct History {
    /// The stack; all if none is named
    #[arg(value_name = "STACK")]
    pub(super) stack: Option<String>,
    /// Show one run with its plan and steps
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<String>,
    /// At most so many
    #[arg(long, default_value = "20")]
    pub(super) limit: usize,
    #[command(flatten)]
    pub(super) place: Place,
    /// How it is printed
    #[arg(long, value_enum, default_value = "text")]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Events {
    /// The stack; all if none is named
    #[arg(value_name = "STACK")]
    pub(super) stack: Option<String>,
    /// Only events of this type, such as `deploy.*`
    #[arg(long = "type", value_name = "PATTERN")]
    pub(super) types: Vec<String>,
    /// At most so many, the newest
    #[arg(long, default_value = "50")]
    pub(super) limit: usize,
    #[command(flatten)]
    pub(super) place: Place,
    /// How it is printed
    #[arg(long, value_enum, default_value = "text")]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) place: Place,
    #[command(flatten)]
    pub(super) repo: Repo,
}

#[derive(Debug, Args)]
pub(super) struct NotifyTest {
    /// The provider; all that are configured if none is named
    #[arg(value_name = "PROVIDER")]
    pub(super) provider: Option<String>,
    /// A webhook to test instead of those that are configured
    #[arg(long, value_name = "URL")]
    pub(super) webhook: Option<String>,
    /// A file with the key to sign with
    #[arg(long, value_name = "FILE", requires = "webhook")]
    pub(super) webhook_secret_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) place: Place,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_make_sense() {
        super::Arguments::command().debug_assert();
    }
}
