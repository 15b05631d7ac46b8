//! Contests on WebSockets: `ws-bench throughput` against the minimal loop on the same library, on our
//! echo server, and against uWebSockets' `load_test`, on uWebSockets' echo server.
//!
//! Both programs of uWebSockets are built by hand; environment variables name them.

use std::env;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use child_process::ChildProcess;
use nix::sys::signal::Signal;
use testbed::WebSocketServer;

use crate::contest::{Contest, ContestError, Measurement, Side};
use crate::context::{RunContext, measurement_of_report, sibling};
use crate::minimal;
use crate::program::{ProgramError, ProgramOutput, command};

const OURS: &str = "ws-bench";
/// Environment variable with the path of `load_test`.
const LOAD_TEST: &str = "PLIMSOLL_UWS_LOAD_TEST";
/// Environment variable with the path of `EchoServer`.
const ECHO_SERVER: &str = "PLIMSOLL_UWS_ECHO_SERVER";
/// Port on which `EchoServer` listens, which it has no flag for.
const ECHO_PORT: u16 = 9_001;
/// Longest wait for `EchoServer` to listen.
const START_BOUND: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Size of a message of both sides, in bytes.
const MESSAGE_BYTES: &str = "20";
/// Time between two lines of `load_test`, each with the rate since the last one, in seconds.
const LINE_SECONDS: u64 = 4;

/// Program beside which `ws-bench throughput` is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebSocketPeer {
    /// Minimal loop on the same library.
    Minimal,
    /// uWebSockets' `load_test`.
    LoadTest,
}

impl WebSocketPeer {
    /// Returns the name of the program, as shown in the results.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Minimal => "minimal loop",
            Self::LoadTest => "uWebSockets load_test",
        }
    }

    /// Returns the smallest ratio that is expected of `ws-bench` ÷ this peer with this number of
    /// connections.
    pub(crate) const fn expected_ratio(self, connections: u32) -> f64 {
        match (self, connections) {
            (Self::Minimal, _) => 0.97,
            (Self::LoadTest, ..=100) => 0.9,
            (Self::LoadTest, _) => 0.8,
        }
    }
}

/// Echo server of a contest, which is stopped when this value is dropped.
#[derive(Debug)]
enum EchoServer {
    Ours(WebSocketServer),
    Theirs(ChildProcess),
}

/// Contest of echoes on one server.
#[derive(Debug)]
pub(crate) struct WebSocketContest<'a> {
    context: &'a RunContext,
    peer: WebSocketPeer,
    connections: String,
    ours: PathBuf,
    theirs: PathBuf,
    server: EchoServer,
}

impl<'a> WebSocketContest<'a> {
    /// Starts the server of the contest.
    ///
    /// # Errors
    /// Fails if a program is missing, or the server does not start.
    pub(crate) fn prepare(
        context: &'a RunContext,
        peer: WebSocketPeer,
        connections: u32,
    ) -> Result<Self, ContestError> {
        let ours = sibling(OURS)?;
        let (theirs, server) = match peer {
            WebSocketPeer::Minimal => {
                let server = WebSocketServer::start(&ours, &[])?;
                (minimal::find(minimal::WEBSOCKET)?, EchoServer::Ours(server))
            }
            WebSocketPeer::LoadTest => {
                let load_test = named_program(LOAD_TEST)?;
                let server = start_echo_server(&named_program(ECHO_SERVER)?)?;
                (load_test, EchoServer::Theirs(server))
            }
        };
        Ok(Self {
            context,
            peer,
            connections: connections.to_string(),
            ours,
            theirs,
            server,
        })
    }

    fn url(&self) -> String {
        match &self.server {
            EchoServer::Ours(server) => server.url().to_owned(),
            EchoServer::Theirs(_) => format!("ws://127.0.0.1:{ECHO_PORT}/"),
        }
    }

    fn measure_ours(&self) -> Result<Measurement, ContestError> {
        let report = self.context.new_report_path()?;
        let mut bench = command(&self.ours);
        bench
            .env("WS_URL", self.url())
            .args(["throughput", "--connections", &self.connections])
            .args(["--message-size", MESSAGE_BYTES])
            .args(self.context.bench_args(&report));
        self.context.runner.run(bench, self.context.bound())?;
        measurement_of_report(OURS, &report)
    }

    fn measure_minimal(&self) -> Result<Measurement, ContestError> {
        let mut minimal = command(&self.theirs);
        minimal
            .env("WS_URL", self.url())
            .args(["--connections", &self.connections])
            .args(["--message-size", MESSAGE_BYTES])
            .args(["--duration", &format!("{}s", self.context.seconds)]);
        let finished = self.context.runner.run(minimal, self.context.bound())?;
        minimal::own_measurement(minimal::WEBSOCKET, &finished)
    }

    /// Runs `load_test`, which never ends by itself, for as many lines as fit into the length of a
    /// run, at least one.
    fn measure_load_test(&self) -> Result<Measurement, ContestError> {
        let lines = (self.context.seconds / LINE_SECONDS).max(1);
        // Its lines must not wait in a buffer when it is ended.
        let mut load_test = command(Path::new("stdbuf"));
        load_test
            .arg("-oL")
            .arg(&self.theirs)
            .args([&self.connections, "127.0.0.1", &ECHO_PORT.to_string()])
            .args(["0", "0", MESSAGE_BYTES]);
        let length = Duration::from_secs(lines * LINE_SECONDS) + START_BOUND;
        let ended = self.context.runner.run_until(load_test, length, |said| {
            rates(said).count() as u64 >= lines
        })?;
        measurement_of_lines(&ended)
            .map_err(ContestError::unreadable(WebSocketPeer::LoadTest.name()))
    }
}

impl Contest for WebSocketContest<'_> {
    fn measure(&mut self, side: Side) -> Result<Measurement, ContestError> {
        match (side, self.peer) {
            (Side::Ours, _) => self.measure_ours(),
            (Side::Peer, WebSocketPeer::Minimal) => self.measure_minimal(),
            (Side::Peer, WebSocketPeer::LoadTest) => self.measure_load_test(),
        }
    }
}

/// Iterates over the rates, in messages per second, in the output of `load_test`.
fn rates(said: &str) -> impl Iterator<Item = f64> {
    said.lines()
        .filter_map(|line| line.strip_prefix("Msg/sec: ")?.trim().parse().ok())
}

/// Calculates the mean rate and the CPU time per message of a run of `load_test`. The CPU time is
/// that of the whole run, its start included.
///
/// # Errors
/// Returns a message if it printed no rate above 0.
fn measurement_of_lines(ended: &ProgramOutput) -> Result<Measurement, String> {
    let rates: Vec<f64> = rates(&ended.stdout).collect();
    let messages = rates.iter().sum::<f64>() * LINE_SECONDS as f64;
    if messages <= 0.0 {
        return Err("it printed no rate of messages".to_owned());
    }
    Ok(Measurement {
        operations_per_s: rates.iter().sum::<f64>() / rates.len() as f64,
        cpu_per_operation_ns: ended.cpu_ns as f64 / messages,
    })
}

/// Returns the path of the program that an environment variable names.
///
/// # Errors
/// Fails if it is not set, or names no file.
fn named_program(variable: &'static str) -> Result<PathBuf, ContestError> {
    let named = env::var_os(variable).map(PathBuf::from);
    named
        .filter(|path| path.is_file())
        .ok_or(ContestError::NoPeer {
            peer: WebSocketPeer::LoadTest.name(),
            searched: variable,
            remedy: "build uWebSockets, and set this variable to the path",
        })
}

/// Starts uWebSockets' echo server, and waits until it answers.
///
/// # Errors
/// Fails if its port is taken, or if it does not answer within five seconds.
fn start_echo_server(program: &Path) -> Result<ChildProcess, ContestError> {
    let failed = |source| ProgramError::Start {
        program: program.to_owned(),
        source,
    };
    if answers() {
        return Err(failed(io::Error::from(io::ErrorKind::AddrInUse)).into());
    }
    let mut server = command(program);
    server
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let server = ChildProcess::start(server, Signal::SIGKILL).map_err(failed)?;
    let begun = Instant::now();
    while !answers() {
        if begun.elapsed() > START_BOUND {
            return Err(failed(io::Error::from(io::ErrorKind::TimedOut)).into());
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(server)
}

/// Returns true if a server answers HTTP on the port of the echo server.
fn answers() -> bool {
    let answered = || -> io::Result<usize> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, ECHO_PORT))?;
        stream.set_read_timeout(Some(POLL_INTERVAL))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        stream.read(&mut [0; 1])
    };
    answered().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_from_its_lines_and_nothing_else() {
        let said = "Response: HTTP/1.1 101 Switching Protocols\r\nRunning benchmark now...\n\
                    Msg/sec: 300000.000000\nMsg/sec: 100000.500000\nMsg/sec: x\n";
        assert_eq!(rates(said).collect::<Vec<_>>(), [300_000.0, 100_000.5]);
        let ended = |stdout: &str| ProgramOutput {
            stdout: stdout.to_owned(),
            cpu_ns: 4_000_000_000,
        };
        let measured = measurement_of_lines(&ended("Msg/sec: 250000\nMsg/sec: 250000\n")).unwrap();
        assert!((measured.operations_per_s - 250_000.0).abs() < 1e-9);
        assert!((measured.cpu_per_operation_ns - 2_000.0).abs() < 1e-9);
        assert!(measurement_of_lines(&ended("Closed!\n")).is_err());
    }
}
