//! Sleeping processes, for measuring the cost of sampling many processes.

use std::io;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;

use child_process::spawn;

/// Time in seconds after which an idle process ends by itself, as an argument of `sleep`.
const LONGEST: &str = "3600";

/// Sleeping child processes. They are killed when this value is dropped, and when this process
/// dies.
#[derive(Debug, Default)]
pub(crate) struct IdleProcesses(Vec<Child>);

impl IdleProcesses {
    /// Starts `count` processes that sleep for an hour.
    ///
    /// # Errors
    /// Fails if the operating system does not start all of them; those that were started are ended.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let mut all = Self::default();
        for _ in 0..count {
            let mut sleep = Command::new("sleep");
            sleep.arg(LONGEST);
            sleep.stdin(Stdio::null()).stdout(Stdio::null());
            sleep.stderr(Stdio::null());
            all.0.push(spawn(sleep, Some(Signal::SIGKILL))?);
        }
        Ok(all)
    }
}

impl Drop for IdleProcesses {
    fn drop(&mut self) {
        // A process that ended by itself only needs to be waited for.
        for child in &mut self.0 {
            let _ = child.kill();
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn they_are_there_until_they_are_let_go() {
        let idle = IdleProcesses::start(5).unwrap();
        let place = |child: &Child| PathBuf::from(format!("/proc/{}", child.id()));
        let places: Vec<PathBuf> = idle.0.iter().map(place).collect();
        assert_eq!(idle.0.len(), 5);
        assert!(cfg!(not(target_os = "linux")) || places.iter().all(|place| place.exists()));
        drop(idle);
        assert!(!places.iter().any(|place| place.exists()));
    }
}
