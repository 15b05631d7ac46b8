//! Runner of the search's steps, one after another, on the connections that are open. It judges
//! each step, and adds it to the report.

use std::time::Duration;

use bench_cli::bench::{Bench, EvidenceSource};
use bench_report::names::steps;
use bench_report::{Operation, ServerEvidence, Step, StepEnd};
use load_engine::{HeldLevel, HeldResult, LoadPlan, StepPlan, available_threads};

use crate::limit::limit_load::LimitLoad;
use crate::limit::settings::LimitSettings;
use crate::limit::verdict::{BreakReason, StepBounds, StepEvidence, judge};
use crate::machine::open_files::ReservedFiles;
use crate::server::process_evidence::{ProcessUsage, ServerProcessReader, rss_bytes};

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
    pub(crate) load: LimitLoad,
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
        };
        let steps = self.steps_left + 1;
        let each = (plan.warmup + plan.measure) * settings.repeats as u32;
        self.bench.expect(each * steps as u32, steps);
        let mut evidence = LimitEvidence {
            watch: &self.watch,
            reserve: Some(ReservedFiles::open()),
            began: None,
            load_processes: self.bench.load_processes(),
            rss_bytes: None,
        };
        let held = self.load.run(self.bench, &plan, level, &mut evidence)?;
        let rss_bytes = evidence.rss_bytes;
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
        add_figures(&mut step, checks.as_ref(), open, rss_bytes);
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

fn add_figures(step: &mut Step, check: Option<&Operation>, open: u64, rss_bytes: Option<u64>) {
    step.figure(steps::OPEN_CONNECTIONS, open as f64);
    if let Some(bytes) = rss_bytes {
        step.figure(steps::CLIENT_RSS_BYTES, bytes as f64);
    }
    if let Some(check) = check {
        // A check that a signal cut off tells nothing about its connection.
        let checked = check.attempted - check.censored;
        let lost = checked - check.succeeded;
        step.figure(steps::CHECKED_CONNECTIONS, checked as f64);
        step.figure(steps::LOST_CONNECTIONS, lost as f64);
        for (kind, count) in &check.errors {
            step.member(steps::LOST_BY_KIND, kind, *count as f64);
        }
    }
    let Some(connect) = step.operations.get("connect").cloned() else {
        return;
    };
    step.figure(steps::ESTABLISHED_PER_S, connect.throughput_per_s);
    for (phase, times) in &connect.phases {
        let percentiles = times.percentiles_ns;
        for (label, ns) in [
            ("p50", percentiles.p50),
            ("p95", percentiles.p95),
            ("p99", percentiles.p99),
        ] {
            step.member(steps::CONNECT_PHASES, format!("{phase}_{label}"), ns as f64);
        }
    }
}

/// Source of evidence about the server's process and about the memory of the load's processes. It
/// keeps some open files in reserve until all connections are open.
struct LimitEvidence<'a> {
    watch: &'a ServerProcessReader,
    reserve: Option<ReservedFiles>,
    began: Option<ProcessUsage>,
    /// Ids of the processes that hold the connections.
    load_processes: Vec<u32>,
    rss_bytes: Option<u64>,
}

impl EvidenceSource for LimitEvidence<'_> {
    fn measure_begins(&mut self) {
        self.reserve = None;
        self.rss_bytes = rss_bytes(&self.load_processes);
        self.began = self.watch.read();
    }

    fn measure_ends(&mut self) -> Option<ServerEvidence> {
        Some(self.watch.evidence(self.began, self.watch.read()))
    }
}
