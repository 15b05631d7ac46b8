//! Measurements of a run, which become the steps of the report.

use bench_report::{StepEnd, Window};

use super::answer_log::AnswerLog;
use super::boundary_readings::BoundaryReadings;
use super::spike_recovery::spike_recovery;
use super::step_load::StepLoad;
use super::step_result::{StepAccount, StepResult, StepWatch};
use crate::load::cpu_use::CpuUse;
use crate::load::load_source::{CollectedStep, RawStep};
use crate::plan::load_change::LoadChange;
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;

/// Measurements of a run from its preparation to the end of its drain.
#[derive(Debug)]
pub(crate) struct RunAccount {
    pub(super) segments: Segments,
    /// Changes of the load that were accepted, in the order of their instants.
    pub(super) changes: Vec<LoadChange>,
    pub(super) readings: BoundaryReadings,
    /// Time charts and longest stalls: of the whole run, or of each measured segment that began.
    pub(super) watches: Vec<StepWatch>,
    /// Time window of the whole run: start, measured part and end.
    pub(super) window: Window,
    /// Answers since the end of the spike in the load's curve; `None` without a spike.
    pub(super) answers: Option<AnswerLog>,
    pub(super) collected: CollectedStep,
    /// True if the load could not begin at the start instant of its plan.
    pub(super) late: bool,
    pub(super) end: StepEnd,
}

impl RunAccount {
    /// Converts the whole run into one step of the report. Warns of lost worker processes and of a
    /// late start.
    pub(crate) fn into_step(self, plan: &StepPlan) -> StepResult {
        self.into_step_and_load(plan).0
    }

    /// Converts the whole run of a load of requests into one step of the report. Warns as
    /// `into_step` does, and also if the step was too short to make the whole load.
    pub(crate) fn into_step_of_requests(self, plan: &StepPlan) -> StepResult {
        let (result, load) = self.into_step_and_load(plan);
        result.with_missing_load(&load)
    }

    fn into_step_and_load(mut self, plan: &StepPlan) -> (StepResult, StepLoad<'_>) {
        // A change that would have begun after the end had no effect.
        let (start_ns, end_ns) = (self.window.start_ns, self.window.measure_end_ns);
        self.changes.retain(|change| change.at_ns < end_ns);
        let load = StepLoad::new(plan, start_ns, self.changes);
        let answers = self.answers.as_ref();
        let recovery = spike_recovery(&load, self.window, &self.collected, answers);
        let processes = self.collected.processes.take().unwrap_or_default();
        let end = match (self.end, processes.reason()) {
            (StepEnd::Completed, Some(reason)) => StepEnd::Failed { reason },
            (end, _) => end,
        };
        let watch = self.watches.pop();
        let mut watch = watch.unwrap_or_else(|| StepWatch::new(self.window.start_ns));
        watch.worst_stall_ns = watch.worst_stall_ns.max(processes.worst_stall_ns);
        let account = StepAccount {
            window: self.window,
            raw: self.collected.whole,
            cpu: self.readings.whole(),
            watch,
            threads: processes.threads.unwrap_or(plan.threads),
            holds_its_load: true,
            segments: load.segments(&self.segments, self.window, self.collected.segments),
            recovery,
            sessions: self.collected.sessions,
            end,
        };
        let result = StepResult::new(&load, account).with_lost_workers(&processes.lost);
        if self.late {
            return (result.with_late_start(), load);
        }
        (result, load)
    }

    /// Converts each measured segment that began into a step of the report, with the name and
    /// parameters of the plan at its position in `plans`. All steps but the last were completed.
    pub(super) fn into_steps(self, plan: &StepPlan, plans: &[StepPlan]) -> Vec<StepResult> {
        let cpu: Vec<CpuUse> = self.readings.spans().collect();
        let (whole, boundaries) = (self.window, self.segments.boundaries());
        let begun = self.watches.len();
        let mut sessions = self.collected.sessions_by_segment.into_iter();
        let mut raw: Vec<RawStep> = self.collected.segments;
        if raw.is_empty() {
            raw.push(self.collected.whole);
        }
        let mut results = Vec::with_capacity(begun);
        for (n, ((watch, raw), told)) in self.watches.into_iter().zip(raw).zip(plans).enumerate() {
            let (is_first, is_last) = (n == 0, n + 1 == begun);
            let begin_ns = boundaries.get(n).copied().unwrap_or(whole.measure_start_ns);
            let planned_end_ns = boundaries.get(n + 1).copied().unwrap_or(begin_ns);
            let measure_end_ns = planned_end_ns.min(whole.measure_end_ns).max(begin_ns);
            let window = Window {
                start_ns: if is_first { whole.start_ns } else { begin_ns },
                measure_start_ns: begin_ns,
                measure_end_ns,
                end_ns: if is_last {
                    whole.end_ns
                } else {
                    measure_end_ns
                },
            };
            let account = StepAccount {
                window,
                raw,
                cpu: cpu.get(n).copied().unwrap_or_default(),
                watch,
                threads: plan.threads,
                holds_its_load: false,
                segments: Vec::new(),
                recovery: None,
                sessions: sessions.next(),
                end: if is_last {
                    self.end.clone()
                } else {
                    StepEnd::Completed
                },
            };
            let load = StepLoad::new(told, window.start_ns, Vec::new());
            results.push(StepResult::new(&load, account));
        }
        results
    }
}
