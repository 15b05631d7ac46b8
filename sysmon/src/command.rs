//! Command around which a recording is made: `sysmon record -- COMMAND`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use bench_report::manifest::{RUN_DIR_ENV, STARTED_BY_ENV};
use bench_report::run_id::RUN_ID_ENV;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{AccessFlags, Pid, access};

use host_metrics::source::open_file_limit;

/// Exit code for a failure of the recorder itself, as `timeout` and `env` use it.
pub(crate) const OWN_FAILURE: u8 = 125;
const CANNOT_EXECUTE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Reason why the command after `sysmon record --` cannot be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// There is no program of that name, or the command is empty.
    #[error("cannot run {program}: there is no such program")]
    NotFound {
        /// First word of the command, with secrets masked.
        program: String,
    },
    /// The program exists but cannot be run.
    #[error("cannot run {program}: {source}")]
    CannotExecute {
        /// First word of the command, with secrets masked.
        program: String,
        /// Error of the operating system.
        source: io::Error,
    },
}

impl CommandError {
    fn of(program: &OsStr, source: io::Error) -> Self {
        let mut program = bench_report::redaction::text(&program.to_string_lossy());
        if program.is_empty() {
            "an empty name".clone_into(&mut program);
        }
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { program },
            _ => Self::CannotExecute { program, source },
        }
    }

    /// Returns a command or a change that the user can try next, as a phrase for a message.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => {
                "a program of PATH, or a path to one; what only a shell knows goes through one: \
                 sysmon record -- sh -c '...'"
            }
            Self::CannotExecute { .. } => {
                "chmod +x, or its interpreter before it, as in sysmon record -- sh script.sh"
            }
        }
    }

    /// Returns the exit code of `sysmon` for this failure: 127 if the program was not found, 126 if
    /// it cannot be executed.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => NOT_FOUND,
            Self::CannotExecute { .. } => CANNOT_EXECUTE,
        }
    }
}

/// Returns environment variables, as name and value, that make benches which the command starts
/// part of this run: the run's id, the name of the starter, and the directory of `report` for
/// further reports. The directory is left out if the user named a file for this report (`named`).
pub(crate) fn variables_of_run(
    run_id: &str,
    report: &Path,
    named: bool,
) -> Vec<(&'static str, OsString)> {
    let mut variables = vec![
        (RUN_ID_ENV, run_id.into()),
        (STARTED_BY_ENV, "sysmon".into()),
    ];
    // The path is made absolute, because the command may change its working directory.
    let directory = report.parent().map(std::path::absolute);
    if let Some(Ok(directory)) = directory.filter(|_| !named) {
        variables.push((RUN_DIR_ENV, directory.into_os_string()));
    }
    variables
}

/// Searches for the program of `words` before anything is written, so that a mistyped name does not
/// overwrite the report of an earlier run. Failures that show only when the program is started are
/// reported then.
///
/// # Errors
/// Fails if there is no such program, or if it may not be executed.
pub(crate) fn look_for(words: &[OsString]) -> Result<(), CommandError> {
    let Some(program) = words.first() else {
        return Ok(());
    };
    let looked = match std::env::var_os("PATH") {
        _ if program.as_bytes().contains(&b'/') => may_run(Path::new(program)),
        Some(directories) => look_in(&directories, program),
        // Without `PATH` the system searches directories of its own choice, so nothing is checked.
        None => Ok(()),
    };
    looked.map_err(|source| CommandError::of(program, source))
}

/// Searches the program in `directories`, a value of `PATH`, as execvp(3) does.
///
/// # Errors
/// Fails if no directory has a program of that name that may be executed: with `PermissionDenied`
/// if one exists that may not be executed, else with `NotFound`.
fn look_in(directories: &OsStr, program: &OsStr) -> io::Result<()> {
    let mut found = Err(io::ErrorKind::NotFound.into());
    for directory in std::env::split_paths(directories) {
        match may_run(&directory.join(program)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => found = Err(error),
            Err(_) => {}
        }
    }
    found
}

fn may_run(path: &Path) -> io::Result<()> {
    access(path, AccessFlags::X_OK)?;
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(())
}

/// Running command. It shares the terminal and the process group of the recorder, as if the user
/// had started it directly.
#[derive(Debug)]
pub(crate) struct RunningCommand {
    child: Child,
}

impl RunningCommand {
    /// Starts `words`, whose first word is the program. The command gets `mask` as its blocked
    /// signals, `variables` in addition to the environment, and the limit on open files that this
    /// process was started with.
    ///
    /// # Errors
    /// Fails if there is no such program, or if it cannot be executed.
    pub(crate) fn start(
        words: &[OsString],
        variables: Vec<(&str, OsString)>,
        mask: SigSet,
    ) -> Result<Self, CommandError> {
        let (program, arguments) = words.split_first().ok_or(CommandError::NotFound {
            program: "an empty command".to_owned(),
        })?;
        let mut command = Command::new(program);
        command.args(arguments).envs(variables);
        // SAFETY: between fork and exec only pthread_sigmask(3) and setrlimit(2) are called, which
        // are async-signal-safe; nothing is allocated and no lock is taken.
        unsafe {
            command.pre_exec(move || {
                open_file_limit::restore_limit()?;
                Ok(mask.thread_set_mask()?)
            })
        };
        let child = command.spawn();
        let child = child.map_err(|source| CommandError::of(program, source))?;
        Ok(Self { child })
    }

    /// Returns the process id of the command.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends `signal` to the command; does nothing if it has ended. Its process id cannot belong to
    /// another process, because the recorder has not yet waited for the command.
    pub(crate) fn forward(&self, signal: Signal) {
        // The command may have exited in the meantime; the recording's loop notices its exit.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), signal);
    }

    /// Returns the exit status of the command; `None` while it is running. Does not wait.
    ///
    /// # Errors
    /// Fails if the operating system does not report it, for example because SIGCHLD is ignored.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

/// Returns the exit code of `sysmon` for a command that ended with `status`: the command's own
/// code, or 128 + the number of the signal that killed it, as in a shell.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(OWN_FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_signals_are_handed_on() {
        for (raw, code) in [(0, 0), (7 << 8, 7), (255 << 8, 255), (9, 137), (15, 143)] {
            assert_eq!(exit_code(ExitStatus::from_raw(raw)), code);
        }
    }

    #[test]
    fn what_cannot_run_is_seen_before_it_is_tried() {
        let home = tempfile::tempdir().unwrap();
        let text = home.path().join("text");
        std::fs::write(&text, "no program").unwrap();
        let code = |word: &OsStr| look_for(&[word.into()]).err().map(|e| e.exit_code());
        for word in ["no-such-program-here", "", "./no/such", "tmp"] {
            assert_eq!(code(word.as_ref()), Some(127), "{word}");
        }
        assert_eq!(code(text.as_os_str()), Some(126));
        assert_eq!(code("/".as_ref()), Some(126));
        assert_eq!(code("sh".as_ref()), None);
        let (text, nowhere) = ("text".as_ref(), "/no/such".as_ref());
        let denied = look_in(home.path().as_os_str(), text).unwrap_err();
        assert_eq!(denied.kind(), io::ErrorKind::PermissionDenied);
        let missing = look_in(nowhere, text).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_cannot_run_is_told_apart() {
        let start = |word: &str| {
            RunningCommand::start(&[word.into()], vec![], SigSet::empty()).unwrap_err()
        };
        assert_eq!(start("no-such-program-here").exit_code(), 127);
        assert_eq!(start("/").exit_code(), 126);
        let empty = RunningCommand::start(&[], vec![], SigSet::empty());
        assert_eq!(empty.unwrap_err().exit_code(), 127);
    }
}
