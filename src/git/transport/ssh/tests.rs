//! The `ssh` program played by a script, and, where `sshd` is installed, a real server on loopback.

use std::fs;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::git::GitSource;
use crate::git::SourceSpec;
use crate::git::testing::Upstream;

/// A folder with a key, known hosts, and a script in place of `ssh`.
struct Stage {
    folder: TempDir,
}

impl Stage {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let stage = Self { folder };
        fs::write(stage.at("my key"), "key").expect("written");
        fs::write(stage.at("known%hosts"), "host key").expect("written");
        fs::write(stage.at("ssh"), format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(stage.at("ssh"), fs::Permissions::from_mode(0o755)).expect("set");
        stage
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn source(&self, upstream: &Upstream, change: impl FnOnce(&mut SourceSpec)) -> GitSource {
        let mut spec = upstream.spec();
        let address = format!("ssh://git@example.org:2222{}", upstream.path().display());
        spec.url = RemoteUrl::parse(&address, false).expect("an address");
        spec.auth =
            Auth::SshKey { private_key_file: self.at("my key"), known_hosts_file: self.at("known%hosts") };
        spec.ssh_program = self.at("ssh");
        spec.deadlines.idle = Duration::from_secs(5);
        change(&mut spec);
        GitSource::new(spec, self.folder.path())
    }
}

/// Writes its arguments down, one a line, and runs the last one as the remote's shell would.
fn serving(stage_arguments: &str) -> String {
    format!("printf '%s\\n' \"$@\" > \"{stage_arguments}\"\nfor last; do :; done\nexec sh -c \"$last\"")
}

#[test]
fn a_repository_is_fetched_and_polled_over_ssh() {
    let (upstream, first) = Upstream::new();
    let stage = Stage::new(&serving("$(dirname \"$0\")/arguments"));
    let source = stage.source(&upstream, |_| {});
    assert_eq!(source.poll().expect("polled").commit(), &first);
    assert_eq!(source.poll().expect("polled").fetches, 0);
    for number in 0..40 {
        upstream.push("main", &[("n", &number.to_string())], "more");
    }
    let last = upstream.push("main", &[("big", &"x".repeat(200_000))], "big");
    assert_eq!(source.poll().expect("polled").commit(), &last);
}

#[test]
fn ssh_is_told_to_ask_nothing_and_to_trust_only_what_is_given() {
    let (upstream, _) = Upstream::new();
    let stage = Stage::new(&serving("$(dirname \"$0\")/arguments"));
    stage.source(&upstream, |_| {}).poll().expect("polled");
    let arguments = fs::read_to_string(stage.at("arguments")).expect("read");
    let arguments: Vec<&str> = arguments.lines().collect();
    let folder = stage.folder.path().display().to_string();
    for option in [
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        "GlobalKnownHostsFile=none".to_owned(),
        "IdentitiesOnly=yes".to_owned(),
        "IdentityAgent=none".to_owned(),
        format!("UserKnownHostsFile=\"{folder}/known%%hosts\""),
        format!("IdentityFile=\"{folder}/my key\""),
    ] {
        let at = arguments.iter().position(|argument| *argument == option);
        assert!(at.is_some_and(|at| arguments[at - 1] == "-o"), "{option} is not in {arguments:?}");
    }
    assert_eq!(arguments[..2], ["-F", "none"]);
    let upload = format!("git-upload-pack '{}'", upstream.path().display());
    let end = ["-p", "2222", "-l", "git", "--", "example.org", &upload];
    assert_eq!(arguments[arguments.len() - end.len()..], end);
}

#[test]
fn a_path_cannot_leave_its_quotes() {
    assert_eq!(quoted("/a b"), "'/a b'");
    assert_eq!(quoted("/a'; rm -rf $HOME; '"), r"'/a'\''; rm -rf $HOME; '\'''");
    assert_eq!(quoted("/a!b"), r"'/a'\!'b'");
}

#[test]
fn what_ssh_says_becomes_what_is_wrong() {
    type Case = (&'static str, fn(&GitError) -> bool);
    let cases: [Case; 8] = [
        (
            "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.",
            |error| matches!(error, GitError::HostKey { detail, .. } if detail.contains("not in")),
        ),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            |error| matches!(error, GitError::HostKey { detail, .. } if detail.contains("not the one")),
        ),
        ("git@h: Permission denied (publickey).", |error| matches!(error, GitError::AuthRefused { .. })),
        ("@ WARNING: UNPROTECTED PRIVATE KEY FILE! @\ngit@h: Permission denied (publickey).", |error| {
            matches!(error, GitError::Credential { what: "private key", .. })
        }),
        ("Load key \"x\": error in libcrypto\ngit@h: Permission denied (publickey).", |error| {
            matches!(error, GitError::Credential { what: "private key", .. })
        }),
        ("ssh: Could not resolve hostname h: Name or service not known", |error| {
            matches!(error, GitError::Unreachable { .. })
        }),
        (
            "fatal: '/x' does not appear to be a git repository\nCould not read from remote repository.",
            |error| matches!(error, GitError::NotARepository { detail, .. } if detail.starts_with("fatal: '/x'")),
        ),
        (
            "",
            |error| matches!(error, GitError::Unreachable { detail, .. } if detail.contains("without a word")),
        ),
    ];
    for (said, expected) in cases {
        let (upstream, _) = Upstream::new();
        let stage = Stage::new(&format!("cat >&2 <<'END'\n{said}\nEND\nexit 255"));
        let error = stage.source(&upstream, |_| {}).poll().expect_err("refused");
        assert!(expected(&error), "{said}: {error:?}");
    }
}

#[test]
fn a_silent_ssh_is_killed_with_all_that_it_started() {
    let (upstream, _) = Upstream::new();
    let stage = Stage::new("sleep 1000 & echo $! > \"$(dirname \"$0\")/pid\"\nwait");
    let idle = Duration::from_millis(300);
    let source = stage.source(&upstream, |spec| spec.deadlines.idle = idle);
    let Err(GitError::TimedOut { after, .. }) = source.poll() else { panic!("it answered") };
    assert_eq!(after, idle);
    let pid = fs::read_to_string(stage.at("pid")).expect("it started");
    let process = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(process.is_empty() || process.contains(") Z "), "still there: {process}");
}

#[test]
fn a_key_and_known_hosts_are_needed() {
    let (upstream, _) = Upstream::new();
    let stage = Stage::new("exit 1");
    let none = stage.source(&upstream, |spec| spec.auth = Auth::None).poll();
    assert!(matches!(none, Err(GitError::WrongAuth { .. })), "{none:?}");
    fs::remove_file(stage.at("known%hosts")).expect("removed");
    let Err(GitError::Credential { what, .. }) = stage.source(&upstream, |_| {}).poll() else {
        panic!("it went on")
    };
    assert_eq!(what, "known-hosts file");
    let error = stage.source(&upstream, |spec| spec.ssh_program = stage.at("none")).poll();
    assert!(error.is_err());
}

/// A real `sshd` on loopback that ends with the test.
struct Sshd {
    child: Child,
    port: u16,
}

impl Sshd {
    /// Starts it with a key for the current user in `client`. `Err` says why it cannot be.
    fn start(folder: &TempDir) -> Result<Self, String> {
        let at = |name: &str| folder.path().join(name).display().to_string();
        let sshd = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"];
        let sshd = sshd.into_iter().find(|path| Path::new(path).exists()).ok_or("no sshd is installed")?;
        for key in ["host", "client", "stranger"] {
            let made =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]).status();
            made.map_err(|error| format!("no ssh-keygen: {error}"))?;
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        fs::create_dir_all("/run/sshd").ok();
        fs::write(
            at("config"),
            format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
                 StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n",
                at("host"),
                at("client.pub")
            ),
        )
        .expect("written");
        let log = File::create(at("log")).expect("a file");
        let child = Command::new(sshd)
            .args(["-D", "-e", "-f", &at("config")])
            .stderr(log)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut sshd = Self { child, port };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(sshd);
            }
            if sshd.child.try_wait().expect("looked").is_some() {
                break;
            }
            rustix::event::poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: 10_000_000 })).expect("waited");
        }
        Err(format!("sshd does not start: {}", fs::read_to_string(at("log")).unwrap_or_default()))
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_real_server_is_trusted_by_its_host_key_alone() {
    let (upstream, first) = Upstream::new();
    let folder = tempfile::tempdir().expect("a folder");
    let sshd = match Sshd::start(&folder) {
        Ok(sshd) => sshd,
        Err(reason) => {
            println!("skipped: {reason}");
            return;
        }
    };
    let at = |name: &str| folder.path().join(name);
    let id = Command::new("id").arg("-un").output().expect("a user");
    let user = String::from_utf8_lossy(&id.stdout).trim().to_owned();
    let known = |key: &str| {
        let key = fs::read_to_string(at(key)).expect("a key");
        fs::write(at("known"), format!("[127.0.0.1]:{} {key}", sshd.port)).expect("written");
    };
    let poll = |key: &str| {
        let mut spec = upstream.spec();
        let address = format!("ssh://{user}@127.0.0.1:{}{}", sshd.port, upstream.path().display());
        spec.url = RemoteUrl::parse(&address, false).expect("an address");
        spec.auth = Auth::SshKey { private_key_file: at(key), known_hosts_file: at("known") };
        GitSource::new(spec, folder.path()).poll()
    };

    known("host.pub");
    let found = poll("client")
        .unwrap_or_else(|error| panic!("{error}\n{}", fs::read_to_string(at("log")).unwrap_or_default()));
    assert_eq!(found.commit(), &first);
    let error = poll("stranger").expect_err("refused");
    assert!(matches!(error, GitError::AuthRefused { .. }), "{error:?}");
    fs::set_permissions(at("client"), fs::Permissions::from_mode(0o644)).expect("set");
    let error = poll("client").expect_err("refused");
    assert!(matches!(error, GitError::Credential { what: "private key", .. }), "{error:?}");
    known("stranger.pub");
    let error = poll("client").expect_err("refused");
    assert!(
        matches!(&error, GitError::HostKey { detail, .. } if detail.contains("not the one")),
        "{error:?}"
    );
    fs::write(at("known"), "").expect("written");
    let error = poll("client").expect_err("refused");
    assert!(matches!(&error, GitError::HostKey { detail, .. } if detail.contains("not in")), "{error:?}");
}
