//! Runner of the search's steps, one after another, on the connections that are open. It judges
//! each step, and adds it to the report.

use std::time::Duration;

use bench_cli::bench::Bench;
use bench_report::{Step, StepEnd};
use load_engine::{HeldLevel, HeldResult, LoadPlan, StepPlan, available_threads};

use crate::limit::settings::LimitSettings;
use crate::limit::verdict::{BreakReason, StepBounds, StepEvidence, judge};
use crate::load::connection_figures;
use crate::load::load_evidence::LoadEvidence;
use crate::load::ws_load::WsLoad;
use crate::server::process_evidence::ServerProcessReader;

/// Time by which the drain is longer than the time-out of an echo, so that a message without an
/// echo is recorded as a failure and is not cut off.
const DRAIN_SLACK: Duration = Duration::from_millis(500);
/// Time-out for opening all connections of a step. It is never reached, because each attempt has a
/// time-out of its own.
const CONNECT_BOUND: Duration = Duration::from_hours(24);

/// Verdict on one run of a step.
#[derive(Debug)]
pub(crate) enum StepVerdict {
    /// The step ended without breaking a bound.
    Held,
    /// The step broke a bound, or a rule ended it.
    Broken(StepBreak),
    /// A signal ended the step before its end.
    Interrupted,
}

/// Reason why a step broke, and the state at its end.
#[derive(Debug)]
pub(crate) struct StepBreak {
    pub(crate) why: BreakReason,
    /// Number of connections that were open at the end of the step.
    pub(crate) open: u64,
    /// True if a stop rule ended the step early.
    pub(crate) by_rule: bool,
}

/// Runner of steps on connections that stay open from step to step.
pub(crate) struct StepRunner<'a> {
    pub(crate) bench: &'a mut Bench,
    pub(crate) load: WsLoad,
    pub(crate) settings: &'a LimitSettings,
    pub(crate) watch: ServerProcessReader,
    /// Number of steps that follow the present one if none breaks; for the estimate of the
    /// remaining time.
    pub(crate) steps_left: usize,
}

impl StepRunner<'_> {
    /// Opens connections until `connections` are open, holds and checks them, and adds the step to
    /// the report. `repeat` counts the runs of this step from 0.
    ///
    /// # Errors
    /// If the step could not be run, or if a worker has ended.
    pub(crate) fn run_step(
        &mut self,
        connections: u64,
        repeat: u64,
    ) -> anyhow::Result<StepVerdict> {
        let settings = self.settings;
        let bounds = StepBounds {
            error_ratio: settings.error_ratio(),
            p99: settings.p99_bound(),
            timeout: settings.timeout,
        };
        let plan = plan(settings, connections, repeat);
        let missing = connections.saturating_sub(self.load.open());
        let level = HeldLevel {
            connections,
            allowed_failures: (missing as f64 * bounds.error_ratio) as u64,
            in_flight: 1,
        };
        let steps = self.steps_left + 1;
        let each = (plan.warmup + plan.measure) * settings.repeats as u32;
        self.bench.expect(each * steps as u32, steps);
        let mut evidence = LoadEvidence::new(&self.watch, self.bench.load_processes());
        let held = self.load.run(self.bench, &plan, level, &mut evidence)?;
        let rss_bytes = evidence.rss_bytes();
        let why = reason(&held, bounds);
        self.push(held, why, rss_bytes)
    }

    /// Adds a step to the report with its figures, among them the memory `rss_bytes` of the load's
    /// processes, and with the reason why it broke, if it did. Returns the verdict. Fails if the
    /// step failed for another reason, or if a worker has ended.
    fn push(
        &mut self,
        held: HeldResult,
        why: Option<BreakReason>,
        rss_bytes: Option<u64>,
    ) -> anyhow::Result<StepVerdict> {
        let HeldResult {
            result,
            checks,
            open,
            ..
        } = held;
        let mut step = result.step;
        let by_rule = matches!(step.end, StepEnd::Stopped { .. });
        connection_figures::add(&mut step, checks.as_ref(), open, rss_bytes);
        if let Some(why) = &why {
            step.end = StepEnd::Stopped {
                rule: why.rule.clone(),
                reason: why.reason.clone(),
            };
        }
        self.print_result(&step);
        let end = step.end.clone();
        self.bench.push_step(step, result.series, result.warnings);
        self.bench.check_workers()?;
        match (end, why) {
            (_, Some(why)) => Ok(StepVerdict::Broken(StepBreak { why, open, by_rule })),
            (StepEnd::Interrupted, None) => Ok(StepVerdict::Interrupted),
            (StepEnd::Failed { reason }, None) => Err(anyhow::Error::msg(reason)),
            (StepEnd::Completed | StepEnd::Stopped { .. } | StepEnd::Unknown, None) => {
                Ok(StepVerdict::Held)
            }
        }
    }

    /// Closes the connections beyond `most`, and removes lost connections from the count, so that
    /// the losses of one step do not count in the next.
    ///
    /// # Errors
    /// If a thread or process that holds connections has ended.
    pub(crate) fn close_beyond(&mut self, most: u64) -> anyhow::Result<()> {
        self.load.close_beyond(self.bench, most)
    }

    fn print_result(&mut self, reported: &Step) {
        let ended = match &reported.end {
            StepEnd::Completed => "held".to_owned(),
            StepEnd::Stopped { reason, .. } => format!("broke: {reason}"),
            StepEnd::Interrupted => "interrupted".to_owned(),
            StepEnd::Failed { reason } => format!("failed: {reason}"),
            StepEnd::Unknown => "ended in an unknown way".to_owned(),
        };
        self.bench.line(&format!("{}: {ended}", reported.name));
    }
}

/// Returns the plan of a step with `connections` connections, of which no more send messages than
/// the settings say; `repeat` counts the runs of the step from 0.
fn plan(settings: &LimitSettings, connections: u64, repeat: u64) -> StepPlan {
    let mut load = settings.load.clone();
    match &mut load {
        LoadPlan::Open { in_flight_cap, .. } => *in_flight_cap = connections.min(*in_flight_cap),
        LoadPlan::Closed { users, .. } => *users = connections.min(*users),
    }
    let plan = StepPlan {
        repeat,
        warmup: settings.warmup,
        drain: settings.timeout + DRAIN_SLACK,
        connect_timeout: CONNECT_BOUND,
        seed: settings.seed,
        runtime: settings.runtime,
        threads: available_threads(),
        waiting: settings.waiting,
        stop_rules: settings.stop_on.clone(),
        ..StepPlan::new(
            &format!("{connections} connections"),
            load,
            settings.measure,
        )
    };
    plan.parameter("connections", connections)
}

/// Returns the reason why a step broke; `None` if it held, was interrupted, or could not be run.
fn reason(held: &HeldResult, bounds: StepBounds) -> Option<BreakReason> {
    let step = &held.result.step;
    let rule = match &step.end {
        StepEnd::Interrupted => return None,
        StepEnd::Failed { .. } if !held.connects_broke => return None,
        StepEnd::Stopped { rule, reason } => Some((rule.as_str(), reason.as_str())),
        StepEnd::Failed { .. } | StepEnd::Completed | StepEnd::Unknown => None,
    };
    let seen = StepEvidence {
        operations: &step.operations,
        check: held.checks.as_ref(),
        failures: &step.failures,
        connects_broke: held.connects_broke,
        rule,
        generator: &step.generator,
    };
    judge(&seen, bounds)
}
