//! Worker process of a load, which holds a share of the connections as its parent orders.

use std::net::SocketAddr;

use bench_cli::UsageError;
use load_engine::{HeldLoad, StepPlan, WorkerScenario, WorkerStep};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::{WsCli, WsCommand};
use crate::connection::ws_connection::WsConnector;
use crate::load::load_settings::LoadSettings;
use crate::server::endpoint::WsEndpoint;
use crate::server::server_list::ServerList;
use crate::server::target::WsTarget;
use crate::server::target_url::TargetUrl;

/// Servers of a load, as the parent describes them to its workers through a pipe.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ConnectorOrder {
    /// URLs of the servers, with their passwords, each with the address that answered the parent.
    servers: Vec<(String, SocketAddr)>,
}

impl ConnectorOrder {
    /// Describes `servers`.
    pub(crate) fn of(servers: &ServerList) -> Self {
        let servers = servers.iter();
        Self {
            servers: servers
                .map(|server| (server.url.as_str().to_owned(), server.address))
                .collect(),
        }
    }

    /// Returns the servers, by the way that the flags of `target` describe. Fails if one cannot be
    /// reached by it, or if there is none.
    fn servers(&self, target: &WsTarget) -> Result<ServerList, String> {
        let servers = self.servers.iter().map(|(url, address)| {
            let url = TargetUrl::parse(url).map_err(|error| error.to_string())?;
            WsEndpoint::new(&url, *address, &target.route).map_err(|error| error.to_string())
        });
        let servers = servers.collect::<Result<Vec<_>, _>>()?;
        ServerList::new(servers).ok_or_else(|| "the parent named no server".to_owned())
    }
}

/// Worker of a load; it holds its share of the connections.
pub(crate) struct WsWorker {
    target: WsTarget,
    settings: LoadSettings,
    /// Connections that this process holds; `None` before the first step.
    load: Option<HeldLoad<WsConnector>>,
}

impl WsWorker {
    /// Creates a worker for `cli`, the parent's command line.
    ///
    /// # Errors
    /// If the command makes its load without workers.
    pub(crate) fn new(cli: WsCli) -> Result<Self, String> {
        let (target, settings) = match cli.command {
            WsCommand::Limit(args) => (args.target.target(), args.load_settings()),
            WsCommand::Throughput(args) => (args.target.target(), args.load_settings()),
            WsCommand::Serve(_) | WsCommand::Worker => {
                return Err("this command makes its load without workers".to_owned());
            }
        };
        Ok(Self {
            target: target.map_err(|UsageError(text)| text)?,
            settings,
            load: None,
        })
    }

    /// Starts the threads that hold this process's share of the connections to the servers of
    /// `order`. Fails if no server is named, a file of the flags has changed, or a thread cannot be
    /// started.
    fn start(
        &self,
        order: &ConnectorOrder,
        plan: &StepPlan,
    ) -> Result<HeldLoad<WsConnector>, String> {
        let servers = order.servers(&self.target)?;
        let started = self.settings.start(servers, plan.threads, plan.process);
        started.map_err(|error| error.to_string())
    }
}

impl WorkerScenario for WsWorker {
    fn run_step(&mut self, target: Value, step: WorkerStep<'_>) -> Result<(), String> {
        let order: ConnectorOrder =
            serde_json::from_value(target).map_err(|error| error.to_string())?;
        let load = match self.load.take() {
            Some(load) => load,
            None => self.start(&order, step.plan())?,
        };
        step.run_connections(self.load.insert(load))
    }

    fn close_beyond(&mut self, most: u64) -> Result<u64, String> {
        let Some(load) = &mut self.load else {
            return Ok(0);
        };
        load.close_beyond(most, || false)
            .map_err(|gone| gone.to_string())?;
        Ok(load.open())
    }
}
