//! Context of a run: it starts programs, says where ours are, and how long each run measures.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench_report::store::{self, StoreError};
use bench_report::{Operation, StepEnd};

use crate::contest::{ContestError, Measurement};
use crate::program::ProgramRunner;

/// Shared by all contests: the runner of programs, and the length of each run.
#[derive(Debug)]
pub(crate) struct RunContext {
    /// Runs the programs.
    pub(crate) runner: ProgramRunner,
    /// Seconds that each run measures.
    pub(crate) seconds: u64,
}

impl RunContext {
    /// Returns the time-out of a run, with all that surrounds its measured part.
    pub(crate) fn bound(&self) -> Duration {
        Duration::from_secs(self.seconds * 2 + 30)
    }

    /// Returns the path for a bench's report, from which the report of an earlier run is removed.
    ///
    /// # Errors
    /// When the old report cannot be removed: it could be taken for a new one.
    pub(crate) fn new_report_path(&self) -> Result<PathBuf, ContestError> {
        let path = self.runner.file("report.json");
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::Write { path, source }.into())
            }
            _ => Ok(path),
        }
    }

    /// Returns the arguments that all our benches get: one short step, its report in `report`.
    pub(crate) fn bench_args(&self, report: &Path) -> Vec<OsString> {
        let duration = format!("{}s", self.seconds);
        let mut args: Vec<OsString> = ["--repeats", "1", "--warmup", "500ms", "--duration"]
            .map(OsString::from)
            .into();
        args.extend([duration.into(), "--quiet".into(), "--format".into()]);
        args.extend(["json".into(), "--output".into(), report.into()]);
        args
    }
}

/// Returns the path of a program that is built with this one and lies in the same directory.
///
/// # Errors
/// [`ContestError::NotBuilt`] when it is not there.
pub(crate) fn sibling(program: &'static str) -> Result<PathBuf, ContestError> {
    let own = std::env::current_exe().unwrap_or_default();
    let directory = own.parent().unwrap_or(Path::new("."));
    let path = directory.join(program);
    if path.is_file() {
        return Ok(path);
    }
    Err(ContestError::NotBuilt {
        program,
        directory: directory.display().to_string(),
    })
}

/// Reads the figures of one of our benches from a report with a single, complete step.
///
/// # Errors
/// When the report cannot be read, has not exactly one whole step, or has failures in it.
pub(crate) fn measurement_of_report(
    program: &'static str,
    path: &Path,
) -> Result<Measurement, ContestError> {
    let report = store::load(path)?;
    let unreadable = ContestError::unreadable(program);
    let [step] = report.steps.as_slice() else {
        let count = report.steps.len();
        return Err(unreadable(format!("its report has {count} steps, not one")));
    };
    let failures: u64 = step.operations.values().map(Operation::failures).sum();
    if step.end != StepEnd::Completed || failures > 0 {
        return Err(unreadable(format!(
            "its step ended as {:?} with {failures} failures",
            step.end
        )));
    }
    let operations_per_s = step.throughput_per_s();
    match step.generator.cpu_per_operation_ns {
        Some(cpu_per_operation_ns) if operations_per_s > 0.0 => Ok(Measurement {
            operations_per_s,
            cpu_per_operation_ns,
        }),
        _ => Err(unreadable("its report counts no operations".to_owned())),
    }
}
