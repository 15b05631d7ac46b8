//! Run of any workload of `redis-bench`: server, guards, settings in a shuffled order, clean-up.

use std::collections::BTreeMap;

use anyhow::Context as _;
use bench_cli::bench::{Bench, ShownFigures};
use bench_cli::host_worker::{self, HostWorker};
use bench_cli::load::{Defaults, seed_or_drawn};
use bench_cli::{Exit, Scenario, ScenarioName, found_rates, run_scenario, workers};
use bench_report::{Report, Step, StepEnd, Summary, redaction};
use load_engine::{LoadCurve, Phase, StepPlan, StopRule};
use serde_json::json;

use crate::cli::{CommonFlags, ReadFrom};
use crate::clients::{self, ClientKind};
use crate::evidence::{CommandScope, KeyScope, SamplerScope, ServerSampler};
use crate::keys::run_keys;
use crate::keys::run_removal::KeyServers;
use crate::results::{summary, troubles};
use crate::run::run_target::RunTarget;
use crate::run::setting::Setting;
use crate::run::workload::RedisWorkload;
use crate::run::{cleanup, doubts};
use crate::server::guard::{self, Demand};
use crate::server::redis_server::RedisServer;

/// Number of users of a closed loop if neither `--users` nor `--rate` is given.
pub(crate) const DEFAULT_USERS: u64 = 50;

/// Run of one workload with each way to connect, from its flags to its report.
pub(crate) struct RedisRun<'a, W> {
    scenario: &'static str,
    pub(crate) workload: &'a W,
    pub(crate) flags: &'a CommonFlags,
    /// Ways to connect and variants of the workload to measure.
    pub(crate) settings: Vec<Setting>,
    /// Share of the load that this host creates; `None` if it creates all of it.
    pub(crate) host: Option<HostWorker>,
    pub(crate) seed: u64,
    pub(crate) defaults: Defaults,
}

impl<'a, W: RedisWorkload> RedisRun<'a, W> {
    /// Creates the run of the scenario `scenario`. `defaults` apply where `flags` give no value. No
    /// server is contacted.
    ///
    /// # Errors
    /// Fails with a `UsageError` if the flags contradict each other.
    pub(crate) fn new(
        scenario: &'static str,
        workload: &'a W,
        flags: &'a CommonFlags,
        defaults: Defaults,
    ) -> anyhow::Result<Self> {
        let host = flags
            .host
            .checked(flags.workers, flags.server.url.as_deref())?;
        let given = flags.load.step.seed;
        let clients = clients::selected(&flags.client, workload.default_clients());
        let mut settings = Vec::new();
        for variant in 0..workload.variants().count() {
            for client in clients.iter().copied() {
                let counts = flags.connections(client);
                let counts =
                    counts.map_or_else(|| vec![None], |c| c.into_iter().map(Some).collect());
                settings.extend(counts.into_iter().map(|connections| Setting {
                    client,
                    connections,
                    variant,
                }));
            }
        }
        Ok(Self {
            scenario,
            workload,
            flags,
            settings,
            seed: host.map_or_else(|| seed_or_drawn(given), |host| host.seed(given)),
            host,
            defaults,
        })
    }

    /// Runs the scenario, saves its report, prints its result, and returns the exit code.
    ///
    /// # Errors
    /// Fails with a sentence and a remedy. If a report was begun, it is saved as failed.
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        run_scenario(self, &self.flags.output)
    }
}

impl<W: RedisWorkload> Scenario for RedisRun<'_, W> {
    type Target = RunTarget;
    type Prepared = Option<ServerSampler>;

    fn name(&self) -> ScenarioName {
        ScenarioName {
            tool: "redis-bench",
            version: env!("CARGO_PKG_VERSION"),
            scenario: self.scenario,
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        self.flags.server.address()?;
        self.flags
            .check_clients(&self.clients().collect::<Vec<_>>())?;
        self.flags.load.check(self.defaults)?;
        self.check_cluster()?;
        self.check_workers()?;
        self.check_users()?;
        self.check_share()
    }

    fn config(&self) -> BTreeMap<String, serde_json::Value> {
        let flags = self.flags;
        let mut config = flags.load.config(self.seed, self.defaults);
        config.extend(self.workload.config());
        let names: Vec<&str> = self.clients().map(ClientKind::name).collect();
        let url = flags.server.url.as_deref().map(redaction::url);
        if let Some(workers) = flags.workers.workers {
            config.insert("workers".to_owned(), json!(workers));
        }
        config.insert("clients".to_owned(), json!(names));
        for client in self.clients() {
            let counts = flags.connections(client).unwrap_or_default();
            let counts = match counts.as_slice() {
                [] => continue,
                [one] => json!(one),
                several => json!(several),
            };
            config.insert(client.parameter().to_owned(), counts);
        }
        config.insert(
            "url".to_owned(),
            json!(url.as_deref().unwrap_or("throwaway")),
        );
        // A throwaway server is spoken to in the version that the driver takes by itself.
        let address = flags.server.address().ok().flatten();
        let protocol = address.map_or("resp2", |address| address.protocol());
        config.insert("protocol".to_owned(), json!(protocol));
        if self.workload.reads_from() == ReadFrom::Replica {
            config.insert("read_from".to_owned(), json!("replica"));
        }
        let load = &flags.load;
        if load.rate.is_none() && load.curve().is_none() && !load.search.is_given() {
            let users = load.users.as_ref().and_then(LoadCurve::constant);
            let users = users.map_or(DEFAULT_USERS, |users| users as u64);
            config.insert("users".to_owned(), json!(users));
        }
        if let (Some(host), Ok((planned, _))) = (&self.host, self.planned()) {
            let plans: Vec<StepPlan> = planned.into_iter().map(|(_, plan)| plan).collect();
            let worker = host.config(self.name(), &plans, &config);
            config.insert("worker".to_owned(), worker);
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
        let mut server = RedisServer::open(&self.flags.server)?;
        if self.workload.reads_from() == ReadFrom::Replica {
            server.start_replica()?;
        }
        Ok(Some(RunTarget {
            server,
            replica: None,
            prefix: run_keys::prefix(&host_worker::data_name(bench)),
            over: None,
            begun: false,
            writer: None,
            identity: None,
            spans_cluster: self.spans_cluster(),
            tried_per_s: BTreeMap::new(),
        }))
    }

    fn prepare(
        &self,
        bench: &mut Bench,
        target: &mut RunTarget,
    ) -> anyhow::Result<Option<Self::Prepared>> {
        let server = &target.server;
        bench.phase(Phase::Connect);
        let clients: Vec<ClientKind> = self.clients().collect();
        let Some(identity) = server.probe(&clients, &bench.cancel)? else {
            return Ok(None);
        };
        if let Some(version) = &identity.version {
            let versions = &mut bench.report.environment.versions;
            versions.insert("redis".to_owned(), version.clone());
        }
        if server.remote().has_sentinels() {
            let primary = server.remote().current().masked_url().to_owned();
            let config = &mut bench.report.config;
            config.insert("primary".to_owned(), json!(primary));
        }
        if self.workload.reads_from() == ReadFrom::Replica {
            let Some(replica) = server.online_replica(&bench.cancel)? else {
                return Ok(None);
            };
            let told = json!(replica.masked_url());
            bench.report.config.insert("replica".to_owned(), told);
            target.replica = Some(replica);
        }
        let demand = self.demand(bench, &target.prefix);
        let demand = self.demand_of_node(demand, &identity);
        let unchecked = guard::limits(identity.info.as_ref(), demand)?;
        // Kept out of the merged warnings, which would show only one about missing evidence.
        let doubt = doubts::unchecked_limits(&identity, &unchecked);
        bench.report.warnings.extend(doubt);
        let nodes = identity.nodes.clone();
        target.identity = Some(identity);
        if let Some(encryption) = server.encryption(&bench.cancel) {
            bench
                .report
                .config
                .insert("tls".to_owned(), json!(encryption));
        }
        if self.workload.tracks_keys() {
            server.require_tracking(&bench.cancel)?;
        }
        if let Some(needed) = self.workload.needed_command() {
            server.require(needed.name, needed.remedy, &bench.cancel)?;
        }
        let rules = self.stop_rules(server);
        let told: Vec<String> = rules.iter().map(ToString::to_string).collect();
        bench
            .report
            .config
            .insert("stop_on".to_owned(), json!(told));
        if self.host.is_some_and(|host| !host.watches_server()) {
            return Ok(Some(None));
        }
        let scope = SamplerScope {
            commands: CommandScope::Load(self.workload.commands()),
            keys: Some(KeyScope::own(&target.prefix)),
        };
        // Where all requests go to the replica, it is the server under load.
        let replica = target.replica.clone();
        let watched = replica.filter(|_| self.workload.only_reads());
        let watched = watched.unwrap_or_else(|| server.remote());
        let evidence = ServerSampler::start(&watched, &nodes, &scope);
        let evidence = evidence.context("cannot watch the server")?;
        Ok(Some(Some(evidence)))
    }

    fn steps(
        &self,
        bench: &mut Bench,
        target: &mut RunTarget,
        mut evidence: Self::Prepared,
    ) -> anyhow::Result<()> {
        if let Some(count) = self.flags.workers.workers {
            bench.lead(workers::start(count, env!("CARGO_PKG_VERSION"))?);
        }
        if self.flags.load.search.is_given() {
            target.begun = true;
            return self.find_rates(bench, target, evidence.as_mut());
        }
        let (planned, over) = self.planned()?;
        let load = &self.flags.load;
        let one = load.measure(self.defaults) + load.step.warmup(self.defaults);
        bench.announce(one * planned.len() as u32, planned.len());
        (target.begun, target.over) = (true, over);
        for (setting, plan) in planned {
            if !self.await_preparation(bench, &plan) {
                return Ok(());
            }
            let ran = self.run_step(bench, target, (setting, plan), evidence.as_mut())?;
            let Some(index) = ran else {
                return Ok(());
            };
            let is_stopped = stopped(&bench.report.steps[index]);
            if let (Some(host), true) = (&self.host, is_stopped) {
                bench.warn(host.ended_early(index));
                return Ok(());
            }
            if bench.interrupted() || (!target.server.is_ours() && is_stopped) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn clean_up(&self, bench: &mut Bench, target: RunTarget) {
        if let Some(over) = target.over {
            // Other hosts use the keys until that instant. The wait ends at a signal, so that an interrupted
            // run leaves no keys.
            HostWorker::await_instant(bench, over);
        }
        if target.begun && !target.server.is_throwaway() {
            let mut keys = self.workload.keyspace(&target.prefix, self.seed);
            keys.written = self.workload.written_keys(&target.prefix);
            let servers = KeyServers::new(target.server.remote(), target.identity.as_ref());
            cleanup::clear(bench, &servers, &keys, target.writer.as_ref());
        }
    }

    fn summary(&self, report: &Report) -> Summary {
        if self.flags.load.search.is_given() {
            return report.summary.clone();
        }
        summary::conclude(report, &self.workload.variants(), &self.flags.objective)
    }

    fn text(&self, report: &Report) -> String {
        if self.flags.load.search.is_given() {
            return found_rates(report);
        }
        let share = self.host.map_or_else(String::new, |host| host.told());
        let remote = self.flags.server.address().ok().flatten();
        let remedies =
            remote.map_or_else(String::new, |remote| troubles::remedies(report, &remote));
        summary::text(report, &self.workload.variants())
            + &self.workload.text(report)
            + &remedies
            + &share
    }
}

impl<W: RedisWorkload> RedisRun<'_, W> {
    fn demand(&self, bench: &Bench, prefix: &str) -> Demand {
        let connections = self
            .settings
            .iter()
            .map(|setting| self.connections(*setting));
        let connections = connections.max().unwrap_or(0);
        let keyspace = self.workload.keyspace(prefix, 0);
        let bytes = keyspace
            .estimated_bytes()
            .saturating_add(self.workload.written_bytes());
        // Connections and keys of other workers are already part of the server's own figures.
        let (connections, bytes) = match self.host {
            Some(host) if host.owns_data() => (host.share().share_of(connections), bytes),
            Some(host) => (host.share().share_of(connections), 0),
            None => (connections, bytes),
        };
        Demand {
            connections,
            storm: self.storm_connections(),
            bytes,
            fewer_keys: self.workload.fewer_keys(),
            descriptors: bench.report.environment.nofile_soft,
        }
    }

    /// Returns the number of connections of this host's share of the storm; 0 without a storm.
    pub(super) fn storm_connections(&self) -> u64 {
        let whole = self.workload.storm().unwrap_or(0);
        self.host.map_or(whole, |host| host.share().share_of(whole))
    }

    /// Returns the user's stop rules. Without any, returns a rule that stops at 10 % errors and so
    /// protects a server of the user; none for a throwaway server.
    pub(super) fn stop_rules(&self, server: &RedisServer) -> Vec<StopRule> {
        let given = &self.flags.load.step.stop_on;
        if given.is_empty() && !server.is_ours() {
            return vec![StopRule::ErrorRatio { above: 0.1 }];
        }
        given.clone()
    }

    /// Returns the ways to connect of the run, each once.
    pub(crate) fn clients(&self) -> impl Iterator<Item = ClientKind> {
        let mut clients: Vec<ClientKind> = self.settings.iter().map(|s| s.client).collect();
        clients.sort_unstable();
        clients.dedup();
        clients.into_iter()
    }

    /// Waits until every host has finished the step before `plan`; returns at once on a single
    /// host. Returns false if a signal is received.
    fn await_preparation(&self, bench: &mut Bench, plan: &StepPlan) -> bool {
        self.host
            .is_none_or(|host| host.await_preparation(bench, plan))
    }
}

fn stopped(step: &Step) -> bool {
    matches!(step.end, StepEnd::Stopped { .. })
}
