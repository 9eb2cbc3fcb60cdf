//! A socket between the controller and the engine. It writes down every request, and can stop the world at one of
//! them, so that a test can kill the controller exactly there.
//!
//! It knows just enough of HTTP to see where a request ends.

use std::fs;
use std::io;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;

use super::wait;

/// One request to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// The path and the query, without the API's version.
    pub(crate) path: String,
}

impl Call {
    /// Whether it could change something.
    pub(crate) fn is_change(&self) -> bool {
        self.method != "GET" && self.method != "HEAD"
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Where the world stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The engine has not seen the call.
    Before,
    /// The engine has the call, but its answer is lost.
    Unanswered,
    /// The controller has the answer, and can do nothing more.
    After,
}

pub(crate) struct Proxy {
    socket: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    engine: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    trap: Option<Trap>,
    /// Raised by each release: those held before it let go of their connection.
    releases: usize,
    connections: Vec<UnixStream>,
    is_down: bool,
}

struct Trap {
    /// Changing calls still to come, the one to stop at included.
    left: usize,
    moment: Moment,
    /// The call that it stopped at.
    caught: Option<Call>,
    /// The world stands still.
    sprung: bool,
}

/// What becomes of one call.
enum Passage {
    /// It goes on, and so does its answer.
    Free,
    /// It goes on; when its answer has arrived, the world stops.
    Last,
    /// It goes on, and its answer never arrives.
    Lost,
    /// It does not go on.
    Held,
}

impl Proxy {
    /// Listens in the folder, in front of the engine at `DOCKER_HOST` or the default place.
    pub(crate) fn new(folder: &Path) -> Self {
        let host = std::env::var("DOCKER_HOST").unwrap_or_default();
        let engine = host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock");
        let socket = folder.join("engine.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let shared =
            Arc::new(Shared { engine: engine.into(), state: Mutex::default(), changed: Condvar::new() });
        let server = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&server);
                // The connection's end is the client's to see.
                std::thread::spawn(move || drop(shared.connect(&client)));
            }
        });
        Self { socket, shared }
    }

    /// What to set `DOCKER_HOST` to.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Everything that was asked since the last [`Self::forget`].
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.lock().calls.clone()
    }

    /// The changing calls since the last [`Self::forget`].
    pub(crate) fn changes(&self) -> Vec<Call> {
        self.calls().into_iter().filter(Call::is_change).collect()
    }

    /// Forgets what was asked until now.
    pub(crate) fn forget(&self) {
        self.shared.lock().calls.clear();
    }

    /// Will stop the world at the `nth` changing call from now on, the first being 1.
    pub(crate) fn stop_at(&self, nth: usize, moment: Moment) {
        self.shared.lock().trap = Some(Trap { left: nth, moment, caught: None, sprung: false });
    }

    /// Whether the world stands still, and at which call.
    pub(crate) fn stopped_at(&self) -> Option<Call> {
        let state = self.shared.lock();
        state.trap.as_ref().filter(|trap| trap.sprung).and_then(|trap| trap.caught.clone())
    }

    /// Lets the world go on. Calls that were held are never made.
    pub(crate) fn release(&self) {
        let mut state = self.shared.lock();
        state.trap = None;
        state.releases += 1;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// From now on nobody answers.
    pub(crate) fn go_down(&self) {
        let mut state = self.shared.lock();
        state.is_down = true;
        for connection in state.connections.drain(..) {
            drop(connection.shutdown(Shutdown::Both));
        }
    }

    /// The engine answers again.
    pub(crate) fn come_up(&self) {
        self.shared.lock().is_down = false;
    }

    /// Waits until the controller has looked at the engine so many times more.
    pub(crate) fn until_looked(&self, times: usize) {
        let looks = || self.calls().iter().filter(|call| call.path.starts_with("/containers/json")).count();
        let before = looks();
        wait::until("the controller looks at the engine again", || looks() >= before + times);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.go_down();
        drop(fs::remove_file(&self.socket));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic in the proxy")
    }

    fn connect(&self, client: &UnixStream) -> io::Result<()> {
        let engine = UnixStream::connect(&self.engine)?;
        let mut state = self.lock();
        if state.is_down {
            return Ok(());
        }
        state.connections.push(client.try_clone()?);
        drop(state);
        let passage = Mutex::new(Passage::Free);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                drop(self.answers(&engine, client, &passage));
                drop(client.shutdown(Shutdown::Both));
            });
            let result = self.requests(client, &engine, &passage);
            drop(engine.shutdown(Shutdown::Both));
            drop(client.shutdown(Shutdown::Both));
            result
        })
    }

    fn requests(
        &self,
        client: &UnixStream,
        mut engine: &UnixStream,
        passage: &Mutex<Passage>,
    ) -> io::Result<()> {
        let mut reader = BufReader::new(client);
        while let Some(head) = read_head(&mut reader)? {
            let next = self.arrive(call(&head));
            if matches!(next, Passage::Held) {
                self.hold();
                return Ok(());
            }
            let lost = matches!(next, Passage::Lost);
            *passage.lock().expect("no panic here") = next;
            engine.write_all(head.as_bytes())?;
            copy_body(&head, &mut reader, engine)?;
            if lost {
                self.spring();
                self.hold();
                return Ok(());
            }
        }
        Ok(())
    }

    fn answers(
        &self,
        mut engine: &UnixStream,
        mut client: &UnixStream,
        passage: &Mutex<Passage>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = engine.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            let mut passage = passage.lock().expect("no panic here");
            if matches!(*passage, Passage::Lost) {
                continue;
            }
            client.write_all(&buffer[..length])?;
            if matches!(*passage, Passage::Last) {
                *passage = Passage::Free;
                self.spring();
            }
        }
    }

    /// Writes a call down and says what becomes of it.
    fn arrive(&self, call: Call) -> Passage {
        let is_change = call.is_change();
        let mut state = self.lock();
        let passage = match &mut state.trap {
            Some(trap) if is_change && trap.caught.is_some() => Passage::Held,
            Some(trap) if is_change => {
                trap.left -= 1;
                if trap.left > 0 {
                    Passage::Free
                } else {
                    trap.caught = Some(call.clone());
                    trap.sprung = trap.moment == Moment::Before;
                    match trap.moment {
                        Moment::Before => Passage::Held,
                        Moment::Unanswered => Passage::Lost,
                        Moment::After => Passage::Last,
                    }
                }
            }
            _ => Passage::Free,
        };
        if !matches!(passage, Passage::Held) {
            state.calls.push(call);
        }
        passage
    }

    fn spring(&self) {
        if let Some(trap) = &mut self.lock().trap {
            trap.sprung = true;
        }
    }

    fn hold(&self) {
        let state = self.lock();
        let releases = state.releases;
        drop(self.changed.wait_while(state, |state| state.releases == releases));
    }
}

/// A request's first line and headers, or `None` at the connection's end.
fn read_head(reader: &mut impl io::BufRead) -> io::Result<Option<String>> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        if &head[before..] == "\r\n" {
            return Ok(Some(head));
        }
    }
}

fn call(head: &str) -> Call {
    let mut words = head.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default();
    let versioned = path.strip_prefix("/v1.").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    Call { method, path: versioned.unwrap_or(path).to_owned() }
}

fn copy_body(head: &str, reader: &mut impl io::BufRead, mut engine: &UnixStream) -> io::Result<()> {
    let head = head.to_lowercase();
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')))
            .map(str::trim)
    };
    if let Some(length) = header("content-length").and_then(|length| length.parse().ok()) {
        io::copy(&mut reader.take(length), &mut engine)?;
    } else if header("transfer-encoding") == Some("chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            engine.write_all(size.as_bytes())?;
            let length = u64::from_str_radix(size.trim(), 16).unwrap_or(0);
            io::copy(&mut reader.take(length + 2), &mut engine)?;
            if length == 0 {
                break;
            }
        }
    }
    Ok(())
}
