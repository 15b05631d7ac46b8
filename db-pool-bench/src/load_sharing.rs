//! Sharing of a scenario's load: this process makes it, its workers do, or one on each of several hosts.

use std::collections::BTreeMap;

use bench_cli::FindRateFlags;
use bench_cli::bench::Bench;
use bench_cli::host_worker::{HostWorker, HostWorkerFlags};
use bench_cli::load::seed_or_drawn;
use bench_cli::workers::{self, WorkerFlags};
use bench_cli::{ScenarioName, UsageError};
use clap::Args;
use load_engine::{RuntimeKind, StepPlan, WallTime, available_threads};
use serde_json::{Value, json};

use crate::context::Variant;

/// Flags of the processes that make a load.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct SharingFlags {
    /// Flags of worker processes.
    #[command(flatten)]
    workers: WorkerFlags,

    /// Flags of a worker on a host of its own.
    #[command(flatten)]
    host: HostWorkerFlags,
}

/// Sharing of a load among processes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadSharing {
    /// Number of worker processes that this one leads; absent where it makes the load.
    workers: Option<u64>,
    /// Share that this process makes beside those on other hosts; absent where it makes all.
    pub(crate) host: Option<HostWorker>,
}

/// Planned steps, in their order, each on its variant.
#[derive(Debug)]
pub(crate) struct PlannedRun {
    /// The steps.
    pub(crate) steps: Vec<(Variant, StepPlan)>,
    /// Instant at which the last one is over on every host, if there are several.
    pub(crate) over: Option<WallTime>,
}

impl LoadSharing {
    /// Settles what `flags` ask for; `url` is that of the user's server.
    ///
    /// # Errors
    /// Fails with the reason for which the load cannot be shared so.
    pub(crate) fn new(
        flags: &SharingFlags,
        url: Option<&str>,
        search: &FindRateFlags,
    ) -> Result<Self, UsageError> {
        let host = flags.host.checked(flags.workers, url)?;
        if let Some(host) = host {
            host.check_search(search)?;
        }
        Ok(Self {
            workers: flags.workers.workers,
            host,
        })
    }

    /// Returns the number of processes that make the load.
    fn processes(&self) -> u64 {
        let hosts = self.host.map(|host| host.share().count);
        self.workers.or(hosts).unwrap_or(1)
    }

    /// Returns the seed given, or draws one, which is the same on all hosts: call it once and keep it.
    pub(crate) fn seed(&self, given: Option<u64>) -> u64 {
        self.host
            .map_or_else(|| seed_or_drawn(given), |host| host.seed(given))
    }

    /// Refuses a load of which a worker would get nothing: `connections` of the smallest setting, or
    /// `users`, each with the flag that sets it.
    ///
    /// # Errors
    /// Fails with a remedy.
    pub(crate) fn check(
        &self,
        connections: (u64, &str),
        users: (u64, &str),
    ) -> Result<(), UsageError> {
        let count = self.processes();
        for (what, (whole, flag)) in [("connections", connections), ("users", users)] {
            if whole < count {
                return Err(UsageError(format!(
                    "{count} workers cannot share {whole} {what}: each needs one of its own; use \
                     {flag} {count} or more"
                )));
            }
        }
        Ok(())
    }

    /// Limits the threads of a step, where each has a pool of its own, so that each of them on every
    /// host has a connection of `connections`.
    pub(crate) fn limit_threads(&self, plan: &mut StepPlan, connections: u64) {
        if plan.runtime == RuntimeKind::PerCore {
            let hosts = self.host.map_or(1, |host| host.share().count);
            let here = (connections / hosts).max(1);
            plan.threads = available_threads().min(here as usize);
        }
    }

    /// Fixes the share that this process makes of `steps`, and when.
    pub(crate) fn planned(&self, steps: Vec<(Variant, StepPlan)>) -> PlannedRun {
        let (variants, mut plans): (Vec<Variant>, Vec<StepPlan>) = steps.into_iter().unzip();
        let over = self.host.map(|host| host.fix(&mut plans));
        PlannedRun {
            steps: variants.into_iter().zip(plans).collect(),
            over,
        }
    }

    /// Adds the sharing to the report's `config`, which holds all other entries. `scripts` is the text
    /// of the workload, which hosts must have in common.
    pub(crate) fn add_to(
        &self,
        config: &mut BTreeMap<String, Value>,
        name: ScenarioName,
        planned: impl FnOnce() -> PlannedRun,
        scripts: &str,
    ) {
        if let Some(workers) = self.workers {
            config.insert("workers".to_owned(), json!(workers));
        }
        if let Some(host) = &self.host {
            let plans = planned().steps.into_iter().map(|(_, plan)| plan);
            let mut hashed = config.clone();
            hashed.insert("script_text".to_owned(), json!(scripts));
            let worker = host.config(name, &plans.collect::<Vec<_>>(), &hashed);
            config.insert("worker".to_owned(), worker);
        }
    }

    /// Starts the worker processes that are to make the load, if any are.
    ///
    /// # Errors
    /// Fails when one cannot be started.
    pub(crate) fn start_workers(&self, bench: &mut Bench) -> anyhow::Result<()> {
        if let Some(count) = self.workers {
            bench.lead(workers::start(count, env!("CARGO_PKG_VERSION"))?);
        }
        Ok(())
    }

    /// Returns a line for the end of the result, where that is of a share.
    pub(crate) fn told(&self) -> String {
        self.host.map_or_else(String::new, |host| host.told())
    }
}
