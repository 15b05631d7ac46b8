//! Connections of a search for the limit: held by this process, or by its workers.

use bench_cli::bench::{Bench, EvidenceSource};
use load_engine::{HeldLevel, HeldLoad, HeldResult, StepPlan};

use crate::connection::WsConnector;
use crate::worker::ConnectorOrder;

/// Connections that stay open from step to step.
pub(crate) enum LimitLoad {
    /// Held by this process.
    Here(HeldLoad<WsConnector>),
    /// Held by the worker processes of the bench.
    OnWorkers {
        /// What they need to connect.
        order: ConnectorOrder,
        /// Number of connections that were open when they were last asked.
        open: u64,
    },
}

impl LimitLoad {
    /// Returns the number of connections that are open.
    pub(crate) fn open(&self) -> u64 {
        match self {
            Self::Here(load) => load.open(),
            Self::OnWorkers { open, .. } => *open,
        }
    }

    /// Runs one step: opens connections until there are those of `level`, holds and checks them.
    ///
    /// # Errors
    /// Fails when no load can be made at all.
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

    /// Closes the connections beyond `most`, and forgets those that were lost.
    ///
    /// # Errors
    /// Fails when a worker is gone.
    pub(crate) fn close_beyond(&mut self, bench: &mut Bench, most: u64) -> anyhow::Result<()> {
        match self {
            Self::Here(load) => load.close_beyond(most, || bench.interrupted())?,
            Self::OnWorkers { open, .. } => *open = bench.close_on_workers(most)?,
        }
        Ok(())
    }
}
