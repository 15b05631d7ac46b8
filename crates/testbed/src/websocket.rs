//! Throwaway WebSocket echo server: the program `ws-bench serve` as a separate process.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use url::Url;

use crate::TestbedError;
use crate::server::{RunningServer, ServerKind, serve};
use crate::server_directory::ServerDirectory;
use crate::server_user::ServerUser;

const SERVER_KIND: ServerKind = ServerKind {
    name: "the WebSocket server",
    orphaned: Signal::SIGKILL,
    stop_signals: &[(Signal::SIGTERM, Duration::from_secs(1))],
};
const READY: &str = "listening on ";

/// Throwaway WebSocket echo server, a process of the tool `ws-bench`. Dropping the value ends the
/// server and removes its files.
#[derive(Debug)]
pub struct WebSocketServer {
    url: String,
    server: RunningServer,
}

serve!(WebSocketServer);

impl WebSocketServer {
    /// Runs `binary serve --listen 127.0.0.1:0 args…` and waits until it prints the line `listening
    /// on ws://127.0.0.1:PORT/`.
    ///
    /// # Errors
    /// Fails with [`TestbedError::Io`] if there is no such binary. Other errors say what failed,
    /// with the end of the program's output.
    pub fn start(binary: &Path, args: &[String]) -> Result<Self, TestbedError> {
        let program = binary
            .canonicalize()
            .map_err(TestbedError::io("find", binary))?;
        let directory = ServerDirectory::create(ServerUser::Ours, SERVER_KIND.orphaned)?;
        let mut command = directory.command(&program)?;
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(args);
        let server = RunningServer::start(&SERVER_KIND, directory, command, |directory, _| {
            announced_port(&directory.log())
        })?;
        Ok(Self {
            url: format!("ws://127.0.0.1:{}/", server.port()),
            server,
        })
    }
}

/// Returns the port in the first complete line `listening on URL` of the log; `None` if there is
/// none yet.
fn announced_port(log: &str) -> Option<u16> {
    let lines = log
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'));
    lines
        .filter_map(|line| line.strip_prefix(READY))
        .find_map(|url| {
            let url = Url::parse(url.trim()).ok()?;
            url.port()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_a_whole_line_only() {
        assert_eq!(announced_port("listening on ws://127.0.0.1:4"), None);
        assert_eq!(
            announced_port("hm\nlistening on ws://127.0.0.1:4711/\n"),
            Some(4711)
        );
        assert_eq!(
            announced_port("not listening on ws://127.0.0.1:4711/\n"),
            None
        );
    }
}
