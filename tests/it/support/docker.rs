//! The real engine, if one answers.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use evenkeel::docker::DockerEngine;
use evenkeel::ports::Engine;
use tokio::sync::OnceCell;

/// Returns the engine at `DOCKER_HOST` or the default socket, with the test images on it; `None`, said loudly, if none
/// answers.
pub(crate) async fn docker_engine() -> Option<DockerEngine> {
    static IMAGES: OnceCell<()> = OnceCell::const_new();
    let engine = match DockerEngine::connect(None) {
        Ok(engine) => engine,
        Err(error) => return skipped(&error.message),
    };
    if let Err(error) = engine.info().await {
        return skipped(&error.message);
    }
    IMAGES.get_or_init(make_images).await;
    Some(engine)
}

fn skipped<T>(why: &str) -> Option<T> {
    // Written past the test runner, which would show it for failed tests alone.
    let told = writeln!(std::io::stderr(), "skipped: no engine ({why})");
    told.ok().and(None)
}

async fn make_images() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/test-images");
    let made = tokio::task::spawn_blocking(move || Command::new(script).status()).await;
    assert!(made.expect("not cancelled").expect("the script runs").success(), "scripts/test-images failed");
}

/// `docker pause`; returns true if it succeeds.
pub(super) async fn pause(container: &str) -> bool {
    let container = container.to_owned();
    let pause = move || Command::new("docker").arg("pause").arg(container).output();
    let output = tokio::task::spawn_blocking(pause).await.expect("not cancelled").expect("docker runs");
    output.status.success()
}

/// Removes all that carries the label, volumes too. Called from `Drop`, so it does not wait for the runtime.
pub(super) fn remove_labelled(label: &str) {
    let docker = |arguments: &[&str]| {
        let output = Command::new("docker").args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    };
    let filter = format!("label={label}");
    for (list, remove) in [
        (&["ps", "-aq", "--no-trunc"][..], &["rm", "-f", "-v"][..]),
        (&["network", "ls", "-q"], &["network", "rm"]),
        (&["volume", "ls", "-q"], &["volume", "rm", "-f"]),
        (&["images", "-q", "--no-trunc"], &["rmi", "-f"]),
    ] {
        let ids = docker(&[list, &["--filter", &filter]].concat());
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if !ids.is_empty() {
            docker(&[remove, &ids].concat());
        }
    }
}
