//! Context of a benchmark: the runner of programs, the paths of this project's programs, and the
//! length of each run.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench_report::store::{self, StoreError};
use bench_report::{Operation, StepEnd};

use crate::contest::{ContestError, Measurement};
use crate::program::ProgramRunner;

/// Data that all contests share: the runner of programs, and the length of the measured part of
/// each run.
#[derive(Debug)]
pub(crate) struct RunContext {
    /// Runner of the programs that are measured.
    pub(crate) runner: ProgramRunner,
    /// Length of the measured part of each run, in seconds.
    pub(crate) seconds: u64,
}

impl RunContext {
    /// Returns the time-out of one run: twice its measured seconds, and 30 s for its start and end.
    pub(crate) fn bound(&self) -> Duration {
        Duration::from_secs(self.seconds * 2 + 30)
    }

    /// Returns the path for the report of a bench, after removing the report of an earlier run
    /// there.
    ///
    /// # Errors
    /// Fails if the earlier report cannot be removed, because it could be taken for the new one.
    pub(crate) fn new_report_path(&self) -> Result<PathBuf, ContestError> {
        let path = self.runner.file("report.json");
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::Write { path, source }.into())
            }
            _ => Ok(path),
        }
    }

    /// Returns the common arguments for all benches of this project: one repeat of `seconds` after
    /// half a second of warm-up, with a JSON report in the file `report`.
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

/// Returns the path of a program of this project, which is built into the directory of the running
/// program. `program` may contain a subdirectory.
///
/// # Errors
/// [`ContestError::NotBuilt`] if there is no such file.
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

/// Reads throughput and CPU time of a run from the JSON report at `path`, which the bench `program`
/// wrote.
///
/// # Errors
/// Fails if the report cannot be read, does not have exactly one step, or that step is incomplete,
/// contains failures, or has no operations.
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
