//! Recording of a traced run as three steps of the report (before, held, after), and the
//! conclusions from these.

use bench_cli::bench::Bench;
use bench_cli::table;
use bench_report::names::{FigureName, steps, summaries};
use bench_report::{Report, Step, Summary};
use load_engine::StepResult;
use pg_evidence::{SegmentEvidence, gap};

use super::findings::{self, Deadlock, Fairness};
use super::log::Log;
use super::plan::{AFTER, BEFORE, ExhaustPlan, ExhaustSetting, HELD};
use crate::text::headline;
use crate::time_shares;

/// One traced run on a pool, with its recorded events.
pub(super) struct RecordedRun<'a> {
    /// Number of connections of the pool, from which deadlocks are recognized.
    pub(super) pool_size: u64,
    pub(super) log: &'a Log,
}

impl RecordedRun<'_> {
    /// Adds the three parts of the run to the report, as steps with figures about waits and
    /// deadlocks. `evidence` gives the server's evidence of each part, in order.
    pub(super) fn keep(
        &self,
        bench: &mut Bench,
        parts: Vec<StepResult>,
        evidence: impl Iterator<Item = SegmentEvidence>,
    ) {
        let named = parts.into_iter().zip([BEFORE, HELD, AFTER]);
        for ((result, part), seen) in named.zip(evidence) {
            let StepResult {
                mut step,
                series,
                mut warnings,
            } = result;
            self.add_figures(&mut step, part);
            let window = (step.window.measure_start_ns, step.window.measure_end_ns);
            if let Some(server) = seen.server {
                time_shares::record(&mut step, server, self.log.holders(window.0, window.1));
            }
            if let Some(sessions) = &seen.sessions {
                gap::record(&mut step, sessions);
            }
            warnings.extend(gap::doubt(&step));
            bench.push_step(step, series, warnings);
        }
    }

    fn add_figures(&self, step: &mut Step, part: &str) {
        if part == HELD {
            held_figures(step, self.log, self.pool_size);
        }
        if part == AFTER
            && let Some(recovery_ns) = findings::recovery_ns(self.log)
        {
            let recovery_ns = recovery_ns as f64;
            step.figure(steps::RECOVERY_NS, recovery_ns);
        }
    }
}

fn held_figures(step: &mut Step, log: &Log, pool_size: u64) {
    let fairness = Fairness::of(log);
    let mut figure = |name, value| step.figure(name, value);
    figure(steps::WAIT_MEDIAN_NS, fairness.median_ns as f64);
    figure(steps::WAIT_LONGEST_NS, fairness.longest_ns as f64);
    if let Some(ratio) = fairness.longest_by_median() {
        figure(steps::WAIT_LONGEST_BY_MEDIAN_RATIO, ratio);
    }
    figure(steps::WAIT_GAVE_UP, fairness.gave_up as f64);
    figure(steps::WAIT_PASSED_OVER, fairness.passed_over as f64);
    figure(steps::WAIT_STARVED, fairness.starved as f64);
    let failed = log.holds.iter().filter(|hold| hold.failure.is_some());
    figure(steps::HOLDERS_FAILED, failed.count() as f64);
    let kept = log.holds.iter().filter(|hold| hold.acquired_ns > 0);
    figure(steps::HOLDERS_KEPT, kept.count() as f64);
    if let Some(deadlock) = findings::deadlock(log, pool_size) {
        figure(steps::DEADLOCK_TIMES, deadlock.times as f64);
        figure(steps::DEADLOCK_TOTAL_NS, deadlock.total_ns as f64);
        figure(steps::DEADLOCK_LONGEST_NS, deadlock.longest_ns as f64);
        figure(steps::DEADLOCK_TIMED_OUT, deadlock.timed_out as f64);
    }
}

/// Reads the totals of the deadlocks from the figures of a step; `None` if it had none.
pub(super) fn deadlock_of(step: &Step) -> Option<Deadlock> {
    let figure = |name| step.value(name).map(|value| value as u64);
    Some(Deadlock {
        times: figure(steps::DEADLOCK_TIMES)?,
        total_ns: figure(steps::DEADLOCK_TOTAL_NS)?,
        longest_ns: figure(steps::DEADLOCK_LONGEST_NS)?,
        timed_out: figure(steps::DEADLOCK_TIMED_OUT)?,
    })
}

/// Returns a clause about deadlocks: how often and for how long at most, and which pool size
/// prevents them.
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

/// Iterates over the report's steps of this setting in the part named [`BEFORE`], [`HELD`] or
/// [`AFTER`], one for each repeat.
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

/// Returns the scenario's conclusions from the data in the report: the headline, and for each
/// setting the largest figures over its repeats.
pub(super) fn summary(report: &Report, plan: &ExhaustPlan) -> Summary {
    let mut summary = Summary::default();
    let mut sentences = Vec::new();
    for &setting in &plan.settings {
        let name = setting.name();
        let worst = |part: &str, figure: FigureName| {
            let each = of_part(report, setting, part);
            each.filter_map(|step| step.value(figure))
                .max_by(f64::total_cmp)
        };
        let Some(longest_ns) = worst(HELD, steps::WAIT_LONGEST_NS) else {
            continue;
        };
        summary.member(summaries::LONGEST_WAITS, &name, longest_ns);
        let mut sentence = format!(
            "{name}: waits up to {}",
            table::duration_ns(longest_ns as u64)
        );
        if let Some(starved) = worst(HELD, steps::WAIT_STARVED) {
            summary.member(summaries::STARVED, &name, starved);
        }
        if let Some(recovery_ns) = worst(AFTER, steps::RECOVERY_NS) {
            summary.member(summaries::RECOVERIES, &name, recovery_ns);
            let recovery = table::duration_ns(recovery_ns as u64);
            sentence += &format!(", over {recovery} after the holders let go");
        }
        let found = of_part(report, setting, HELD).find_map(deadlock_of);
        if let Some(found) = found {
            summary.member(summaries::DEADLOCKS, &name, found.times as f64);
            sentence += &format!("; {}", deadlock_sentence(found, plan));
        }
        sentences.push(sentence);
    }
    summary.headline = headline(&sentences);
    summary
}
