//! Checks of the reports that every scenario with load must pass.

use std::time::Duration;

use bench_report::{Histogram, Operation, Report, Series, Step, StepEnd};

/// Bound of the stop rule in the long runs, as a 99th percentile of latency.
pub(crate) const RULE_BOUND: Duration = Duration::from_secs(1);
pub(crate) const RULE: &str = "p99>1s";
/// Time after the rule's bound has passed in which the rule must notice the frozen server.
pub(crate) const RULE_NOTICES_WITHIN: Duration = Duration::from_secs(2);
/// Reports of one scenario that the checks examine.
pub(crate) struct Observed {
    /// Report of a run of about a second that ended by itself.
    pub(crate) brief: Report,
    /// Report of a run whose server was frozen at `frozen_ns`, in nanoseconds of the monotonic
    /// clock.
    pub(crate) hung: Report,
    pub(crate) frozen_ns: u64,
}

impl Observed {
    /// Iterates over the steps of the brief run that have operations.
    fn loaded_steps(&self) -> impl Iterator<Item = &Step> {
        let steps = self.brief.steps.iter();
        steps.filter(|step| !step.operations.is_empty())
    }

    /// Returns the first step that ended after the server was frozen; an error with a sentence if
    /// there is none.
    fn hung_step(&self) -> Result<&Step, String> {
        let frozen = |step: &&Step| step.window.end_ns > self.frozen_ns;
        let step = self.hung.steps.iter().find(frozen);
        step.ok_or("no step lasted until the freeze".to_owned())
    }
}

pub(crate) type Check = fn(&Observed) -> Result<(), String>;

pub(crate) const CHECKS: [(&str, Check); 9] = [
    ("steps", check_steps),
    ("CPU", check_cpu),
    ("stall", check_stall),
    ("timeline", check_timeline),
    ("timeline of all percentiles", check_percentile_timeline),
    ("counts", check_counts),
    ("phases", check_phases),
    ("censoring", check_censoring),
    ("stop rule", check_stop_rule),
];

fn ensure(holds: bool, what: impl Fn() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Returns the counts of each operation of `step` as text: attempted = succeeded + failed +
/// censored.
fn counts_of(step: &Step) -> String {
    let counts = |(name, operation): (&String, &Operation)| {
        let Operation {
            attempted,
            succeeded,
            errors,
            censored,
            ..
        } = operation;
        format!("{name}: {attempted} = {succeeded} + {errors:?} + {censored}")
    };
    let counts: Vec<String> = step.operations.iter().map(counts).collect();
    counts.join(", ")
}

/// Checks that there are steps with load, that the instants of their windows are in order, and that
/// they completed.
fn check_steps(observed: &Observed) -> Result<(), String> {
    ensure(observed.loaded_steps().count() > 0, || {
        "no step with load".to_owned()
    })?;
    for step in observed.loaded_steps() {
        let window = step.window;
        let ordered = window.start_ns <= window.measure_start_ns
            && window.measure_start_ns < window.measure_end_ns
            && window.measure_end_ns <= window.end_ns;
        ensure(ordered, || format!("{}: {window:?}", step.name))?;
        ensure(step.end == StepEnd::Completed, || {
            format!("{}: {:?}", step.name, step.end)
        })?;
    }
    Ok(())
}

/// Checks that the generator reports its number of threads, its CPU time, the share of the busiest
/// thread on Linux, and the CPU time per operation, and that all are above zero.
fn check_cpu(observed: &Observed) -> Result<(), String> {
    for step in observed.loaded_steps() {
        let generator = &step.generator;
        let on_linux = cfg!(target_os = "linux");
        let busiest = generator.busiest_thread_ratio;
        let complete = generator.threads > 0
            && generator.cpu_ns > 0
            && generator.cpu_ratio > 0.0
            && generator.cpu_per_operation_ns.is_some_and(|ns| ns > 0.0)
            && (!on_linux || busiest.is_some_and(|ratio| ratio > 0.0));
        ensure(complete, || format!("{}: {generator:?}", step.name))?;
    }
    Ok(())
}

/// Checks that the generator measured its heartbeat: its worst stall is above zero, because a
/// heartbeat is always late by some nanoseconds.
fn check_stall(observed: &Observed) -> Result<(), String> {
    for step in observed.loaded_steps() {
        let stall_ns = step.generator.worst_stall_ns;
        ensure(stall_ns > 0, || format!("{}: no heartbeat", step.name))?;
    }
    Ok(())
}

fn check_timeline(observed: &Observed) -> Result<(), String> {
    covered(
        observed,
        &["throughput_per_s", "errors_per_s", "latency.p99_ns"],
    )
}

fn check_percentile_timeline(observed: &Observed) -> Result<(), String> {
    covered(observed, &["latency.p50_ns", "latency.max_ns"])
}

fn covered(observed: &Observed, names: &[&str]) -> Result<(), String> {
    for step in observed.loaded_steps() {
        for name in names {
            let series = observed.brief.series.iter();
            let points = series.filter(|series| series.name == *name);
            let at_ns: Vec<u64> = points.flat_map(|series| series.at_ns.clone()).collect();
            let gap_ns = longest_gap_ns(step, at_ns);
            // Points are at most 200 ms apart, and further by as much as the generator itself was stalled.
            let bound_ns = 300_000_000 + step.generator.worst_stall_ns;
            ensure(gap_ns <= bound_ns, || {
                format!("{}: {gap_ns} ns of it without {name}", step.name)
            })?;
        }
    }
    let unread = |series: &&Series| series.mean.iter().all(Option::is_none);
    let mut wanted = observed.brief.series.iter();
    let unread = wanted.find(|series| names.contains(&&*series.name) && unread(series));
    ensure(unread.is_none(), || format!("nothing read: {unread:?}"))
}

/// Returns the longest interval, in nanoseconds, in which no point of a series ends, between the
/// start of the step and the end of its measured part. `at_ns` are the ends of the points on the
/// clock of the step's window, in any order.
fn longest_gap_ns(step: &Step, mut at_ns: Vec<u64>) -> u64 {
    let window = step.window;
    at_ns.retain(|at| (window.start_ns..=window.end_ns).contains(at));
    at_ns.extend([window.start_ns, window.measure_end_ns]);
    at_ns.sort_unstable();
    let gaps = at_ns.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().unwrap_or(0)
}

/// Checks that each attempted request succeeded, failed or was censored, and that the histograms of
/// the phases contain exactly the successes.
fn check_counts(observed: &Observed) -> Result<(), String> {
    for step in observed.loaded_steps() {
        for operation in step.operations.values() {
            let told = operation.succeeded + operation.failures() + operation.censored;
            ensure(operation.attempted == told && told > 0, || {
                format!("{}: {}", step.name, counts_of(step))
            })?;
            let phases = [&operation.call, &operation.service, &operation.checkout];
            for histogram in phases.into_iter().flatten() {
                ensure(histogram.count == operation.succeeded, || {
                    format!("{}: {}", step.name, counts_of(step))
                })?;
            }
        }
    }
    Ok(())
}

/// Checks that mean call = checkout + service, and that mean response = pacing lag + backlog + call
/// if nothing failed, to half a percent. The pacing lag is recorded for all arrivals, the other
/// phases for successes. Histograms have three digits of each value, so means are exact to a
/// thousandth.
fn check_phases(observed: &Observed) -> Result<(), String> {
    for step in observed.loaded_steps() {
        for (name, operation) in &step.operations {
            let whole_and_parts = |whole: &Option<Histogram>, parts: &[&Option<Histogram>]| {
                let Some(whole) = whole else { return Ok(()) };
                let parts = parts.iter().copied().flatten();
                let sum: f64 = parts.map(|part| part.mean_ns).sum();
                ensure((sum / whole.mean_ns - 1.0).abs() < 0.005, || {
                    format!("{}, {name}: {sum} of {}", step.name, whole.mean_ns)
                })
            };
            let Operation {
                response,
                call,
                service,
                checkout,
                backlog,
                pacing_lag,
                ..
            } = operation;
            whole_and_parts(call, &[checkout, service])?;
            if operation.attempted == operation.succeeded {
                whole_and_parts(response, &[pacing_lag, backlog, call])?;
            }
        }
    }
    Ok(())
}

/// Checks that requests in flight when the run abandoned the frozen server are counted as censored,
/// each with its age.
fn check_censoring(observed: &Observed) -> Result<(), String> {
    let step = observed.hung_step()?;
    ensure(step.censored() > 0, || {
        format!("{}: {}", step.name, counts_of(step))
    })?;
    let censored = |operation: &&Operation| operation.censored > 0;
    for operation in step.operations.values().filter(censored) {
        let ages = operation.unfinished.as_ref().map(|ages| ages.count);
        ensure(ages == Some(operation.censored), || {
            format!("{}: ages of the censored: {ages:?}", step.name)
        })?;
    }
    Ok(())
}

/// Checks that the stop rule ended the measured part after the freeze, and no later than its bound
/// and 2 s after it.
fn check_stop_rule(observed: &Observed) -> Result<(), String> {
    let step = observed.hung_step()?;
    let StepEnd::Stopped { rule, .. } = &step.end else {
        return Err(format!("{}: {:?}", step.name, step.end));
    };
    ensure(rule == RULE, || format!("{}: {rule}", step.name))?;
    let ended_ns = step.window.measure_end_ns;
    let latest_ns = observed.frozen_ns + (RULE_BOUND + RULE_NOTICES_WITHIN).as_nanos() as u64;
    let in_time = observed.frozen_ns < ended_ns && ended_ns <= latest_ns;
    ensure(in_time, || {
        let frozen_ns = observed.frozen_ns;
        format!("{}: frozen at {frozen_ns}, ended at {ended_ns}", step.name)
    })
}
