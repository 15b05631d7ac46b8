//! Recovery of each way to connect after its connections were killed, after a restart of the server,
//! and after the server ended idle connections: `redis-bench pool --recovery`, on a throwaway server.

mod recovery_outcome;
mod recovery_plan;
mod recovery_text;
mod server_event;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::bench::Bench;
use bench_cli::load::seed_or_drawn;
use bench_cli::{Exit, Scenario, ScenarioName, UsageError, run_scenario};
use bench_report::{Report, Summary};
use load_engine::{Cancel, LoadCurve, Phase, RuntimeKind, TargetFactory, TracedPlan, TracedResult};
use serde_json::{Value, json};

use self::recovery_outcome::RecoveryOutcome;
use self::recovery_plan::{
    DEFAULT_RATE_PER_S, DEFAULT_WATCHED, EVENTS, RecoveryEvent, RecoveryLoad,
};
use self::server_event::{ServerEvent, SharedRecord, taken_since};
use crate::cli::PoolFlags;
use crate::clients::{self, ClientKind, ClientSetup, FactoryUse};
use crate::keys::run_keys::{self, Preload, RunKeys};
use crate::pool::{KEYS, ThroughputWork};
use crate::results::group;
use crate::run::workload;
use crate::server::redis_server::RedisServer;

/// Ways to connect without `--client`: all of them.
const ALL_CLIENTS: [ClientKind; 5] = [
    ClientKind::Pooled,
    ClientKind::Multiplexed,
    ClientKind::Managed,
    ClientKind::Plain,
    ClientKind::PerRequest,
];

/// Measures the recovery of each way to connect, and returns the exit code.
///
/// # Errors
/// Fails on wrong usage, if no server can be started, or if the report cannot be written.
pub(crate) fn run(flags: &PoolFlags) -> anyhow::Result<Exit> {
    let rate = flags.common.load.rate.as_ref();
    let run = RecoveryRun {
        flags,
        load: RecoveryLoad {
            rate_per_s: rate.map_or(DEFAULT_RATE_PER_S, LoadCurve::peak),
            watched: flags.common.load.step.duration.unwrap_or(DEFAULT_WATCHED),
            seed: seed_or_drawn(flags.common.load.step.seed),
        },
    };
    run_scenario(&run, &flags.common.output)
}

/// Measurement of the recovery of each way to connect.
struct RecoveryRun<'a> {
    flags: &'a PoolFlags,
    load: RecoveryLoad,
}

/// Way to connect, with the number of its connections if it has a fixed one.
#[derive(Debug, Clone, Copy)]
struct RecoveryClient {
    kind: ClientKind,
    connections: Option<u64>,
}

impl RecoveryRun<'_> {
    fn clients(&self) -> Vec<RecoveryClient> {
        let flags = &self.flags.common;
        let mut clients = Vec::new();
        for kind in clients::selected(&flags.client, &ALL_CLIENTS) {
            let counts = flags.connections(kind);
            let counts = counts.map_or_else(|| vec![None], |c| c.into_iter().map(Some).collect());
            clients.extend(
                counts
                    .into_iter()
                    .map(|connections| RecoveryClient { kind, connections }),
            );
        }
        clients
    }

    fn keys(&self, prefix: String) -> RunKeys {
        RunKeys {
            keys: KEYS,
            value_bytes: self.flags.value_size,
            preload: Preload::Ratio(1.0),
            ..RunKeys::new(prefix, self.load.seed)
        }
    }

    /// Measures one client around one event, and adds the parts as steps to the report. Returns false
    /// if a signal ended it.
    ///
    /// # Errors
    /// Fails if the load cannot be made, or if the event could not be made to happen.
    fn measure(
        &self,
        bench: &mut Bench,
        server: &Arc<Mutex<RedisServer>>,
        (client, event, keys): (RecoveryClient, RecoveryEvent, &RunKeys),
    ) -> anyhow::Result<bool> {
        let remote = server
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remote();
        // Requests in flight at once at most, of a client without a fixed number.
        let count = client.connections.unwrap_or(0);
        let name = group::setting(client.kind, count);
        let plan = self.load.plan(&name, event, |plan| {
            let plan = plan
                .parameter("client", client.kind.name())
                .parameter("workload", self.flags.workload.name());
            match client.connections {
                Some(count) => plan.parameter(client.kind.parameter(), count),
                None => plan,
            }
        });
        let plan = plan.map_err(|error| UsageError(error.to_string()))?;
        let record = SharedRecord::default();
        let setup = ClientSetup {
            kind: client.kind,
            connections: count,
            server: remote.clone(),
            replica: None,
        };
        let work = ThroughputWork::new(keys, self.flags.workload, 1);
        let event = ServerEvent {
            event,
            server: Arc::clone(server),
            record: record.clone(),
        };
        let ran = setup.use_factory(
            work,
            TracedUse {
                bench: &mut *bench,
                plan: &plan,
                event,
            },
        )?;
        let Some(record) = record.take() else {
            push(bench, ran, None);
            return Ok(false);
        };
        let record = record.context("the event could not be made to happen")?;
        let opened = taken_since(&remote, &record).ok();
        let outcome = RecoveryOutcome::of(&ran.trace, &record, opened);
        push(bench, ran, Some(&outcome));
        Ok(!bench.interrupted())
    }
}

/// Adds the parts of a measurement to the report, and its outcome to the last of them.
fn push(bench: &mut Bench, ran: TracedResult, outcome: Option<&RecoveryOutcome>) {
    let last = ran.steps.len().saturating_sub(1);
    for (index, mut result) in ran.steps.into_iter().enumerate() {
        if let (Some(outcome), true) = (outcome, index == last) {
            outcome.add_to(&mut result.step);
        }
        bench.push_step(result.step, result.series, result.warnings);
    }
}

/// Measurement of a client, whatever the type of its factory.
struct TracedUse<'a> {
    bench: &'a mut Bench,
    plan: &'a TracedPlan,
    event: ServerEvent,
}

impl FactoryUse for TracedUse<'_> {
    type Output = anyhow::Result<TracedResult>;

    fn with<F: TargetFactory>(self, factory: &Arc<F>) -> Self::Output {
        self.bench
            .traced(self.plan, factory, vec![self.event], &mut ())
    }
}

impl Scenario for RecoveryRun<'_> {
    type Target = Arc<Mutex<RedisServer>>;
    type Prepared = RunKeys;

    fn name(&self) -> ScenarioName {
        ScenarioName {
            tool: "redis-bench",
            version: env!("CARGO_PKG_VERSION"),
            scenario: "pool",
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        let common = &self.flags.common;
        if common.server.url.is_some() {
            return Err(UsageError(
                "--recovery restarts the server and changes its settings, so it is for the throwaway \
                 server only; leave out --url and REDIS_URL"
                    .to_owned(),
            )
            .into());
        }
        common.server.address()?;
        let clients: Vec<ClientKind> = self.clients().iter().map(|client| client.kind).collect();
        common.check_clients(&clients)?;
        if common.load.curve().is_some() {
            return Err(UsageError(
                "--recovery compares the load after an event with that before it, so the rate is \
                 constant; write --rate 500"
                    .to_owned(),
            )
            .into());
        }
        let defaults = workload::defaults(RuntimeKind::Shared);
        Ok(common.load.check(defaults)?)
    }

    fn config(&self) -> BTreeMap<String, Value> {
        let names = EVENTS.map(RecoveryEvent::name);
        let clients = self.clients();
        let mut clients: Vec<&str> = clients.iter().map(|client| client.kind.name()).collect();
        clients.dedup();
        BTreeMap::from([
            ("url".to_owned(), json!("throwaway")),
            ("events".to_owned(), json!(names)),
            ("clients".to_owned(), json!(clients)),
            ("workload".to_owned(), json!(self.flags.workload.name())),
            ("value_bytes".to_owned(), json!(self.flags.value_size)),
            ("rate_per_s".to_owned(), json!(self.load.rate_per_s)),
            (
                "measure_ns".to_owned(),
                json!(self.load.watched.as_nanos() as u64),
            ),
            ("seed".to_owned(), json!(self.load.seed)),
        ])
    }

    fn open(&self, _bench: &mut Bench) -> anyhow::Result<Option<Self::Target>> {
        let server = RedisServer::open(&self.flags.common.server)?;
        Ok(Some(Arc::new(Mutex::new(server))))
    }

    fn prepare(
        &self,
        bench: &mut Bench,
        target: &mut Self::Target,
    ) -> anyhow::Result<Option<RunKeys>> {
        bench.phase(Phase::Connect);
        let server = target.lock().unwrap_or_else(PoisonError::into_inner);
        let kinds: Vec<ClientKind> = self.clients().iter().map(|client| client.kind).collect();
        let Some(identity) = server.probe(&kinds, &bench.cancel)? else {
            return Ok(None);
        };
        if let Some(version) = &identity.version {
            let versions = &mut bench.report.environment.versions;
            versions.insert("redis".to_owned(), version.clone());
        }
        bench.phase(Phase::Prepare);
        let own = bench_report::run_id::own_name(&bench.report.run_id);
        let keys = self.keys(run_keys::prefix(&own));
        let filled = keys.fill(&mut server.remote().connect()?, &Cancel::new(), None);
        filled.map_err(|failure| anyhow::anyhow!("cannot write the keys of a run: {failure}"))?;
        Ok(Some(keys))
    }

    fn steps(
        &self,
        bench: &mut Bench,
        target: &mut Self::Target,
        keys: RunKeys,
    ) -> anyhow::Result<()> {
        let clients = self.clients();
        let lengths = EVENTS.iter().map(|event| self.load.length(*event));
        let whole = lengths.sum::<Duration>() * clients.len() as u32;
        bench.announce(whole, clients.len() * EVENTS.len());
        for client in clients {
            for event in EVENTS {
                if !self.measure(bench, target, (client, event, &keys))? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn summary(&self, report: &Report) -> Summary {
        Summary {
            headline: recovery_text::headline(report),
            ..Summary::default()
        }
    }

    fn text(&self, report: &Report) -> String {
        recovery_text::render(report)
    }
}
