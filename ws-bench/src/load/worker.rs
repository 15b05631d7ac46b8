//! Worker process of a load, which holds a share of the connections as its parent orders.

use std::net::SocketAddr;

use load_engine::{HeldLoad, StepPlan, WorkerScenario, WorkerStep};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::{WsCli, WsCommand};
use crate::connection::ws_connection::WsConnector;
use crate::load::load_settings::LoadSettings;
use crate::server::endpoint::TargetUrl;

/// Server of a load, as the parent describes it to its workers through a pipe.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ConnectorOrder {
    /// URL of the throwaway server that the parent started. `None` if the flags or the environment,
    /// which the worker has from its parent, name the user's server.
    pub(crate) throwaway_url: Option<String>,
    /// Address to which the parent resolved the host name of the server's URL.
    pub(crate) address: SocketAddr,
}

/// Worker of a load; it holds its share of the connections.
pub(crate) struct WsWorker {
    url: Option<String>,
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
        let (url, settings) = match cli.command {
            WsCommand::Limit(args) => (args.url.clone(), args.load_settings()),
            WsCommand::Throughput(args) => (args.url.clone(), args.load_settings()),
            WsCommand::Serve(_) | WsCommand::Worker => {
                return Err("this command makes its load without workers".to_owned());
            }
        };
        Ok(Self {
            url,
            settings,
            load: None,
        })
    }

    /// Starts the threads that hold this process's share of the connections to the server of
    /// `order`. Fails if no server is named, its URL is wrong, or a thread cannot be started.
    fn start(
        &self,
        order: &ConnectorOrder,
        plan: &StepPlan,
    ) -> Result<HeldLoad<WsConnector>, String> {
        let url = order.throwaway_url.as_ref().or(self.url.as_ref());
        let url = url.ok_or("the parent named no server")?;
        let url = TargetUrl::parse(url).map_err(|error| error.to_string())?;
        let endpoint = url.resolved_to(order.address);
        let started = self.settings.start(endpoint, plan.threads, plan.process);
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
