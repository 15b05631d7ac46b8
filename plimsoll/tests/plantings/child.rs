//! Child process of the harness, which the kernel kills if the harness dies, however it dies.

use std::fs::File;
use std::path::Path;
use std::process::{Child as Process, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// Running child in a process group of its own. Dropping the value kills the whole group.
pub(crate) struct Child(Process);

impl Child {
    /// Starts `command` with its stdout and stderr in the file `said`, or with neither.
    pub(crate) fn start(mut command: Command, said: Option<&Path>) -> Self {
        let sink = || said.map_or_else(Stdio::null, |path| appending(path).into());
        command.stdin(Stdio::null()).stdout(sink()).stderr(sink());
        // Spawned by a thread that lives as long as the harness, in a session of its own.
        Self(child_process::spawn(command, Some(Signal::SIGKILL)).unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends `signal` to the child alone, not to its children.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill(self.id(), signal);
    }

    /// Sends `signal` to the child and its children.
    pub(crate) fn signal_all(&self, signal: Signal) {
        let _ = killpg(self.id(), signal);
    }

    /// Waits until the child has ended.
    ///
    /// # Errors
    /// Fails with a sentence if it runs for longer than `bound`.
    pub(crate) fn wait(&mut self, bound: Duration) -> Result<(), String> {
        let started = Instant::now();
        while self
            .0
            .try_wait()
            .map_err(|error| error.to_string())?
            .is_none()
        {
            if started.elapsed() > bound {
                return Err(format!("a program still runs after {bound:?}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn id(&self) -> Pid {
        Pid::from_raw(self.0.id().cast_signed())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal_all(Signal::SIGCONT);
        self.signal_all(Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

fn appending(path: &Path) -> File {
    let options = File::options().create(true).append(true).open(path);
    options.unwrap()
}
