//! Run of any workload: server, guards, settings in a shuffled order, clean-up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::bench::{Bench, ShownFigures};
use bench_cli::load::Defaults;
use bench_cli::{
    Exit, RateFinder, Scenario, ScenarioName, UsageError, found_rates, run_scenario, workers,
};
use bench_report::{Report, Step, StepEnd, Summary, Warning, WarningCode, redaction};
use load_engine::{LoadCurve, LoadPlan, Phase, RuntimeKind, StepPlan, StopRule, shuffled_steps};
use serde_json::json;

use crate::address::RedisAddress;
use crate::cleanup;
use crate::cli::CommonFlags;
use crate::clients::{self, ClientKind, Multiplexed, Pooled};
use crate::evidence::ServerSampler;
use crate::group;
use crate::guard::{self, Demand};
use crate::run_keys::{self, RunKeys};
use crate::run_target::RunTarget;
use crate::server::RedisServer;
use crate::summary;
use crate::worker::StepTarget;
use crate::workload::RedisWorkload;

/// Users where neither `--users` nor `--rate` is given.
const DEFAULT_USERS: u64 = 50;
/// Lowest cap of arrivals in flight: far above any pool, or requests would wait for the cap and not
/// for the pool.
const MIN_IN_FLIGHT_CAP: u64 = 1_024;
/// Longest waits for the server's evidence: after an interrupt, and otherwise.
const EVIDENCE_TIMEOUT_INTERRUPTED: Duration = Duration::from_millis(150);
const EVIDENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// Run of one workload on each client, from its flags to its report.
pub(crate) struct RedisRun<'a, W> {
    scenario: &'static str,
    workload: &'a W,
    flags: &'a CommonFlags,
    clients: Vec<ClientKind>,
    seed: u64,
    defaults: Defaults,
}

impl<'a, W: RedisWorkload> RedisRun<'a, W> {
    /// Plans the run of a scenario.
    ///
    /// # Errors
    /// Fails with a [`UsageError`] when the flags contradict each other.
    pub(crate) fn new(
        scenario: &'static str,
        workload: &'a W,
        flags: &'a CommonFlags,
        defaults: Defaults,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            scenario,
            workload,
            flags,
            clients: clients::selected(&flags.client)?,
            seed: flags.load.step.draw_seed(),
            defaults,
        })
    }

    /// Runs it to its exit code.
    ///
    /// # Errors
    /// Returns a sentence with a remedy; a report that was begun is saved as failed.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        run_scenario(self, &self.flags.output)
    }
}

impl<W: RedisWorkload> Scenario for RedisRun<'_, W> {
    type Target = RunTarget;
    type Prepared = ServerSampler;

    fn name(&self) -> ScenarioName {
        ScenarioName {
            tool: "redis-bench",
            version: env!("CARGO_PKG_VERSION"),
            scenario: self.scenario,
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        if let Some(url) = &self.flags.url {
            RedisAddress::parse(url)?;
        }
        self.flags.load.check(self.defaults)?;
        self.check_workers()
    }

    fn config(&self) -> BTreeMap<String, serde_json::Value> {
        let flags = self.flags;
        let mut config = flags.load.config(self.seed, self.defaults);
        config.extend(self.workload.config());
        let names: Vec<&str> = self.clients.iter().map(|client| client.name()).collect();
        let url = flags.url.as_deref().map(redaction::url);
        if let Some(workers) = flags.workers.workers {
            config.insert("workers".to_owned(), json!(workers));
        }
        config.insert("clients".to_owned(), json!(names));
        config.insert("pool_size".to_owned(), json!(flags.pool_size));
        config.insert("connections".to_owned(), json!(flags.connections));
        config.insert(
            "url".to_owned(),
            json!(url.as_deref().unwrap_or("throwaway")),
        );
        let load = &flags.load;
        if load.rate.is_none() && load.curve().is_none() && !load.search.is_given() {
            let users = load.users.as_ref().and_then(LoadCurve::constant);
            let users = users.map_or(DEFAULT_USERS, |users| users as u64);
            config.insert("users".to_owned(), json!(users));
        }
        config
    }

    fn shown_figures(&self) -> ShownFigures {
        ShownFigures {
            percentiles: &["p50", "p99", "p999"],
            merged: true,
        }
    }

    fn seeks_limit(&self) -> bool {
        self.flags.load.search.is_given()
    }

    fn open(&self, bench: &mut Bench) -> anyhow::Result<Option<RunTarget>> {
        Ok(Some(RunTarget {
            server: RedisServer::open(self.flags.url.as_deref())?,
            prefix: run_keys::prefix(&bench.own_name()),
            begun: false,
            writer: None,
        }))
    }

    fn prepare(
        &self,
        bench: &mut Bench,
        target: &mut RunTarget,
    ) -> anyhow::Result<Option<ServerSampler>> {
        let server = &target.server;
        bench.phase(Phase::Connect);
        let Some(info) = server.probe(&bench.cancel)? else {
            return Ok(None);
        };
        if let Some(version) = info.version() {
            let versions = &mut bench.report.environment.versions;
            versions.insert("redis".to_owned(), version);
        }
        guard::check(&info, self.demand(bench, &target.prefix))?;
        let rules = self.stop_rules(server);
        let told: Vec<String> = rules.iter().map(ToString::to_string).collect();
        bench
            .report
            .config
            .insert("stop_on".to_owned(), json!(told));
        let evidence = ServerSampler::start(server.remote(), self.workload.commands());
        evidence.context("cannot watch the server").map(Some)
    }

    fn steps(
        &self,
        bench: &mut Bench,
        target: &mut RunTarget,
        mut evidence: ServerSampler,
    ) -> anyhow::Result<()> {
        if let Some(count) = self.flags.workers.workers {
            bench.lead(workers::start(count, env!("CARGO_PKG_VERSION"))?);
        }
        target.begun = true;
        if self.flags.load.search.is_given() {
            return self.find_rates(bench, target, &mut evidence);
        }
        let repeats = self.flags.load.step.repeats(self.defaults);
        let planned = shuffled_steps(self.clients.len(), repeats, self.seed);
        let load = &self.flags.load;
        let one = load.measure(self.defaults) + load.step.warmup(self.defaults);
        bench.announce(one * planned.len() as u32, planned.len());
        for next in planned {
            let client = self.clients[next.setting];
            let plan = self.plan(client, next.repeat)?;
            let Some(index) = self.run_step(bench, target, client, plan, &mut evidence)? else {
                return Ok(());
            };
            let server = &target.server;
            let step = &bench.report.steps[index];
            if bench.interrupted() || (!server.is_ours() && stopped(step)) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn clean_up(&self, bench: &mut Bench, target: RunTarget) {
        if target.begun && !target.server.is_throwaway() {
            let remote = target.server.remote();
            cleanup::clear(bench, &remote, &target.prefix, target.writer.as_ref());
        }
    }

    fn summary(&self, report: &Report) -> Summary {
        if self.flags.load.search.is_given() {
            return report.summary.clone();
        }
        summary::conclude(report)
    }

    fn text(&self, report: &Report) -> String {
        if self.flags.load.search.is_given() {
            return found_rates(report);
        }
        summary::text(report)
    }
}

impl<W: RedisWorkload> RedisRun<'_, W> {
    fn demand(&self, bench: &Bench, prefix: &str) -> Demand {
        let connections = self.clients.iter().map(|client| self.connections(*client));
        Demand {
            connections: connections.max().unwrap_or(0),
            bytes: self.workload.keyspace(prefix, 0).estimated_bytes(),
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

    /// Searches for the highest rate of each client, in a shuffled order.
    fn find_rates(
        &self,
        bench: &mut Bench,
        target: &mut RunTarget,
        evidence: &mut ServerSampler,
    ) -> anyhow::Result<()> {
        let load = &self.flags.load;
        let order = shuffled_steps(self.clients.len(), 1, self.seed);
        for (done, next) in order.iter().enumerate() {
            let client = self.clients[next.setting];
            let setting = group::setting(client, self.connections(client));
            let held = (&load.step, self.defaults);
            let mut finder = RateFinder::begin(bench, &setting, &load.search.find_rate, held);
            while let Some(step) = finder.next_step(bench, order.len() - done - 1) {
                let cap = self.in_flight_cap(client);
                let plan = load.plan_at(step, &setting, cap, self.seed, self.defaults);
                let plan = self.described(plan, client);
                let Some(index) = self.run_step(bench, target, client, plan, evidence)? else {
                    return Ok(());
                };
                finder.record(bench, index);
            }
        }
        Ok(())
    }

    /// Runs a step on fresh keys; returns its place in the report, and `None` when a signal came
    /// before it began.
    fn run_step(
        &self,
        bench: &mut Bench,
        target: &mut RunTarget,
        client: ClientKind,
        mut plan: StepPlan,
        evidence: &mut ServerSampler,
    ) -> anyhow::Result<Option<usize>> {
        bench.phase(Phase::Prepare);
        let keys = self.workload.keyspace(&target.prefix, plan.seed);
        if !target.fill(bench, keys.clone())? {
            return Ok(None);
        }
        let server = &target.server;
        plan.stop_rules = self.stop_rules(server);
        let index = if bench.has_workers() {
            let target = StepTarget {
                throwaway_url: server.throwaway_url().map(str::to_owned),
                client,
                connections: self.connections(client),
                prefix: keys.prefix,
                seed: keys.seed,
            };
            bench.step_on_workers(&plan, &target, evidence)?
        } else {
            self.step_here(bench, &plan, (server, client), keys, evidence)?
        };
        let bound = if bench.interrupted() {
            EVIDENCE_TIMEOUT_INTERRUPTED
        } else {
            EVIDENCE_TIMEOUT
        };
        let step = &mut bench.report.steps[index];
        step.server = evidence.collect(bound);
        self.workload.conclude(step);
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
        bench.check_workers()?;
        Ok(Some(index))
    }

    /// Makes the load of a step in this process.
    fn step_here(
        &self,
        bench: &mut Bench,
        plan: &StepPlan,
        (server, client): (&RedisServer, ClientKind),
        keys: RunKeys,
        evidence: &mut ServerSampler,
    ) -> anyhow::Result<usize> {
        let (info, count) = (server.remote().info().clone(), self.connections(client));
        let work = self.workload.work(keys);
        match client {
            ClientKind::Pooled => {
                let factory = Arc::new(Pooled::new(info, count, work));
                bench.step(plan, &factory, evidence)
            }
            ClientKind::Multiplexed => {
                let factory = Arc::new(Multiplexed::new(info, count, work));
                bench.step(plan, &factory, evidence)
            }
        }
    }

    /// Refuses workers who would share a connection: each has its own.
    fn check_workers(&self) -> anyhow::Result<()> {
        let Some(workers) = self.flags.workers.workers else {
            return Ok(());
        };
        let few = |client: &&ClientKind| self.connections(**client) < workers;
        let Some(client) = self.clients.iter().find(few) else {
            return Ok(());
        };
        let (name, count) = (client.name(), self.connections(*client));
        let flag = client.parameter().replace('_', "-");
        Err(UsageError(format!(
            "{workers} workers cannot share {count} connections of the {name} client: each needs one \
             of its own; use --{flag} {workers} or more, or --client"
        ))
        .into())
    }

    fn in_flight_cap(&self, client: ClientKind) -> u64 {
        MIN_IN_FLIGHT_CAP.max(self.connections(client).saturating_mul(8))
    }

    fn plan(&self, client: ClientKind, repeat: u64) -> Result<StepPlan, UsageError> {
        let name = group::setting(client, self.connections(client));
        let seed = self.seed.wrapping_add(repeat);
        let flags = &self.flags.load;
        let users_and_cap = (DEFAULT_USERS, self.in_flight_cap(client));
        let mut plan = flags.plan(&name, users_and_cap, seed, self.defaults)?;
        plan.repeat = repeat;
        let plan = match flags.curve() {
            Some(curve) => plan.parameter("curve", curve.to_string().as_str()),
            None => plan,
        };
        Ok(self.described(plan, client))
    }

    /// Adds to a plan what it owes to the client and to the workload.
    fn described(&self, mut plan: StepPlan, client: ClientKind) -> StepPlan {
        let count = self.connections(client);
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
        self.workload.describe(plan)
    }
}

fn stopped(step: &Step) -> bool {
    matches!(step.end, StepEnd::Stopped { .. })
}
