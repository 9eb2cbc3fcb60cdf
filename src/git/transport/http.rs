//! git's smart protocol over HTTP(S), with rustls.
//!
//! Redirects are followed on the first request only, and only to the same host. Credentials go to that host and to no
//! other; they are read from their file for each conversation and kept no longer.

use std::error::Error as StdError;
use std::fs;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use git2::Error;
use git2::transport::Service;
use git2::transport::SmartSubtransport;
use git2::transport::SmartSubtransportStream;
use reqwest::Certificate;
use reqwest::StatusCode;
use reqwest::Url;
use reqwest::blocking::Client;
use reqwest::blocking::RequestBuilder;
use reqwest::blocking::Response;
use reqwest::header;
use reqwest::redirect::Policy;

use crate::core::model::Secret;

use super::ANSWER;
use super::CONNECT;
use super::Meter;
use super::read_only;
use crate::git::error::GitError;
use crate::git::error::first_line;
use crate::git::session::Session;
use crate::git::session::locked;
use crate::git::spec::Auth;
use crate::git::url::is_loopback;

/// Servers choose the smart protocol by the first word.
const AGENT: &str = concat!("git/2.0 (evenkeel ", env!("CARGO_PKG_VERSION"), ")");
const SERVICE: &str = "service=git-upload-pack";
const LISTING_TYPE: &str = "application/x-git-upload-pack-advertisement";
const REQUEST_TYPE: &str = "application/x-git-upload-pack-request";
const RESULT_TYPE: &str = "application/x-git-upload-pack-result";
const MOST_REDIRECTS: usize = 5;

/// One conversation over HTTP.
pub(super) struct Http {
    line: Arc<Line>,
    base: Mutex<Url>,
}

/// What all requests of a conversation share.
struct Line {
    session: Arc<Session>,
    client: Client,
    login: Option<(String, Secret)>,
}

impl Http {
    pub(super) fn new(session: Arc<Session>, url: &Url) -> Result<Self, Error> {
        let line = login(&session.spec.auth, &session)
            .and_then(|login| Ok((login, client(&session, url)?)))
            .map_err(|error| session.fail(error));
        let (login, client) = line?;
        Ok(Self { line: Arc::new(Line { session, client, login }), base: Mutex::new(url.clone()) })
    }

    /// Asks for the refs, and remembers where the repository really is.
    fn list(&self) -> Result<Response, GitError> {
        let mut url = service_url(&locked(&self.base), "info/refs");
        url.set_query(Some(SERVICE));
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.line.send(self.line.client.get(url.clone()))?;
            if !answer.status().is_redirection() {
                let answer = self.line.accept(answer, LISTING_TYPE)?;
                *locked(&self.base) = base_of(&url).unwrap_or(url);
                return Ok(answer);
            }
            let to = location(&answer);
            url = redirected(&url, &to).ok_or_else(|| self.line.redirected_to(&url, &to))?;
        }
        Err(self.line.redirected_to(&url, "itself, again and again"))
    }
}

impl SmartSubtransport for Http {
    fn action(&self, _: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        read_only(service, &self.line.session)?;
        if service == Service::UploadPackLs {
            let answer = self.list().map_err(|error| self.line.session.fail(error))?;
            return Ok(Box::new(Body { line: Arc::clone(&self.line), answer, meter: Meter::listing() }));
        }
        let url = service_url(&locked(&self.base), "git-upload-pack");
        Ok(Box::new(Exchange { line: Arc::clone(&self.line), url, request: Vec::new(), body: None }))
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl Line {
    fn send(&self, mut request: RequestBuilder) -> Result<Response, GitError> {
        self.session.patience(ANSWER)?;
        if let Some((name, token)) = &self.login {
            request = request.basic_auth(name, Some(token.expose()));
        }
        request.send().map_err(|error| self.reason(error))
    }

    /// Takes an answer that is what was asked for.
    fn accept(&self, answer: Response, wanted: &str) -> Result<Response, GitError> {
        let url = self.session.url();
        let status = answer.status();
        let detail = format!("HTTP {status}");
        match status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.login.is_none() => {
                return Err(GitError::AuthRefused {
                    url,
                    detail: format!("{detail}, and none are configured"),
                });
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(GitError::AuthRefused { url, detail });
            }
            StatusCode::TOO_MANY_REQUESTS => return Err(GitError::Unreachable { url, detail }),
            _ if status.is_server_error() => return Err(GitError::Unreachable { url, detail }),
            _ if status.is_redirection() => {
                return Err(GitError::Redirected { url, to: shown(&location(&answer)) });
            }
            _ => return Err(GitError::NotARepository { url, detail }),
        }
        let kind = answer
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or("nothing");
        if kind.split(';').next().unwrap_or_default().trim() != wanted {
            let detail = format!("it answers with {}, not with git's protocol", first_line(kind));
            return Err(GitError::NotARepository { url, detail });
        }
        Ok(answer)
    }

    fn redirected_to(&self, from: &Url, to: &str) -> GitError {
        let to = from.join(to).map_or_else(|_| first_line(to), |url| shown(url.as_str()));
        GitError::Redirected { url: self.session.url(), to }
    }

    fn reason(&self, error: reqwest::Error) -> GitError {
        let url = self.session.url();
        let error = error.without_url();
        if error.is_timeout() {
            return if error.is_connect() {
                GitError::TimedOut { url, doing: CONNECT, after: self.session.spec.deadlines.connect }
            } else {
                self.session.timed_out(ANSWER)
            };
        }
        let mut innermost: &dyn StdError = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let detail = first_line(&innermost.to_string());
        if detail.contains("certificate") {
            GitError::Certificate { url, detail }
        } else {
            GitError::Unreachable { url, detail }
        }
    }
}

/// An answer's body, under the deadlines and a limit.
struct Body {
    line: Arc<Line>,
    answer: Response,
    meter: Meter,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let session = &self.line.session;
        session.patience(ANSWER).map_err(|error| session.fail_io(error))?;
        let count = self.answer.read(buffer).map_err(|error| session.fail_io(broken_off(session, &error)))?;
        self.meter.count(count, session).map_err(|error| session.fail_io(error))?;
        Ok(count)
    }
}

impl Write for Body {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A request that is sent when its answer is first read.
struct Exchange {
    line: Arc<Line>,
    url: Url,
    request: Vec<u8>,
    body: Option<Body>,
}

impl Exchange {
    fn send(&mut self) -> Result<Body, GitError> {
        let request = self
            .line
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, REQUEST_TYPE)
            .header(header::ACCEPT, RESULT_TYPE)
            .body(std::mem::take(&mut self.request));
        let answer = self.line.accept(self.line.send(request)?, RESULT_TYPE)?;
        Ok(Body { line: Arc::clone(&self.line), answer, meter: Meter::fetch(&self.line.session) })
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut body = match self.body.take() {
            Some(body) => body,
            None => self.send().map_err(|error| self.line.session.fail_io(error))?,
        };
        let count = body.read(buffer);
        self.body = Some(body);
        count
    }
}

impl Write for Exchange {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.request.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn client(session: &Session, url: &Url) -> Result<Client, GitError> {
    let deadlines = &session.spec.deadlines;
    // The blocking client's `timeout` is for each step: until the headers are here, and for each read after that.
    let mut builder = Client::builder()
        .user_agent(AGENT)
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(deadlines.connect)
        .timeout(session.patience(CONNECT)?);
    if url.host_str().is_some_and(is_loopback) {
        builder = builder.no_proxy();
    }
    if let Some(path) = &session.spec.ca_file {
        let file = "certificate authorities";
        let certificates = Certificate::from_pem_bundle(&read(path, file)?)
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| unusable(path, file, "there is no certificate in PEM form in it"))?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| GitError::Other {
        doing: "set up TLS".into(),
        detail: first_line(&error.to_string()),
    })
}

fn login(auth: &Auth, session: &Session) -> Result<Option<(String, Secret)>, GitError> {
    match auth {
        Auth::None => Ok(None),
        Auth::Basic { username, token_file } => {
            let file = "token";
            let token = String::from_utf8(read(token_file, file)?)
                .map(Secret::new)
                .map_err(|_| unusable(token_file, file, "it is not UTF-8"))?;
            let token = Secret::new(token.expose().trim());
            if token.is_empty() {
                return Err(unusable(token_file, file, "it is empty"));
            }
            Ok(Some((username.clone(), token)))
        }
        Auth::SshKey { .. } => {
            Err(GitError::WrongAuth { url: session.url(), needs: "a user name and a token file, or nothing" })
        }
    }
}

fn read(path: &Path, what: &'static str) -> Result<Vec<u8>, GitError> {
    fs::read(path).map_err(|error| unusable(path, what, &error.to_string()))
}

fn unusable(path: &Path, what: &'static str, detail: &str) -> GitError {
    GitError::Credential { what, path: path.into(), detail: detail.into() }
}

/// Returns the address of one of the repository's services.
fn service_url(base: &Url, service: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{service}", base.path().trim_end_matches('/')));
    url
}

/// Returns the repository's address from that of its list of refs.
fn base_of(listing: &Url) -> Option<Url> {
    let mut base = listing.clone();
    base.set_path(listing.path().strip_suffix("/info/refs")?);
    base.set_query(None);
    Some(base)
}

/// Returns where a redirect leads if it may be followed: the same host with the same protocol and port, or from
/// `http` to `https` on the same host; and still to a list of refs.
fn redirected(from: &Url, to: &str) -> Option<Url> {
    let to = from.join(to).ok()?;
    let same_origin = to.scheme() == from.scheme() && to.port() == from.port();
    let upgraded = from.scheme() == "http" && to.scheme() == "https";
    let plain = to.username().is_empty() && to.password().is_none();
    let still_refs = to.path().ends_with("/info/refs") && to.query() == Some(SERVICE);
    (to.host() == from.host() && (same_origin || upgraded) && plain && still_refs).then_some(to)
}

fn location(answer: &Response) -> String {
    let value = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    value.unwrap_or("nowhere").to_owned()
}

/// Returns an address that a server sent without what may be a secret in it.
fn shown(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) => format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path()),
        Err(_) => first_line(address.split(['?', '#']).next().unwrap_or_default()),
    }
}

fn broken_off(session: &Session, error: &io::Error) -> GitError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>());
    if error.kind() == io::ErrorKind::TimedOut || inner.is_some_and(reqwest::Error::is_timeout) {
        return session.timed_out(ANSWER);
    }
    GitError::Unreachable { url: session.url(), detail: "the connection broke off".into() }
}

#[cfg(test)]
mod tests;
