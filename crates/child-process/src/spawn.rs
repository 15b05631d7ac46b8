//! Start of children that receive a signal when this process dies.
//!
//! Linux can signal a child when its parent dies (`PR_SET_PDEATHSIG`). But 'parent' means the
//! thread that spawned the child, and a change of user cancels the setting. So a single thread,
//! which lives as long as the process, spawns all children, and the setting is made after the
//! change of user, before `exec`.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use nix::sys::signal::Signal;

type Job = Box<dyn FnOnce() + Send>;

/// Spawns `command` in its own session, so that Ctrl-C in a terminal does not reach it directly.
/// The kernel sends `death_signal` to the child when this process dies, on Linux only; `None`
/// sends nothing.
///
/// # Errors
/// Fails if the operating system starts no process, or if the program does not exist.
pub fn spawn(mut command: Command, death_signal: Option<Signal>) -> io::Result<Child> {
    let parent = nix::unistd::getpid();
    // SAFETY: between fork and exec the closure makes only system calls, and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            nix::unistd::setsid()?;
            die_with(parent, death_signal)
        });
    }
    let (answer, spawned) = channel();
    let job: Job = Box::new(move || drop(answer.send(command.spawn())));
    spawner()?.send(job).map_err(|_| gone())?;
    spawned.recv().map_err(|_| gone())?
}

#[cfg(target_os = "linux")]
fn die_with(parent: nix::unistd::Pid, death_signal: Option<Signal>) -> io::Result<()> {
    if let Some(signal) = death_signal {
        nix::sys::prctl::set_pdeathsig(signal)?;
        if nix::unistd::getppid() != parent {
            return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps)]
fn die_with(_: nix::unistd::Pid, _: Option<Signal>) -> io::Result<()> {
    Ok(())
}

fn spawner() -> io::Result<&'static Sender<Job>> {
    static SPAWNER: OnceLock<Option<Sender<Job>>> = OnceLock::new();
    let start = || {
        let (sender, jobs) = channel::<Job>();
        let work = move || jobs.into_iter().for_each(|job| job());
        thread::Builder::new()
            .name("child-spawner".into())
            .spawn(work)
            .ok()?;
        Some(sender)
    };
    SPAWNER.get_or_init(start).as_ref().ok_or_else(gone)
}

fn gone() -> io::Error {
    io::Error::other("the thread that spawns child processes is not running")
}
