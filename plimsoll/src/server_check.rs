//! Checks of the user's servers before a run: each server must answer within a few seconds and
//! permit what a run needs. Nothing remains on the servers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bench_report::redaction;
use child_process::ChildProcess;
use nix::sys::signal::Signal;
use url::Url;

use crate::tool_process::sibling;

/// Time-out for connecting to a server, and for each of its answers.
const SERVER_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest part of an HTTP status line that is read, in bytes.
const MOST_OF_STATUS_LINE: u64 = 1_024;
/// Time-out of the process of a bench that checks a server, from its start to its end.
const BENCH_TIMEOUT: Duration = Duration::from_secs(6);

/// Result of checking a server of the user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerCheck {
    /// The server answered as expected; contains the observation as a phrase for the user.
    Usable(String),
    /// The server can be reached, but some checks were not made; contains a phrase that names them.
    PartlyChecked(String),
    /// A run on the server is not possible, or the server cannot be reached.
    Unusable {
        /// Reason as shown to the user, with secrets masked.
        reason: String,
        /// Remedy as shown to the user; may be empty.
        remedy: String,
    },
}

fn unusable(reason: impl Into<String>, remedy: impl Into<String>) -> ServerCheck {
    ServerCheck::Unusable {
        reason: redaction::text(&reason.into()),
        remedy: remedy.into(),
    }
}

/// Checks a PostgreSQL server by running `db-pool-bench check`, so that address, password file and
/// TLS are treated as in a run. A schema is created and removed in one transaction. Takes at most
/// about 6 s; every failure is in the result.
pub(crate) fn postgres(url: &str) -> ServerCheck {
    let mut environment = vec![("DATABASE_URL", url.to_owned())];
    if std::env::var_os("PGCONNECT_TIMEOUT").is_none() {
        let timeout = SERVER_TIMEOUT.as_secs().to_string();
        environment.push(("PGCONNECT_TIMEOUT", timeout));
    }
    by_bench("db-pool-bench", &environment, "lets us make a schema")
}

/// Checks a Redis server by running `redis-bench check`, so that the options of the URL, Sentinels and
/// the password in `REDISCLI_AUTH` are treated as in a run. A key that does not exist is removed,
/// which changes nothing. Takes at most about 6 s; every failure is in the result.
pub(crate) fn redis(url: &str) -> ServerCheck {
    let environment = [("REDIS_URL", url.to_owned())];
    by_bench("redis-bench", &environment, "lets us write")
}

/// Runs the command `check` of `bench` with these variables in its environment. A server that it takes
/// answers and does what `permits` says.
fn by_bench(bench: &str, environment: &[(&str, String)], permits: &str) -> ServerCheck {
    let program = match sibling(bench) {
        Ok(program) => program,
        Err(error) => return unusable(error.to_string(), "cargo build --release"),
    };
    let mut command = Command::new(program);
    command
        .arg("check")
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    match stderr_within(command, BENCH_TIMEOUT) {
        Ok(None) => unusable(
            format!("no answer within {} s", BENCH_TIMEOUT.as_secs()),
            "see whether the server is up and lets this machine in",
        ),
        Ok(Some((true, _))) => ServerCheck::Usable(format!("answers, and {permits}")),
        Ok(Some((false, said))) => {
            let said = said.trim().trim_start_matches(&format!("{bench}: "));
            let (reason, remedy) = said.split_once("\nTry: ").unwrap_or((said, ""));
            unusable(reason.replace('\n', " "), remedy.replace('\n', " "))
        }
        Err(error) => unusable(format!("cannot run {bench}: {error}"), ""),
    }
}

/// Runs `command` to its end. Returns `true` if it succeeded, `false` if it failed, together with
/// its text on stderr; `None` if it had to be killed after `bound`.
///
/// # Errors
/// Fails if the command cannot be started or its output cannot be read.
fn stderr_within(command: Command, bound: Duration) -> std::io::Result<Option<(bool, String)>> {
    let mut child = ChildProcess::start(command, Signal::SIGTERM)?;
    let stderr = child.take_stderr();
    let Some(status) = child.wait(bound) else {
        return Ok(None);
    };
    let mut said = Vec::new();
    if let Some(mut stderr) = stderr {
        stderr.read_to_end(&mut said)?;
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(Some((status.success(), said)))
}

/// Checks a WebSocket server with one connection and a request for an upgrade; the connection is
/// then closed. With `wss:` only the TCP connection is tried. Every failure is in the result.
pub(crate) fn websocket(url: &str) -> ServerCheck {
    let Ok(parsed) = Url::parse(url) else {
        return unusable("the URL cannot be read", "ws://HOST:PORT/PATH");
    };
    if !matches!(parsed.scheme(), "ws" | "wss") {
        let reason = format!(
            "the URL begins with {}:, not with ws: or wss:",
            parsed.scheme()
        );
        return unusable(reason, "ws://HOST:PORT/PATH");
    }
    let mut stream = match connect(&parsed) {
        Ok(stream) => stream,
        Err(error) => {
            let host = parsed.host_str().unwrap_or_default();
            let port = parsed.port_or_known_default().unwrap_or_default();
            let remedy = format!("nc -vz {host} {port}: is the server up?");
            return unusable(format!("cannot connect: {error}"), remedy);
        }
    };
    if parsed.scheme() == "wss" {
        return ServerCheck::PartlyChecked(
            "reached; TLS and the upgrade were not tried".to_owned(),
        );
    }
    match upgrade(&mut stream, &parsed) {
        Ok(status) if status.starts_with("HTTP/1.1 101") => {
            ServerCheck::Usable("answers, and upgrades to WebSocket".to_owned())
        }
        Ok(status) if status.is_empty() => unusable(
            "it closed the connection without an answer",
            "a URL whose server speaks WebSocket",
        ),
        Ok(status) => unusable(
            format!("it answers {status:?} and no upgrade to WebSocket"),
            "the path of the WebSocket in the URL, and what its server asks for to let one in",
        ),
        Err(error) => unusable(
            format!("no answer to the request for an upgrade: {error}"),
            "a URL whose server speaks WebSocket",
        ),
    }
}

/// Connects over TCP to the first address of the URL's host that accepts. A time-out of 2 s applies
/// to all attempts together.
///
/// # Errors
/// Fails with the error of the last attempt, or if the host name has no address.
fn connect(url: &Url) -> std::io::Result<TcpStream> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or_default();
    let started = Instant::now();
    let mut last = std::io::ErrorKind::NotFound.into();
    for address in (host, port).to_socket_addrs()? {
        let left = SERVER_TIMEOUT.saturating_sub(started.elapsed());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Sends a request for an upgrade to WebSocket, and returns the status line of the answer, which is
/// empty if the server closed the connection.
///
/// # Errors
/// Fails with the error of the socket, also after 2 s without an answer.
fn upgrade(stream: &mut TcpStream, url: &Url) -> std::io::Result<String> {
    stream.set_read_timeout(Some(SERVER_TIMEOUT))?;
    stream.set_write_timeout(Some(SERVER_TIMEOUT))?;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let query = url
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    // Any sixteen bytes are a valid key for a connection that is never used.
    let request = format!(
        "GET {}{query} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cGxpbXNvbGwtZG9jdG9yIQ==\r\n\r\n",
        url.path()
    );
    stream.write_all(request.as_bytes())?;
    // A status line may come in several packets. Its length is bounded: the server may be anything.
    let mut line = Vec::new();
    BufReader::new(stream.take(MOST_OF_STATUS_LINE)).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Starts a server that sends `text` to its first client, after the client's request. Returns
    /// its port on 127.0.0.1.
    fn saying(text: &'static str) -> u16 {
        saying_in_parts([text])
    }

    /// Starts a server as [`saying`] does. Its answer comes in `parts`, 20 ms apart.
    fn saying_in_parts<const N: usize>(parts: [&'static str; N]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request);
            for (n, part) in parts.into_iter().enumerate() {
                if n > 0 {
                    std::thread::sleep(Duration::from_millis(20));
                }
                let _ = stream.write_all(part.as_bytes());
            }
        });
        port
    }

    /// Returns a port of 127.0.0.1 on which no program listens.
    fn closed() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    }

    fn reason(reached: ServerCheck) -> String {
        match reached {
            ServerCheck::Unusable { reason, remedy } => {
                assert!(!remedy.is_empty(), "{reason}");
                reason
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_websocket_server_is_told_from_one_that_is_none_and_from_nothing() {
        let at = |port: u16| websocket(&format!("ws://127.0.0.1:{port}/chat?token=hunter2"));
        let yes = at(saying("HTTP/1.1 101 Switching Protocols\r\n\r\n"));
        assert!(matches!(yes, ServerCheck::Usable(_)), "{yes:?}");
        let parts = saying_in_parts(["HTTP/1", ".1 101 Switching", " Protocols\r\n\r\n"]);
        assert!(matches!(at(parts), ServerCheck::Usable(_)));
        assert!(reason(at(saying("HTTP/1.1 404 Not Found\r\n\r\n"))).contains("404"));
        assert!(reason(at(saying(""))).contains("without an answer"));
        let refused = reason(at(closed()));
        assert!(
            refused.contains("refused") && !refused.contains("hunter2"),
            "{refused}"
        );
        assert!(reason(websocket("http://h/")).contains("begins with http:"));
        assert!(reason(websocket("h")).contains("cannot be read"));
    }
}
