//! Start of child processes that do not outlive this process.
//!
//! `spawn` starts a child in its own session, and has the kernel signal the child when this
//! process dies. [`ChildProcess`] is such a child with a time-out for its exit.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod spawn;

use std::io;
use std::process::{Child, ChildStderr, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use spawn::spawn;

/// Time between two checks of a child for its exit.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Running child process. If this value is dropped before the child has exited, the child is
/// killed and waited for.
#[derive(Debug)]
pub struct ChildProcess {
    child: Child,
}

impl ChildProcess {
    /// Starts `command` in its own session, as [`spawn`](spawn()) does. The kernel sends
    /// `death_signal` to the child when this process dies, on systems that support that.
    ///
    /// # Errors
    /// Fails if the operating system starts no process, or if the program does not exist.
    pub fn start(command: Command, death_signal: Signal) -> io::Result<Self> {
        let child = spawn(command, Some(death_signal))?;
        Ok(Self { child })
    }

    /// Returns the process id of the child, also after its exit.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Takes the child's standard error for reading; `None` if it is no pipe or was taken before.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Returns the exit status without waiting; `None` while the child runs.
    ///
    /// # Errors
    /// Fails if the operating system does not report it.
    pub fn exit_status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Sends `signal` to the child. Does nothing after its exit, because its process id may then
    /// belong to another process. A failure is ignored.
    pub fn signal(&mut self, signal: Signal) {
        if matches!(self.exit_status(), Ok(None)) {
            // If the child exits meanwhile, it is a zombie that keeps its process id.
            let _ = kill(Pid::from_raw(self.child.id().cast_signed()), signal);
        }
    }

    /// Waits at most `timeout` for the child's exit and returns its status. After that it kills
    /// the child, waits for its end, and returns `None`.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Ok(Some(status)) = self.exit_status() {
                return Some(status);
            }
            if started.elapsed() >= timeout {
                self.kill();
                return None;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Kills the child with SIGKILL and waits for its end; does nothing after its exit.
    pub fn kill(&mut self) {
        // Both fail only for a process that has exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Stdio;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn shell(script: &str) -> ChildProcess {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        ChildProcess::start(command, Signal::SIGKILL).unwrap()
    }

    /// Returns the first line of the child's output, without blanks around it; the child prints it
    /// once it is set up.
    fn first_line(child: &mut ChildProcess) -> String {
        let mut line = String::new();
        let output = child.child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn is_there(pid: u32) -> bool {
        kill(Pid::from_raw(pid.cast_signed()), None).is_ok()
    }

    #[test]
    fn its_exit_code_is_returned_and_it_leads_a_session_of_its_own() {
        let mut child = shell("ps -o sid= -p $$; exit 7");
        assert_eq!(first_line(&mut child), child.id().to_string());
        assert_eq!(child.wait(LONG).unwrap().code(), Some(7));
        assert!(child.exit_status().unwrap().is_some());
    }

    #[test]
    fn a_signal_reaches_it_and_ends_it() {
        let mut child = shell("echo ready; exec sleep 600");
        first_line(&mut child);
        child.signal(Signal::SIGTERM);
        let status = child.wait(LONG).unwrap();
        assert_eq!(status.signal(), Some(Signal::SIGTERM as i32));
        // The process id is free now; no other process receives the signal.
        child.signal(Signal::SIGKILL);
    }

    #[test]
    fn one_that_ignores_signals_is_killed_when_its_time_is_over_and_when_it_is_dropped() {
        let deaf = "trap '' TERM; echo ready; while :; do sleep 600; done";
        let mut child = shell(deaf);
        first_line(&mut child);
        child.signal(Signal::SIGTERM);
        assert!(child.wait(Duration::from_millis(30)).is_none());
        assert!(!is_there(child.id()));
        let dropped = shell(deaf);
        let pid = dropped.id();
        drop(dropped);
        assert!(!is_there(pid));
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error() {
        let missing = ChildProcess::start(Command::new("no-such-program-here"), Signal::SIGKILL);
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
