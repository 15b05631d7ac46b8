//! Throwaway WebSocket server: the program `ws-bench serve` as a separate process.

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
    stop_signals: &[(Signal::SIGTERM, Duration::from_secs(10))],
};
const READY: &str = "listening on ";

/// Throwaway WebSocket server, a process of the tool `ws-bench`. Dropping the value ends the
/// server and removes its files.
#[derive(Debug)]
pub struct WebSocketServer {
    url: String,
    server: RunningServer,
}

serve!(WebSocketServer);

impl WebSocketServer {
    /// Runs `binary serve --listen 127.0.0.1:0 args…` and waits until it prints the line `listening
    /// on URL`, with `ws://127.0.0.1:PORT/` or `wss://127.0.0.1:PORT/` as the URL.
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
            announced(&directory.log())?.port()
        })?;
        let url = announced(&server.log()).map_or_else(String::new, String::from);
        Ok(Self { url, server })
    }

    /// Ends the server as [`Self::stop`] does, and returns all that it printed, stdout and stderr:
    /// its counters are the last of it.
    ///
    /// # Errors
    /// [`TestbedError::Io`] if the directory cannot be removed.
    pub fn finish(mut self) -> Result<String, TestbedError> {
        self.server.end_for_log()
    }
}

/// Returns the URL in the first complete line `listening on URL` of the log; `None` if there is none
/// yet, or if it has no port.
fn announced(log: &str) -> Option<Url> {
    let lines = log
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'));
    lines
        .filter_map(|line| line.strip_prefix(READY))
        .filter_map(|url| Url::parse(url.trim()).ok())
        .find(|url| url.port().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_read_from_a_whole_line_only() {
        let announced = |log: &str| announced(log).map(String::from);
        assert_eq!(announced("listening on ws://127.0.0.1:4"), None);
        for url in ["ws://127.0.0.1:4711/", "wss://127.0.0.1:4711/"] {
            let log = format!("hm\nlistening on {url}\naccepted 0\n");
            assert_eq!(announced(&log).as_deref(), Some(url));
        }
        assert_eq!(announced("not listening on ws://127.0.0.1:4711/\n"), None);
    }
}
