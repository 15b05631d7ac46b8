//! Sharing of a scenario's load: this process makes it alone, its worker processes make it, or one process on
//! each of several hosts makes a part.

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

/// Flags that select how processes share a load.
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
    /// Number of worker processes that this process leads; absent if this process makes the load itself.
    workers: Option<u64>,
    /// Share of the load that this process makes in a run of several hosts; absent in a run of one host.
    pub(crate) host: Option<HostWorker>,
}

/// Planned steps of a run, in order, each with its variant.
#[derive(Debug)]
pub(crate) struct PlannedRun {
    /// The steps.
    pub(crate) steps: Vec<(Variant, StepPlan)>,
    /// Instant at which the last step is over on every host; absent in a run of one host.
    pub(crate) over: Option<WallTime>,
}

impl LoadSharing {
    /// Creates the sharing that `flags` select. `url` is that of the user's server, `None` for a throwaway
    /// server.
    ///
    /// # Errors
    /// Fails with the reason if the load cannot be shared in this way.
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

    /// Returns the seed `given`, or draws one. In a run of several hosts the drawn seed is the same on all.
    /// Otherwise each call draws another, so call this once per run.
    pub(crate) fn seed(&self, given: Option<u64>) -> u64 {
        self.host
            .map_or_else(|| seed_or_drawn(given), |host| host.seed(given))
    }

    /// Checks that each process gets at least one of the `connections` of the smallest setting and one of the
    /// `users`. Both are a number and the flag that sets it.
    ///
    /// # Errors
    /// Fails with a remedy if there are fewer than there are processes.
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

    /// With one runtime per core each thread has a pool of its own. Limits the threads of the step then, so
    /// that every thread on every host gets at least one of the `connections`.
    pub(crate) fn limit_threads(&self, plan: &mut StepPlan, connections: u64) {
        if plan.runtime == RuntimeKind::PerCore {
            let hosts = self.host.map_or(1, |host| host.share().count);
            let here = (connections / hosts).max(1);
            plan.threads = available_threads().min(here as usize);
        }
    }

    /// Plans the share of `steps` that this process makes. In a run of several hosts it also sets the start
    /// of each step.
    pub(crate) fn planned(&self, steps: Vec<(Variant, StepPlan)>) -> PlannedRun {
        let (variants, mut plans): (Vec<Variant>, Vec<StepPlan>) = steps.into_iter().unzip();
        let over = self.host.map(|host| host.fix(&mut plans));
        PlannedRun {
            steps: variants.into_iter().zip(plans).collect(),
            over,
        }
    }

    /// Adds the sharing to the report's `config`, which must already have all other entries. `scripts` is the
    /// text of the workload, which must be the same on all hosts.
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

    /// Starts the worker processes of `--workers`, if the flag is given.
    ///
    /// # Errors
    /// Fails if a process cannot be started.
    pub(crate) fn start_workers(&self, bench: &mut Bench) -> anyhow::Result<()> {
        if let Some(count) = self.workers {
            bench.lead(workers::start(count, env!("CARGO_PKG_VERSION"))?);
        }
        Ok(())
    }

    /// Returns a line for the end of the result which says that it covers one share of the load. Empty in a
    /// run of one host.
    pub(crate) fn told(&self) -> String {
        self.host.map_or_else(String::new, |host| host.told())
    }
}
