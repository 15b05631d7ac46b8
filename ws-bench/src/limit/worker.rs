//! Worker process of a search, which holds a share of the connections as its parent orders.

use std::net::SocketAddr;
use std::sync::Arc;

use bench_cli::UsageError;
use load_engine::{HeldLoad, HeldSettings, StepPlan, WorkerScenario, WorkerStep};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::{LimitArgs, WsCli, WsCommand};
use crate::connection::ws_connection::WsConnector;
use crate::server::endpoint::WsEndpoint;
use crate::server::server_list::ServerList;
use crate::server::target::WsTarget;
use crate::server::target_url::TargetUrl;

/// Servers of a search, as the parent describes them to its workers through a pipe.
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

/// Worker of a search; it holds its share of the connections.
pub(crate) struct WsWorker {
    args: LimitArgs,
    /// Connections that this process holds; `None` before the first step.
    load: Option<HeldLoad<WsConnector>>,
}

impl WsWorker {
    /// Creates a worker for `cli`, the parent's command line.
    ///
    /// # Errors
    /// If the command is not `limit`, and so has no workers.
    pub(crate) fn new(cli: WsCli) -> Result<Self, String> {
        match cli.command {
            WsCommand::Limit(args) => Ok(Self {
                args: *args,
                load: None,
            }),
            _ => Err("this command makes its load without workers".to_owned()),
        }
    }

    /// Starts the threads that hold this process's share of the connections to the servers of
    /// `order`. Fails if no server is named, a file of the flags has changed, or a thread cannot be
    /// started.
    fn start(
        &self,
        order: &ConnectorOrder,
        plan: &StepPlan,
    ) -> Result<HeldLoad<WsConnector>, String> {
        let target = self.args.target.target();
        let target = target.map_err(|UsageError(text)| text)?;
        let settings = self.args.settings(plan.seed);
        let connector = WsConnector {
            servers: order.servers(&target)?,
            timeout: settings.timeout,
            message_bytes: settings.message_bytes,
        };
        let held = HeldSettings {
            connects_per_s: settings.spawn_rate_per_s,
            timeout: settings.timeout,
            runtime: settings.runtime,
            threads: plan.threads,
            waiting: settings.waiting,
            process: plan.process,
        };
        HeldLoad::start(Arc::new(connector), held).map_err(|error| error.to_string())
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
