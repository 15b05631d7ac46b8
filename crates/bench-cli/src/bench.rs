//! Frame of one run of a bench, around the load that the bench makes. It claims the report's file,
//! follows signals, shows progress, saves the report after each step, and returns the exit code.

mod doubts;
mod ending;
mod follower;
mod merged_warnings;
mod trials;
mod worker_steps;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bench_report::clock::monotonic_ns;
use bench_report::run_id::run_id;
use bench_report::{Report, Series, Status, Step, Warning, WarningCode};
use load_engine::{
    Actor, Cancel, ConnectionFactory, HeldLevel, HeldLoad, HeldResult, Phase, StepPlan,
    TargetFactory, TracedPlan, TracedResult, WorkerProcesses, run_connections, run_requests,
    run_traced,
};

use self::doubts::merge_warnings;
use self::follower::{RunProgress, StepFollower};
use crate::exit::{Exit, Remedy as _};
use crate::flags::OutputFlags;
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::signals;

pub use self::{doubts::ShownFigures, follower::EvidenceSource};

/// Largest number of points that one series of the report keeps; beyond it, neighbouring points
/// are merged.
const SERIES_BOUND: usize = 4_000;

/// One invocation of a bench, from the claim of its report's file to its exit code. If it is
/// dropped before [`Bench::finish`], because of an error, it saves the measurements so far and
/// marks the report `failed`, or `interrupted` if a signal came.
#[derive(Debug)]
pub struct Bench {
    /// Report so far. It lacks the warnings passed to [`Bench::push_step`] and
    /// [`Bench::warn`], which are merged into it at each save.
    pub report: Report,
    /// Flag that is set when the process receives SIGINT, SIGTERM or SIGHUP; the load then ends.
    pub cancel: Cancel,
    output: Output,
    progress: Progress,
    plan: RunProgress,
    warnings: Vec<Warning>,
    shown: ShownFigures,
    seeks_limit: bool,
    /// Worker processes that make the load; `None` where this process makes it.
    workers: Option<WorkerProcesses>,
    ended: bool,
}

impl Bench {
    /// Begins a report, claims its file before any load is made, and from then on sets `cancel`
    /// when SIGINT, SIGTERM or SIGHUP arrives. `config` is the configuration that the report
    /// shows.
    ///
    /// # Errors
    ///
    /// Fails if the report's file cannot be written, or if signal handlers cannot be installed.
    pub fn begin(
        tool: &str,
        version: &str,
        scenario: &str,
        flags: &OutputFlags,
        config: BTreeMap<String, serde_json::Value>,
    ) -> anyhow::Result<Self> {
        let mut report = Report::begin(output::tool(tool, version), run_id(), scenario);
        report.config = config;
        let output = Output::open(flags, &report)?;
        let cancel = Cancel::new();
        let signalled = cancel.clone();
        signals::on_interrupt(move || signalled.cancel()).context("cannot follow signals")?;
        let mut bench = Self {
            report,
            cancel,
            output,
            progress: Progress::new(flags.quiet),
            plan: RunProgress::default(),
            warnings: Vec::new(),
            shown: ShownFigures::default(),
            seeks_limit: false,
            workers: None,
            ended: false,
        };
        bench.phase(Phase::Start);
        Ok(bench)
    }

    /// Shows on stderr which phase the run as a whole is in, such as its start or its end.
    pub fn phase(&mut self, phase: Phase) {
        self.progress.phase(phase.name(), "");
    }

    /// Sets the expected duration and number of all steps, from which the progress calculates the
    /// remaining time. Resets the count of steps done.
    pub fn announce(&mut self, total: Duration, steps: usize) {
        self.plan = RunProgress {
            total,
            steps,
            ..RunProgress::default()
        };
    }

    /// Sets the expected duration and number of the steps that are still to come, the next one
    /// included. For runs that decide on their steps while they run.
    pub fn expect(&mut self, left: Duration, steps: usize) {
        self.plan.total = self.plan.done + left;
        self.plan.steps = self.plan.step + steps;
    }

    /// Declares that this run seeks a limit. A step that a stop rule ends then counts as a result,
    /// so that the run ends `complete` instead of `stopped`.
    pub(crate) fn seek_limit(&mut self) {
        self.seeks_limit = true;
    }

    /// Sets the latency figures that the bench's own table shows. The text output then repeats
    /// only warnings about those. By default they are the 50th and 99th percentile over all
    /// operations and repeats of a setting.
    pub(crate) fn show_figures(&mut self, shown: ShownFigures) {
        self.shown = shown;
    }

    /// Shows a line of text on stderr, above the progress. With `--quiet` it shows nothing.
    pub fn line(&mut self, text: &str) {
        self.progress.line(text);
    }

    /// Shows the progress of a step that the load engine does not run. `done` and `total` are
    /// times of the whole run, from which the remaining time is calculated.
    pub fn tick(&mut self, done: Duration, total: Duration, message: &str) {
        self.progress.tick(done, total, message);
    }

    /// Returns true once SIGINT, SIGTERM or SIGHUP, or a call of `cancel`, has requested the end
    /// of the run.
    pub fn interrupted(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Runs one step of `plan` in this process and adds its result to the report. Returns the
    /// index of the step in the report's `steps`, from 0.
    ///
    /// # Errors
    ///
    /// Fails if no load can be made at all, for example because the runtime cannot start.
    pub fn step<F: TargetFactory>(
        &mut self,
        plan: &StepPlan,
        factory: &Arc<F>,
        evidence: &mut dyn EvidenceSource,
    ) -> anyhow::Result<usize> {
        let cancel = self.cancel.clone();
        let mut follower = self.follower(&plan.name, evidence);
        let mut result = run_requests(plan, factory, &cancel, &mut follower)?;
        result.step.server = follower.server;
        self.plan.done += plan.warmup + plan.measure;
        Ok(self.push_step(result.step, result.series, result.warnings))
    }

    /// Runs the load of `plan`, each segment of which becomes a step of the result, with `actors`
    /// beside it that act on the target during the run. Does not add the steps to the report: the
    /// scenario adds its own figures to each step, and then calls [`push_step`](Self::push_step).
    ///
    /// # Errors
    ///
    /// Fails if no load can be made at all.
    pub fn traced<F: TargetFactory, A: Actor<F::Target>>(
        &mut self,
        plan: &TracedPlan,
        factory: &Arc<F>,
        actors: Vec<A>,
        evidence: &mut dyn EvidenceSource,
    ) -> anyhow::Result<TracedResult> {
        let (whole, cancel) = (plan.whole(), self.cancel.clone());
        let mut follower = self.follower(&whole.name, evidence);
        let result = run_traced(plan, factory, actors, &cancel, &mut follower)?;
        self.plan.done += whole.warmup + whole.measured_time().unwrap_or_default();
        Ok(result)
    }

    /// Runs one step with as many open connections as `level` states; the connections stay open
    /// from step to step. Does not add the step to the report: the scenario judges it, adds its
    /// own figures, and then calls [`push_step`](Self::push_step).
    pub fn held<F: ConnectionFactory>(
        &mut self,
        load: &mut HeldLoad<F>,
        plan: &StepPlan,
        level: HeldLevel,
        evidence: &mut dyn EvidenceSource,
    ) -> HeldResult {
        let cancel = self.cancel.clone();
        let mut follower = self.follower(&plan.name, evidence);
        let mut held = run_connections(load, plan, level, &cancel, &mut follower);
        held.result.step.server = follower.server;
        self.plan.done += plan.warmup + plan.measure;
        held
    }

    /// Counts the next step as begun, and returns its observer, which shows the step's progress
    /// and collects evidence about the server. `name` is the name of the step.
    fn follower<'a>(
        &'a mut self,
        name: &'a str,
        evidence: &'a mut dyn EvidenceSource,
    ) -> StepFollower<'a> {
        self.plan.step += 1;
        StepFollower {
            progress: &mut self.progress,
            plan: &self.plan,
            name,
            evidence,
            measuring: false,
            server: None,
        }
    }

    /// Adds a step with its series and warnings to the report, and saves the report. The warnings
    /// must name step 0, which is replaced by the step's index. Returns that index in the report's
    /// `steps`, from 0.
    pub fn push_step(&mut self, step: Step, series: Vec<Series>, warnings: Vec<Warning>) -> usize {
        let index = self.report.steps.len();
        self.report.steps.push(step);
        for one in series {
            self.extend_series(one);
        }
        self.warnings
            .extend(warnings.into_iter().map(|warning| of_step(warning, index)));
        self.save();
        index
    }

    fn extend_series(&mut self, more: Series) {
        let same = |s: &&mut Series| s.name == more.name && s.labels == more.labels;
        let Some(series) = self.report.series.iter_mut().find(same) else {
            self.report.series.push(more);
            return;
        };
        series.at_ns.extend(more.at_ns);
        series.mean.extend(more.mean);
        series.min.extend(more.min);
        series.max.extend(more.max);
        series.roll_up(SERIES_BOUND);
    }

    /// Iterates over the warnings so far that name the step at `index` of the report's `steps`.
    pub(crate) fn warnings_about(&self, index: usize) -> impl Iterator<Item = &Warning> {
        let warnings = self.warnings.iter();
        warnings.filter(move |warning| warning.step == Some(index))
    }

    /// Adds a warning about the whole run, or about the step that it names by its index in the
    /// report. The next save writes it, merged with other warnings of its kind.
    pub fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// Adds a warning to the report that `what`, which this run created, could not be removed, and
    /// that the shell command `command` removes it. Shows it on stderr even with `--quiet`,
    /// because the user would not look for it otherwise.
    pub fn left_behind(&mut self, what: &str, command: &str) {
        let message = format!("{what} could not be removed; remove it with: {command}");
        self.progress.warning(&message);
        // Kept out of the merged warnings, because each thing left behind has its own command.
        self.report
            .warnings
            .push(Warning::new(WarningCode::LeftBehind, message));
    }

    /// Saves the report in its present state to its file. A failed save is shown on stderr at once
    /// and does not end the run; [`finish`](Self::finish) returns the error in the end.
    pub fn save(&mut self) {
        self.write();
        if let Some(notice) = self.output.take_notice() {
            self.progress.warning(&notice);
        }
    }

    fn write(&mut self) {
        self.report.duration_ns = monotonic_ns().saturating_sub(self.report.clock.monotonic_ns);
        // Each save includes the warnings, so that a run that is killed later does not leave
        // figures without them.
        let certain = self.report.warnings.len();
        let doubts = merge_warnings(&self.report.summary, self.warnings.clone());
        self.report.warnings.extend(doubts);
        self.output.save(&self.report);
        self.report.warnings.truncate(certain);
    }

    /// Saves the report for the last time, prints the result on stdout, and returns the exit
    /// status of the run. `text` is the bench's table; warnings about its figures are added below
    /// it.
    ///
    /// # Errors
    ///
    /// Fails if the result cannot be shown, or if the report could not be saved to its file. Also
    /// fails if there is no result, because no request was made, none succeeded, no step could
    /// begin, or a worker process was lost.
    pub fn finish(mut self, text: &str) -> anyhow::Result<Exit> {
        self.phase(Phase::Save);
        let told = [&*self.warnings, &*self.report.warnings].concat();
        let doubts = self.shown.doubts(&self.report, &told);
        self.conclude(self.status());
        let text = format!("{text}{doubts}");
        self.output.finish(&self.report, &text)?;
        let (exit, none) = match self.report.status {
            Status::Interrupted => (Exit::Interrupted, None),
            Status::Stopped => (Exit::GateFailed, None),
            Status::Complete => (Exit::Done, None),
            Status::Failed | Status::Unknown => (Exit::Code(1), ending::no_result(&self.report)),
        };
        self.output.ended(exit.code());
        let Some(none) = none else {
            return Ok(exit);
        };
        match none.remedy() {
            Some(what_to_do) => Err(none).remedy(what_to_do),
            None => Err(none.into()),
        }
    }

    fn conclude(&mut self, status: Status) {
        self.ended = true;
        let doubts = merge_warnings(&self.report.summary, std::mem::take(&mut self.warnings));
        self.report.warnings.extend(doubts);
        self.report.status = status;
        self.write();
        self.progress.finish();
    }

    fn status(&self) -> Status {
        if self.interrupted() {
            Status::Interrupted
        } else if self.check_workers().is_err() {
            Status::Failed
        } else {
            let is_late = |warning: &Warning| warning.code == WarningCode::WorkerLate;
            match ending::status(&self.report, self.seeks_limit) {
                // A step that lacks a worker's share of the load is not the planned step.
                Status::Complete if self.warnings.iter().any(is_late) => Status::Failed,
                status => status,
            }
        }
    }
}

impl AsMut<Bench> for Bench {
    fn as_mut(&mut self) -> &mut Bench {
        self
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let status = if self.interrupted() {
            Status::Interrupted
        } else {
            Status::Failed
        };
        self.conclude(status);
        if let Some(notice) = self.output.take_notice() {
            self.progress.warning(&notice);
        }
    }
}

fn of_step(mut warning: Warning, index: usize) -> Warning {
    if warning.step == Some(0) {
        warning.step = Some(index);
        for pointer in &mut warning.spoils {
            if let Some(field) = pointer.strip_prefix("/steps/0/") {
                *pointer = format!("/steps/{index}/{field}");
            }
        }
    }
    warning
}
