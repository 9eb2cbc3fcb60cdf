//! git's own protocol over TCP: no encryption, no login. For repositories on this host or a network that is trusted.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::net::ToSocketAddrs;
use std::sync::Arc;

use git2::Error;
use git2::transport::Service;
use git2::transport::SmartSubtransport;
use git2::transport::SmartSubtransportStream;

use super::ANSWER;
use super::CONNECT;
use super::Meter;
use super::read_only;
use crate::git::error::GitError;
use crate::git::session::Session;
use crate::git::url::RemoteUrl;

const DEFAULT_PORT: u16 = 9418;

/// One conversation over TCP.
pub(super) struct Plain {
    session: Arc<Session>,
}

impl Plain {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    fn connect(&self) -> Result<TcpStream, GitError> {
        let session = &self.session;
        let RemoteUrl::Git { host, port, path } = &session.spec.url else {
            return Err(GitError::Other {
                doing: "connect".into(),
                detail: "the address is not one of git".into(),
            });
        };
        let unreachable = |error: io::Error| failed(session, CONNECT, &error);
        let addresses =
            (host.as_str(), port.unwrap_or(DEFAULT_PORT)).to_socket_addrs().map_err(unreachable)?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            let patience = session.patience(CONNECT)?.min(session.spec.deadlines.connect);
            match TcpStream::connect_timeout(&address, patience) {
                Ok(mut stream) => {
                    stream.write_all(&request(host, *port, path)).map_err(unreachable)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(unreachable(last))
    }
}

impl SmartSubtransport for Plain {
    fn action(&self, _: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        read_only(service, &self.session)?;
        let stream = self.connect().map_err(|error| self.session.fail(error))?;
        Ok(Box::new(Timed { session: Arc::clone(&self.session), stream, meter: Meter::listing() }))
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A stream under the session's deadlines.
struct Timed {
    session: Arc<Session>,
    stream: TcpStream,
    meter: Meter,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let patience = self.session.patience(ANSWER).map_err(|error| self.session.fail_io(error))?;
        self.stream.set_read_timeout(Some(patience))?;
        self.stream.read(buffer).map_err(|error| self.session.fail_io(failed(&self.session, ANSWER, &error)))
    }
}

impl Write for Timed {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let patience = self.session.patience(ANSWER).map_err(|error| self.session.fail_io(error))?;
        self.stream.set_write_timeout(Some(patience))?;
        self.meter = Meter::fetch(&self.session);
        self.stream.write(data).map_err(|error| self.session.fail_io(failed(&self.session, ANSWER, &error)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the line that asks for a repository.
fn request(host: &str, port: Option<u16>, path: &str) -> Vec<u8> {
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let text = format!("git-upload-pack {path}\0host={host}{port}\0");
    format!("{:04x}{text}", text.len() + 4).into_bytes()
}

fn failed(session: &Session, doing: &'static str, error: &io::Error) -> GitError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut if doing == CONNECT => {
            GitError::TimedOut { url: session.url(), doing, after: session.spec.deadlines.connect }
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => session.timed_out(doing),
        _ => GitError::Unreachable { url: session.url(), detail: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::OwnedFd;
    use std::process::Command;
    use std::process::Stdio;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::git::GitSource;
    use crate::git::Poll;
    use crate::git::testing::Upstream;

    #[test]
    fn a_request_counts_its_own_length() {
        assert_eq!(request("h", Some(1), "/x"), b"0020git-upload-pack /x\0host=h:1\0");
    }

    /// Lets `git upload-pack` talk to one connection, as git's daemon does.
    fn serve(listener: &TcpListener) {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("read");
        let length = usize::from_str_radix(&String::from_utf8_lossy(&length), 16).expect("a length");
        let mut line = vec![0; length - 4];
        stream.read_exact(&mut line).expect("read");
        let line = String::from_utf8(line).expect("text");
        let path =
            line.strip_prefix("git-upload-pack ").and_then(|rest| rest.split('\0').next()).expect("a path");
        let output = OwnedFd::from(stream.try_clone().expect("cloned"));
        let mut child = Command::new("git")
            .args(["upload-pack", path])
            .stdin(OwnedFd::from(stream))
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .expect("git is installed");
        child.wait().expect("it ends");
    }

    #[test]
    fn a_repository_is_fetched_from_gits_daemon() {
        let (upstream, first) = Upstream::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = thread::spawn(move || serve(&listener));
        let data = tempfile::tempdir().expect("a folder");
        let mut spec = upstream.spec();
        spec.url = RemoteUrl::parse(&format!("git://{address}{}", upstream.path().display()), false)
            .expect("an address");
        assert_eq!(GitSource::new(spec, data.path()).poll().expect("polled").commit(), &first);
        server.join().expect("it ended");
    }

    /// Returns what a poll says of a peer, and the deadline that the poll had for everything.
    fn poll(listener: &TcpListener) -> (Result<Poll, GitError>, Duration) {
        let (upstream, _) = Upstream::new();
        let data = tempfile::tempdir().expect("a folder");
        let mut spec = upstream.spec();
        let address = format!("git://{}/x", listener.local_addr().expect("an address"));
        spec.url = RemoteUrl::parse(&address, false).expect("an address");
        spec.deadlines.total = Duration::from_millis(200);
        let total = spec.deadlines.total;
        (GitSource::new(spec, data.path()).poll(), total)
    }

    #[test]
    fn a_silent_peer_is_given_up_at_the_total_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (result, total) = poll(&listener);
        assert!(matches!(result, Err(GitError::TimedOut { after, .. }) if after == total), "{result:?}");
    }

    #[test]
    fn a_peer_that_never_ends_is_given_up_at_the_total_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let twin = listener.try_clone().expect("cloned");
        let server = thread::spawn(move || {
            let (mut stream, _) = twin.accept().expect("a connection");
            let line = format!("003d{} refs/heads/main\n", "1".repeat(40));
            while stream.write_all(line.as_bytes()).is_ok() {}
        });
        let (result, total) = poll(&listener);
        assert!(matches!(result, Err(GitError::TimedOut { after, .. }) if after == total), "{result:?}");
        server.join().expect("it ended");
    }
}
