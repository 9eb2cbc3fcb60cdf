//! `evenkeel demo`: pushes commits to a repository of its own and shows what the controller makes of them.
//!
//! It does nothing that a user could not do: the controller is this same program, started as a user would start it, and
//! what is shown are its webhooks. Afterwards everything is removed that it made, and nothing else.

mod controller;
mod error;
mod example;
mod folder;
mod receiver;
mod running;
mod stage;
mod tell;

use std::io::Write;

use crate::docker::DockerEngine;
use crate::ports::Engine as _;

use error::DemoError;

use example::IMAGES;
use stage::Stage;

/// Which engine to show it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DemoEngine {
    /// The Docker Engine at `DOCKER_HOST` or the default socket.
    Docker,
    /// The engine in memory.
    Simulated,
}

/// What `evenkeel demo` can be told.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct DemoArguments {
    /// Use this engine [default: docker if it answers and has the demo's images, else simulated]
    #[arg(long, value_enum)]
    pub(super) engine: Option<DemoEngine>,
}

/// Shows a first deploy, a change, a bad change that is rolled back, and a revert.
///
/// # Errors
/// Fails if anything does not go as told. What it made is removed all the same.
pub(super) async fn run(arguments: &DemoArguments, out: &mut (dyn Write + Send)) -> Result<(), DemoError> {
    let engine = choose_engine(arguments.engine, out).await?;
    let mut stage = Stage::set_up(engine, out).await?;
    let shown = tokio::select! {
        shown = stage.show(out) => shown,
        () = interrupted() => Err(DemoError::Interrupted),
    };
    let cleared = stage.clear(out).await;
    shown.and(cleared)
}

/// Waits for Ctrl-C or SIGTERM. Never returns if the system lets nobody wait for them.
async fn interrupted() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
        else => std::future::pending().await,
    }
}

/// Returns the Docker Engine if the demo can run on it, and `None` for the simulated one.
async fn choose_engine(
    wanted: Option<DemoEngine>,
    out: &mut (dyn Write + Send),
) -> Result<Option<DockerEngine>, DemoError> {
    let found = match wanted {
        Some(DemoEngine::Simulated) => Err("it was asked for".to_owned()),
        _ => usable_docker().await,
    };
    match found {
        Ok((engine, version)) => {
            say(out, format_args!("Docker Engine {version} at {}.\n", engine.host()))?;
            Ok(Some(engine))
        }
        Err(why) if wanted == Some(DemoEngine::Docker) => Err(DemoError::NoDocker { why }),
        Err(why) => {
            say(out, format_args!("The simulated engine: nothing runs for real ({why}).\n"))?;
            Ok(None)
        }
    }
}

/// Returns the Docker Engine and its version, or why the demo cannot run on it.
async fn usable_docker() -> Result<(DockerEngine, String), String> {
    let engine = DockerEngine::connect(None).map_err(|error| error.to_string())?;
    let observed = engine.observe(&[]).await.map_err(|error| error.to_string())?;
    let is_there = |name: &&&str| {
        observed.images.iter().any(|image| image.references.iter().any(|known| known == **name))
    };
    match IMAGES.iter().find(|name| !is_there(name)) {
        None => Ok((engine, observed.engine.version)),
        Some(missing) => Err(format!("no image {missing} on it: run scripts/demo-images first")),
    }
}

/// Writes and flushes, so that each line is seen when it happens.
fn say(out: &mut (dyn Write + Send), text: std::fmt::Arguments<'_>) -> Result<(), DemoError> {
    let written = out.write_fmt(text).and_then(|()| out.flush());
    written.map_err(|source| DemoError::Io { doing: "write to standard output", source })
}
