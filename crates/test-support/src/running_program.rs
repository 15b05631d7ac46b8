use std::fs::read_to_string;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{TIMEOUT, ending_bound, eventually};

/// Running tool whose stdout and stderr are captured. Dropping the value kills the tool, so that it
/// does not outlive a failing test.
#[derive(Debug)]
pub struct RunningProgram {
    child: Child,
    stderr: Receiver<String>,
    stdout: Option<JoinHandle<String>>,
    said: String,
}

/// Exit of a tool, as [`RunningProgram::end`] returns it.
#[derive(Debug)]
pub struct Ended {
    /// Exit code of the tool; `None` if a signal killed it.
    pub code: Option<i32>,
    /// Time from the call of [`RunningProgram::end`] to the tool's exit.
    pub took: Duration,
    /// Whole text of stderr, followed by the whole text of stdout.
    pub said: String,
}

impl Ended {
    /// Asserts that the tool handled an interruption by a signal: it exited within
    /// [`ending_bound`], with code 130 and without a panic. `when` names the signal in failures.
    pub fn assert_interrupted(&self, when: &str) {
        let Self { code, took, said } = self;
        assert_eq!(*code, Some(130), "{when}: {said}");
        assert!(*took <= ending_bound(), "{when}: took {took:?}: {said}");
        assert!(!said.contains("panicked"), "{when}: {said}");
    }
}

impl RunningProgram {
    /// Starts `command` with its stdout and stderr captured. Panics if it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, stderr) = channel();
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line + "\n"))
        });
        let mut out = child.stdout.take().unwrap();
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = out.read_to_string(&mut text);
            text
        });
        Self {
            child,
            stderr,
            stdout: Some(stdout),
            said: String::new(),
        }
    }

    /// Returns the process id of the tool, also once it has exited.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the process ids of the tool's children (not of their children), in ascending order.
    pub fn children(&self) -> Vec<i32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id()));
        let tasks = tasks.into_iter().flatten().flatten();
        let listed = tasks.filter_map(|task| read_to_string(task.path().join("children")).ok());
        let listed = listed.collect::<Vec<_>>().join(" ");
        let children = listed.split_whitespace().filter_map(|pid| pid.parse().ok());
        let mut children: Vec<i32> = children.collect();
        children.sort_unstable();
        children
    }

    /// Reads the tool's stderr until a line begins with `wanted`, and returns that line with its
    /// line break. Panics if the tool exits, or writes no line for [`TIMEOUT`].
    pub fn wait_for(&mut self, wanted: &str) -> String {
        loop {
            let line = self.stderr.recv_timeout(TIMEOUT).unwrap_or_else(|error| {
                let why = match error {
                    RecvTimeoutError::Timeout => "it says no more",
                    RecvTimeoutError::Disconnected => "it ended",
                };
                panic!("{why} before {wanted:?}:\n{}", self.said)
            });
            self.said.push_str(&line);
            if line.starts_with(wanted) {
                return line;
            }
        }
    }

    /// Reads the tool's stderr until a line begins with `wanted`, and returns that line with its
    /// line break; `None` if no such line appears within `bound` or before the tool exits.
    pub fn wait_for_within(&mut self, wanted: &str, bound: Duration) -> Option<String> {
        let started = Instant::now();
        loop {
            let left = bound.saturating_sub(started.elapsed());
            let line = self.stderr.recv_timeout(left).ok()?;
            self.said.push_str(&line);
            if line.starts_with(wanted) {
                return Some(line);
            }
        }
    }

    /// Returns true if the tool has not exited yet.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends `signal` to the tool's process. Panics if that fails.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for the tool's exit and returns it with the whole output. Panics if the tool runs for
    /// longer than [`TIMEOUT`].
    pub fn end(mut self) -> Ended {
        let started = Instant::now();
        eventually("the tool ends", || !self.runs());
        let took = started.elapsed();
        let code = self.child.wait().unwrap().code();
        self.said.extend(self.stderr.iter());
        let stdout = self.stdout.take().unwrap().join().unwrap();
        let said = std::mem::take(&mut self.said) + &stdout;
        Ended { code, took, said }
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // The tool has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
