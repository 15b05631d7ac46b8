//! Context of a run: the runner of programs, the places of this project's programs, and the length
//! of each run.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench_report::store::{self, StoreError};
use bench_report::{Operation, StepEnd};

use crate::contest::{ContestError, Measurement};
use crate::program::ProgramRunner;

/// Data that all contests share: the runner of programs, and the length of each run.
#[derive(Debug)]
pub(crate) struct RunContext {
    /// Runner of the programs.
    pub(crate) runner: ProgramRunner,
    /// Seconds that each run measures.
    pub(crate) seconds: u64,
}

impl RunContext {
    /// Returns the time-out of a run, including the time around its measured part.
    pub(crate) fn bound(&self) -> Duration {
        Duration::from_secs(self.seconds * 2 + 30)
    }

    /// Returns the path for a bench's report, after removing the report of an earlier run.
    ///
    /// # Errors
    /// Fails if the old report cannot be removed, because it could be taken for a new one.
    pub(crate) fn new_report_path(&self) -> Result<PathBuf, ContestError> {
        let path = self.runner.file("report.json");
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::Write { path, source }.into())
            }
            _ => Ok(path),
        }
    }

    /// Returns the arguments for all benches of this project: one short step, with its report in
    /// `report`.
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

/// Returns the path of a program that was built with this one, in the same directory.
///
/// # Errors
/// [`ContestError::NotBuilt`] if it is not there.
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

/// Reads the figures of a bench of this project from its report, which must have a single, complete
/// step.
///
/// # Errors
/// Fails if the report cannot be read, does not have exactly one complete step, or contains
/// failures.
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
