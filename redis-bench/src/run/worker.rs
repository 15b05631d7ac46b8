//! Worker process of `redis-bench`, which creates a share of the load of the steps that its parent
//! process orders.

use std::sync::Arc;
use std::time::Duration;

use bench_cli::UsageError;
use bench_cli::load::Defaults;
use load_engine::{RuntimeKind, TargetFactory, WorkerScenario, WorkerStep};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cache::Cache;
use crate::cli::{CommonFlags, RedisBenchCli, RedisBenchCommand, ScriptFlags};
use crate::clients::{ClientKind, ClientSetup, FactoryUse, WatchedWork};
use crate::pool::Throughput;
use crate::run::workload::{self, RedisWorkload};
use crate::script::Scripted;
use crate::server::address::RedisAddress;

/// Server, client and keys of one step, as the parent process describes them to its workers through
/// a pipe.
#[derive(Serialize, Deserialize)]
pub(crate) struct StepTarget {
    /// URL of the throwaway server that the parent process started. `None` if the flags or the
    /// environment, which the worker gets from its parent, contain the URL of the user's server.
    pub(crate) throwaway_url: Option<String>,
    /// Way to connect that the step uses.
    pub(crate) client: ClientKind,
    /// Index of the workload's variant.
    pub(crate) variant: usize,
    /// Number of connections of the step in total over all workers.
    pub(crate) connections: u64,
    /// Host and port of the replica that reads go to; `None` if they go to the server itself.
    pub(crate) replica: Option<(String, u16)>,
    /// Prefix of the names of the run's keys.
    pub(crate) prefix: String,
    /// Seed of the random draw of keys in this step.
    pub(crate) seed: u64,
    /// Time to live of keys without an expiry of their own. It follows from the length of the load,
    /// which the flags that a worker gets do not have.
    pub(crate) safety_ttl: Option<Duration>,
}

/// Scenario of the parent process, with its flags; this process creates a share of its load.
pub(crate) struct RedisWorker(pub(crate) RedisBenchCli);

impl WorkerScenario for RedisWorker {
    fn run_step(&mut self, target: Value, step: WorkerStep<'_>) -> Result<(), String> {
        let target: StepTarget =
            serde_json::from_value(target).map_err(|error| error.to_string())?;
        match &self.0.command {
            RedisBenchCommand::Cache(flags) => run(&Cache(flags), &flags.common, &target, step),
            RedisBenchCommand::Pool(flags) => {
                let defaults = workload::defaults(RuntimeKind::PerCore);
                let script = (&flags.script, &flags.common, defaults);
                if let Some(scripted) = scripted(script)? {
                    return run(&scripted, &flags.common, &target, step);
                }
                let pool = Throughput::new(flags, defaults);
                run(&pool, &flags.common, &target, step)
            }
            RedisBenchCommand::Burst(flags) => {
                let cache = &flags.cache;
                let defaults = workload::defaults(RuntimeKind::Shared);
                match scripted((&flags.script, &cache.common, defaults))? {
                    Some(scripted) => run(&scripted, &cache.common, &target, step),
                    None => run(&Cache(cache), &cache.common, &target, step),
                }
            }
            RedisBenchCommand::Replay(_) => {
                Err("replay makes its whole load in one process".to_owned())
            }
            RedisBenchCommand::Memory(_) => Err("memory makes no load".to_owned()),
            RedisBenchCommand::Observe(_) => Err("observe makes no load".to_owned()),
            RedisBenchCommand::Check(_) => Err("check makes no load".to_owned()),
            RedisBenchCommand::RateLimit(_) => {
                Err("rate-limit makes its whole load in one process".to_owned())
            }
            RedisBenchCommand::Session(_) => Err("sessions have no workers".to_owned()),
            RedisBenchCommand::Worker => Err("a worker leads no workers".to_owned()),
        }
    }
}

/// Reads the script that the flags name; `None` if they name none.
fn scripted(
    (script, flags, defaults): (&ScriptFlags, &CommonFlags, Defaults),
) -> Result<Option<Scripted>, String> {
    Scripted::given(script, flags, defaults).map_err(|UsageError(why)| why)
}

fn run<W: RedisWorkload>(
    workload: &W,
    flags: &CommonFlags,
    target: &StepTarget,
    step: WorkerStep<'_>,
) -> Result<(), String> {
    let address = match (&target.throwaway_url, &flags.server.url) {
        (Some(url), _) => RedisAddress::parse(url),
        (None, Some(url)) => RedisAddress::of_user(url, &flags.server.tls),
        (None, None) => return Err("the parent named no server".to_owned()),
    };
    let address = address.map_err(|error| error.to_string())?;
    let replica = target.replica.as_ref();
    let replica = replica.map(|(host, port)| address.at_node(host, *port));
    let client = ClientSetup {
        kind: target.client,
        connections: target.connections,
        server: address,
        replica: None,
    };
    let client = client.reading_from(replica, workload.only_reads());
    let mut keyspace = workload.keyspace(&target.prefix, target.seed);
    keyspace.safety_ttl = target.safety_ttl;
    let work = WatchedWork {
        work: workload.work(keyspace, target.variant),
        gaps: None,
    };
    client.use_factory(work, ShareOfStep(step))
}

/// Step of which this process runs a share.
struct ShareOfStep<'a>(WorkerStep<'a>);

impl FactoryUse for ShareOfStep<'_> {
    type Output = Result<(), String>;

    fn with<F: TargetFactory>(self, factory: &Arc<F>) -> Self::Output {
        self.0.run_requests(factory)
    }
}
