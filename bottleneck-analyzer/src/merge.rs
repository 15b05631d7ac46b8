//! Joins the reports of the workers of one load, which made it on several hosts: what they measured is
//! added without loss, and what is missing is said.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use bench_report::histogram::HistogramError;
use bench_report::{
    FailureSample, Generator, Load, Operation, PoolUsage, Report, Status, Step, StepEnd, Summary,
    Warning, WarningCode,
};
use serde::Deserialize;

/// Reason for which reports cannot be joined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    /// A report is not that of a worker.
    #[error("{path} is not the report of a worker (it has no config.worker)", path = .0.display())]
    NoWorker(PathBuf),
    /// Two reports are not of one load.
    #[error("{path} is not of the same load as the others: its {what} differs", path = path.display())]
    OtherLoad {
        /// Report at fault.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// Two reports are of one worker.
    #[error("{path} is a second report of worker {index}", path = path.display())]
    Twice {
        /// Report at fault.
        path: PathBuf,
        /// Number of the worker.
        index: u64,
    },
    /// Workers did not make their load at the same time.
    #[error("step {step} of {path} did not run at the same time as that of the others", path = path.display())]
    Apart {
        /// Report at fault.
        path: PathBuf,
        /// Index of the step.
        step: usize,
    },
    /// A histogram cannot be added.
    #[error("a histogram cannot be added: {0}")]
    Histogram(#[from] HistogramError),
}

/// Worker of a report, as `config.worker` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct ReportedWorker {
    i: u64,
    n: u64,
    plan_hash: String,
    /// Largest error of the host's wall clock; absent where the host does not know.
    clock_error_ns: Option<u64>,
}

/// Report of one worker.
struct WorkerReport {
    path: PathBuf,
    worker: ReportedWorker,
    report: Report,
    /// Wall clock at the start of the host's monotonic clock, in nanoseconds since 1970.
    boot_wall_ns: i128,
}

impl WorkerReport {
    fn new(path: PathBuf, report: Report) -> Result<Self, MergeError> {
        let worker = report.config.get("worker").cloned();
        let worker = worker.and_then(|worker| serde_json::from_value(worker).ok());
        let started = humantime::parse_rfc3339(&report.started_at).ok();
        let since = started.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let (Some(worker), Some(since)) = (worker, since) else {
            return Err(MergeError::NoWorker(path));
        };
        let boot_wall_ns = since.as_nanos().cast_signed() - i128::from(report.clock.monotonic_ns);
        Ok(Self {
            path,
            worker,
            report,
            boot_wall_ns,
        })
    }

    /// Returns the measured part of a step on the wall clock.
    fn measured(&self, step: &Step) -> (i128, i128) {
        let wall = |ns: u64| self.boot_wall_ns + i128::from(ns);
        (
            wall(step.window.measure_start_ns),
            wall(step.window.measure_end_ns),
        )
    }
}

/// Joins the reports of workers; a worker whose report is missing is named in a warning, and the
/// result is that of a failed run.
///
/// # Errors
/// Fails if they are not reports of one load, made at the same time.
pub(crate) fn merge(reports: Vec<(PathBuf, Report)>) -> Result<Report, MergeError> {
    let workers = reports
        .into_iter()
        .map(|(path, report)| WorkerReport::new(path, report));
    let mut workers = workers.collect::<Result<Vec<_>, _>>()?;
    workers.sort_by_key(|worker| worker.worker.i);
    belong_together(&workers)?;
    let Some(first) = workers.first() else {
        return Err(MergeError::NoWorker(PathBuf::new()));
    };
    let count = workers
        .iter()
        .map(|w| w.report.steps.len())
        .max()
        .unwrap_or(0);
    let mut report = first.report.clone();
    report.steps = (0..count)
        .map(|n| step(&workers, n))
        .collect::<Result<_, _>>()?;
    report.series = series(&workers);
    report.summary = Summary::default();
    report.duration_ns = workers
        .iter()
        .map(|w| w.report.duration_ns)
        .max()
        .unwrap_or(0);
    report.warnings = warnings(&workers);
    report.status = status(&workers);
    report.config.remove("worker");
    let joined: Vec<u64> = workers.iter().map(|worker| worker.worker.i).collect();
    let told = serde_json::json!({
        "n": first.worker.n, "joined": joined, "plan_hash": first.worker.plan_hash,
    });
    report.config.insert("workers_joined".to_owned(), told);
    Ok(report)
}

fn belong_together(workers: &[WorkerReport]) -> Result<(), MergeError> {
    let Some(first) = workers.first() else {
        return Ok(());
    };
    for (n, other) in workers.iter().enumerate() {
        let path = || other.path.clone();
        let what = if other.worker.n != first.worker.n {
            Some("number of workers")
        } else if other.worker.plan_hash != first.worker.plan_hash {
            Some("plan")
        } else if other.report.file_stem() != first.report.file_stem() {
            Some("scenario")
        } else {
            None
        };
        if let Some(what) = what {
            return Err(MergeError::OtherLoad { path: path(), what });
        }
        if workers[..n]
            .iter()
            .any(|earlier| earlier.worker.i == other.worker.i)
        {
            let index = other.worker.i;
            return Err(MergeError::Twice {
                path: path(),
                index,
            });
        }
        for (index, (mine, theirs)) in first
            .report
            .steps
            .iter()
            .zip(&other.report.steps)
            .enumerate()
        {
            if (&mine.name, &mine.parameters, mine.repeat)
                != (&theirs.name, &theirs.parameters, theirs.repeat)
            {
                let what = "order of steps";
                return Err(MergeError::OtherLoad { path: path(), what });
            }
            let measured = |step: &Step| step.window.measured_s() > 0.0;
            let ((a, b), (c, d)) = (first.measured(mine), other.measured(theirs));
            if measured(mine) && measured(theirs) && a.max(c) >= b.min(d) {
                return Err(MergeError::Apart {
                    path: path(),
                    step: index,
                });
            }
        }
    }
    Ok(())
}

/// Adds step `n` of all workers that have it, on the clock of the first.
fn step(workers: &[WorkerReport], n: usize) -> Result<Step, HistogramError> {
    let parts: Vec<&Step> = workers
        .iter()
        .filter_map(|w| w.report.steps.get(n))
        .collect();
    let mut whole = (*parts[0]).clone();
    whole.operations = Operation::merged_by_name(parts.iter().map(|step| &step.operations))?;
    whole.parts = Operation::merged_by_name(parts.iter().map(|step| &step.parts))?;
    whole.failures = FailureSample::merged(
        parts
            .iter()
            .flat_map(|s| s.failures.iter().cloned())
            .collect(),
    );
    whole.pool = PoolUsage::merged(parts.iter().filter_map(|step| step.pool.as_ref()));
    let attempted = whole.operations.values().map(|o| o.attempted).sum();
    let generators: Vec<&Generator> = parts.iter().map(|step| &step.generator).collect();
    whole.generator = Generator::merged(&generators, attempted);
    whole.load = parts[1..]
        .iter()
        .fold(whole.load, |sum, step| added(sum, &step.load));
    whole.end = end(&parts, workers.len() as u64, workers[0].worker.n);
    // Segments, recovery and further figures of one worker say nothing of the whole load.
    (whole.segments, whole.sessions) = (Vec::new(), None);
    if let Some(curve) = &mut whole.curve {
        curve.recovery = None;
    }
    whole.figures = BTreeMap::new();
    if let Some(ratio) = whole.carried_ratio() {
        whole.figures.insert("carried_ratio".to_owned(), ratio);
    }
    Ok(whole)
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

/// The end of the first worker's step that did not complete; failed where a worker's is missing.
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

/// Returns the series of each worker, labelled with it, on the clock of the first.
fn series(workers: &[WorkerReport]) -> Vec<bench_report::Series> {
    let mut all = Vec::new();
    for worker in workers {
        let later_ns = worker.boot_wall_ns - workers[0].boot_wall_ns;
        for series in &worker.report.series {
            let mut series = series.clone().label("worker", worker.worker.i.to_string());
            for at_ns in &mut series.at_ns {
                *at_ns = u64::try_from(i128::from(*at_ns) + later_ns).unwrap_or(0);
            }
            all.push(series);
        }
    }
    all
}

/// Returns the doubts of each worker, and one for each whose report is missing.
fn warnings(workers: &[WorkerReport]) -> Vec<Warning> {
    let mut all = Vec::new();
    let n = workers[0].worker.n;
    for index in (0..n).filter(|i| workers.iter().all(|w| w.worker.i != *i)) {
        let message = format!(
            "the report of worker {index}/{n} is missing: its share of the load is in no figure"
        );
        let mut warning = Warning::new(WarningCode::WorkerLost, message);
        warning.spoils = vec!["/steps".to_owned()];
        all.push(warning);
    }
    for worker in workers {
        all.extend(worker.report.warnings.iter().map(|warning| Warning {
            message: format!("worker {}/{n}: {}", worker.worker.i, warning.message),
            ..warning.clone()
        }));
    }
    all
}

fn status(workers: &[WorkerReport]) -> Status {
    let early = workers.iter().map(|worker| worker.report.status);
    let early = early.clone().find(|status| *status != Status::Complete);
    let is_whole = workers.len() as u64 == workers[0].worker.n;
    match early {
        Some(status) => status,
        None if is_whole => Status::Complete,
        None => Status::Failed,
    }
}

#[cfg(test)]
mod tests;
