//! Process of the Redis server, if it runs on this machine and is visible from this process.

use host_metrics::Masking;
use host_metrics::source::process::{ProcessDirectory, ProcessStatus};

use crate::info::Info;

/// Figures of the kernel about the process of the Redis server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerProcess {
    /// Time since the process started in which the main thread was ready to run but had no CPU, in
    /// nanoseconds; `None` if the kernel does not report it.
    pub(super) ready_ns: Option<u64>,
    /// Memory of the process that is in swap, in bytes; `None` if the kernel does not report it.
    pub(super) swap_bytes: Option<u64>,
    /// Cores that the main thread may use; `None` if the kernel does not report them.
    pub(super) cores: Option<Cores>,
}

/// Numbers of cores that the server's main thread, and this program, may use (their affinity).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cores {
    /// Number of cores that the server's main thread may use.
    pub(super) allowed: usize,
    /// Number of cores that the server's main thread or this program may use, each core counted
    /// once.
    pub(super) either: usize,
}

/// Reads the figures of the server's process; `info` is the server's answer. The process id in that
/// answer may be that of another process on this machine if the server is elsewhere. A server
/// writes its port into its process title, so the process counts only if its title contains the
/// port in `info`.
///
/// # Errors
/// Fails with a sentence if no such process is visible on this machine.
pub(super) fn read(info: &Info) -> Result<ServerProcess, String> {
    let hidden = || "the server's process cannot be seen from here".to_owned();
    let pid = info.number("process_id").ok_or_else(hidden)? as u32;
    let port = info.text("tcp_port").ok_or_else(hidden)?;
    let directory = ProcessDirectory::new(pid);
    let title = directory.command_line(Masking::EVERYTHING).ok().flatten();
    if !title.is_some_and(|title| title.any_word(|word| names_port(word, port))) {
        return Err(hidden());
    }
    let status = directory.status().ok();
    Ok(ServerProcess {
        ready_ns: directory.schedule().ok().map(|times| times.ready_ns),
        swap_bytes: status.as_ref().and_then(|status| status.swap_bytes),
        cores: status.and_then(|status| cores(&status, &ProcessDirectory::own().status().ok()?)),
    })
}

/// Returns true if `word` ends with a colon and `port`, as `127.0.0.1:6379` does for `6379`.
fn names_port(word: &str, port: &str) -> bool {
    word.rsplit_once(':').is_some_and(|(_, last)| last == port)
}

/// Counts the cores that the server may use, and those that the server or this program may use.
/// `None` if either affinity is unknown.
fn cores(server: &ProcessStatus, own: &ProcessStatus) -> Option<Cores> {
    let (server, own) = (server.allowed_cpus.as_ref()?, own.allowed_cpus.as_ref()?);
    Some(Cores {
        allowed: server.len(),
        either: server.union(own).count(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_must_bear_the_port() {
        assert!(names_port("127.0.0.1:7992", "7992"));
        assert!(names_port("*:6379", "6379"));
        assert!(!names_port("127.0.0.1:7992", "799"));
        assert!(!names_port("bash", "6379"));
    }

    #[test]
    fn cores_are_counted_for_the_server_and_with_ours() {
        let status = |cpus: &[u32]| ProcessStatus {
            allowed_cpus: Some(cpus.iter().copied().collect()),
            ..ProcessStatus::default()
        };
        let counted = |server: &[u32], own: &[u32]| {
            let cores = cores(&status(server), &status(own)).unwrap();
            (cores.allowed, cores.either)
        };
        assert_eq!(counted(&[0], &[0]), (1, 1));
        assert_eq!(counted(&[0], &[1]), (1, 2));
        assert_eq!(counted(&[0, 1, 2, 3, 8], &[2, 3, 4, 5]), (5, 7));
        assert_eq!(cores(&ProcessStatus::default(), &status(&[0])), None);
    }
}
