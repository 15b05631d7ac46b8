//! Joins the reports of workers that made one load together on several hosts. Their measurements are added
//! without loss. A warning tells which measurements are missing.

mod agreement;
mod error;
mod host_differences;
mod missing_load;
mod worker_report;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bench_report::histogram::HistogramError;
use bench_report::names::steps;
use bench_report::{
    FailureSample, Generator, Load, Operation, PoolUsage, Report, SessionUse, Status, Step,
    StepEnd, StepSegment, Summary, Warning, WarningCode,
};

pub(crate) use error::MergeError;
use worker_report::WorkerReport;

/// Joins the reports of the workers of one load, given with their paths. If a worker's report is
/// missing, a warning names the worker and the status of the result is failed.
///
/// # Errors
/// Fails if there is no report, if the reports are not of one load, if two are of one
/// worker, or if their loads were not made at the same time.
pub(crate) fn merge(reports: Vec<(PathBuf, Report)>) -> Result<Report, MergeError> {
    let workers = reports
        .into_iter()
        .map(|(path, report)| WorkerReport::new(path, report));
    let mut workers = workers.collect::<Result<Vec<_>, _>>()?;
    workers.sort_by_key(|worker| worker.worker.i);
    let doubts = agreement::check(&workers)?;
    let offsets: Vec<i128> = workers.iter().map(|w| w.offset_to(&workers[0])).collect();
    for (worker, offset_ns) in workers.iter_mut().zip(offsets) {
        worker.move_by(offset_ns);
    }
    let first = &workers[0];
    let lengths = workers.iter().map(|worker| worker.report.steps.len());
    let count = lengths.max().unwrap_or(0);
    let mut report = first.report.clone();
    report.steps = (0..count)
        .map(|n| step(&workers, n))
        .collect::<Result<_, _>>()?;
    report.series = series(&workers);
    report.summary = Summary::default();
    let durations = workers.iter().map(|worker| worker.report.duration_ns);
    report.duration_ns = durations.max().unwrap_or(0);
    report.warnings = warnings(&workers, &report.steps);
    report.warnings.extend(doubts);
    let unlike = host_differences::sentences(&workers).into_iter();
    let unlike = unlike.map(|told| Warning::new(WarningCode::EvidenceMissing, told));
    report.warnings.extend(unlike);
    report.status = status(&workers);
    report.config.remove("worker");
    report
        .config
        .insert("workers_joined".to_owned(), joined(&workers));
    Ok(report)
}

/// Returns the configuration entry `workers_joined`, which lists the joined reports with their
/// clock errors and the differences between their hosts.
fn joined(workers: &[WorkerReport]) -> serde_json::Value {
    let each = workers.iter().map(|worker| {
        let mut told = serde_json::json!({
            "i": worker.worker.i,
            "run_id": worker.report.run_id,
            "clock_error_ns": worker.worker.clock_error_ns,
        });
        let differences = host_differences::differences(&workers[0], worker);
        if !differences.is_empty() {
            told["environment_differences"] = differences.into();
        }
        told
    });
    let first = &workers[0].worker;
    serde_json::json!({
        "n": first.n,
        "plan_hash": first.plan_hash,
        "start_at": first.start_at,
        "reports": each.collect::<Vec<_>>(),
    })
}

/// Adds up step `n` of all workers that have such a step.
///
/// # Errors
/// Fails if two histograms cannot be added.
fn step(workers: &[WorkerReport], n: usize) -> Result<Step, HistogramError> {
    let told = workers.iter().filter_map(|w| w.report.steps.get(n));
    let parts: Vec<&Step> = told.collect();
    let ran = |step: &&&Step| step.window.measured_s() > 0.0;
    let loaded: Vec<&Step> = parts.iter().filter(ran).copied().collect();
    // The times and the server of the sum are those of a worker that made load in the step.
    let mut whole = loaded
        .first()
        .map_or_else(|| (*parts[0]).clone(), |s| (*s).clone());
    whole.operations = Operation::merged_by_name(parts.iter().map(|step| &step.operations))?;
    whole.parts = Operation::merged_by_name(parts.iter().map(|step| &step.parts))?;
    let failures = parts.iter().flat_map(|step| step.failures.iter().cloned());
    whole.failures = FailureSample::merged(failures.collect());
    whole.pool = PoolUsage::merged(parts.iter().filter_map(|step| step.pool.as_ref()));
    whole.server = parts.iter().find_map(|step| step.server.clone());
    let attempted = whole.operations.values().map(|o| o.attempted).sum();
    let generators: Vec<&Generator> = loaded.iter().map(|step| &step.generator).collect();
    whole.generator = Generator::merged(&generators, attempted);
    let shares = parts[1..].iter();
    whole.load = shares.fold(parts[0].load.clone(), |sum, step| added(sum, &step.load));
    whole.segments = segments(&parts)?;
    whole.sessions = SessionUse::merged(parts.iter().filter_map(|step| step.sessions.as_ref()))?;
    whole.end = end(&parts, workers.len() as u64, workers[0].worker.n);
    if let Some(recovery) = whole.curve.as_mut().and_then(|c| c.recovery.as_mut()) {
        // A worker knows only the answers to its own share of the requests.
        let reason = "the reports of several workers were joined, and none has the answers of all";
        recovery.unknown = Some(reason.to_owned());
        (recovery.after_ns, recovery.base_p99_ns, recovery.relapses) = (None, None, 0);
    }
    whole.figures = figures(&whole, &parts, &loaded, workers[0].worker.n);
    Ok(whole)
}

/// Returns the figures that can be computed for the whole load: `carried_ratio` and the arrivals
/// not made. The other figures of a worker describe only its share and are dropped.
fn figures(whole: &Step, parts: &[&Step], loaded: &[&Step], n: u64) -> BTreeMap<String, f64> {
    let carried = whole.carried_ratio();
    let told = parts
        .iter()
        .filter_map(|s| s.value(steps::ARRIVALS_NOT_MADE));
    let missing = n.saturating_sub(loaded.len() as u64) as f64;
    let share = loaded
        .first()
        .and_then(|step| missing_load::arrivals_of_a_share(step));
    let not_made = told.sum::<f64>() + share.map_or(0.0, |share| (share * missing).round());
    let not_made = (not_made > 0.0).then_some(not_made);
    [
        (steps::CARRIED_RATIO, carried),
        (steps::ARRIVALS_NOT_MADE, not_made),
    ]
    .into_iter()
    .filter_map(|(name, figure)| Some((name.to_string(), figure?)))
    .collect()
}

/// Adds up the segments of the load's curve, by name, over all workers that have the segment.
///
/// # Errors
/// Fails if two histograms cannot be added.
fn segments(parts: &[&Step]) -> Result<Vec<StepSegment>, HistogramError> {
    let longest = parts.iter().max_by_key(|step| step.segments.len());
    let named = longest.map_or(&[][..], |step| &step.segments);
    let merged = named.iter().map(|segment| {
        let same = |one: &&StepSegment| one.name == segment.name;
        let each = parts
            .iter()
            .filter_map(|step| step.segments.iter().find(same));
        Ok(StepSegment {
            operations: Operation::merged_by_name(each.map(|one| &one.operations))?,
            ..segment.clone()
        })
    });
    merged.collect()
}

fn added(sum: Load, more: &Load) -> Load {
    match (sum, more) {
        (
            Load::Open {
                rate_per_s,
                pacing,
                in_flight_cap,
                delayed_at_cap,
            },
            Load::Open {
                rate_per_s: rate,
                in_flight_cap: cap,
                delayed_at_cap: delayed,
                ..
            },
        ) => Load::Open {
            rate_per_s: rate_per_s + rate,
            pacing,
            in_flight_cap: in_flight_cap + cap,
            delayed_at_cap: delayed_at_cap + delayed,
        },
        (
            Load::Closed {
                users,
                think_time_ns,
            },
            Load::Closed { users: more, .. },
        ) => Load::Closed {
            users: users + more,
            think_time_ns,
        },
        (sum, _) => sum,
    }
}

/// Returns how the joined step ended: as the first worker's step that was not completed, else
/// failed if one of the `workers` planned workers has no such step, else completed.
fn end(parts: &[&Step], reports: u64, workers: u64) -> StepEnd {
    let early = parts.iter().find(|step| step.end != StepEnd::Completed);
    match early {
        Some(step) => step.end.clone(),
        None if (parts.len() as u64) < workers => StepEnd::Failed {
            reason: format!(
                "{} of {workers} workers told of this step ({reports} reports were joined)",
                parts.len()
            ),
        },
        None => StepEnd::Completed,
    }
}

/// Returns the series of all workers, each with the number of its worker as the label `worker`.
fn series(workers: &[WorkerReport]) -> Vec<bench_report::Series> {
    let each = workers.iter().flat_map(|worker| {
        let name = worker.worker.i.to_string();
        let series = worker.report.series.iter();
        series.map(move |series| series.clone().label("worker", name.clone()))
    });
    each.collect()
}

/// Returns the warnings of all workers, each with the number of its worker, after one warning for
/// each worker whose report or steps are missing.
fn warnings(workers: &[WorkerReport], steps: &[Step]) -> Vec<Warning> {
    let mut all = missing_load::warnings(workers, steps);
    for worker in workers {
        let (i, n) = (worker.worker.i, worker.worker.n);
        let told = worker.report.warnings.iter().map(|warning| Warning {
            message: format!("worker {i}/{n}: {}", warning.message),
            ..warning.clone()
        });
        all.extend(told);
    }
    all
}

fn status(workers: &[WorkerReport]) -> Status {
    let mut early = workers.iter().map(|worker| worker.report.status);
    let early = early.find(|status| *status != Status::Complete);
    let is_whole = workers.len() as u64 == workers[0].worker.n;
    match early {
        Some(status) => status,
        None if is_whole => Status::Complete,
        None => Status::Failed,
    }
}

#[cfg(test)]
mod tests;
