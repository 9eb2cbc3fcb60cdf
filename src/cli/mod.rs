//! The command line: arguments to resolved arguments to a command; the only place that prints.
//!
//! Data goes to stdout, everything else to stderr. Exit codes are part of the contract: see [`Exit`].

mod adopt;
mod args;
mod assemble;
mod check;
mod config_cmd;
mod demo;
mod deploy;
mod output;
mod project;
mod run;
mod show;
mod validate_cmd;

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::Parser as _;

use args::Arguments;
use args::Command;
use output::Problem;

/// What the exit codes mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; for `plan`: nothing to do; for `apply` and `run --once`: stable.
    Good = 0,
    /// For `plan`: there are changes; for `apply` and `run --once`: not stable (rolled back or failed).
    Changed = 1,
    /// It could not be done: wrong arguments, mistakes in files, no engine. Nothing was changed.
    Failed = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Runs the program: reads the process's arguments, does what they say, prints, and returns the exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, not failures. There is nobody left to tell if they cannot be printed.
            error.print().ok();
            return if error.use_stderr() { Exit::Failed.into() } else { Exit::Good.into() };
        }
    };
    crate::telemetry::install_crypto_provider();
    let done = match arguments.command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "evenkeel", &mut script);
            output::data(&String::from_utf8_lossy(&script)).map(|()| Exit::Good)
        }
        Command::Config(arguments) => config(&arguments),
        Command::Validate(arguments) => validate_cmd::validate(&arguments),
        command => runtime().and_then(|runtime| {
            let exit = runtime.block_on(asynchronous(command));
            // A blocked look-up or a fetch must not hold the process.
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
            exit
        }),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(problem) => {
            output::problem(&problem);
            Exit::Failed.into()
        }
    }
}

async fn asynchronous(command: Command) -> Result<Exit, Problem> {
    match command {
        Command::Run(arguments) => run::run(&arguments).await,
        Command::Plan(arguments) => deploy::plan(&arguments).await,
        Command::Apply(arguments) => deploy::apply(&arguments).await,
        Command::Adopt(arguments) => adopt::adopt(&arguments).await,
        Command::Get(arguments) => show::get(&arguments),
        Command::History(arguments) => show::history(&arguments),
        Command::Events(arguments) => show::events(&arguments),
        Command::Check(arguments) => check::check(&arguments).await,
        Command::Demo(arguments) => {
            let shown = demo::run(&arguments, &mut anstream::stdout()).await;
            shown.map(|()| Exit::Good).map_err(|error| Problem::new(error.to_string()))
        }
        Command::Notify { command: args::NotifyCommand::Test(arguments) } => {
            check::notify_test(&arguments).await
        }
        Command::Completions { .. } | Command::Config(_) | Command::Validate(_) => Ok(Exit::Good),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Problem::new(format!("cannot start: {error}")))
}

fn config(arguments: &config_cmd::ConfigArgs) -> Result<Exit, Problem> {
    let here = std::env::current_dir()
        .map_err(|error| Problem::new(format!("there is no current folder: {error}")))?;
    let (folder, environment) = (here.to_string_lossy().into_owned(), std::env::vars().collect());
    let (mut out, mut err) = (anstream::stdout().lock(), anstream::stderr().lock());
    match config_cmd::run(arguments, folder, environment, &mut out, &mut err) {
        Ok(0) => Ok(Exit::Good),
        Ok(_) => Ok(Exit::Failed),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Good),
        Err(error) => Err(Problem::new(format!("cannot print: {error}"))),
    }
}
