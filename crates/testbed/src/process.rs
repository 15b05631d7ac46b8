//! Processes of a server: listing them, waiting for their end, and sending them signals.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Process in the system's process table: its pid, its parent's pid, and its state as one letter
/// (`Z` for a zombie).
#[derive(Clone, Copy, Debug)]
struct ProcessEntry {
    pid: u32,
    parent: u32,
    state: char,
}

impl ProcessEntry {
    /// Parses the content of `/proc/PID/stat`, `pid (name) state parent …`, where the name may
    /// contain anything; `None` if it is truncated.
    #[cfg(target_os = "linux")]
    fn parse(stat: &str) -> Option<Self> {
        let pid = stat.split(' ').next()?.parse().ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        Some(Self {
            pid,
            state,
            parent: fields.next()?.parse().ok()?,
        })
    }

    /// Parses a line `pid parent state` of `ps`; `None` if it is malformed.
    #[cfg(not(target_os = "linux"))]
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let (pid, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self {
            pid,
            parent,
            state: fields.next()?.chars().next()?,
        })
    }
}

#[cfg(target_os = "linux")]
fn table() -> Vec<ProcessEntry> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .filter_map(|entry| {
            ProcessEntry::parse(&std::fs::read_to_string(entry.path().join("stat")).ok()?)
        })
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn table() -> Vec<ProcessEntry> {
    let listed = std::process::Command::new("ps")
        .args(["-A", "-o", "pid=,ppid=,stat="])
        .output();
    let text = listed.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(ProcessEntry::parse)
        .collect()
}

#[cfg(target_os = "linux")]
fn works_in(pid: u32, directory: &Path) -> bool {
    std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|place| place == directory)
}

#[cfg(not(target_os = "linux"))]
fn works_in(_: u32, _: &Path) -> bool {
    false
}

fn living() -> Vec<ProcessEntry> {
    let mut entries = table();
    entries.retain(|entry| !matches!(entry.state, 'Z' | 'X'));
    entries
}

/// Waits until none of the processes with these pids is alive, at most for `timeout`; zombies count
/// as gone. A process that exits is still alive for a moment after it has left its working
/// directory, when [`server_processes`] no longer finds it.
pub(crate) fn wait_until_gone(processes: &[u32], timeout: Duration) {
    wait_until(timeout, || {
        !living().iter().any(|entry| processes.contains(&entry.pid))
    });
}

/// Returns the pids of the living processes of a server, zombies excluded: `main` first, its
/// descendants, and (on Linux) all processes that work in `directory` with theirs, which include
/// children whose parent has died.
pub(crate) fn server_processes(main: Option<u32>, directory: &Path) -> Vec<u32> {
    let living = living();
    let (mut members, others): (Vec<u32>, Vec<u32>) = living
        .iter()
        .map(|entry| entry.pid)
        .partition(|&pid| Some(pid) == main);
    members.extend(others.into_iter().filter(|&pid| works_in(pid, directory)));
    let mut next = 0;
    while let Some(&parent) = members.get(next) {
        for child in living.iter().filter(|entry| entry.parent == parent) {
            if !members.contains(&child.pid) {
                members.push(child.pid);
            }
        }
        next += 1;
    }
    members
}

/// Sends a signal to the process. Does nothing if it has exited; logs a warning if the signal is
/// refused.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Err(error) = kill(Pid::from_raw(pid.cast_signed()), signal)
        && error != nix::errno::Errno::ESRCH
    {
        tracing::warn!(pid, %signal, %error, "cannot signal a throwaway server's process");
    }
}

/// Stops the process (SIGSTOP) and waits until it is stopped, at most 200 ms. It then starts no
/// further children.
pub(crate) fn stop(pid: u32) {
    signal(pid, Signal::SIGSTOP);
    wait_until(Duration::from_millis(200), || {
        table()
            .iter()
            .all(|entry| entry.pid != pid || matches!(entry.state, 'T' | 'Z' | 'X'))
    });
}

/// Calls `condition` every 5 ms until it returns true, at most for `timeout` but at least once.
/// Returns true if the condition was met, false after the time-out.
pub(crate) fn wait_until(timeout: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + timeout;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_may_hold_parentheses_and_blanks() {
        let entry = ProcessEntry::parse("42 (odd) name (x) S 7 42 42 0 -1").unwrap();
        assert_eq!((entry.pid, entry.state, entry.parent), (42, 'S', 7));
    }

    #[test]
    fn a_truncated_line_is_no_process() {
        assert!(ProcessEntry::parse("42 (sh").is_none());
        assert!(ProcessEntry::parse("").is_none());
    }

    #[test]
    fn we_belong_to_our_own_family() {
        let me = std::process::id();
        assert_eq!(server_processes(Some(me), Path::new("/nowhere"))[0], me);
    }
}
