//! Process of the Redis server, if it runs on this machine and is visible from this process.

use host_metrics::Masking;
use host_metrics::source::process::{AllowedCores, ProcessDirectory};

use crate::server::info::Info;

/// Figures of the kernel about the process of the Redis server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerProcess {
    /// Time since the process started in which the main thread was ready to run but had no CPU, in
    /// nanoseconds; `None` if the kernel does not report it.
    pub(super) ready_ns: Option<u64>,
    /// Memory of the process that is in swap, in bytes; `None` if the kernel does not report it.
    pub(super) swap_bytes: Option<u64>,
    /// Cores that the main thread may use; `None` if the kernel does not report them.
    pub(super) cores: Option<AllowedCores>,
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
        swap_bytes: status.and_then(|status| status.swap_bytes),
        cores: AllowedCores::read(&directory),
    })
}

/// Returns true if `word` ends with a colon and `port`, as `127.0.0.1:6379` does for `6379`.
fn names_port(word: &str, port: &str) -> bool {
    word.rsplit_once(':').is_some_and(|(_, last)| last == port)
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
}
