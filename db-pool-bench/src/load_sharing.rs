//! Sharing of a scenario's load among processes: this process makes it alone, or its worker
//! processes make it, or one process on each of several hosts makes a part.

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

/// Flags that select how processes share the load of a scenario.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct SharingFlags {
    /// Flags of worker processes on this host, which share the load.
    #[command(flatten)]
    workers: WorkerFlags,

    /// Flags of a process that makes one host's part of the load.
    #[command(flatten)]
    host: HostWorkerFlags,
}

/// Way in which processes share the load of a scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadSharing {
    /// Number of worker processes that this process starts and directs; `None` if this process
    /// makes the load itself.
    workers: Option<u64>,
    /// Share of the load that this process makes in a run of several hosts; `None` in a run of one
    /// host.
    pub(crate) host: Option<HostWorker>,
}

/// Planned steps of a run, with the end of the run if several hosts take part.
#[derive(Debug)]
pub(crate) struct PlannedRun {
    /// Steps in the order in which they run, each with the variant that it tests.
    pub(crate) steps: Vec<(Variant, StepPlan)>,
    /// Instant at which the last step has ended on every host; `None` in a run of one host.
    pub(crate) over: Option<WallTime>,
}

impl LoadSharing {
    /// Creates the sharing that `flags` select. `url` is that of the user's server, `None` for a
    /// throwaway server; `search` holds the flags of a search for a rate.
    ///
    /// # Errors
    /// Fails with the reason if the load cannot be shared in this way, such as a search on several
    /// hosts.
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

    /// Returns the number of processes that make the load: worker processes, hosts, or 1.
    fn processes(&self) -> u64 {
        let hosts = self.host.map(|host| host.share().count);
        self.workers.or(hosts).unwrap_or(1)
    }

    /// Returns the seed `given`, or draws one. In a run of several hosts the drawn seed is the same
    /// on all. Otherwise each call draws another one, so it must be called only once in a run.
    pub(crate) fn seed(&self, given: Option<u64>) -> u64 {
        self.host
            .map_or_else(|| seed_or_drawn(given), |host| host.seed(given))
    }

    /// Checks that each process gets at least one of the `connections` of the smallest setting and
    /// one of the `users`. Both are pairs of a number and the flag that sets it.
    ///
    /// # Errors
    /// Fails with a remedy if there are fewer connections or users than processes.
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

    /// Limits the threads of the step `plan` if it uses one runtime per core, because each thread
    /// then has a pool of its own: every thread on every host gets at least one of the
    /// `connections`.
    pub(crate) fn limit_threads(&self, plan: &mut StepPlan, connections: u64) {
        if plan.runtime == RuntimeKind::PerCore {
            let hosts = self.host.map_or(1, |host| host.share().count);
            let here = (connections / hosts).max(1);
            plan.threads = available_threads().min(here as usize);
        }
    }

    /// Returns the share of `steps` that this process makes, in the same order. In a run of several
    /// hosts it also sets the instant at which each step begins.
    pub(crate) fn planned(&self, steps: Vec<(Variant, StepPlan)>) -> PlannedRun {
        let (variants, mut plans): (Vec<Variant>, Vec<StepPlan>) = steps.into_iter().unzip();
        let over = self.host.map(|host| host.fix(&mut plans));
        PlannedRun {
            steps: variants.into_iter().zip(plans).collect(),
            over,
        }
    }

    /// Adds the sharing to the report's `config`, which must already have all other entries.
    /// `planned` returns the steps. `scripts` is the text of the workload, which must be the same
    /// on all hosts.
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

    /// Starts the worker processes if `--workers` is given, and makes `bench` direct them.
    ///
    /// # Errors
    /// Fails if a process cannot be started.
    pub(crate) fn start_workers(&self, bench: &mut Bench) -> anyhow::Result<()> {
        if let Some(count) = self.workers {
            bench.lead(workers::start(count, env!("CARGO_PKG_VERSION"))?);
        }
        Ok(())
    }

    /// Returns a line for the end of the result, which says that the result covers one share of the
    /// load. Empty in a run of one host.
    pub(crate) fn told(&self) -> String {
        self.host.map_or_else(String::new, |host| host.told())
    }
}
