//! Start, pause and end of throwaway servers of every kind.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::TestbedError;
use crate::process::{server_processes, signal, stop, wait_until, wait_until_gone};
use crate::server_directory::ServerDirectory;
use crate::shared_memory::SharedMemory;
use child_process::spawn;

const START_TIMEOUT: Duration = Duration::from_secs(20);
const END_TIMEOUT: Duration = Duration::from_secs(1);
const PORT_ATTEMPTS: usize = 5;
const PORTS_TRIED: usize = 100;
const PORT_TAKEN: &str = "Address already in use";

/// Kind of server: its name for errors, and the signals that end it.
#[derive(Debug)]
pub(crate) struct ServerKind {
    pub(crate) name: &'static str,
    /// Signal that the server's main process receives when this process dies; it must end all of
    /// the server's processes at once.
    pub(crate) orphaned: Signal,
    /// Signals that stop the server's main process in order, each with the longest time to wait for
    /// its effect; SIGKILL for all processes follows if none has one.
    pub(crate) stop_signals: &'static [(Signal, Duration)],
}

/// Running server with its directory. Dropping the value ends the server and removes the directory.
#[derive(Debug)]
pub(crate) struct RunningServer {
    kind: &'static ServerKind,
    child: Child,
    reaped: bool,
    port: u16,
    shared_memory: SharedMemory,
    directory: ServerDirectory,
}

impl RunningServer {
    /// Starts `command`, the server's main process, and calls `ready` with the directory and its
    /// pid until it returns the server's port. Fails if the process exits first, or after 20 s.
    pub(crate) fn start(
        kind: &'static ServerKind,
        mut directory: ServerDirectory,
        command: Command,
        ready: impl Fn(&ServerDirectory, u32) -> Option<u16>,
    ) -> Result<Self, TestbedError> {
        let program = command.get_program().to_owned();
        let child =
            spawn(command, Some(kind.orphaned)).map_err(TestbedError::io("run", program))?;
        let watched = directory.watch(child.id());
        let shared_memory = SharedMemory::default();
        let mut server = Self {
            kind,
            child,
            reaped: false,
            port: 0,
            shared_memory,
            directory,
        };
        watched?;
        server.await_ready(ready)?;
        Ok(server)
    }

    /// Ends the server's processes as [`RunningServer::end`] does, but keeps the directory, and
    /// starts the command that `command` returns in their place. `ready` is as for
    /// [`RunningServer::start`].
    pub(crate) fn restart(
        &mut self,
        command: impl Fn(&ServerDirectory) -> Result<Command, TestbedError>,
        ready: impl Fn(&ServerDirectory, u32) -> Option<u16>,
    ) -> Result<(), TestbedError> {
        self.end_processes();
        let command = command(&self.directory)?;
        let program = command.get_program().to_owned();
        let started = spawn(command, Some(self.kind.orphaned));
        self.child = started.map_err(TestbedError::io("run", program))?;
        self.reaped = false;
        // Shared memory that was released may now belong to another program.
        self.shared_memory = SharedMemory::default();
        self.directory.watch(self.pid())?;
        self.await_ready(ready)
    }

    fn await_ready(
        &mut self,
        ready: impl Fn(&ServerDirectory, u32) -> Option<u16>,
    ) -> Result<(), TestbedError> {
        let (mut port, mut ended) = (None, None);
        wait_until(START_TIMEOUT, || {
            ended = self.child.try_wait().transpose();
            port = ended
                .is_none()
                .then(|| ready(&self.directory, self.child.id()))
                .flatten();
            ended.is_some() || port.is_some()
        });
        if let Some(status) = ended {
            self.reaped = true;
            let reason = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            return Err(self.directory.failed(self.kind.name, reason));
        }
        self.port = port.ok_or_else(|| TestbedError::Timeout {
            server: self.kind.name,
            what: "answer",
            waited: START_TIMEOUT,
            log: self.directory.log_tail(),
        })?;
        self.shared_memory.look_into(&self.processes());
        Ok(())
    }

    /// Calls `condition` until it returns true. Fails after 20 s with `what`, the event that did not
    /// happen, as an infinitive, and the end of the server's log.
    pub(crate) fn await_state(
        &self,
        what: &'static str,
        condition: impl FnMut() -> bool,
    ) -> Result<(), TestbedError> {
        if wait_until(START_TIMEOUT, condition) {
            return Ok(());
        }
        Err(TestbedError::Timeout {
            server: self.kind.name,
            what,
            waited: START_TIMEOUT,
            log: self.directory.log_tail(),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the output of the server so far, stdout and stderr.
    pub(crate) fn log(&self) -> String {
        self.directory.log()
    }

    /// Returns the pids of the server's living processes, the main one first. The main process is
    /// left out once it was reaped, because its pid may be reused.
    pub(crate) fn processes(&self) -> Vec<u32> {
        server_processes((!self.reaped).then(|| self.pid()), &self.directory.work())
    }

    pub(crate) fn pause(&self) {
        if !self.reaped {
            stop(self.pid());
        }
        self.signal_all(Signal::SIGSTOP);
    }

    pub(crate) fn resume(&self) {
        self.signal_all(Signal::SIGCONT);
    }

    /// Kills all processes of the server (SIGKILL), waits for their end and removes their shared
    /// memory. The main process is stopped first, so that it starts no further processes.
    pub(crate) fn kill(&mut self) {
        if !self.reaped {
            stop(self.pid());
        }
        let processes = self.processes();
        self.shared_memory.look_into(&processes);
        for &pid in &processes {
            signal(pid, Signal::SIGKILL);
        }
        if !self.reaped {
            self.reaped = self.child.wait().is_ok();
        }
        wait_until_gone(&processes, END_TIMEOUT);
        self.shared_memory.remove();
    }

    /// Stops the server by its signals in order, kills what still runs, and removes its shared
    /// memory and directory. Fails if the directory cannot be removed.
    pub(crate) fn end(&mut self) -> Result<(), TestbedError> {
        self.end_processes();
        self.directory.clear()
    }

    /// Ends the server as [`RunningServer::end`] does, and returns its whole output until then.
    pub(crate) fn end_for_log(&mut self) -> Result<String, TestbedError> {
        self.end_processes();
        let log = self.log();
        self.directory.clear()?;
        Ok(log)
    }

    fn end_processes(&mut self) {
        let processes = self.processes();
        self.shared_memory.look_into(&processes);
        self.resume();
        for &(stop_signal, timeout) in self.kind.stop_signals {
            if !self.reaped {
                signal(self.pid(), stop_signal);
                self.reaped = wait_until(timeout, || matches!(self.child.try_wait(), Ok(Some(_))));
            }
        }
        if !self.reaped || !self.processes().is_empty() {
            self.kill();
        }
        wait_until_gone(&processes, END_TIMEOUT);
        self.shared_memory.remove();
    }

    fn signal_all(&self, kind: Signal) {
        for pid in self.processes() {
            signal(pid, kind);
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "a throwaway server left something behind");
        }
    }
}

/// Calls `start` with a free port of 127.0.0.1 for which `suits` returns true; if another program
/// took the port meanwhile, again with another one, up to five times in all. Other errors of `start`
/// are returned at once.
pub(crate) fn on_free_port<T>(
    suits: impl Fn(u16) -> bool,
    start: impl Fn(u16) -> Result<T, TestbedError>,
) -> Result<T, TestbedError> {
    let mut attempt = 1;
    loop {
        match start(free_port(&suits)?) {
            Err(TestbedError::Start { log, .. })
                if log.contains(PORT_TAKEN) && attempt < PORT_ATTEMPTS =>
            {
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Returns a free port for which `suits` returns true. Fails if none of a hundred does.
fn free_port(suits: impl Fn(u16) -> bool) -> Result<u16, TestbedError> {
    let failed = TestbedError::io("find a free port on", "127.0.0.1");
    for _ in 0..PORTS_TRIED {
        let bound =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        match bound {
            Ok(address) if suits(address.port()) => return Ok(address.port()),
            Ok(_) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(std::io::ErrorKind::AddrNotAvailable.into()))
}

/// Defines the public methods that every throwaway server has, which call those of its field
/// `server`.
macro_rules! serve {
    ($server:ty) => {
        impl $server {
            /// Returns the URL of the server to connect to, with the password if there is one.
            pub fn url(&self) -> &str {
                &self.url
            }

            /// Returns the TCP port of the server on 127.0.0.1.
            pub fn port(&self) -> u16 {
                self.server.port()
            }

            /// Returns the pid of the server's main process, also once it has ended.
            pub fn pid(&self) -> u32 {
                self.server.pid()
            }

            /// Returns the private directory of the server, which is removed when the server ends.
            pub fn directory(&self) -> &std::path::Path {
                self.server.directory()
            }

            /// Returns the pids of the server's living processes: the main process first, followed
            /// by all others that belong to it. Empty once all have ended.
            pub fn processes(&self) -> Vec<u32> {
                self.server.processes()
            }

            /// Stops all processes of the server (SIGSTOP): connections stay open, but nothing is
            /// answered until [`Self::resume`].
            pub fn pause(&self) {
                self.server.pause();
            }

            /// Continues all processes of the server (SIGCONT).
            pub fn resume(&self) {
                self.server.resume();
            }

            /// Kills all processes of the server (SIGKILL) and waits until they have ended. The
            /// directory stays.
            pub fn kill(&mut self) {
                self.server.kill();
            }

            /// Ends the server and removes its directory, as dropping the value does, but reports a
            /// failure.
            ///
            /// # Errors
            /// [`TestbedError::Io`](crate::TestbedError::Io) if the directory cannot be removed.
            pub fn stop(mut self) -> Result<(), crate::TestbedError> {
                self.server.end()
            }
        }
    };
}
pub(crate) use serve;
