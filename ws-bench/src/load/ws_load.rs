//! Connections of a load, held by this process or by its worker processes.

use anyhow::Context as _;
use bench_cli::bench::{Bench, EvidenceSource};
use bench_cli::workers;
use load_engine::{HeldLevel, HeldLoad, HeldResult, StepPlan, WorkerShare};

use crate::connection::ws_connection::WsConnector;
use crate::load::load_settings::LoadSettings;
use crate::load::worker::ConnectorOrder;
use crate::server::endpoint::WsEndpoint;
use crate::server::ws_target::WsTarget;

/// Connections of a load, which stay open from step to step.
pub(crate) enum WsLoad {
    /// Connections that this process holds.
    Here(HeldLoad<WsConnector>),
    /// Connections that the worker processes of the bench hold.
    OnWorkers {
        /// Description of the server, which the workers need to connect to it.
        order: ConnectorOrder,
        /// Number of open connections of all workers in their last answer.
        open: u64,
    },
}

impl WsLoad {
    /// Starts `threads` threads that hold the connections, or `workers` worker processes if a number
    /// is given. No connection is opened.
    ///
    /// # Errors
    /// If they cannot be started.
    pub(crate) fn start(
        bench: &mut Bench,
        (target, endpoint): (&WsTarget, WsEndpoint),
        settings: &LoadSettings,
        (workers, threads): (Option<u64>, usize),
    ) -> anyhow::Result<Self> {
        if let Some(count) = workers {
            // The workers inherit the limit of open files, which this process has raised.
            bench.lead(workers::start(count, env!("CARGO_PKG_VERSION"))?);
            return Ok(Self::OnWorkers {
                order: ConnectorOrder {
                    throwaway_url: target.throwaway_url().map(str::to_owned),
                    address: endpoint.address,
                },
                open: 0,
            });
        }
        let load = settings.start(endpoint, threads, WorkerShare::ALONE);
        let load = load.context("cannot start the load generator's threads")?;
        Ok(Self::Here(load))
    }

    /// Returns the number of open connections; of workers, as they last reported it.
    pub(crate) fn open(&self) -> u64 {
        match self {
            Self::Here(load) => load.open(),
            Self::OnWorkers { open, .. } => *open,
        }
    }

    /// Runs one step: opens connections up to the number of `level`, holds them and checks them.
    ///
    /// # Errors
    /// If the worker processes cannot run the step; failures of connections are part of the result.
    pub(crate) fn run(
        &mut self,
        bench: &mut Bench,
        plan: &StepPlan,
        level: HeldLevel,
        evidence: &mut dyn EvidenceSource,
    ) -> anyhow::Result<HeldResult> {
        match self {
            Self::Here(load) => Ok(bench.held(load, plan, level, evidence)),
            Self::OnWorkers { order, open } => {
                let held = bench.held_on_workers(plan, level, order, evidence)?;
                *open = held.open;
                Ok(held)
            }
        }
    }

    /// Closes the connections beyond `most`, and forgets lost connections, so that they do not
    /// count in the next step.
    ///
    /// # Errors
    /// If a thread or process that holds connections has ended.
    pub(crate) fn close_beyond(&mut self, bench: &mut Bench, most: u64) -> anyhow::Result<()> {
        match self {
            Self::Here(load) => load.close_beyond(most, || bench.interrupted())?,
            Self::OnWorkers { open, .. } => *open = bench.close_on_workers(most)?,
        }
        Ok(())
    }
}
