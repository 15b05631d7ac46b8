//! Server under test: the user's, or a throwaway server of this run.

use std::time::Duration;

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::bench::Bench;
use load_engine::{Cancel, Failure};
use testbed::WebSocketServer;

use crate::server::endpoint::{TargetUrl, WsEndpoint};
use crate::server::probe::{ProbeResult, probe};
use crate::server::process_evidence::ServerProcessReader;
use crate::server::remedy;

/// Server under test: its URL, and its process if this run has started it.
pub(crate) struct WsTarget {
    url: TargetUrl,
    /// Throwaway server; `None` if the run uses the user's server.
    throwaway: Option<WebSocketServer>,
}

impl WsTarget {
    /// Takes the server at `url`, or starts a throwaway server if that is `None`.
    ///
    /// # Errors
    /// If the throwaway server does not start.
    pub(crate) fn open(url: Option<&TargetUrl>) -> anyhow::Result<Self> {
        if let Some(url) = url {
            return Ok(Self {
                url: url.clone(),
                throwaway: None,
            });
        }
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let server = WebSocketServer::start(&program, &[])
            .context("cannot start a throwaway server")
            .remedy("ws-bench serve in another terminal, and its address as --url here")?;
        Ok(Self {
            url: TargetUrl::parse(server.url())?,
            throwaway: Some(server),
        })
    }

    pub(crate) fn url(&self) -> &TargetUrl {
        &self.url
    }

    /// Returns the URL of the throwaway server; `None` if it is the user's.
    pub(crate) fn throwaway_url(&self) -> Option<&str> {
        self.throwaway.as_ref().map(WebSocketServer::url)
    }

    /// Returns the address at which the server echoes a message; `None` if `cancel` ended the
    /// probe.
    ///
    /// # Errors
    /// If the server cannot be loaded, with the cause and a remedy.
    pub(crate) fn probe(
        &self,
        timeout: Duration,
        cancel: &Cancel,
    ) -> anyhow::Result<Option<WsEndpoint>> {
        match probe(&self.url, timeout, cancel)? {
            ProbeResult::Echo(endpoint) => Ok(Some(endpoint)),
            ProbeResult::Interrupted => Ok(None),
            ProbeResult::Nothing(failure) => Err(self.unreachable(&failure)),
        }
    }

    /// Returns the reader of the server's process, which listens at `endpoint`.
    pub(crate) fn process_reader(&self, endpoint: &WsEndpoint) -> ServerProcessReader {
        self.throwaway.as_ref().map_or_else(
            || ServerProcessReader::of_endpoint(endpoint),
            |server| ServerProcessReader::of_process(server.pid()),
        )
    }

    /// Stops the throwaway server, if it is one.
    pub(crate) fn clean_up(self, bench: &mut Bench) {
        let Some(server) = self.throwaway else {
            return;
        };
        let directory = server.directory().display().to_string();
        if let Err(error) = server.stop() {
            bench.left_behind(&error.to_string(), &format!("rm -r {directory}"));
        }
    }

    fn unreachable(&self, failure: &Failure) -> anyhow::Error {
        let error = anyhow::Error::msg(remedy::sentence(&self.url, failure));
        let advised: anyhow::Result<()> =
            Err(error).remedy(remedy::advice(&self.url, &failure.kind));
        advised
            .err()
            .unwrap_or_else(|| anyhow::anyhow!("cannot connect"))
    }
}
