//! Where a repository is. Text from a configuration becomes a [`RemoteUrl`] here, or is refused; nothing that could be
//! read as an option or that carries a secret gets past this file.

use std::fmt;
use std::path::PathBuf;

use reqwest::Url;

/// A remote's address, checked. Printing it never shows a user name or password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteUrl {
    /// `https://`, or `http://` where that is allowed.
    Http(Url),
    /// `ssh://user@host:port/path` or `user@host:path`.
    Ssh {
        /// The user to log in as; `None` leaves it to `ssh`.
        user: Option<String>,
        /// The host's name or address.
        host: String,
        /// The port, if not 22.
        port: Option<u16>,
        /// The path on the host, as its shell is given it.
        path: String,
    },
    /// `git://host:port/path`, where that is allowed.
    Git {
        /// The host's name or address.
        host: String,
        /// The port, if not 9418.
        port: Option<u16>,
        /// The path on the host.
        path: String,
    },
    /// A folder on this host.
    Local(PathBuf),
}

/// Why a text is not the address of a repository that may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is neither a known kind of URL nor a path.
    #[error(
        "`{0}` is not a repository's address: write https://host/path, ssh://user@host/path, user@host:path, or a folder's path"
    )]
    Unknown(String),
    /// It carries a user name or password.
    #[error(
        "the repository's address contains credentials: put the user name into `username` and the token into a file"
    )]
    Credentials,
    /// It would send everything in the clear.
    #[error("`{0}` is not encrypted: use https or ssh, or set `insecure: true` if the network is yours")]
    Insecure(String),
    /// A part of it could be taken for something else.
    #[error("`{part}` cannot be the {what} of a repository's address")]
    Part {
        /// Which part.
        what: &'static str,
        /// The part.
        part: String,
    },
}

impl RemoteUrl {
    /// Reads an address. `insecure` allows `http://` and `git://` to other hosts than this one.
    ///
    /// # Errors
    /// Fails if the text is no address, contains a password, or names an unencrypted remote that is not allowed.
    pub fn parse(text: &str, insecure: bool) -> Result<Self, UrlError> {
        if text.is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
            return Err(UrlError::Part { what: "text", part: text.escape_debug().to_string() });
        }
        match text.split_once("://") {
            Some(("http" | "https", _)) => http(text, insecure),
            Some(("ssh" | "git+ssh" | "ssh+git", rest)) => ssh(rest),
            Some(("git", rest)) => git(text, rest, insecure),
            Some(("file", _)) => Url::parse(text)
                .ok()
                .and_then(|url| url.to_file_path().ok())
                .map(Self::Local)
                .ok_or_else(|| UrlError::Unknown(text.into())),
            Some(_) => Err(UrlError::Unknown(text.into())),
            None => match text.split_once(':') {
                Some((host, path)) if !host.contains('/') => ssh_parts(host, None, path),
                _ => std::path::absolute(text).map(Self::Local).map_err(|_| UrlError::Unknown(text.into())),
            },
        }
    }

    /// Returns what a stack at the repository's root may be named after: the last part of the path without `.git`.
    pub fn base_name(&self) -> Option<&str> {
        let path = match self {
            Self::Http(url) => url.path(),
            Self::Ssh { path, .. } | Self::Git { path, .. } => path,
            Self::Local(path) => path.to_str()?,
        };
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix("/.git").unwrap_or(path);
        let name = path.rsplit(['/', ':']).next()?;
        let name = name.strip_suffix(".git").unwrap_or(name);
        (!name.is_empty()).then_some(name)
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = |port: &Option<u16>| port.map(|port| format!(":{port}")).unwrap_or_default();
        match self {
            Self::Http(url) => write!(
                f,
                "{}://{}{}{}",
                url.scheme(),
                url.host_str().unwrap_or_default(),
                port(&url.port()),
                url.path()
            ),
            Self::Ssh { host, port: p, path, .. } => {
                write!(f, "ssh://{host}{}/{}", port(p), path.trim_start_matches('/'))
            }
            Self::Git { host, port: p, path } => write!(f, "git://{host}{}{path}", port(p)),
            Self::Local(path) => write!(f, "{}", path.display()),
        }
    }
}

fn http(text: &str, insecure: bool) -> Result<RemoteUrl, UrlError> {
    // The error must not repeat what may be a token, so that the text is cut where the host ends.
    let unknown = || UrlError::Unknown(text.split('@').next_back().unwrap_or_default().into());
    let mut url = Url::parse(text).map_err(|_| unknown())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(unknown());
    }
    let host = url.host_str().ok_or_else(unknown)?;
    if url.scheme() == "http" && !insecure && !is_loopback(host) {
        return Err(UrlError::Insecure(text.into()));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(RemoteUrl::Http(url))
}

fn ssh(rest: &str) -> Result<RemoteUrl, UrlError> {
    let (authority, path) =
        rest.split_once('/').ok_or_else(|| UrlError::Unknown(format!("ssh://{}", host_of(rest))))?;
    if path.contains('%') {
        return Err(UrlError::Part { what: "path (write it without % escapes)", part: path.into() });
    }
    let (login, port) = split_port(authority)?;
    let path = if path.starts_with('~') { path.to_owned() } else { format!("/{path}") };
    ssh_parts(login, port, &path)
}

fn ssh_parts(login: &str, port: Option<u16>, path: &str) -> Result<RemoteUrl, UrlError> {
    let (user, host) = match login.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => return Err(UrlError::Credentials),
        Some((user, host)) => (Some(plain("user name", user)?), host),
        None => (None, login),
    };
    if path.is_empty() || path.starts_with(['-', ':']) {
        return Err(UrlError::Part { what: "path", part: path.into() });
    }
    Ok(RemoteUrl::Ssh { user, host: plain_host(host)?, port, path: path.into() })
}

fn git(text: &str, rest: &str, insecure: bool) -> Result<RemoteUrl, UrlError> {
    let (authority, path) = rest.split_once('/').ok_or_else(|| UrlError::Unknown(text.into()))?;
    if authority.contains('@') {
        return Err(UrlError::Credentials);
    }
    let (host, port) = split_port(authority)?;
    let host = plain_host(host)?;
    if !insecure && !is_loopback(&host) {
        return Err(UrlError::Insecure(text.into()));
    }
    Ok(RemoteUrl::Git { host, port, path: format!("/{path}") })
}

fn host_of(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or(authority)
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let bad = |port: &str| UrlError::Part { what: "port", part: port.into() };
    let host_starts = authority.len() - host_of(authority).len();
    match authority[host_starts..].rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            let number = port.parse().map_err(|_| bad(port))?;
            Ok((&authority[..host_starts + host.len()], Some(number)))
        }
        _ => Ok((authority, None)),
    }
}

fn plain(what: &'static str, text: &str) -> Result<String, UrlError> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if text.is_empty() || text.starts_with('-') || !text.bytes().all(inner) {
        return Err(UrlError::Part { what, part: text.into() });
    }
    Ok(text.into())
}

fn plain_host(text: &str) -> Result<String, UrlError> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match bare {
        Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => Ok(address.into()),
        Some(_) => Err(UrlError::Part { what: "host", part: text.into() }),
        None => plain("host", text),
    }
}

/// Returns true if the host is this machine, by name or address.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        RemoteUrl::parse(text, false).expect("an address").to_string()
    }

    #[test]
    fn the_usual_ways_to_write_an_address_are_read() {
        assert_eq!(shown("https://example.org/me/lab.git/"), "https://example.org/me/lab.git");
        assert_eq!(shown("ssh://git@example.org:2222/me/lab.git"), "ssh://example.org:2222/me/lab.git");
        assert_eq!(shown("git@example.org:me/lab.git"), "ssh://example.org/me/lab.git");
        assert_eq!(shown("file:///srv/my%20lab.git"), "/srv/my lab.git");
        assert_eq!(shown("/srv/lab.git"), "/srv/lab.git");
        assert_eq!(shown("http://127.0.0.1:3000/lab"), "http://127.0.0.1:3000/lab");
        let home = RemoteUrl::parse("ssh://me@host/~/lab", false);
        assert!(matches!(home, Ok(RemoteUrl::Ssh { path, .. }) if path == "~/lab"));
        let six = RemoteUrl::parse("ssh://me@[::1]:22/lab", false);
        assert!(matches!(six, Ok(RemoteUrl::Ssh { host, port: Some(22), .. }) if host == "::1"));
    }

    #[test]
    fn what_could_be_an_option_is_refused() {
        for bad in [
            "-oProxyCommand=x:y",
            "--upload-pack=x",
            "ssh://-oProxyCommand=x/y",
            "ssh://-l@host/y",
            "git@host:-x",
            "a b@host:x",
            "ssh://host:x/y",
            "ext::sh -c x",
            "ftp://host/x",
            "ssh://host/a%27b",
            "https://host/\nx",
        ] {
            assert!(RemoteUrl::parse(bad, true).is_err(), "{bad:?} should be refused");
        }
    }

    #[test]
    fn a_token_in_the_address_is_refused_and_not_repeated() {
        for text in ["https://me:s3cret@example.org/x", "ssh://me:s3cret@host/x", "https://s3cret@[/x"] {
            let error = RemoteUrl::parse(text, true).expect_err("refused").to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn unencrypted_remotes_need_leave_unless_they_are_here() {
        for text in ["http://example.org/x", "git://example.org/x"] {
            assert!(matches!(RemoteUrl::parse(text, false), Err(UrlError::Insecure(_))));
            assert!(RemoteUrl::parse(text, true).is_ok());
        }
        assert!(RemoteUrl::parse("git://localhost/x", false).is_ok());
    }

    #[test]
    fn a_repository_has_a_name_to_call_a_stack_after() {
        for (text, name) in [
            ("https://example.org/me/lab.git", Some("lab")),
            ("git@host:lab.git", Some("lab")),
            ("/srv/lab/.git", Some("lab")),
            ("https://example.org", None),
        ] {
            assert_eq!(RemoteUrl::parse(text, false).expect("an address").base_name(), name);
        }
    }
}
