//! The demo's surroundings, and the four scenes that are played in them.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::core::model::CommitId;
use crate::core::model::StackName;
use crate::core::run::EventType;
use crate::docker::DockerEngine;
use crate::docker::ThrowawayInstance;
use crate::git::ScratchRepository;

use super::DemoError;
use super::controller::Controller;
use super::example::Example;
use super::folder::Folder;
use super::receiver::Receiver;
use super::receiver::Webhook;
use super::running::Identity;
use super::running::Running;
use super::say;
use super::tell;

const AUTHOR: &str = "Ada";
const HOST: &str = "home.localhost";
const SECOND_HOST: &str = "www.home.localhost";
const NO_SITE: &str = "no such site";

/// How long a verdict on a commit may take. Each takes a few seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the demo plays in. Call [`Stage::clear`] at the end.
pub(super) struct Stage {
    example: Example,
    repository: ScratchRepository,
    receiver: Receiver,
    controller: Option<Controller>,
    arguments: Vec<String>,
    running: Option<Running>,
    instance: ThrowawayInstance,
    // The last to be dropped: the others have files in it.
    folder: Folder,
}

/// What is expected of a commit.
struct Expected {
    verdict: EventType,
    version: &'static str,
    second_host: bool,
}

/// What came of a commit.
struct Outcome {
    /// Its plan had images to pull.
    pulls: bool,
    /// Which container serves the start page now; `None` on the simulated engine.
    identity: Option<Identity>,
}

impl Stage {
    /// Makes a folder, an empty repository, a receiver of webhooks and a name for everything on the engine.
    pub(super) async fn set_up(
        engine: Option<DockerEngine>,
        out: &mut (dyn Write + Send),
    ) -> Result<Self, DemoError> {
        let id = random_hex(4)?;
        let name = format!("demo-{id}");
        let stack = StackName::new(&name).expect("letters, digits and a hyphen make a name");
        let instance = ThrowawayInstance::new(&name).expect("letters, digits and a hyphen make a name");
        let folder = Folder::make(&format!("evenkeel-{name}")).map_err(io_error("make a folder"))?;
        let repository = ScratchRepository::init_bare(&folder.join("homelab.git"))?;
        let key = random_hex(32)?;
        write_secret(&folder.join("webhook-key"), &key).map_err(io_error("write the webhooks' key"))?;
        let receiver = Receiver::start(key).await.map_err(io_error("listen for webhooks"))?;
        let port = free_port().map_err(io_error("find a free port"))?;
        let path = |name: &str| folder.join(name).display().to_string();
        let arguments = [
            ["--repo", &path("homelab.git")],
            ["--interval", "1s"],
            ["--data-dir", &path("data")],
            ["--listen", "127.0.0.1:0"],
            ["--engine", if engine.is_some() { "docker" } else { "simulated" }],
            ["--instance", instance.id().as_str()],
            ["--webhook", &receiver.url()],
            ["--webhook-secret-file", &path("webhook-key")],
        ];
        let arguments = arguments.concat().into_iter().map(str::to_owned).collect();
        let running = engine.map(|engine| Running::new(engine, &stack, port)).transpose();
        let running = running.map_err(|error| io_error("make an HTTP client")(io::Error::other(error)))?;
        say(
            out,
            format_args!(
                "The repository, the controller's data and its log are in {}.\n",
                folder.path().display()
            ),
        )?;
        Ok(Self {
            example: Example::new(&name, port, running.is_none()),
            repository,
            receiver,
            controller: None,
            arguments,
            running,
            instance,
            folder,
        })
    }

    /// Plays the four scenes.
    pub(super) async fn show(&mut self, out: &mut (dyn Write + Send)) -> Result<(), DemoError> {
        title(out, "1  The first deploy")?;
        let subject = "Start the homelab";
        let commit = self.repository.commit(&self.example.first_commit(), subject, AUTHOR)?;
        self.controller = Some(
            Controller::start(&self.arguments, self.folder.join("log"))
                .map_err(io_error("start the controller"))?,
        );
        let succeeded =
            |version, second_host| Expected { verdict: EventType::DeploySucceeded, version, second_host };
        let first = self.expect(out, &commit, subject, &succeeded("web 1", false)).await?;

        title(out, "2  A change: a new release, and a second name in the proxy's mounted file")?;
        let subject = "Update the start page, and serve it as www too";
        let change = self.repository.commit(&self.example.good_change(), subject, AUTHOR)?;
        let second = self.expect(out, &change, subject, &succeeded("web 2", true)).await?;

        title(out, "3  A bad change: this release never passes its health check")?;
        let subject = "Update the start page again";
        let bad = self.repository.commit(&self.example.bad_change(), subject, AUTHOR)?;
        let expected = Expected { verdict: EventType::DeployRolledBack, version: "web 2", second_host: true };
        let third = self.expect(out, &bad, subject, &expected).await?;
        self.check(
            second.identity == third.identity,
            "the same container as before the bad change",
            "another one runs",
        )?;
        self.proof(out, "the start page is served by the same container as before the bad change")?;

        title(out, "4  git revert of both, in one push")?;
        let subject = "Revert \"Update the start page, and serve it as www too\"";
        let revert = self.repository.revert(&[bad, change], AUTHOR)?;
        let fourth = self.expect(out, &revert, subject, &succeeded("web 1", false)).await?;
        let image = |outcome: &Outcome| outcome.identity.as_ref().map(|identity| identity.image.clone());
        self.check(image(&first) == image(&fourth), "the image of the first deploy", "another one runs")?;
        self.proof(out, "the start page runs from the same image as at first")?;
        self.check(!fourth.pulls, "a revert that pulls nothing", "its plan pulls")
    }

    /// Waits for the verdict on a commit, shows what was told, and compares it and what runs with what is expected.
    async fn expect(
        &mut self,
        out: &mut (dyn Write + Send),
        commit: &CommitId,
        subject: &str,
        expected: &Expected,
    ) -> Result<Outcome, DemoError> {
        say(out, format_args!("pushed {}: {subject}\n", commit.short()))?;
        let begin = Instant::now();
        let heard = self.until_verdict(commit).await?;
        let took = begin.elapsed().as_secs_f64();
        let mut text = String::new();
        let plan = heard.iter().find(|webhook| webhook.event.kind == EventType::PlanCreated);
        let plan = plan.map(|webhook| webhook.event.message.trim_end()).unwrap_or_default();
        let _ = writeln!(text, "\nplan\n{plan}");
        text.push_str("\nwebhooks\n");
        for webhook in &heard {
            text.push_str(&tell::webhook(webhook));
        }
        let last = heard.last().expect("there is no verdict without a webhook");
        let _ = writeln!(text, "\nresult: {} after {took:.1} s", last.event.kind);
        say(out, format_args!("{text}"))?;
        self.check(last.event.kind == expected.verdict, expected.verdict.as_str(), last.event.kind.as_str())?;
        if let Some(unsigned) = heard.iter().find(|webhook| !webhook.signed) {
            return Err(DemoError::BadSignature { kind: unsigned.event.kind });
        }
        Ok(Outcome { pulls: plan.contains("to pull"), identity: self.look(out, expected).await? })
    }

    /// Asks the start page for its version, under both of its names.
    async fn look(
        &self,
        out: &mut (dyn Write + Send),
        expected: &Expected,
    ) -> Result<Option<Identity>, DemoError> {
        let Some(running) = &self.running else { return Ok(None) };
        let second = if expected.second_host { expected.version } else { NO_SITE };
        for (host, wanted) in [(HOST, expected.version), (SECOND_HOST, second)] {
            let answer = running.version_becomes(host, wanted).await;
            say(out, format_args!("  http://{host}/version says: {answer}\n"))?;
            self.check(answer == wanted, wanted, &answer)?;
        }
        Ok(running.identity().await?)
    }

    async fn until_verdict(&mut self, commit: &CommitId) -> Result<Vec<Webhook>, DemoError> {
        let mut heard = Vec::new();
        let controller = self.controller.as_mut().expect("it was started before the first verdict");
        let deadline = tokio::time::sleep(PATIENCE);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                Some(webhook) = self.receiver.next() => {
                    let is_verdict = is_verdict(&webhook, commit);
                    heard.push(webhook);
                    if is_verdict {
                        return Ok(heard);
                    }
                }
                status = controller.ended() => {
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    return Err(DemoError::ControllerEnded { status, log: controller.last_lines() });
                }
                () = &mut deadline => {
                    let log = controller.last_lines();
                    let commit = commit.short().to_owned();
                    return Err(DemoError::NoVerdict { commit, seconds: PATIENCE.as_secs(), log });
                }
            }
        }
    }

    fn check(&self, holds: bool, expected: &str, found: &str) -> Result<(), DemoError> {
        if holds {
            return Ok(());
        }
        let log = self.controller.as_ref().map(Controller::last_lines).unwrap_or_default();
        Err(DemoError::NotAsTold { expected: expected.into(), found: found.into(), log })
    }

    /// Says what was found on the engine; on the simulated one, nothing was.
    fn proof(&self, out: &mut (dyn Write + Send), found: &str) -> Result<(), DemoError> {
        if self.running.is_some() { say(out, format_args!("  {found}\n")) } else { Ok(()) }
    }

    /// Stops the controller and removes what the demo made.
    pub(super) async fn clear(mut self, out: &mut (dyn Write + Send)) -> Result<(), DemoError> {
        title(out, "Cleaning up")?;
        let folder = self.folder.path().display();
        say(out, format_args!("Stopping the controller, and removing {folder}.\n"))?;
        if let Some(controller) = self.controller.take()
            && !controller.stop().await
        {
            say(out, format_args!("The controller did not end well, and was killed.\n"))?;
        }
        if let Some(running) = &self.running {
            let erased = running.engine().erase(&self.instance).await?;
            say(
                out,
                format_args!(
                    "Removed {} containers, {} networks and {} volumes of the instance {}.\n",
                    erased.containers,
                    erased.networks,
                    erased.volumes,
                    self.instance.id()
                ),
            )?;
        }
        Ok(())
    }
}

/// `deploy.failed` is none: what becomes of it, `deploy.rolled_back` or not, is told next.
fn is_verdict(webhook: &Webhook, commit: &CommitId) -> bool {
    let revision = webhook.event.metadata.revision.as_ref();
    let is_of_it = revision.and_then(|revision| revision.commit.as_ref()) == Some(commit);
    is_of_it
        && matches!(
            webhook.event.kind,
            EventType::DeploySucceeded | EventType::DeployRolledBack | EventType::DeployRollbackFailed
        )
}

fn title(out: &mut (dyn Write + Send), text: &str) -> Result<(), DemoError> {
    say(out, format_args!("\n== {text}\n"))
}

fn io_error(doing: &'static str) -> impl Fn(io::Error) -> DemoError {
    move |source| DemoError::Io { doing, source }
}

fn random_hex(bytes: usize) -> Result<String, DemoError> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| io_error("ask the system for random numbers")(io::Error::other(error)))?;
    Ok(hex::encode(random))
}

fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// Returns a port that was free a moment ago. For a container: it cannot be handed the socket.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
