//! Child process of the suite, whose program lies in the directory of this one. A Ctrl-C at the
//! terminal does not reach it. Its stderr is read line by line, and it is killed if it does not end
//! within a time-out.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use child_process::ChildProcess;
use nix::sys::signal::Signal;

use crate::log_copy::LogCopy;

/// Interval between two checks whether a child process has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Longest wait for a tool's first line before it is interrupted all the same. Tools print a line
/// as soon as they handle signals.
const FIRST_LINE_TIMEOUT: Duration = Duration::from_millis(500);
/// Longest wait for the end of the stderr of a tool that has ended.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(2);

/// Reason why a tool could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    /// The program is not in the directory of this one, where it is expected.
    #[error(
        "cannot find {tool} beside plimsoll in {directory}; build it with: cargo build --release",
        directory = directory.display()
    )]
    Missing {
        /// Name of the missing program.
        tool: String,
        /// Directory of this program, which was searched.
        directory: PathBuf,
    },
    /// The operating system could not start the program.
    #[error("cannot start {tool}: {source}")]
    Start {
        /// Name of the program that could not be started.
        tool: String,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The log file of the tool cannot be created.
    #[error("cannot write {path}: {source}", path = path.display())]
    Log {
        /// Path of the log file that could not be created.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
}

/// Returns the path of the program `tool` in the directory of this program.
///
/// # Errors
/// Fails if there is no such file.
pub(crate) fn sibling(tool: &str) -> Result<PathBuf, ToolError> {
    let own = std::env::current_exe().unwrap_or_default();
    let directory = own.parent().unwrap_or(Path::new(".")).to_owned();
    let path = directory.join(tool);
    if path.is_file() {
        Ok(path)
    } else {
        Err(ToolError::Missing {
            tool: tool.to_owned(),
            directory,
        })
    }
}

/// Running tool. It is killed if this value is dropped before the tool has ended.
#[derive(Debug)]
pub(crate) struct ToolProcess {
    child: ChildProcess,
    log: Option<LogCopy>,
}

impl ToolProcess {
    /// Starts `tool` with `args` and with `environment` added to the variables of this program. The
    /// file `log`, which is overwritten, receives its stdout and its stderr; secrets are masked in
    /// the latter, whose lines are also available from [`ToolProcess::lines`].
    ///
    /// The tool gets a session of its own. A Ctrl-C at the terminal thus reaches it only once,
    /// through this program; a second signal would make it leave without cleaning up. If this
    /// program is killed, the tool receives SIGTERM, because a recorder without a duration would
    /// otherwise run for ever.
    ///
    /// # Errors
    /// Fails if the tool cannot be found or started, or if its log cannot be written.
    pub(crate) fn start(
        tool: &str,
        args: &[String],
        environment: &[(&str, String)],
        log: &Path,
    ) -> Result<Self, ToolError> {
        let failed = |source| ToolError::Log {
            path: log.to_owned(),
            source,
        };
        let file = File::create(log).map_err(failed)?;
        let result = file.try_clone().map_err(failed)?;
        let mut command = Command::new(sibling(tool)?);
        command
            .args(args)
            .envs(
                environment
                    .iter()
                    .map(|(name, value)| (*name, value.as_str())),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::from(result))
            .stderr(Stdio::piped());
        let started = ChildProcess::start(command, Signal::SIGTERM);
        let mut child = started.map_err(|source| ToolError::Start {
            tool: tool.to_owned(),
            source,
        })?;
        let log = child
            .take_stderr()
            .map(|stderr| LogCopy::start(stderr, file));
        Ok(Self { child, log })
    }

    /// Iterates over the lines that the tool has printed on stderr since the last call, with
    /// secrets masked. Does not wait.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.log.iter().flat_map(LogCopy::lines)
    }

    /// Returns the exit status, after all that the tool said is in its log; `None` while the tool
    /// is running, or if its state cannot be read.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        let status = self.child.exit_status().ok().flatten()?;
        self.complete_log();
        Some(status)
    }

    /// Sends SIGINT after the tool has printed its first line, for which it waits at most 500 ms.
    /// Before that line the tool may not handle signals yet, and would end without a report.
    pub(crate) fn interrupt(&mut self) {
        let started = Instant::now();
        while !self.log.as_ref().is_some_and(LogCopy::spoke)
            && self.exit_status().is_none()
            && started.elapsed() < FIRST_LINE_TIMEOUT
        {
            std::thread::sleep(POLL_INTERVAL);
        }
        self.child.signal(Signal::SIGINT);
    }

    /// Waits until the tool has ended, for at most `bound`, then kills it. Returns the exit status;
    /// `None` if it had to be killed. All that the tool said is then in its log.
    pub(crate) fn wait(&mut self, bound: Duration) -> Option<ExitStatus> {
        let status = self.child.wait(bound);
        self.complete_log();
        status
    }

    /// Waits until the last words of a tool that has ended are in its log, where the cause of a
    /// failure is read from.
    fn complete_log(&self) {
        if let Some(log) = &self.log {
            log.wait(LAST_WORDS_TIMEOUT);
        }
    }
}
