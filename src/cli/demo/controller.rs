//! The controller that the demo starts: this same program, as a user would run it.

use std::fs;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Child;
use tokio::process::Command;

/// How long the controller may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(15);

/// How many of its last lines are worth showing.
const LINES: usize = 20;

/// A running `evenkeel run`. It is killed if this is dropped before it has ended.
pub(super) struct Controller {
    child: Child,
    log: PathBuf,
}

impl Controller {
    /// Starts this program with `run` and further arguments; what it writes goes to a file.
    ///
    /// # Errors
    /// Fails if the file cannot be written or the program not be started.
    pub(super) fn start(arguments: &[String], log: PathBuf) -> io::Result<Self> {
        let output = File::create(&log)?;
        let child = Command::new(std::env::current_exe()?)
            .arg("run")
            .args(arguments)
            // The user's own installation is none of its business.
            .env_remove("EVENKEEL_CONFIG")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { child, log })
    }

    /// Waits until it has ended by itself.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Returns the last lines that it wrote.
    pub(super) fn last_lines(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Asks it to end, as `systemctl stop` does, and waits. Returns true if it ended in time with exit code 0.
    pub(super) async fn stop(mut self) -> bool {
        let id =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            // It may have ended in this moment.
            rustix::process::kill_process(id, rustix::process::Signal::TERM).ok();
        }
        let ended = tokio::time::timeout(GRACE, self.child.wait()).await;
        matches!(ended, Ok(Ok(status)) if status.success())
    }
}
