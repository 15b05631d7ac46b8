//! Report of one worker, and the relation of its clock to the wall clock.

use std::path::PathBuf;
use std::time::SystemTime;

use bench_report::{Report, Step};
use serde::Deserialize;

use super::error::MergeError;

/// Worker that wrote a report, read from the report's `config.worker`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ReportedWorker {
    /// Number of the worker, counted from 0.
    pub(super) i: u64,
    /// Number of workers that make the load together.
    pub(super) n: u64,
    /// Planned start of the first step, as text in RFC 3339; absent if the report has none.
    pub(super) start_at: Option<String>,
    /// Time planned for the preparation of each step, in nanoseconds; absent if none was planned.
    pub(super) prepare_ns: Option<u64>,
    pub(super) plan_hash: String,
    /// Largest possible error of the host's wall clock, in nanoseconds; absent if the host does not know it.
    pub(super) clock_error_ns: Option<u64>,
}

/// Report of one worker.
pub(super) struct WorkerReport {
    pub(super) path: PathBuf,
    pub(super) worker: ReportedWorker,
    pub(super) report: Report,
    /// Wall clock at the zero of the report's monotonic clock, in nanoseconds since 1970.
    boot_wall_ns: i128,
}

impl WorkerReport {
    /// Reads the worker and the start time from `report`, which was loaded from `path`.
    ///
    /// # Errors
    /// Fails if `report` is not the report of a worker, or has an invalid entry or start
    /// time.
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

    /// Returns true if both reports use one monotonic clock: they were written on one host, without a reboot
    /// in between.
    pub(super) fn shares_clock_with(&self, other: &Self) -> bool {
        self.report.clock.comparable_with(&other.report.clock)
    }

    /// Returns the number of nanoseconds that must be added to an instant of this report to get the
    /// same instant on the monotonic clock of `other`; 0 if both reports use one clock.
    pub(super) fn offset_to(&self, other: &Self) -> i128 {
        if self.shares_clock_with(other) {
            return 0;
        }
        self.boot_wall_ns - other.boot_wall_ns
    }

    /// Adds `offset_ns` to every instant in the report; an instant that would become negative
    /// becomes 0.
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

    /// Returns start and end of the measured part of `step`, a step of this report, in nanoseconds
    /// on the monotonic clock of `other`; `None` if nothing was measured.
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
