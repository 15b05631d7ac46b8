//! Reasons for which reports cannot be joined.

use std::path::PathBuf;

use bench_report::histogram::HistogramError;

/// Reason why the reports of workers cannot be joined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    /// No report was given.
    #[error("there is no report to join")]
    Nothing,
    /// A report has no entry `config.worker`, so it is not the report of a worker.
    #[error("{path} is not the report of a worker (it has no config.worker)", path = .0.display())]
    NoWorker(PathBuf),
    /// A report has an invalid entry `config.worker` or an invalid `started_at`.
    #[error("{path} cannot be joined: {reason}", path = path.display())]
    Unusable {
        /// Path of the report at fault.
        path: PathBuf,
        /// Description of the invalid value.
        reason: String,
    },
    /// A report is not of the same load as the first one.
    #[error(
        "{path} is not of the same load as {first}: {differences}",
        path = path.display(),
        first = first.display()
    )]
    OtherLoad {
        /// Path of the report at fault.
        path: PathBuf,
        /// Path of the first worker's report, with which the others are compared.
        first: PathBuf,
        /// Differences between both plans as text, each with both values.
        differences: String,
    },
    /// Two reports are of the same worker.
    #[error(
        "{path} is a second report of worker {index}, after {first}",
        path = path.display(),
        first = first.display()
    )]
    Twice {
        /// Path of the report at fault.
        path: PathBuf,
        /// Path of the report of the same worker that was read before.
        first: PathBuf,
        /// Number of the worker, counted from 0.
        index: u64,
    },
    /// Measured parts of a step do not overlap, so workers did not make their load at the same
    /// time.
    #[error(
        "step {step} of {path} was not measured at the same time as that of {first}, even if both \
         clocks err as far as they may",
        path = path.display(),
        first = first.display()
    )]
    Apart {
        /// Path of the report at fault.
        path: PathBuf,
        /// Path of the first worker's report, with which the others are compared.
        first: PathBuf,
        /// Index of the step in both reports, counted from 0.
        step: usize,
    },
    /// Two histograms of the workers cannot be added.
    #[error("a histogram cannot be added: {0}")]
    Histogram(#[from] HistogramError),
}
