//! Child process of the suite: found beside this program, started out of reach of the terminal's
//! Ctrl-C, followed line by line, and ended within a time-out.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use child_process::{ChildProcess, Signal};

/// Time between two polls of a child.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Longest wait for the first line of a tool, which it prints once it handles signals.
const FIRST_LINE_TIMEOUT: Duration = Duration::from_millis(500);

/// Reason for which a tool could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    /// The binary is not beside this program.
    #[error(
        "cannot find {tool} beside plimsoll in {directory}; build it with: cargo build --release",
        directory = directory.display()
    )]
    Missing {
        /// The binary.
        tool: String,
        /// Directory in which it was looked for.
        directory: PathBuf,
    },
    /// The system would not start it.
    #[error("cannot start {tool}: {source}")]
    Start {
        /// The binary.
        tool: String,
        /// Error of the system.
        source: std::io::Error,
    },
    /// Its log cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
}

/// Returns the path of a binary beside this program.
///
/// # Errors
/// Fails when it is not there.
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

/// Running tool, which is killed when this is dropped before it has exited.
#[derive(Debug)]
pub(crate) struct ToolProcess {
    child: ChildProcess,
    lines: Receiver<String>,
    spoke: Arc<AtomicBool>,
}

impl ToolProcess {
    /// Starts `tool`. Its output goes to `log`; its progress lines are also kept to be shown. It gets
    /// a session of its own, so that a terminal's Ctrl-C reaches it through this program, once: a
    /// second signal would make it leave without cleaning up. When this program is killed it gets
    /// SIGTERM: a recorder without a duration would otherwise go on for ever.
    ///
    /// # Errors
    /// Fails when the tool cannot be found or started, or its log cannot be written.
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
        let mut file = File::create(log).map_err(failed)?;
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
        let (sender, lines) = mpsc::channel();
        let spoke = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&spoke);
        if let Some(stderr) = child.take_stderr() {
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    // A tool masks secrets in its own words, and not in those of its libraries.
                    let line = bench_report::redaction::text(&line);
                    // A full disk must not block the bench on a pipe that is not read.
                    let _ = writeln!(file, "{line}");
                    heard.store(true, Ordering::Relaxed);
                    let _ = sender.send(line);
                }
            });
        }
        Ok(Self {
            child,
            lines,
            spoke,
        })
    }

    /// Returns the lines that it has printed since the last call.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.lines.try_iter()
    }

    /// Returns the exit status; `None` while it runs.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.exit_status().ok().flatten()
    }

    /// Sends SIGINT once the tool has printed its first line: before that it may not handle signals
    /// yet, and would end without a report.
    pub(crate) fn interrupt(&mut self) {
        let started = Instant::now();
        while !self.spoke.load(Ordering::Relaxed)
            && self.exit_status().is_none()
            && started.elapsed() < FIRST_LINE_TIMEOUT
        {
            std::thread::sleep(POLL_INTERVAL);
        }
        self.child.signal(Signal::SIGINT);
    }

    /// Waits for its end for at most `bound`, then kills it; `None` when it had to be killed.
    pub(crate) fn wait(&mut self, bound: Duration) -> Option<ExitStatus> {
        self.child.wait(bound)
    }
}
