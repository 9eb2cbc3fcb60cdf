//! A source: a repository, what is followed in it, and when to look.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::Repo;
use super::default_schedule;
use crate::core::diag::Diagnostic;
use crate::core::diag::Place;
use crate::core::model::CommitId;
use crate::core::model::SourceName;
use crate::core::schedule::Backoff;
use crate::core::schedule::Cron;
use crate::core::schedule::Schedule;
use crate::core::shape::Section;
use crate::core::shape::Text;

/// The shortest time between two looks at a remote.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// The wait after the first failure, unless something else is said.
const FIRST_RETRY: Duration = Duration::from_secs(10);

/// The longest wait after failures, unless the first one is longer.
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// A repository to follow.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// Its address as written. It holds no credentials, but whether it is an address is for git to say.
    pub url: String,
    /// What is followed in it.
    pub follow: Follow,
    /// The folder in it that holds the stacks, without slashes at its ends; empty for the root.
    pub path: String,
    /// When to look for commits.
    pub schedule: Schedule,
    /// How long to wait after failures.
    pub retry: Backoff,
    /// How long one look may take.
    pub timeout: Duration,
    /// If the branch may move to a commit that does not descend from the last one.
    pub allow_force_push: bool,
    /// If unencrypted remotes are allowed.
    pub insecure: bool,
    /// How to log in.
    pub auth: Auth,
    /// More certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// If its stacks are not to be touched.
    pub suspend: bool,
    /// Where it is configured; `None` if that was on the command line.
    pub place: Option<Place>,
}

/// What is followed in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follow {
    /// The branch that the remote calls its default.
    Default,
    /// A branch, without `refs/heads/`.
    Branch(String),
    /// A tag, without `refs/tags/`.
    Tag(String),
    /// This commit for ever.
    Commit(CommitId),
}

/// How to log in. The files are not read here, so that a secret can change without a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// With a name and a token, over https.
    Token {
        /// The user's name.
        username: String,
        /// The file with the token.
        token_file: PathBuf,
    },
    /// With a key, over ssh.
    SshKey {
        /// The file with the private key.
        private_key_file: PathBuf,
        /// The file with the host keys to trust.
        known_hosts_file: PathBuf,
    },
}

/// Reads one of the host file's sources. What is wrong is noted, and `None` returned if nothing can be made of it.
pub(super) fn read(section: &Section<'_>, folder: &Path, problems: &mut Vec<Diagnostic>) -> Option<Source> {
    let name = section.text("name").and_then(|name| name.parse("bad-name", problems, SourceName::new));
    let url = section.text("url").and_then(|url| url.parse("bad-url", problems, without_credentials));
    let follow = follow(section, problems);
    let path = section.text("path").and_then(|path| path.parse("bad-path", problems, inner_path));
    let schedule = schedule(section, problems);
    let time = |key: &str, or: Duration| section.duration(key).unwrap_or(or);
    let retry = time("retryInterval", FIRST_RETRY);
    let timeout = time("timeout", Duration::from_mins(5));
    for (key, value) in [("retryInterval", retry), ("timeout", timeout)] {
        if value.is_zero() {
            problems.push(section.error(key, "bad-duration", format!("`{key}` must not be zero")));
        }
    }
    let auth = auth(section, url.as_deref(), folder, problems);
    Some(Source {
        name: name?,
        url: url?,
        follow,
        path: path.unwrap_or_default(),
        schedule,
        retry: Backoff::new(retry, retry.max(LONGEST_RETRY)),
        timeout,
        allow_force_push: section.flag("allowForcePush").unwrap_or(false),
        insecure: section.flag("insecure").unwrap_or(false),
        auth,
        ca_file: section.text("caFile").map(|file| folder.join(file.text)),
        suspend: section.flag("suspend").unwrap_or(false),
        place: Some(section.place().clone()),
    })
}

/// Returns the source that the command line asks for.
pub(super) fn from_arguments(repo: &Repo<'_>) -> Result<Source, Diagnostic> {
    let bad = |code, error: String| Diagnostic::error(code, error);
    let url = without_credentials(repo.url).map_err(|error| bad("bad-url", error))?;
    let name = name_of(&url).ok_or_else(|| bad("bad-url", format!("`{url}` names no repository")))?;
    let branch = repo.branch.map(ref_name).transpose().map_err(|error| bad("bad-ref", error))?;
    let path = repo.path.map(inner_path).transpose().map_err(|error| bad("bad-path", error))?;
    if repo.interval.is_some_and(|interval| interval < SHORTEST_INTERVAL) {
        return Err(bad("bad-duration", "the interval must be at least 1s".into()));
    }
    let first_retry = repo.interval.unwrap_or(FIRST_RETRY).min(FIRST_RETRY);
    Ok(Source {
        name,
        url,
        follow: branch.map_or(Follow::Default, Follow::Branch),
        path: path.unwrap_or_default(),
        schedule: repo.interval.map_or_else(default_schedule, Schedule::every),
        retry: Backoff::new(first_retry, LONGEST_RETRY),
        timeout: Duration::from_mins(5),
        allow_force_push: false,
        insecure: false,
        auth: Auth::None,
        ca_file: None,
        suspend: false,
        place: None,
    })
}

fn follow(section: &Section<'_>, problems: &mut Vec<Diagnostic>) -> Follow {
    let given: Vec<Text<'_>> =
        ["branch", "tag", "commit"].iter().filter_map(|key| section.text(key)).collect();
    if let [_, second, ..] = given.as_slice() {
        problems.push(second.error("conflict", "only one of `branch`, `tag` and `commit` can be followed"));
    }
    let mut name = |key| section.text(key)?.parse("bad-ref", problems, ref_name);
    if let Some(branch) = name("branch") {
        return Follow::Branch(branch);
    }
    if let Some(tag) = name("tag") {
        return Follow::Tag(tag);
    }
    let id = |text: &str| CommitId::parse(text).ok_or("write all 40 digits of the commit's id");
    match section.text("commit").and_then(|commit| commit.parse("bad-ref", problems, id)) {
        Some(id) => Follow::Commit(id),
        None => Follow::Default,
    }
}

fn schedule(section: &Section<'_>, problems: &mut Vec<Diagnostic>) -> Schedule {
    let interval = section.duration("interval");
    if interval.is_some_and(|interval| interval < SHORTEST_INTERVAL) {
        problems.push(section.error("interval", "bad-duration", "the interval must be at least 1s"));
    }
    let cron = section.section("schedule").and_then(|schedule| {
        if interval.is_some() {
            problems.push(section.error(
                "schedule",
                "conflict",
                "only one of `interval` and `schedule` can be given",
            ));
        }
        let zone =
            schedule.text("timeZone").and_then(|zone| zone.parse("bad-time-zone", problems, time_zone));
        let zone = zone.unwrap_or(TimeZone::UTC);
        schedule.text("cron")?.parse("bad-cron", problems, |text| {
            Cron::parse(text, zone).map_err(|error| format!("`{text}` is no schedule: {error}"))
        })
    });
    match (cron, interval) {
        (Some(cron), _) => Schedule::Cron(cron),
        (None, Some(interval)) => Schedule::every(interval),
        (None, None) => default_schedule(),
    }
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("`{name}` is no time zone: write a name such as Europe/Berlin"))
}

fn auth(section: &Section<'_>, url: Option<&str>, folder: &Path, problems: &mut Vec<Diagnostic>) -> Auth {
    let Some(auth) = section.section("auth") else { return Auth::None };
    let file = |key: &str| auth.text(key).map(|file| folder.join(file.text));
    let over_ssh = url.is_some_and(is_ssh);
    let mut refuse = |key: &str, message: &str| {
        problems.push(auth.error(key, "bad-auth", message));
        Auth::None
    };
    match (file("tokenFile"), file("privateKeyFile"), file("knownHostsFile")) {
        (Some(_), Some(_), _) => refuse("privateKeyFile", "give either `tokenFile` or `privateKeyFile`"),
        (Some(_), None, _) if over_ssh => refuse("tokenFile", "ssh takes a `privateKeyFile`, not a token"),
        (None, Some(_), _) if url.is_some() && !over_ssh => {
            refuse("privateKeyFile", "a key is for ssh addresses; https takes a `tokenFile`")
        }
        (Some(_), None, Some(_)) => refuse("knownHostsFile", "host keys are for ssh; https has `caFile`"),
        (None, Some(_), _) if auth.text("username").is_some() => {
            refuse("username", "over ssh the user's name is part of the address: ssh://user@host/path")
        }
        (Some(token_file), None, None) => {
            let username = auth.text("username").map_or("git", |name| name.text).to_owned();
            Auth::Token { username, token_file }
        }
        (None, Some(private_key_file), Some(known_hosts_file)) => {
            Auth::SshKey { private_key_file, known_hosts_file }
        }
        (None, Some(_), None) => refuse(
            "privateKeyFile",
            "`knownHostsFile` is missing: no host is trusted on first use (see `ssh-keyscan`, and compare)",
        ),
        (None, None, _) => refuse("auth", "`tokenFile` or `privateKeyFile` is missing"),
    }
}

/// Returns true for `ssh://host/path` and `user@host:path`.
fn is_ssh(url: &str) -> bool {
    match url.split_once("://") {
        Some((scheme, _)) => scheme.contains("ssh"),
        None => url.split_once(':').is_some_and(|(host, _)| !host.contains('/')),
    }
}

/// Refuses an address with a password, or over http with any login, without repeating it.
fn without_credentials(url: &str) -> Result<String, String> {
    let login = url.split_once("://").and_then(|(scheme, rest)| {
        let authority = rest.split('/').next().unwrap_or_default();
        authority.rsplit_once('@').map(|(login, _)| (scheme, login))
    });
    match login {
        Some((scheme, login)) if scheme.starts_with("http") || login.contains(':') => {
            Err("the address contains credentials: put the token into a file and name it in `auth.tokenFile`"
                .into())
        }
        _ if url.is_empty() || url.starts_with('-') || url.chars().any(char::is_control) => {
            Err("this is not a repository's address".into())
        }
        _ => Ok(url.to_owned()),
    }
}

/// Returns the last part of an address without `.git`, made a name.
fn name_of(url: &str) -> Option<SourceName> {
    let path = url.trim_end_matches('/');
    let path = path.strip_suffix("/.git").unwrap_or(path);
    let last = path.rsplit(['/', ':']).next()?;
    let last = last.strip_suffix(".git").unwrap_or(last);
    let name: String =
        last.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    SourceName::new(name.trim_start_matches(['-', '_', '.'])).ok()
}

/// Refuses what git refuses as a name of a branch or tag, and what could be taken for an option.
fn ref_name(name: &str) -> Result<String, String> {
    let bad = name.is_empty()
        || name.starts_with(['-', '/', '.'])
        || name.ends_with(['/', '.'])
        || name.strip_suffix(".lock").is_some()
        || ["..", "//", "@{", "/."].iter().any(|part| name.contains(part))
        || name.contains(|c: char| c.is_control() || " ~^:?*[\\".contains(c));
    if bad {
        Err(format!("`{}` cannot be the name of a branch or tag", name.escape_debug()))
    } else {
        Ok(name.into())
    }
}

/// Returns a folder's path in a repository without `.` and slashes at its ends.
pub(super) fn inner_path(path: &str) -> Result<String, String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if path.starts_with('/') || parts.contains(&"..") || path.chars().any(char::is_control) {
        return Err(format!(
            "`{}` must be a folder in the repository, seen from its root",
            path.escape_debug()
        ));
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_after_its_repository() {
        for (url, name) in [
            ("https://git.example.org/me/homelab.git", Some("homelab")),
            ("git@host:homelab.git/", Some("homelab")),
            ("/srv/git/home lab", Some("home-lab")),
            ("/srv/homelab/.git", Some("homelab")),
            ("ssh://host/.git", Some("host")),
            ("https://host/ü.git", None),
        ] {
            assert_eq!(name_of(url).map(String::from).as_deref(), name, "{url}");
        }
    }

    #[test]
    fn addresses_with_credentials_are_refused_and_not_repeated() {
        for bad in ["https://me:token@host/r", "https://token@host/r", "ssh://git:pw@host/r"] {
            let error = without_credentials(bad).expect_err(bad);
            assert!(!error.contains("token@") && !error.contains("pw"), "{error}");
        }
        for good in ["ssh://git@host/r", "git@host:r", "https://host/r@x", "/srv/r", "file:///srv/r"] {
            assert!(without_credentials(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn names_that_git_would_refuse_are_refused() {
        for bad in ["", "-f", "a..b", "a b", "x.lock", "/a", "a/", "a\n", "a:b", "a/.b", "@{1}"] {
            assert!(ref_name(bad).is_err(), "{bad:?}");
        }
        for good in ["main", "release/1.x", "v1.10", "feature#1"] {
            assert!(ref_name(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_path_stays_in_the_repository() {
        assert_eq!(inner_path("./a//b/").as_deref(), Ok("a/b"));
        assert_eq!(inner_path(".").as_deref(), Ok(""));
        for bad in ["/a", "..", "a/../b", "a\0"] {
            assert!(inner_path(bad).is_err(), "{bad:?}");
        }
    }
}
