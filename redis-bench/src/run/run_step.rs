//! One step of a run: its keys, its load, the server's evidence, and what is doubtful about it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::bench::{Bench, EvidenceSource};
use bench_report::Step;
use bench_report::names::steps;
use load_engine::{Phase, StepPlan, TargetFactory};

use crate::cache::curve::LimitedStep;
use crate::cli::ReadFrom;
use crate::clients::{ClientKind, ClientSetup, FactoryUse, WatchedWork};
use crate::evidence::{self, LoadShape, ServerSampler};
use crate::keys::run_keys::RunKeys;
use crate::run::connection_storm::{self, ConnectionStorm};
use crate::run::redis_run::RedisRun;
use crate::run::replica_watch::ReplicaWatch;
use crate::run::run_target::RunTarget;
use crate::run::setting::Setting;
use crate::run::worker::StepTarget;
use crate::run::workload::RedisWorkload;
use crate::run::{doubts, outage};
use crate::server::redis_server::RedisServer;

/// Longest wait for the server's evidence of a step after a signal.
const EVIDENCE_TIMEOUT_INTERRUPTED: Duration = Duration::from_millis(150);
/// Longest wait for the server's evidence of a step without a signal.
const EVIDENCE_TIMEOUT: Duration = Duration::from_secs(2);

impl<W: RedisWorkload> RedisRun<'_, W> {
    /// Runs a step on fresh keys, adds its evidence, and saves the report. Returns the step's index
    /// in the report, or `None` if a signal is received before the step begins.
    ///
    /// # Errors
    /// Fails if the keys cannot be written, or if the step or a worker process fails.
    pub(crate) fn run_step(
        &self,
        bench: &mut Bench,
        target: &mut RunTarget,
        (setting, mut plan): (Setting, StepPlan),
        mut evidence: Option<&mut ServerSampler>,
    ) -> anyhow::Result<Option<usize>> {
        bench.phase(Phase::Prepare);
        let Some(prepared) = self.prepare_keys(bench, target, setting, &plan)? else {
            return Ok(None);
        };
        if !target.await_replica(bench)? {
            return Ok(None);
        }
        let keys = prepared.keys;
        let limited = self.limited(target, setting)?;
        let mut nobody = ();
        let source: &mut dyn EvidenceSource = match &mut evidence {
            Some(sampler) => *sampler,
            None => &mut nobody,
        };
        let server = &target.server;
        plan.stop_rules = self.stop_rules(server);
        let mut storm = self.storm(&plan, server)?;
        let mut with_storm;
        let source: &mut dyn EvidenceSource = match &mut storm {
            Some(storm) => {
                with_storm = storm.begun_with(source);
                &mut with_storm
            }
            None => source,
        };
        let watch = target.replica.clone().map(|replica| {
            let watch = ReplicaWatch::start(server.remote(), replica);
            watch.context("cannot watch the replica")
        });
        let watch = watch.transpose()?;
        let index = if bench.has_workers() {
            let target = StepTarget {
                throwaway_url: server.throwaway_url().map(str::to_owned),
                client: setting.client,
                variant: setting.variant,
                connections: self.connections(setting),
                replica: target.replica_place(),
                prefix: keys.prefix,
                seed: keys.seed,
                safety_ttl: keys.safety_ttl,
            };
            bench.step_on_workers(&plan, &target, source)?
        } else {
            self.step_here(bench, &plan, (target, setting), keys, source)?
        };
        if let Some(watch) = watch {
            watch.end(&mut bench.report.steps[index]);
        }
        let bound = if bench.interrupted() {
            EVIDENCE_TIMEOUT_INTERRUPTED
        } else {
            EVIDENCE_TIMEOUT
        };
        let step = &mut bench.report.steps[index];
        step.server = evidence.and_then(|sampler| sampler.collect(bound));
        if let Some(storm) = storm {
            storm.end(step);
        }
        self.conclude(bench, target, (setting, index), prepared.rate_per_s);
        if let Some(limited) = limited {
            self.end_limited(&mut bench.report.steps[index], target, &limited)?;
        }
        bench.save();
        bench.check_workers()?;
        Ok(Some(index))
    }

    /// Adds the figures that follow from the results of the finished step at `index`, and the
    /// warnings about it. `rate_per_s` is the load in whose steady state the step began, if it did.
    fn conclude(
        &self,
        bench: &mut Bench,
        target: &RunTarget,
        (setting, index): (Setting, usize),
        rate_per_s: Option<f64>,
    ) {
        let step = &mut bench.report.steps[index];
        self.workload.conclude(step);
        self.conclude_steady(step, rate_per_s);
        let shape = self.load_shape(setting);
        let checks = shape.and_then(|shape| evidence::checks_per_request(step, &shape));
        if let (Some(checks), false) = (checks, setting.client == ClientKind::PerRequest) {
            step.figure(steps::EXTRA_ROUND_TRIPS_PER_REQUEST, checks);
        }
        let series = &bench.report.series;
        let unsteady = self.workload.conclude_course(step, index, series);
        let step = &bench.report.steps[index];
        let surplus = shape.and_then(|shape| evidence::surplus_doubt(step, index, &shape));
        let identity = target.identity.as_ref();
        let doubts = doubts::of_step(identity, setting.client, (step, index), surplus);
        for doubt in doubts.into_iter().chain(unsteady) {
            bench.warn(doubt);
        }
    }

    /// Prepares the storm of connections of a step. `None` without a storm, or without a spike with
    /// which it would begin.
    ///
    /// # Errors
    /// Fails if no thread can be started.
    fn storm(
        &self,
        plan: &StepPlan,
        server: &RedisServer,
    ) -> anyhow::Result<Option<ConnectionStorm>> {
        let connections = self.storm_connections();
        let Some(spike) = connection_storm::spike(plan).filter(|_| connections > 0) else {
            return Ok(None);
        };
        let storm = ConnectionStorm::prepare(server.remote().current(), connections, spike);
        Ok(Some(storm.context("cannot prepare the connection storm")?))
    }

    /// Limits the memory of the throwaway server, if the variant of `setting` has a limit.
    ///
    /// # Errors
    /// Fails if the server does not take the limit.
    fn limited(&self, target: &RunTarget, setting: Setting) -> anyhow::Result<Option<LimitedStep>> {
        let Some(limit) = self.workload.limit(setting.variant) else {
            return Ok(None);
        };
        let remote = target.server.remote();
        let begun = remote
            .connect()
            .and_then(|mut connection| LimitedStep::begin(&mut connection, limit));
        let begun = begun.context("cannot limit the memory of the throwaway server")?;
        Ok(Some(begun))
    }

    /// Returns what a request of a step with `setting` sends. `None` if that differs from request to
    /// request, as with the redirections of a cluster, or if this host makes only a share of the load,
    /// because the server counts all of it.
    fn load_shape(&self, setting: Setting) -> Option<LoadShape<'_>> {
        // Where reads go to a replica, no server counts all commands.
        let is_counted = self.host.is_none()
            && self.workload.has_fixed_commands()
            && self.workload.reads_from() == ReadFrom::Primary
            && setting.client != ClientKind::Cluster;
        is_counted.then(|| LoadShape {
            commands: self.workload.commands(),
            unbounded: self.workload.unbounded_commands(),
            without_commands: self.workload.without_commands(),
            times: self.workload.commands_per_request(),
            connections: self.connections(setting),
            connects: setting.client == ClientKind::PerRequest,
            opened_beside: self.storm_connections(),
        })
    }

    /// Adds the figures of a step on a throwaway server whose memory was limited.
    ///
    /// # Errors
    /// Fails if the server does not tell how many keys it has.
    fn end_limited(
        &self,
        step: &mut Step,
        target: &RunTarget,
        limited: &LimitedStep,
    ) -> anyhow::Result<()> {
        let connection = target.server.remote().connect();
        let keys = connection.and_then(|mut connection| limited.end(&mut connection));
        let keys = keys.context("cannot count the keys of the throwaway server")?;
        self.workload.conclude_limited(step, limited, keys);
        Ok(())
    }

    /// Runs the load of a step in this process, without worker processes. Returns the step's index
    /// in the report.
    ///
    /// # Errors
    /// Fails if the step cannot be run.
    fn step_here(
        &self,
        bench: &mut Bench,
        plan: &StepPlan,
        (target, setting): (&RunTarget, Setting),
        keys: RunKeys,
        evidence: &mut dyn EvidenceSource,
    ) -> anyhow::Result<usize> {
        let client = ClientSetup {
            kind: setting.client,
            connections: self.connections(setting),
            server: target.server.remote(),
            replica: None,
        };
        let client = client.reading_from(target.replica.clone(), self.workload.only_reads());
        let step = StepHere {
            bench: &mut *bench,
            plan,
            evidence,
        };
        let gaps = client.server.has_sentinels().then(Arc::default);
        let work = WatchedWork {
            work: self.workload.work(keys, setting.variant),
            gaps: gaps.clone(),
        };
        let index = client.use_factory(work, step)?;
        if let Some(gaps) = gaps {
            outage::conclude(&mut bench.report.steps[index], &gaps);
        }
        Ok(index)
    }
}

/// Step whose load this process makes.
struct StepHere<'a> {
    bench: &'a mut Bench,
    plan: &'a StepPlan,
    evidence: &'a mut dyn EvidenceSource,
}

impl FactoryUse for StepHere<'_> {
    type Output = anyhow::Result<usize>;

    fn with<F: TargetFactory>(self, factory: &Arc<F>) -> Self::Output {
        self.bench.step(self.plan, factory, self.evidence)
    }
}
