//! Runner of external programs, one at a time, with a time-out and a measurement of their CPU time.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use child_process::ChildProcess;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike as _;
use tempfile::TempDir;

/// Time between two checks for the program's exit, long enough to disturb no measurement.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Time that a program has to clean up after SIGINT before it is killed.
const INTERRUPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Environment variables that are passed to the programs: paths and the time zone. All others are
/// removed, because they could change a program's behaviour.
const ENVIRONMENT: [&str; 6] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "TZ",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
];
/// Number of lines, from the end of a failed program's output, that an error quotes.
const MOST_LINES: usize = 3;

/// Reason for which a program that was to run gave no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// The operating system could not start the program, not wait for it, or not read its output or
    /// CPU time.
    #[error("cannot run {program}: {source}", program = program.display())]
    Start {
        /// Path of the program that could not be run.
        program: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The program exited with a status other than 0.
    #[error("{program} failed ({status}): {said}", program = program.display())]
    Failed {
        /// Path of the program that failed.
        program: PathBuf,
        /// Exit status of the program: its code, or the signal that ended it.
        status: ExitStatus,
        /// Last three lines of its stderr, or of its stdout if that is empty, separated by `; `.
        said: String,
    },
    /// The program did not end within its time-out, and was killed.
    #[error("{program} did not end within {bound:?} and was killed", program = program.display())]
    TooLong {
        /// Path of the program that was killed.
        program: PathBuf,
        /// Longest time that it was allowed to run.
        bound: Duration,
    },
    /// A signal requested the end of this process, so the program was interrupted or not started.
    #[error("interrupted")]
    Interrupted,
}

/// Result of a program that ended with success.
#[derive(Debug)]
pub(crate) struct ProgramOutput {
    /// Whole text that the program wrote to stdout.
    pub(crate) stdout: String,
    /// CPU time in nanoseconds, user and system, of the process and of the children that it waited
    /// for.
    pub(crate) cpu_ns: u64,
}

/// Runner of programs, one at a time. The CPU time of a program is calculated from the growth of
/// the CPU time of all children of this process, so no others may end during a run.
#[derive(Debug)]
pub(crate) struct ProgramRunner {
    interrupted: Arc<AtomicBool>,
    scratch: TempDir,
}

impl ProgramRunner {
    /// Creates a runner with a private directory, which is removed when the runner is dropped. Once
    /// `interrupted` is set, a running program is interrupted and no further one is started.
    ///
    /// # Errors
    /// Fails if the directory cannot be created.
    pub(crate) fn new(interrupted: Arc<AtomicBool>) -> io::Result<Self> {
        let scratch = tempfile::Builder::new()
            .prefix("plimsoll-peers-")
            .tempdir()?;
        Ok(Self {
            interrupted,
            scratch,
        })
    }

    /// Returns the path of the file `name` in the private directory, whether or not it exists.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Returns true if a signal requested the end of this process.
    pub(crate) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Runs `command` to its end, for at most `bound`, and returns its output and CPU time.
    ///
    /// # Errors
    /// Fails if the program cannot be started, exits with an error or takes longer than `bound` (it
    /// is then killed), or if a signal requested the end of this process.
    pub(crate) fn run(
        &self,
        command: Command,
        bound: Duration,
    ) -> Result<ProgramOutput, ProgramError> {
        let program = PathBuf::from(command.get_program());
        let (status, output) =
            self.measured(command, |child| self.follow(child, &program, bound))?;
        if !status.success() {
            let said = last_lines(&self.file("stderr"), &self.file("stdout"));
            return Err(ProgramError::Failed {
                program,
                status,
                said,
            });
        }
        Ok(output)
    }

    /// Runs `command`, which does not end by itself, until `is_enough` returns true for what it has
    /// written to stdout, or until `bound` has passed. Then ends it, and returns its output and CPU
    /// time.
    ///
    /// # Errors
    /// Fails if the program cannot be started, or if a signal requested the end of this process.
    pub(crate) fn run_until(
        &self,
        command: Command,
        bound: Duration,
        is_enough: impl Fn(&str) -> bool,
    ) -> Result<ProgramOutput, ProgramError> {
        let stdout = self.file("stdout");
        let ended = self.measured(command, |mut child| {
            let begun = Instant::now();
            let said = || fs::read_to_string(&stdout).unwrap_or_default();
            while begun.elapsed() < bound && !self.interrupted() && !is_enough(&said()) {
                thread::sleep(POLL_INTERVAL);
            }
            child.signal(Signal::SIGTERM);
            child.wait(INTERRUPT_TIMEOUT);
            Ok(())
        });
        let ((), output) = ended?;
        if self.interrupted() {
            return Err(ProgramError::Interrupted);
        }
        Ok(output)
    }

    /// Starts `command`, has `follow` wait for its end, and returns the result of that with the
    /// program's output and CPU time.
    fn measured<T>(
        &self,
        mut command: Command,
        follow: impl FnOnce(ChildProcess) -> Result<T, ProgramError>,
    ) -> Result<(T, ProgramOutput), ProgramError> {
        if self.interrupted() {
            return Err(ProgramError::Interrupted);
        }
        let program = PathBuf::from(command.get_program());
        let started = |source| ProgramError::Start {
            program: program.clone(),
            source,
        };
        // Output goes to files, so that no pipes need to be read during the load.
        let (stdout, stderr) = (self.file("stdout"), self.file("stderr"));
        command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).map_err(started)?)
            .stderr(File::create(&stderr).map_err(started)?);
        let cpu_before = children_cpu_ns().map_err(started)?;
        let child = ChildProcess::start(command, Signal::SIGTERM).map_err(started)?;
        let ended = follow(child)?;
        let cpu_ns = children_cpu_ns()
            .map_err(started)?
            .saturating_sub(cpu_before);
        let stdout = fs::read_to_string(&stdout).map_err(started)?;
        Ok((ended, ProgramOutput { stdout, cpu_ns }))
    }

    fn follow(
        &self,
        mut child: ChildProcess,
        program: &Path,
        bound: Duration,
    ) -> Result<ExitStatus, ProgramError> {
        let begun = Instant::now();
        loop {
            let ended = child.exit_status().map_err(|source| ProgramError::Start {
                program: program.to_owned(),
                source,
            })?;
            if self.interrupted() {
                child.signal(Signal::SIGINT);
                child.wait(INTERRUPT_TIMEOUT);
                return Err(ProgramError::Interrupted);
            }
            if let Some(status) = ended {
                return Ok(status);
            }
            if begun.elapsed() > bound {
                return Err(ProgramError::TooLong {
                    program: program.to_owned(),
                    bound,
                });
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

/// Creates a command that runs `program` with an environment of only the paths of programs and
/// libraries, the time zone, and a locale for English output.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    let kept = ENVIRONMENT
        .iter()
        .filter_map(|&name| Some((name, env::var_os(name)?)));
    command.env_clear().envs(kept).env("LC_ALL", "C");
    command
}

/// Returns the path of the first of `names` that is an executable file in one of `directories` or
/// in `PATH`, searched in this order; `None` if there is none.
pub(crate) fn find(names: &[&str], directories: &[&Path]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = directories
        .iter()
        .map(|&place| place.to_owned())
        .chain(env::split_paths(&path))
        .collect();
    names
        .iter()
        .flat_map(|name| places.iter().map(move |place| place.join(name)))
        .find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Returns the CPU time in nanoseconds, user and system, of all ended children of this process that
/// were waited for.
fn children_cpu_ns() -> io::Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let microseconds =
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(microseconds.max(0) as u64 * 1_000)
}

fn last_lines(stderr: &Path, stdout: &Path) -> String {
    let said = [stderr, stdout].map(|path| fs::read(path).unwrap_or_default());
    let said = said.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let lines: Vec<&str> = said
        .iter()
        .map(|text| text.trim())
        .find(|text| !text.is_empty())
        .unwrap_or("it said nothing")
        .lines()
        .collect();
    lines[lines.len().saturating_sub(MOST_LINES)..].join("; ")
}

#[cfg(test)]
mod tests;
