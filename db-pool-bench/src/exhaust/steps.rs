//! A traced run as three steps of the report (users alone, with holders, alone again), and the
//! conclusions from them.

use bench_cli::bench::Bench;
use bench_cli::table;
use bench_report::clock::monotonic_ns;
use bench_report::{Report, ServerEvidence, Step, StepEnd, Summary, Window};

use super::findings::{self, Deadlock, Fairness};
use super::log::Log;
use super::plan::{ExhaustPlan, ExhaustSetting};
use load_engine::OperationTable;

use crate::context::not_begun;
use crate::course::{keep, note_gap, note_generator, record};
use crate::text::headline;
use crate::time_shares;

/// Users alone, before the holders came.
pub(super) const BEFORE: &str = "before";
/// While connections were held.
pub(super) const HELD: &str = "held";
/// Users alone, once the holders had let go.
pub(super) const AFTER: &str = "after";

/// One traced run that was executed.
pub(super) struct RecordedRun<'a> {
    pub(super) plan: &'a ExhaustPlan<'a>,
    pub(super) setting: ExhaustSetting,
    pub(super) repeat: u64,
    pub(super) log: &'a Log,
    pub(super) operations: OperationTable,
}

impl RecordedRun<'_> {
    /// Records its parts as steps; `seen` holds the evidence of each.
    pub(super) fn keep(self, bench: &mut Bench, seen: Vec<ServerEvidence>) {
        if self.log.visits.is_empty() {
            // A signal came before the first request.
            return;
        }
        let stopped_ns = self.log.stopped.as_ref().map(|(at_ns, _)| *at_ns);
        let until_ns = stopped_ns.unwrap_or_else(monotonic_ns);
        let at = self.log.parts;
        let spans = [
            (BEFORE, at.began_ns, at.held_ns),
            (HELD, at.held_ns, at.released_ns),
            (AFTER, at.released_ns, at.ended_ns),
        ];
        let mut seen = seen.into_iter();
        for ((part, from_ns, to_ns), beside) in spans.into_iter().zip(&self.log.seen) {
            if from_ns >= until_ns {
                // It ended before this part began.
                break;
            }
            let mut step = self.step(part, (from_ns, to_ns), until_ns);
            note_generator(&mut step, &beside.cpu);
            let window = (step.window.measure_start_ns, step.window.measure_end_ns);
            if let Some(seen) = seen.next() {
                time_shares::record(&mut step, seen, self.log.holders(window.0, window.1));
            }
            note_gap(&mut step, &beside.server);
            keep(bench, step);
        }
    }

    /// Creates the step of a part planned for `(from_ns, to_ns)`, in a run that ended at
    /// `until_ns`.
    fn step(&self, part: &str, (from_ns, to_ns): (u64, u64), until_ns: u64) -> Step {
        let planned = self.plan.step(self.setting, self.repeat, part);
        let mut step = not_begun(&planned, String::new());
        step.end = match &self.log.stopped {
            _ if to_ns <= until_ns => StepEnd::Completed,
            Some((_, broken)) => StepEnd::Stopped {
                rule: broken.rule.clone(),
                reason: broken.reason.clone(),
            },
            None => StepEnd::Interrupted,
        };
        let end_ns = to_ns.min(until_ns);
        step.window = Window {
            start_ns: from_ns,
            measure_start_ns: from_ns,
            measure_end_ns: end_ns,
            end_ns,
        };
        record(&mut step, &self.log.visits, self.operations.clone());
        if part == HELD {
            held_figures(&mut step, self.log, self.plan.flags.pool.size);
        }
        if part == AFTER
            && let Some(recovery_ns) = findings::recovery_ns(self.log)
        {
            step.figures
                .insert("recovery_ns".to_owned(), recovery_ns as f64);
        }
        step
    }
}

fn held_figures(step: &mut Step, log: &Log, pool_size: u64) {
    let fairness = Fairness::of(log);
    let mut figure = |name: &str, value: f64| {
        step.figures.insert(name.to_owned(), value);
    };
    figure("wait.median_ns", fairness.median_ns as f64);
    figure("wait.longest_ns", fairness.longest_ns as f64);
    if let Some(ratio) = fairness.longest_by_median() {
        figure("wait.longest_by_median_ratio", ratio);
    }
    figure("wait.gave_up", fairness.gave_up as f64);
    figure("wait.passed_over", fairness.passed_over as f64);
    figure("wait.starved", fairness.starved as f64);
    let failed = log.holds.iter().filter(|hold| hold.failure.is_some());
    figure("holders.failed", failed.count() as f64);
    let kept = log.holds.iter().filter(|hold| hold.acquired_ns > 0);
    figure("holders.kept", kept.count() as f64);
    if let Some(deadlock) = findings::deadlock(log, pool_size) {
        figure("deadlock.times", deadlock.times as f64);
        figure("deadlock.total_ns", deadlock.total_ns as f64);
        figure("deadlock.longest_ns", deadlock.longest_ns as f64);
        figure("deadlock.timed_out", deadlock.timed_out as f64);
    }
}

/// Reads the deadlock from a step's figures.
pub(super) fn deadlock_of(step: &Step) -> Option<Deadlock> {
    let figure = |name: &str| step.figures.get(name).map(|value| *value as u64);
    Some(Deadlock {
        times: figure("deadlock.times")?,
        total_ns: figure("deadlock.total_ns")?,
        longest_ns: figure("deadlock.longest_ns")?,
        timed_out: figure("deadlock.timed_out")?,
    })
}

/// Returns a sentence with the deadlock, its evidence and what prevents it.
pub(super) fn deadlock_sentence(found: Deadlock, plan: &ExhaustPlan) -> String {
    let (size, holders) = (plan.flags.pool.size, plan.holders());
    format!(
        "nested-checkout deadlock: {} times, up to {}, all {size} connections were held by \
         requests that each waited for a second one of the same pool; {} of them were let go by \
         the checkout time-out alone. {} connections for {holders} such requests at a time rule it \
         out, or one checkout for each request",
        found.times,
        table::duration_ns(found.longest_ns),
        found.timed_out,
        findings::deadlock_free_size(holders, 2),
    )
}

/// Iterates over the steps of `part` and `setting`.
pub(super) fn of_part<'r>(
    report: &'r Report,
    setting: ExhaustSetting,
    part: &'r str,
) -> impl Iterator<Item = &'r Step> + Clone {
    let (driver, holder) = (setting.driver.name(), setting.holder.name());
    let wanted = [("driver", driver), ("holder", holder), ("part", part)];
    let steps = report.steps.iter();
    steps.filter(move |step| step.is_with(&wanted))
}

/// Returns the scenario's conclusions about its own data.
pub(super) fn summary(report: &Report, plan: &ExhaustPlan) -> Summary {
    let mut summary = Summary::default();
    let mut sentences = Vec::new();
    for &setting in &plan.settings {
        let name = setting.name();
        let worst = |part: &str, figure: &str| {
            let each = of_part(report, setting, part);
            each.filter_map(|step| step.figures.get(figure).copied())
                .max_by(f64::total_cmp)
        };
        let Some(longest_ns) = worst(HELD, "wait.longest_ns") else {
            continue;
        };
        summary.figure(&format!("{name}.longest_wait_ns"), longest_ns);
        let mut sentence = format!(
            "{name}: waits up to {}",
            table::duration_ns(longest_ns as u64)
        );
        if let Some(starved) = worst(HELD, "wait.starved") {
            summary.figure(&format!("{name}.starved"), starved);
        }
        if let Some(recovery_ns) = worst(AFTER, "recovery_ns") {
            summary.figure(&format!("{name}.recovery_ns"), recovery_ns);
            let recovery = table::duration_ns(recovery_ns as u64);
            sentence += &format!(", over {recovery} after the holders let go");
        }
        let found = of_part(report, setting, HELD).find_map(deadlock_of);
        if let Some(found) = found {
            summary.figure(&format!("{name}.deadlocks"), found.times as f64);
            sentence += &format!("; {}", deadlock_sentence(found, plan));
        }
        sentences.push(sentence);
    }
    summary.headline = headline(&sentences);
    summary
}
