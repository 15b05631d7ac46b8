//! Private directory of one server, with its log, its user and its guardian.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::TestbedError;
use crate::guardian::Guardian;
use crate::process::wait_until;
use crate::server_user::ServerUser;
use child_process::spawn;

const LOG_TAIL_BYTES: usize = 2048;

/// Private directory of one server. It is removed when the value is dropped, or by its guardian if
/// this process is killed.
#[derive(Debug)]
pub(crate) struct ServerDirectory {
    path: PathBuf,
    user: ServerUser,
    guardian: Guardian,
    cleared: bool,
}

impl ServerDirectory {
    /// Creates the directory (mode 0700, owned by `user`) at a random path below the one for
    /// temporary files, and starts its guardian. `stop_signal` is the signal with which the
    /// guardian would end the server.
    pub(crate) fn create(user: ServerUser, stop_signal: Signal) -> Result<Self, TestbedError> {
        let base = base_directory(user);
        let base = base
            .canonicalize()
            .map_err(TestbedError::io("resolve", &base))?;
        let path = base.join(format!("plimsoll-{:016x}", rand::random::<u64>()));
        let guardian = Guardian::start(&path, &path.join("data"), stop_signal, user)
            .map_err(TestbedError::io("make a private directory", &path))?;
        Ok(Self {
            path,
            user,
            guardian,
            cleared: false,
        })
    }

    /// Returns the path of the private directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the working directory of the server's processes, in which no other
    /// process works. It is also PostgreSQL's data directory.
    pub(crate) fn work(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Reads the whole output, stdout and stderr, of the server and of the programs that prepared
    /// it. Empty if it cannot be read.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads the last 2048 bytes of the log, for an error message.
    pub(crate) fn log_tail(&self) -> String {
        let log = self.log();
        let start = log.ceil_char_boundary(log.len().saturating_sub(LOG_TAIL_BYTES));
        log[start..].trim_end().to_owned()
    }

    /// Appends `contents` to the file `name` of the directory, which only the server's user can
    /// read, and returns its path. Creates the file if there is none.
    pub(crate) fn write(&self, name: &str, contents: &str) -> Result<PathBuf, TestbedError> {
        let path = self.path.join(name);
        self.append_to(&path)
            .and_then(|mut file| file.write_all(contents.as_bytes()))
            .map_err(TestbedError::io("write", &path))?;
        Ok(path)
    }

    /// Creates a command that runs `program` as the server's user in the working directory, with
    /// empty stdin, and appends its output to the log. Fails if the log cannot be opened.
    pub(crate) fn command(&self, program: &Path) -> Result<Command, TestbedError> {
        let path = self.log_path();
        let log = self
            .append_to(&path)
            .map_err(TestbedError::io("write", &path))?;
        let errors = log.try_clone().map_err(TestbedError::io("write", &path))?;
        let mut command = Command::new(program);
        command
            .current_dir(self.work())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        self.user.apply_to(&mut command);
        Ok(command)
    }

    /// Runs a program that prepares the server, and waits for its exit. Fails if its status is not
    /// 0, or if it runs for longer than `timeout`, after which it is killed. If this process dies
    /// meanwhile, the guardian ends the program: a program that is killed at once would not release
    /// PostgreSQL's shared memory.
    pub(crate) fn run(
        &self,
        name: &'static str,
        command: Command,
        timeout: Duration,
    ) -> Result<(), TestbedError> {
        let io = |source| TestbedError::Io {
            action: "run",
            path: name.into(),
            source,
        };
        let mut child = spawn(command, None).map_err(io)?;
        let mut status = None;
        wait_until(timeout, || {
            status = child.try_wait().transpose();
            status.is_some()
        });
        match status {
            Some(Ok(status)) if status.success() => Ok(()),
            Some(Ok(status)) => Err(self.failed(name, status.to_string())),
            Some(Err(error)) => Err(io(error)),
            None => {
                let _ = child.kill().and_then(|()| child.wait());
                Err(TestbedError::Timeout {
                    server: name,
                    what: "end",
                    waited: timeout,
                    log: self.log_tail(),
                })
            }
        }
    }

    /// Creates the error of a server or program that failed before it was ready, with the end of
    /// the log.
    pub(crate) fn failed(&self, server: &'static str, reason: String) -> TestbedError {
        TestbedError::Start {
            server,
            reason,
            log: self.log_tail(),
        }
    }

    /// Sends the pid of the server's main process to the guardian. Fails if the guardian has died.
    pub(crate) fn watch(&mut self, pid: u32) -> Result<(), TestbedError> {
        self.guardian
            .watch(pid)
            .map_err(TestbedError::io("instruct the guardian of", &self.path))
    }

    /// Removes the directory and ends the guardian. If the directory cannot be removed, fails and
    /// keeps the guardian, which tries again when this process ends. Does nothing after a success.
    pub(crate) fn clear(&mut self) -> Result<(), TestbedError> {
        if self.cleared {
            return Ok(());
        }
        fs::remove_dir_all(&self.path).map_err(TestbedError::io("remove", &self.path))?;
        self.cleared = true;
        self.guardian.dismiss();
        Ok(())
    }

    fn log_path(&self) -> PathBuf {
        self.path.join("server.log")
    }

    fn append_to(&self, path: &Path) -> io::Result<File> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        self.user.chown(path)?;
        Ok(file)
    }
}

impl Drop for ServerDirectory {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            tracing::error!(%error, "a throwaway server left something behind");
        }
    }
}

/// Returns the usual directory for temporary files; `/tmp` if `user` is another one that could not
/// enter that directory or create files there.
fn base_directory(user: ServerUser) -> PathBuf {
    let usual = std::env::temp_dir();
    let lets_others = |place: &Path, bits| {
        place
            .metadata()
            .is_ok_and(|found| found.permissions().mode() & bits == bits)
    };
    let suits = lets_others(&usual, 0o003) && usual.ancestors().all(|p| lets_others(p, 0o001));
    match user {
        ServerUser::Other { .. } if !suits => PathBuf::from("/tmp"),
        _ => usual,
    }
}
