//! Run of any scenario: server, guards, settings in a shuffled order, clean-up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::bench::{Bench, ShownFigures};
use bench_cli::load::Defaults;
use bench_cli::{Exit, Remedy as _, UsageError};
use bench_report::{Status, Step, StepEnd, Warning, WarningCode, redaction};
use load_engine::{LoadPlan, Phase, RuntimeKind, StepPlan, StopRule, shuffled_steps};
use serde_json::json;

use crate::blocking_task::{BlockingTask, TaskResult};
use crate::cleanup::{self, KeyWriter};
use crate::cli::CommonFlags;
use crate::clients::{self, ClientKind, Multiplexed, Pooled, Work};
use crate::evidence::ServerSampler;
use crate::failure;
use crate::group;
use crate::guard::{self, Demand};
use crate::remedy;
use crate::run_keys::{self, RunKeys};
use crate::server::RedisServer;
use crate::summary;

const TOOL: &str = "redis-bench";
/// Users where neither `--users` nor `--rate` is given.
const DEFAULT_USERS: u64 = 50;
/// Lowest cap of arrivals in flight: far above any pool, or requests would wait for the cap and not
/// for the pool.
const MIN_IN_FLIGHT_CAP: u64 = 1_024;
/// Longest time that writing the keys may take.
const FILL_TIMEOUT: Duration = Duration::from_mins(10);
/// Longest waits for the server's evidence: after an interrupt, and otherwise.
const EVIDENCE_TIMEOUT_INTERRUPTED: Duration = Duration::from_millis(150);
const EVIDENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// Scenario of redis-bench: keys, requests and figures.
pub trait RedisScenario {
    /// Requests that users make.
    type Work: Work;

    /// Returns the keys of a step.
    fn keyspace(&self, prefix: &str, seed: u64) -> RunKeys;

    /// Makes the requests of users on these keys.
    fn work(&self, keyspace: RunKeys) -> Self::Work;

    /// Returns the commands that requests consist of, in lower case as in the server's statistics.
    fn commands(&self) -> &'static [&'static str];

    /// Returns the scenario's flags for the report's configuration.
    fn config(&self) -> BTreeMap<String, serde_json::Value>;

    /// Adds the scenario's own parameters to a step's plan.
    fn describe(&self, plan: StepPlan) -> StepPlan {
        plan
    }

    /// Adds the scenario's own figures to a finished step.
    fn conclude(&self, step: &mut Step) {
        let _ = step;
    }
}

/// Runs `scenario` from its flags to its report.
///
/// # Errors
/// Returns a sentence with a remedy; a report that was begun is saved as failed.
pub(crate) fn run<S: RedisScenario>(
    name: &'static str,
    scenario: &S,
    flags: &CommonFlags,
    defaults: Defaults,
) -> anyhow::Result<Exit> {
    if let Some(url) = &flags.url {
        crate::address::RedisAddress::parse(url)?;
    }
    let clients = clients::selected(&flags.client)?;
    let seed = flags.load.step.draw_seed();
    let config = config(scenario, flags, &clients, seed, defaults);
    let mut bench = Bench::begin(TOOL, env!("CARGO_PKG_VERSION"), name, &flags.output, config)?;
    bench.show_figures(ShownFigures {
        percentiles: &["p50", "p99", "p999"],
        merged: true,
    });
    let mut run = ScenarioRun {
        scenario,
        flags,
        clients,
        seed,
        defaults,
        prefix: run_keys::prefix(&bench.own_name()),
        writer: None,
    };
    let ran = run.run(&mut bench);
    bench.report.summary = summary::conclude(&bench.report);
    if let Err(error) = ran
        && !bench.interrupted()
    {
        bench.report.status = Status::Failed;
        bench.save();
        return Err(error);
    }
    let text = summary::text(&bench.report);
    bench.finish(&text)
}

fn config<S: RedisScenario>(
    scenario: &S,
    flags: &CommonFlags,
    clients: &[ClientKind],
    seed: u64,
    defaults: Defaults,
) -> BTreeMap<String, serde_json::Value> {
    let mut config = flags.load.config(seed, defaults);
    config.extend(scenario.config());
    let names: Vec<&str> = clients.iter().map(|client| client.name()).collect();
    let url = flags.url.as_deref().map(redaction::url);
    config.insert("clients".to_owned(), json!(names));
    config.insert("pool_size".to_owned(), json!(flags.pool_size));
    config.insert("connections".to_owned(), json!(flags.connections));
    config.insert(
        "url".to_owned(),
        json!(url.as_deref().unwrap_or("throwaway")),
    );
    if flags.load.rate.is_none() {
        let users = flags.load.users.unwrap_or(DEFAULT_USERS);
        config.insert("users".to_owned(), json!(users));
    }
    config
}

struct ScenarioRun<'a, S> {
    scenario: &'a S,
    flags: &'a CommonFlags,
    clients: Vec<ClientKind>,
    seed: u64,
    defaults: Defaults,
    prefix: String,
    /// Filling of the keys that had not ended when it was given up.
    writer: Option<KeyWriter>,
}

impl<S: RedisScenario> ScenarioRun<'_, S> {
    fn run(&mut self, bench: &mut Bench) -> anyhow::Result<()> {
        let server = RedisServer::open(self.flags.url.as_deref())?;
        bench.phase(Phase::Connect);
        let Some(info) = server.probe(&bench.cancel)? else {
            return Ok(());
        };
        if let Some(version) = info.version() {
            let versions = &mut bench.report.environment.versions;
            versions.insert("redis".to_owned(), version);
        }
        guard::check(&info, self.demand(bench))?;
        let rules = self.stop_rules(&server);
        let told: Vec<String> = rules.iter().map(ToString::to_string).collect();
        bench
            .report
            .config
            .insert("stop_on".to_owned(), json!(told));
        let measured = self.measure(bench, &server);
        if !server.is_throwaway() {
            bench.phase(Phase::Save);
            let writer = self.writer.as_ref();
            cleanup::clear(bench, &server.remote(), &self.prefix, writer);
        }
        measured
    }

    fn demand(&self, bench: &Bench) -> Demand {
        let connections = self.clients.iter().map(|client| self.connections(*client));
        Demand {
            connections: connections.max().unwrap_or(0),
            bytes: self.scenario.keyspace(&self.prefix, 0).estimated_bytes(),
            descriptors: bench.report.environment.nofile_soft,
        }
    }

    /// Returns the user's rules; without any, one that protects a server of the user's.
    fn stop_rules(&self, server: &RedisServer) -> Vec<StopRule> {
        let given = &self.flags.load.step.stop_on;
        if given.is_empty() && !server.is_ours() {
            return vec![StopRule::ErrorRatio { above: 0.1 }];
        }
        given.clone()
    }

    fn connections(&self, client: ClientKind) -> u64 {
        match client {
            ClientKind::Pooled => self.flags.pool_size,
            ClientKind::Multiplexed => self.flags.connections,
        }
    }

    fn measure(&mut self, bench: &mut Bench, server: &RedisServer) -> anyhow::Result<()> {
        let repeats = self.flags.load.step.repeats(self.defaults);
        let planned = shuffled_steps(self.clients.len(), repeats, self.seed);
        let one = self.flags.load.step.measure(self.defaults)
            + self.flags.load.step.warmup(self.defaults);
        bench.announce(one * planned.len() as u32, planned.len());
        let mut evidence = ServerSampler::start(server.remote(), self.scenario.commands())
            .context("cannot watch the server")?;
        for next in planned {
            let client = self.clients[next.setting];
            bench.phase(Phase::Prepare);
            let keys = self
                .scenario
                .keyspace(&self.prefix, self.seed.wrapping_add(next.repeat));
            if !self.fill(bench, server, keys.clone())? {
                return Ok(());
            }
            let index = self.run_step(bench, server, (client, next.repeat), keys, &mut evidence)?;
            let step = &bench.report.steps[index];
            if bench.interrupted() || (!server.is_ours() && stopped(step)) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn run_step(
        &self,
        bench: &mut Bench,
        server: &RedisServer,
        (client, repeat): (ClientKind, u64),
        keys: RunKeys,
        evidence: &mut ServerSampler,
    ) -> anyhow::Result<usize> {
        let mut plan = self.plan(client, repeat);
        plan.stop_rules = self.stop_rules(server);
        let remote = server.remote();
        let (info, count) = (remote.info().clone(), self.connections(client));
        let work = self.scenario.work(keys);
        let index = match client {
            ClientKind::Pooled => {
                let factory = Arc::new(Pooled::new(info, count, work));
                bench.step(&plan, &factory, evidence)?
            }
            ClientKind::Multiplexed => {
                let factory = Arc::new(Multiplexed::new(info, count, work));
                bench.step(&plan, &factory, evidence)?
            }
        };
        let bound = if bench.interrupted() {
            EVIDENCE_TIMEOUT_INTERRUPTED
        } else {
            EVIDENCE_TIMEOUT
        };
        let step = &mut bench.report.steps[index];
        step.server = evidence.collect(bound);
        self.scenario.conclude(step);
        // Other parts that this server does not tell are listed in the evidence and make none of its
        // figures doubtful.
        let why = step
            .server
            .as_ref()
            .and_then(|server| server.unavailable.get("info"));
        let doubt = why.map(|why| {
            let told = format!("info of the server could not be read: {why}");
            Warning::new(WarningCode::EvidenceMissing, told).about_step(index, &["server"])
        });
        if let Some(doubt) = doubt {
            bench.warn(doubt);
        }
        bench.save();
        Ok(index)
    }

    fn plan(&self, client: ClientKind, repeat: u64) -> StepPlan {
        let count = self.connections(client);
        let cap = MIN_IN_FLIGHT_CAP.max(count.saturating_mul(8));
        let load = self.flags.load.load(DEFAULT_USERS, cap);
        let name = group::setting(client, count);
        let seed = self.seed.wrapping_add(repeat);
        let mut plan = self.flags.load.step.plan(&name, load, seed, self.defaults);
        plan.repeat = repeat;
        if plan.runtime == RuntimeKind::PerCore {
            // A worker without a connection of its own would need one more than asked for.
            plan.threads = plan.threads.min(count as usize);
        }
        let plan = plan
            .parameter("client", client.name())
            .parameter(client.parameter(), count);
        let plan = match plan.load {
            LoadPlan::Open { rate_per_s, .. } => plan.parameter("rate_per_s", rate_per_s),
            LoadPlan::Closed { users, .. } => plan.parameter("users", users),
        };
        self.scenario.describe(plan)
    }

    /// Brings the keys into the state in which a step begins; `false` when cancelled meanwhile.
    fn fill(&mut self, bench: &Bench, server: &RedisServer, keys: RunKeys) -> anyhow::Result<bool> {
        let remote = server.remote();
        let writer = BlockingTask::start(move |stop| keys.fill(&mut remote.connect()?, stop))
            .context("cannot write the keys of a run")?;
        let mut remedy = None;
        let why = match writer.wait(&bench.cancel, FILL_TIMEOUT) {
            TaskResult::Done(Ok(filled)) => return Ok(filled),
            TaskResult::Done(Err(error)) => {
                remedy = remedy::for_error(&error, &server.remote());
                failure::from_redis(&error).to_string()
            }
            TaskResult::Cancelled => {
                self.writer = Some(writer);
                return Ok(false);
            }
            TaskResult::TimedOut => {
                self.writer = Some(writer);
                format!("no end after {FILL_TIMEOUT:?}")
            }
        };
        let (done, shown) = (
            bench.report.steps.len(),
            server.remote().masked_url().to_owned(),
        );
        let told = "see what the server says of itself (its log, INFO)";
        Err(anyhow::anyhow!(why))
            .with_context(|| {
                format!("cannot write the keys of a run to {shown} (after {done} steps)")
            })
            .remedy(remedy.unwrap_or_else(|| told.to_owned()))
    }
}

fn stopped(step: &Step) -> bool {
    matches!(step.end, StepEnd::Stopped { .. })
}

/// Values longer than Redis takes are refused before anything is begun.
///
/// # Errors
/// Fails if `bytes` is too long.
pub(crate) fn check_value_size(bytes: u64) -> Result<(), UsageError> {
    if bytes > crate::cli::LONGEST_VALUE {
        return Err(UsageError(
            "Redis takes values of up to 512 MiB; use a smaller --value-size".to_owned(),
        ));
    }
    Ok(())
}
