//! A course as three steps of the report (users alone, with holders, alone again), and what the
//! report concludes from them.

use bench_cli::bench::Bench;
use bench_cli::table;
use bench_report::clock::monotonic_ns;
use bench_report::{Report, ServerEvidence, Step, StepEnd, Summary, Window};

use super::findings::{self, Deadlock, Fairness};
use super::log::Log;
use super::plan::{Plan, Setting};
use crate::campaign::not_begun;
use crate::visit::{generator, record};

/// Users alone, before the holders came.
pub(super) const BEFORE: &str = "before";
/// While connections were kept.
pub(super) const HELD: &str = "held";
/// Users alone, once the holders had let go.
pub(super) const AFTER: &str = "after";

/// Keeps the parts of a course; `server` is what the server said while connections were kept.
pub(super) fn keep(
    bench: &mut Bench,
    plan: &Plan,
    setting: Setting,
    repeat: u64,
    log: &Log,
    operations: &'static [&'static str],
    server: ServerEvidence,
) -> anyhow::Result<()> {
    if log.visits.is_empty() {
        // A signal came before anything was asked.
        return Ok(());
    }
    let parts = log.parts;
    let mut server = Some(server);
    let now_ns = monotonic_ns();
    let [before_ns, held_ns, after_ns] = log.cpu_ns;
    for (part, from_ns, to_ns, cpu_ns) in [
        (BEFORE, parts.began_ns, parts.held_ns, before_ns),
        (HELD, parts.held_ns, parts.released_ns, held_ns),
        (AFTER, parts.released_ns, parts.ended_ns, after_ns),
    ] {
        if from_ns >= now_ns {
            // A signal came before this part began.
            break;
        }
        let planned = plan.step(setting, repeat, part);
        let mut step = not_begun(&planned, String::new());
        step.end = if to_ns > now_ns {
            StepEnd::Interrupted
        } else {
            StepEnd::Completed
        };
        step.window = Window {
            start_ns: from_ns,
            measure_start_ns: from_ns,
            measure_end_ns: to_ns.min(now_ns),
            end_ns: to_ns.min(now_ns),
        };
        record(&mut step, &log.visits, operations);
        step.generator = generator(&step.window, cpu_ns);
        if part == HELD {
            step.server = server.take();
            held_figures(&mut step, log, plan.flags.pool_size);
        }
        if part == AFTER
            && let Some(recovery_ns) = findings::recovery_ns(log)
        {
            step.figures
                .insert("recovery_ns".to_owned(), recovery_ns as f64);
        }
        bench.push_step(step, Vec::new(), Vec::new())?;
    }
    Ok(())
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

/// The deadlock that a step's figures tell of.
pub(super) fn deadlock_of(step: &Step) -> Option<Deadlock> {
    let figure = |name: &str| step.figures.get(name).map(|value| *value as u64);
    Some(Deadlock {
        times: figure("deadlock.times")?,
        total_ns: figure("deadlock.total_ns")?,
        longest_ns: figure("deadlock.longest_ns")?,
        timed_out: figure("deadlock.timed_out")?,
    })
}

/// The deadlock's name, its evidence and what rules it out.
pub(super) fn deadlock_sentence(found: Deadlock, plan: &Plan) -> String {
    let (size, holders) = (plan.flags.pool_size, plan.holders());
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

/// Steps of `part`, with their setting.
pub(super) fn parts<'r>(
    report: &'r Report,
    setting: Setting,
    part: &str,
) -> impl Iterator<Item = &'r Step> {
    let wanted = [
        ("driver", setting.driver.name().to_owned()),
        ("holder", setting.holder.name().to_owned()),
        ("part", part.to_owned()),
    ];
    report.steps.iter().filter(move |step| {
        wanted.iter().all(|(name, value)| {
            step.parameters.get(*name).map(ToString::to_string).as_ref() == Some(value)
        })
    })
}

/// The scenario's own conclusions.
pub(super) fn summary(report: &Report, plan: &Plan) -> Summary {
    let mut summary = Summary::default();
    let mut sentences = Vec::new();
    for &setting in &plan.settings {
        let name = setting.name();
        let worst = |part: &str, figure: &str| {
            let each = parts(report, setting, part);
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
        let found = parts(report, setting, HELD).find_map(deadlock_of);
        if let Some(found) = found {
            summary.figure(&format!("{name}.deadlocks"), found.times as f64);
            sentence += &format!("; {}", deadlock_sentence(found, plan));
        }
        sentences.push(sentence);
    }
    summary.headline = if sentences.is_empty() {
        "nothing was measured".to_owned()
    } else {
        sentences.join(". ")
    };
    summary
}
