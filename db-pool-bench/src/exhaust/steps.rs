//! Recording of a traced run as three steps of the report (before, held, after), and the
//! conclusions from these.

use bench_cli::bench::Bench;
use bench_cli::table;
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
            step.figures.insert("recovery_ns".to_owned(), recovery_ns);
        }
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

/// Reads the totals of the deadlocks from the figures of a step; `None` if it had none.
pub(super) fn deadlock_of(step: &Step) -> Option<Deadlock> {
    let figure = |name: &str| step.figures.get(name).map(|value| *value as u64);
    Some(Deadlock {
        times: figure("deadlock.times")?,
        total_ns: figure("deadlock.total_ns")?,
        longest_ns: figure("deadlock.longest_ns")?,
        timed_out: figure("deadlock.timed_out")?,
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
