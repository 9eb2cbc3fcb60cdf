//! git's protocol over the `ssh` program: no shell on this side, no configuration but what is given here, no question
//! asked, no host trusted that is not in the known-hosts file. A program that does not answer is killed.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Child;
use std::process::ChildStderr;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use git2::Error;
use git2::transport::Service;
use git2::transport::SmartSubtransport;
use git2::transport::SmartSubtransportStream;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::process::Pid;
use rustix::process::Signal;

use super::ANSWER;
use super::CONNECT;
use super::Meter;
use super::read_only;
use crate::git::error::GitError;
use crate::git::error::first_line;
use crate::git::session::Session;
use crate::git::spec::Auth;
use crate::git::spec::Deadlines;
use crate::git::url::RemoteUrl;

/// A pipe that is ready takes this much without blocking.
const PIPE_BUF: usize = 4096;
/// The most of what `ssh` and the remote say beside the protocol that is kept: the end of it.
const MOST_SAID: usize = 4096;
/// How long a program may take to end by itself after the last word.
const FAREWELL: Duration = Duration::from_secs(1);

/// One conversation over ssh.
pub(super) struct Ssh {
    session: Arc<Session>,
}

impl Ssh {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    fn connect(&self) -> Result<Channel, GitError> {
        let session = &self.session;
        session.patience(CONNECT)?;
        let arguments = arguments(session)?;
        let program = &session.spec.ssh_program;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| GitError::Other {
                doing: format!("start {}", program.display()),
                detail: error.to_string(),
            })?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), stderr) = pipes else {
            return Err(GitError::Other { doing: "talk to ssh".into(), detail: "it has no pipes".into() });
        };
        let session = Arc::clone(session);
        Ok(Channel {
            session,
            child,
            stdin: Some(stdin),
            stdout,
            stderr,
            said: Vec::new(),
            meter: Meter::listing(),
            heard: false,
            well: true,
        })
    }
}

impl SmartSubtransport for Ssh {
    fn action(&self, _: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        read_only(service, &self.session)?;
        let channel = self.connect().map_err(|error| self.session.fail(error))?;
        Ok(Box::new(channel))
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// The pipes of a running `ssh`.
struct Channel {
    session: Arc<Session>,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    /// The end of what was said on standard error.
    said: Vec<u8>,
    meter: Meter,
    /// Anything came.
    heard: bool,
    /// Nothing went wrong so far.
    well: bool,
}

impl Channel {
    /// Waits until something is on standard output or its end, and takes in what is on standard error meanwhile.
    /// False if the time is over.
    fn wait(&mut self, patience: Duration) -> io::Result<bool> {
        loop {
            let mut fds = vec![PollFd::new(&self.stdout, PollFlags::IN)];
            fds.extend(self.stderr.as_ref().map(|stderr| PollFd::new(stderr, PollFlags::IN)));
            if !ready(&mut fds, patience)? {
                return Ok(false);
            }
            let out = !fds[0].revents().is_empty();
            let err = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
            if err {
                self.listen()?;
            }
            if out {
                return Ok(true);
            }
        }
    }

    fn listen(&mut self) -> io::Result<()> {
        let Some(stderr) = &mut self.stderr else { return Ok(()) };
        let mut buffer = [0; PIPE_BUF];
        let count = stderr.read(&mut buffer)?;
        if count == 0 {
            self.stderr = None;
        }
        self.said.extend_from_slice(&buffer[..count]);
        let over = self.said.len().saturating_sub(MOST_SAID);
        self.said.drain(..over);
        Ok(())
    }

    /// Gives up, and says why.
    fn fail(&mut self, error: GitError) -> io::Error {
        self.well = false;
        self.session.fail_io(error)
    }

    /// The other side ended before it said all.
    fn ended(&mut self) -> GitError {
        while self.stderr.is_some() {
            let Some(stderr) = &self.stderr else { break };
            let mut fds = [PollFd::new(stderr, PollFlags::IN)];
            if !ready(&mut fds, FAREWELL).unwrap_or(false) || self.listen().is_err() {
                break;
            }
        }
        why(&String::from_utf8_lossy(&self.said), self.heard, &self.session)
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let doing = if self.heard { ANSWER } else { CONNECT };
        let patience = self.session.patience(doing).map_err(|error| self.fail(error))?;
        if !self.wait(patience)? {
            let error = self.session.timed_out(doing);
            return Err(self.fail(error));
        }
        let count = self.stdout.read(buffer)?;
        if count == 0 {
            let error = self.ended();
            return Err(self.fail(error));
        }
        self.heard = true;
        self.meter.count(count, &self.session).map_err(|error| self.fail(error))?;
        Ok(count)
    }
}

impl Write for Channel {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let patience = self.session.patience(ANSWER).map_err(|error| self.fail(error))?;
        self.meter = Meter::fetch(&self.session);
        let Some(stdin) = &mut self.stdin else { return Err(io::ErrorKind::BrokenPipe.into()) };
        if !ready(&mut [PollFd::new(stdin, PollFlags::OUT)], patience)? {
            let error = self.session.timed_out(ANSWER);
            return Err(self.fail(error));
        }
        let written = stdin.write(&data[..data.len().min(PIPE_BUF)]);
        if written.is_err() && self.well {
            let error = self.ended();
            return Err(self.fail(error));
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.stdin = None;
        let mut rest = [0; PIPE_BUF];
        while self.well && self.wait(FAREWELL).unwrap_or(false) {
            if self.stdout.read(&mut rest).unwrap_or(0) == 0 {
                break;
            }
        }
        // The group: a proxy or helper that `ssh` started goes with it. One that has ended is no error.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            rustix::process::kill_process_group(group, Signal::KILL).ok();
        }
        self.child.wait().ok();
    }
}

/// Waits until one of the pipes is ready. False if the time is over.
fn ready(fds: &mut [PollFd<'_>], patience: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(patience).map_err(io::Error::other)?;
    loop {
        match rustix::event::poll(fds, Some(&timeout)) {
            Ok(count) => return Ok(count > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns everything that `ssh` is started with.
fn arguments(session: &Session) -> Result<Vec<OsString>, GitError> {
    let RemoteUrl::Ssh { user, host, port, path } = &session.spec.url else {
        return Err(GitError::Other {
            doing: "use ssh".into(),
            detail: "the address is not one of ssh".into(),
        });
    };
    let Auth::SshKey { private_key_file, known_hosts_file } = &session.spec.auth else {
        return Err(GitError::WrongAuth {
            url: session.url(),
            needs: "a private key file and a known-hosts file",
        });
    };
    let key = option_path(private_key_file, "private key")?;
    let known_hosts = option_path(known_hosts_file, "known-hosts file")?;
    let Deadlines { connect, idle, .. } = session.spec.deadlines;
    let mut arguments: Vec<OsString> = ["-F", "none", "-T", "-x", "-a"].map(OsString::from).into();
    for option in [
        "BatchMode=yes".into(),
        "StrictHostKeyChecking=yes".into(),
        format!("UserKnownHostsFile={known_hosts}"),
        "GlobalKnownHostsFile=none".into(),
        "UpdateHostKeys=no".into(),
        "CheckHostIP=no".into(),
        "IdentitiesOnly=yes".into(),
        format!("IdentityFile={key}"),
        "IdentityAgent=none".into(),
        "PreferredAuthentications=publickey".into(),
        "ClearAllForwardings=yes".into(),
        "PermitLocalCommand=no".into(),
        "ControlPath=none".into(),
        format!("ConnectTimeout={}", connect.as_secs().max(1)),
        format!("ServerAliveInterval={}", (idle.as_secs() / 3).max(1)),
    ] {
        arguments.extend(["-o".into(), OsString::from(option)]);
    }
    if let Some(port) = port {
        arguments.extend(["-p".into(), OsString::from(port.to_string())]);
    }
    if let Some(user) = user {
        arguments.extend(["-l".into(), OsString::from(user)]);
    }
    arguments.extend(["--".into(), OsString::from(host), format!("git-upload-pack {}", quoted(path)).into()]);
    Ok(arguments)
}

/// Returns a file's path as `ssh` reads it in an option: quoted, `%` doubled. Fails if the file cannot be opened.
fn option_path(path: &Path, what: &'static str) -> Result<String, GitError> {
    let unusable = |detail: String| GitError::Credential { what, path: path.into(), detail };
    File::open(path).map_err(|error| unusable(error.to_string()))?;
    let absolute = std::path::absolute(path).map_err(|error| unusable(error.to_string()))?;
    match absolute.to_str() {
        Some(text) if !text.contains(['"', '\\', '$']) && !text.chars().any(char::is_control) => {
            Ok(format!("\"{}\"", text.replace('%', "%%")))
        }
        _ => Err(unusable("its path has characters that ssh gives a meaning".into())),
    }
}

/// Returns a path as the remote's shell reads it, quoted as git does it.
fn quoted(path: &str) -> String {
    let inner: String = path
        .chars()
        .map(|c| if matches!(c, '\'' | '!') { format!("'\\{c}'") } else { c.to_string() })
        .collect();
    // A shell expands `~/` only outside of quotes, and git's server side does it inside.
    format!("'{inner}'")
}

/// Returns what went wrong, by what was said on standard error.
fn why(said: &str, heard: bool, session: &Session) -> GitError {
    let url = session.url();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let last =
        said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it ended without a word");
    let detail = first_line(last);
    let key = |detail: &str| match &session.spec.auth {
        Auth::SshKey { private_key_file, .. } => GitError::Credential {
            what: "private key",
            path: private_key_file.clone(),
            detail: detail.into(),
        },
        _ => GitError::AuthRefused { url: url.clone(), detail: detail.into() },
    };
    if says(&["UNPROTECTED PRIVATE KEY FILE", "bad permissions"]) {
        return key("others may read it, and ssh refuses such keys: make it `chmod 600`");
    }
    if says(&["Load key", "invalid format", "error in libcrypto"]) {
        return key("it is not a private key that ssh can read without a passphrase");
    }
    if says(&["REMOTE HOST IDENTIFICATION HAS CHANGED"]) {
        return GitError::HostKey { url, detail: "it is not the one in the known-hosts file".into() };
    }
    if says(&["host key is known", "Host key verification failed"]) {
        return GitError::HostKey { url, detail: "it is not in the known-hosts file".into() };
    }
    if says(&["Permission denied", "Too many authentication failures"]) {
        return GitError::AuthRefused { url, detail };
    }
    if says(&["does not appear to be a git repository", "not found", "No such", "not exist", "access right"])
    {
        let fatal =
            said.lines().map(str::trim).find(|line| line.starts_with("fatal:") || line.starts_with("ERROR"));
        return GitError::NotARepository { url, detail: first_line(fatal.unwrap_or(last)) };
    }
    let detail = if heard { format!("the connection broke off: {detail}") } else { detail };
    GitError::Unreachable { url, detail }
}

#[cfg(test)]
mod tests;
