//! Check that workers' reports belong together: all of one load, one report for each worker, made at the same
//! time.

use std::collections::BTreeSet;

use bench_report::{Step, Warning, WarningCode};
use serde_json::Value;

use super::error::MergeError;
use super::worker_report::WorkerReport;

/// Number of differences that a message lists; it tells only the number of further ones.
const NAMED: usize = 4;
/// Entries of the configuration that may differ between the workers of one load.
const OWN_ENTRIES: [&str; 2] = ["url", "worker"];
/// Tolerance for comparing the start times of two hosts, in nanoseconds (10 ms): `started_at` is
/// rounded, and reading two clocks takes time.
const ROUNDING_NS: i128 = 10_000_000;
/// Largest rate at which an operating system slews its wall clock, in parts per million.
const CORRECTION_PPM: i128 = 500;

/// Checks that `workers` are the workers of one load. Returns warnings about steps that may not
/// have been measured at the same time.
///
/// # Errors
/// Fails if there is no report, if the reports are of different loads, if two are of one
/// worker, or if a step was not measured at the same time.
pub(super) fn check(workers: &[WorkerReport]) -> Result<Vec<Warning>, MergeError> {
    let Some(first) = workers.first() else {
        return Err(MergeError::Nothing);
    };
    let mut doubts = Vec::new();
    for (n, other) in workers.iter().enumerate() {
        let same = |one: &&WorkerReport| one.worker.i == other.worker.i;
        let twice = workers[..n].iter().find(same);
        let differences = differences(first, other);
        if !differences.is_empty() {
            return Err(MergeError::OtherLoad {
                path: other.path.clone(),
                first: first.path.clone(),
                differences: named(&differences),
            });
        }
        if let Some(earlier) = twice {
            return Err(MergeError::Twice {
                path: other.path.clone(),
                first: earlier.path.clone(),
                index: other.worker.i,
            });
        }
        if n > 0 {
            doubts.extend(check_steps(first, other)?);
        }
    }
    doubts.extend(unknown_errors(workers));
    Ok(doubts)
}

/// Returns the differences between the plans of two workers, each as a text with both values; empty
/// if both made one load.
fn differences(first: &WorkerReport, other: &WorkerReport) -> Vec<String> {
    let mut all = Vec::new();
    let mut compare = |what: &str, mine: String, theirs: String| {
        if mine != theirs {
            all.push(format!("{what} is {mine}, not {theirs}"));
        }
    };
    let (mine, theirs) = (&other.worker, &first.worker);
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "absent".to_owned());
    let (stem, version) = (
        |one: &WorkerReport| one.report.file_stem(),
        |one: &WorkerReport| one.report.tool.version.clone(),
    );
    compare("the scenario", stem(other), stem(first));
    compare("the version", version(other), version(first));
    compare(
        "the number of workers",
        mine.n.to_string(),
        theirs.n.to_string(),
    );
    if mine.plan_hash == theirs.plan_hash {
        return all;
    }
    compare("--start-at", known(&mine.start_at), known(&theirs.start_at));
    let prepare = |ns: Option<u64>| known(&ns.map(|ns| format!("{} s", ns as f64 / 1e9)));
    compare(
        "--prepare-time",
        prepare(mine.prepare_ns),
        prepare(theirs.prepare_ns),
    );
    let (mine, theirs) = (&other.report.config, &first.report.config);
    let entries: BTreeSet<&String> = mine.keys().chain(theirs.keys()).collect();
    for entry in entries {
        if !OWN_ENTRIES.contains(&entry.as_str()) {
            let told = |value: Option<&Value>| known(&value.map(ToString::to_string));
            compare(entry, told(mine.get(entry)), told(theirs.get(entry)));
        }
    }
    if all.is_empty() {
        let (mine, theirs) = (&other.worker.plan_hash, &first.worker.plan_hash);
        all.push(format!("the plan is {mine}, not {theirs}"));
    }
    all
}

fn named(differences: &[String]) -> String {
    let mut text = differences[..differences.len().min(NAMED)].join("; ");
    if differences.len() > NAMED {
        text += &format!("; and {} more", differences.len() - NAMED);
    }
    text
}

/// Checks that the steps which both workers have are the same and were measured at the same time.
/// Returns a warning for each step that began further apart than the clocks of both hosts may err.
///
/// # Errors
/// Fails if a step differs, or if its measured parts do not overlap.
fn check_steps(first: &WorkerReport, other: &WorkerReport) -> Result<Vec<Warning>, MergeError> {
    let mut doubts = Vec::new();
    let steps = first.report.steps.iter().zip(&other.report.steps);
    for (step, (theirs, mine)) in steps.enumerate() {
        if (&mine.name, &mine.parameters, mine.repeat)
            != (&theirs.name, &theirs.parameters, theirs.repeat)
        {
            let told = |step: &Step| format!("{} (repeat {})", step.name, step.repeat);
            return Err(MergeError::OtherLoad {
                path: other.path.clone(),
                first: first.path.clone(),
                differences: format!("step {step} is {}, not {}", told(mine), told(theirs)),
            });
        }
        let (Some((a, b)), Some((c, d))) =
            (first.measured(theirs, first), other.measured(mine, first))
        else {
            continue;
        };
        let error_ns = clock_errors_ns(first, other);
        if a.max(c) - error_ns.unwrap_or(0) >= b.min(d) {
            return Err(MergeError::Apart {
                path: other.path.clone(),
                first: first.path.clone(),
                step,
            });
        }
        let apart_ns = (a - c).abs();
        let Some(error_ns) = error_ns else {
            continue;
        };
        let ran_ns = a - i128::from(first.report.clock.monotonic_ns);
        let bound_ns = error_ns + ROUNDING_NS + ran_ns.max(0) * CORRECTION_PPM / 1_000_000;
        if apart_ns > bound_ns {
            doubts.push(apart(other, step, apart_ns, bound_ns));
        }
    }
    Ok(doubts)
}

/// Returns the largest possible difference between the wall clocks of both hosts, in nanoseconds:
/// the sum of the largest errors of both. 0 for reports of one clock; `None` if a host does not
/// know the error of its clock.
fn clock_errors_ns(first: &WorkerReport, other: &WorkerReport) -> Option<i128> {
    if other.shares_clock_with(first) {
        return Some(0);
    }
    let (a, b) = (first.worker.clock_error_ns?, other.worker.clock_error_ns?);
    Some(i128::from(a) + i128::from(b))
}

fn apart(other: &WorkerReport, step: usize, apart_ns: i128, bound_ns: i128) -> Warning {
    let (late, allowed) = (apart_ns as f64 / 1e6, bound_ns as f64 / 1e6);
    let message = format!(
        "worker {}/{} began this step {late:.1} ms apart from the first worker, more than the \
         {allowed:.1} ms that their clocks may err: they loaded the server together for a part of it \
         only",
        other.worker.i, other.worker.n
    );
    Warning::new(WarningCode::WorkerLate, message)
        .with_figures(apart_ns as f64, bound_ns as f64)
        .about_step(step, &["operations", "parts", "pool", "figures"])
}

/// Returns a warning that names the workers whose host does not know the error of its clock. `None`
/// if every host knows it, or if all reports are of one clock.
fn unknown_errors(workers: &[WorkerReport]) -> Option<Warning> {
    let first = workers.first()?;
    if workers.iter().all(|one| one.shares_clock_with(first)) {
        return None;
    }
    let unknown = workers
        .iter()
        .filter(|one| one.worker.clock_error_ns.is_none());
    let names: Vec<String> = unknown.map(|one| one.worker.i.to_string()).collect();
    (!names.is_empty()).then(|| {
        let message = format!(
            "nobody keeps the wall clock of worker {} right (or its host does not tell), so how far apart \
             the workers began is not known; let NTP or chrony run on every host",
            names.join(", ")
        );
        Warning::new(WarningCode::EvidenceMissing, message)
    })
}
