//! Keys with which a step begins. In the steady state of a load they depend on its rate; that of
//! users who wait for their answers is found by trials.

use std::sync::Arc;
use std::time::Duration;

use bench_cli::bench::Bench;
use bench_report::names::steps;
use bench_report::{Step, StepEnd};
use load_engine::{LoadPlan, StepPlan, TargetFactory};

use crate::clients::{ClientSetup, FactoryUse, WatchedWork};
use crate::keys::run_keys::{Preload, RunKeys};
use crate::run::redis_run::RedisRun;
use crate::run::run_target::RunTarget;
use crate::run::setting::Setting;
use crate::run::worker::StepTarget;
use crate::run::workload::RedisWorkload;

/// Number of trials. The first one begins with all keys, so its answers come sooner than those of a
/// step; the second one begins with the keys of the first one's rate.
const TRIALS: usize = 2;
/// Length of a trial. Twice the error of a rate of 500/s over that time, 13 %, changes a hit ratio by
/// about one point.
const TRIAL: Duration = Duration::from_millis(500);
/// Warm-up of a trial.
const TRIAL_WARMUP: Duration = Duration::from_millis(100);

/// Keys of a step, which are in the state in which the step begins.
pub(super) struct PreparedKeys {
    pub(super) keys: RunKeys,
    /// Requests per second in whose steady state the keys are; `None` if they do not depend on it.
    pub(super) rate_per_s: Option<f64>,
}

impl<W: RedisWorkload> RedisRun<'_, W> {
    /// Brings the keys of a step into the state in which it begins, unless another host does that.
    /// Returns `None` if a signal is received.
    ///
    /// # Errors
    /// Fails if the keys cannot be written, or if a trial cannot be run.
    pub(super) fn prepare_keys(
        &self,
        bench: &mut Bench,
        target: &mut RunTarget,
        setting: Setting,
        plan: &StepPlan,
    ) -> anyhow::Result<Option<PreparedKeys>> {
        if self.host.is_some_and(|host| !host.owns_data()) {
            let keys = self.workload.keyspace(&target.prefix, plan.seed);
            let rate_per_s = None;
            return Ok(Some(PreparedKeys { keys, rate_per_s }));
        }
        let rate_per_s = self.steady_rate_per_s(bench, target, setting, plan)?;
        if bench.interrupted() {
            // A trial may have left a writer of keys behind, which the clean-up waits for.
            return Ok(None);
        }
        let keys = self.keys_at(target, plan.seed, rate_per_s);
        let filled = target.fill(bench, keys.clone(), plan.starts_at)?;
        Ok(filled.then_some(PreparedKeys { keys, rate_per_s }))
    }

    /// Adds the figures about the steady state to a finished step: the rate in whose state its keys
    /// were, and the hit ratio that theory gives for its throughput. The latter needs a constant load
    /// that this run makes alone.
    pub(super) fn conclude_steady(&self, step: &mut Step, rate_per_s: Option<f64>) {
        if let Some(rate_per_s) = rate_per_s {
            step.figure(steps::PRELOAD_RATE_PER_S, rate_per_s);
        }
        let has_theory = self.host.is_none() && step.curve.is_none();
        if !has_theory || step.value(steps::HIT_RATIO).is_none() {
            return;
        }
        if let Some(state) = self.workload.steady_state(step.throughput_per_s()) {
            step.figure(steps::THEORY_HIT_RATIO, state.hit_ratio());
        }
    }

    /// Returns the keys with which a step begins: in the steady state of `rate_per_s` if it is
    /// given, else as the workload has them.
    fn keys_at(&self, target: &RunTarget, seed: u64, rate_per_s: Option<f64>) -> RunKeys {
        let mut keys = self.workload.keyspace(&target.prefix, seed);
        if let Some(state) = rate_per_s.and_then(|rate| self.workload.steady_state(rate)) {
            keys.preload = Preload::Steady(state);
        }
        keys
    }

    /// Returns the rate of requests in whose steady state a step is to begin: the first one of its
    /// plan, or that of the trials in a closed loop. `None` if steps do not begin in a steady state, or
    /// if the rate is not known: trials cannot be run on several hosts at once.
    ///
    /// # Errors
    /// Fails if a trial cannot be run, or if its keys cannot be written.
    fn steady_rate_per_s(
        &self,
        bench: &mut Bench,
        target: &mut RunTarget,
        setting: Setting,
        plan: &StepPlan,
    ) -> anyhow::Result<Option<f64>> {
        if !self.workload.begins_steady() {
            return Ok(None);
        }
        match plan.first_load() {
            LoadPlan::Open { rate_per_s, .. } => return Ok(Some(rate_per_s)),
            LoadPlan::Closed { users: 0, .. } => return Ok(Some(0.0)),
            LoadPlan::Closed { .. } if self.host.is_some() => return Ok(None),
            LoadPlan::Closed { .. } => {}
        }
        if let Some(known) = target.tried_per_s.get(&setting) {
            return Ok(Some(*known));
        }
        let found = self.try_out(bench, target, setting, plan)?;
        target.tried_per_s.extend(found.map(|rate| (setting, rate)));
        Ok(found)
    }

    /// Tries out how many requests per second the users of `plan` make in the steady state of that
    /// rate. Returns `None` if a trial did not run to its end, or if nothing was answered.
    ///
    /// # Errors
    /// Fails if a trial cannot be run, or if its keys cannot be written.
    fn try_out(
        &self,
        bench: &mut Bench,
        target: &mut RunTarget,
        setting: Setting,
        plan: &StepPlan,
    ) -> anyhow::Result<Option<f64>> {
        let mut trial = plan.trial(TRIAL_WARMUP, TRIAL);
        trial.stop_rules = self.stop_rules(&target.server);
        let mut found = None;
        for _ in 0..TRIALS {
            let keys = self.keys_at(target, plan.seed, found);
            if !target.fill(bench, keys.clone(), None)? {
                return Ok(None);
            }
            let step = self.trial(bench, target, setting, &trial, keys)?;
            let per_s = step.throughput_per_s();
            if step.end != StepEnd::Completed || per_s <= 0.0 {
                return Ok(None);
            }
            found = Some(per_s);
        }
        Ok(found)
    }

    fn trial(
        &self,
        bench: &mut Bench,
        target: &RunTarget,
        setting: Setting,
        plan: &StepPlan,
        keys: RunKeys,
    ) -> anyhow::Result<Step> {
        let server = &target.server;
        let count = self.connections(setting);
        if bench.has_workers() {
            let target = StepTarget {
                throwaway_url: server.throwaway_url().map(str::to_owned),
                client: setting.client,
                variant: setting.variant,
                connections: count,
                replica: target.replica_place(),
                prefix: keys.prefix,
                seed: keys.seed,
                safety_ttl: keys.safety_ttl,
            };
            return bench.trial_on_workers(plan, &target);
        }
        let client = ClientSetup {
            kind: setting.client,
            connections: count,
            server: server.remote(),
            replica: None,
        };
        let client = client.reading_from(target.replica.clone(), self.workload.only_reads());
        let work = WatchedWork {
            work: self.workload.work(keys, setting.variant),
            gaps: None,
        };
        client.use_factory(work, TrialHere { bench, plan })
    }
}

/// Trial whose load this process makes.
struct TrialHere<'a> {
    bench: &'a mut Bench,
    plan: &'a StepPlan,
}

impl FactoryUse for TrialHere<'_> {
    type Output = anyhow::Result<Step>;

    fn with<F: TargetFactory>(self, factory: &Arc<F>) -> Self::Output {
        self.bench.trial(self.plan, factory)
    }
}
