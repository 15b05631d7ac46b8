//! Report of one worker, with its place on the wall clock.

use std::path::PathBuf;
use std::time::SystemTime;

use bench_report::{Report, Step};
use serde::Deserialize;

use super::error::MergeError;

/// Worker of a report, as `config.worker` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ReportedWorker {
    /// Number of the worker, from 0.
    pub(super) i: u64,
    /// Number of workers.
    pub(super) n: u64,
    /// Start of the first step.
    pub(super) start_at: Option<String>,
    /// Time for the preparation of each step.
    pub(super) prepare_ns: Option<u64>,
    pub(super) plan_hash: String,
    /// Largest error of the host's wall clock; absent where the host does not know.
    pub(super) clock_error_ns: Option<u64>,
}

/// Report of one worker.
pub(super) struct WorkerReport {
    pub(super) path: PathBuf,
    pub(super) worker: ReportedWorker,
    pub(super) report: Report,
    /// Wall clock at the start of the host's monotonic clock, in nanoseconds since 1970.
    boot_wall_ns: i128,
}

impl WorkerReport {
    /// Reads who made `report`, and when.
    ///
    /// # Errors
    /// Fails if it is not the report of a worker.
    pub(super) fn new(path: PathBuf, report: Report) -> Result<Self, MergeError> {
        let Some(told) = report.config.get("worker").cloned() else {
            return Err(MergeError::NoWorker(path));
        };
        let unusable = |path: &PathBuf, reason: String| MergeError::Unusable {
            path: path.clone(),
            reason,
        };
        let worker: ReportedWorker = serde_json::from_value(told)
            .map_err(|error| unusable(&path, format!("config.worker: {error}")))?;
        if worker.i >= worker.n {
            let reason = format!("there is no worker {} of {}", worker.i, worker.n);
            return Err(unusable(&path, reason));
        }
        let started = humantime::parse_rfc3339(&report.started_at).ok();
        let since = started.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let Some(since) = since else {
            let reason = format!("started_at is no instant: {:?}", report.started_at);
            return Err(unusable(&path, reason));
        };
        let boot_wall_ns = since.as_nanos().cast_signed() - i128::from(report.clock.monotonic_ns);
        Ok(Self {
            path,
            worker,
            report,
            boot_wall_ns,
        })
    }

    /// Returns true if both reports are of one host since it was started, and so of one clock.
    pub(super) fn shares_clock_with(&self, other: &Self) -> bool {
        self.report.clock.comparable_with(&other.report.clock)
    }

    /// Returns the time by which an instant of this report's clock is to be moved to be one of the clock
    /// of `other`.
    pub(super) fn offset_to(&self, other: &Self) -> i128 {
        if self.shares_clock_with(other) {
            return 0;
        }
        self.boot_wall_ns - other.boot_wall_ns
    }

    /// Moves every instant of the report by `offset_ns`.
    pub(super) fn move_by(&mut self, offset_ns: i128) {
        if offset_ns == 0 {
            return;
        }
        let by = |at_ns: &mut u64| *at_ns = moved(*at_ns, offset_ns);
        for step in &mut self.report.steps {
            let window = &mut step.window;
            by(&mut window.start_ns);
            by(&mut window.measure_start_ns);
            by(&mut window.measure_end_ns);
            by(&mut window.end_ns);
            step.failures.iter_mut().for_each(|one| by(&mut one.at_ns));
            let spans = step.segments.iter_mut().flat_map(|one| &mut one.spans);
            for span in spans {
                by(&mut span.start_ns);
                by(&mut span.end_ns);
            }
        }
        for series in &mut self.report.series {
            series.at_ns.iter_mut().for_each(by);
        }
    }

    /// Returns the measured part of `step` on the clock of `other`; `None` where nothing was measured.
    pub(super) fn measured(&self, step: &Step, other: &Self) -> Option<(i128, i128)> {
        let offset_ns = self.offset_to(other);
        let at = |ns: u64| i128::from(ns) + offset_ns;
        let window = &step.window;
        (window.measured_s() > 0.0)
            .then(|| (at(window.measure_start_ns), at(window.measure_end_ns)))
    }
}

fn moved(at_ns: u64, offset_ns: i128) -> u64 {
    u64::try_from(i128::from(at_ns) + offset_ns).unwrap_or(0)
}
