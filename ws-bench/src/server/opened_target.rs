//! Servers under test, and the throwaway server that stands in for them if none is named.

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::bench::Bench;
use testbed::WebSocketServer;

use crate::server::endpoint::WsEndpoint;
use crate::server::process_evidence::ServerProcessReader;
use crate::server::target::WsTarget;
use crate::server::target_url::TargetUrl;

/// Servers under test, and the process of the one that this run has started.
pub(crate) struct OpenedTarget {
    target: WsTarget,
    /// Throwaway server; `None` if the run uses the user's server.
    throwaway: Option<WebSocketServer>,
}

impl OpenedTarget {
    /// Takes the servers of `target`, or starts a throwaway server if it names none.
    ///
    /// # Errors
    /// If the throwaway server does not start.
    pub(crate) fn open(target: &WsTarget) -> anyhow::Result<Self> {
        if !target.urls.is_empty() {
            return Ok(Self {
                target: target.clone(),
                throwaway: None,
            });
        }
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let server = WebSocketServer::start(&program, &[])
            .context("cannot start a throwaway server")
            .remedy("ws-bench serve in another terminal, and its address as --url here")?;
        Ok(Self {
            target: target.at(TargetUrl::parse(server.url())?),
            throwaway: Some(server),
        })
    }

    pub(crate) fn target(&self) -> &WsTarget {
        &self.target
    }

    /// Returns true if this run has started the server.
    pub(crate) fn is_throwaway(&self) -> bool {
        self.throwaway.is_some()
    }

    /// Returns the reader of the process of the server that listens at `endpoint`.
    pub(crate) fn process_reader(&self, endpoint: &WsEndpoint) -> ServerProcessReader {
        self.throwaway.as_ref().map_or_else(
            || ServerProcessReader::of_endpoint(endpoint),
            |server| ServerProcessReader::of_process(server.pid()),
        )
    }

    /// Stops the throwaway server, if there is one.
    pub(crate) fn clean_up(self, bench: &mut Bench) {
        let Some(server) = self.throwaway else {
            return;
        };
        let directory = server.directory().display().to_string();
        if let Err(error) = server.stop() {
            bench.left_behind(&error.to_string(), &format!("rm -r {directory}"));
        }
    }
}
