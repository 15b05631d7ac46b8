//! Evidence about the server in a step, read from its process if that runs on this machine, and
//! memory of processes.

use bench_report::names::websocket;
use bench_report::{ServerEvidence, redaction};
use host_metrics::Masking;
use host_metrics::source::process::read_process;
use serde_json::{Value, json};

use crate::server::endpoint::WsEndpoint;

const WHAT: &str = "server.process";
const MASKING: Masking = Masking {
    text: redaction::text,
    words: redaction::command_line::<String>,
};

/// Reader of the server's process. It reads nothing if the process is unknown.
#[derive(Debug)]
pub(crate) struct ServerProcessReader {
    process: Result<u32, &'static str>,
}

/// CPU time that a process has used so far, with its present memory and open files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProcessUsage {
    cpu_ns: u64,
    rss_bytes: u64,
    open_files: Option<u64>,
}

impl ServerProcessReader {
    /// Creates the reader of the process `pid`, which is the server.
    pub(crate) fn of_process(pid: u32) -> Self {
        Self { process: Ok(pid) }
    }

    /// Finds the process that listens at `endpoint`, and creates its reader. If the server is on
    /// another machine, or the process is not found, the reader only knows that reason.
    pub(crate) fn of_endpoint(endpoint: &WsEndpoint) -> Self {
        let process = if endpoint.is_local() {
            listener(endpoint.address.port())
                .ok_or("the process that listens there could not be found")
        } else {
            Err("the server is on another machine")
        };
        Self { process }
    }

    /// Returns the identity of the process, by which the analyzer finds the server in a recording
    /// of the machine: `{"pid": 4711, "name": "ws-bench"}`. `None` if the process is unknown or
    /// cannot be read.
    pub(crate) fn server_process(&self) -> Option<Value> {
        let pid = *self.process.as_ref().ok()?;
        let (process, _) = read_process(pid, MASKING).ok()?;
        Some(json!({ "pid": pid, "name": &*process.name }))
    }

    /// Reads what the process has used up to now; `None` if it is unknown or cannot be read.
    pub(crate) fn read(&self) -> Option<ProcessUsage> {
        usage(*self.process.as_ref().ok()?)
    }

    /// Returns as evidence the CPU time between two readings, in nanoseconds, and of the second
    /// reading the resident memory, in bytes, and the number of open files where it can be read. If the process is unknown, or a reading is missing, the evidence contains that
    /// reason instead.
    pub(crate) fn evidence(
        &self,
        before: Option<ProcessUsage>,
        after: Option<ProcessUsage>,
    ) -> ServerEvidence {
        let (before, after) = match (&self.process, before, after) {
            (Err(reason), ..) => return ServerEvidence::unavailable(WHAT, *reason),
            (Ok(_), Some(before), Some(after)) => (before, after),
            _ => return ServerEvidence::unavailable(WHAT, "its process was not there any more"),
        };
        let mut evidence = ServerEvidence::default();
        let cpu_ns = after.cpu_ns.saturating_sub(before.cpu_ns);
        evidence.figure(websocket::SERVER_CPU_NS, cpu_ns as f64);
        evidence.figure(websocket::SERVER_RSS_BYTES, after.rss_bytes as f64);
        if let Some(files) = after.open_files {
            evidence.figure(websocket::SERVER_OPEN_FILES, files as f64);
        }
        evidence
    }
}

/// Returns the present resident memory of all `processes` together, in bytes; `None` if that of one
/// of them cannot be read.
pub(crate) fn rss_bytes(processes: &[u32]) -> Option<u64> {
    let each = processes.iter();
    each.map(|pid| Some(usage(*pid)?.rss_bytes)).sum()
}

fn usage(pid: u32) -> Option<ProcessUsage> {
    let (process, open_files) = read_process(pid, MASKING).ok()?;
    Some(ProcessUsage {
        cpu_ns: process.cpu_ns,
        rss_bytes: process.rss_bytes,
        open_files,
    })
}

/// Returns the id of the process that listens on `port` of this machine, the lowest of several;
/// `None` if it cannot be found.
#[cfg(target_os = "linux")]
fn listener(port: u16) -> Option<u32> {
    use std::collections::BTreeSet;
    use std::path::Path;

    use host_metrics::source::process::listeners;

    let mut found = listeners(Path::new("/proc"), &BTreeSet::from([port]));
    found.remove(&port)?.pop_first()
}

#[cfg(not(target_os = "linux"))]
fn listener(_port: u16) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_listening_process_is_found_by_its_port() {
        let listener_of_ours = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener_of_ours.local_addr().unwrap().port();
        assert_eq!(listener(port), Some(std::process::id()));
        drop(listener_of_ours);
        assert_eq!(listener(port), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_server_is_named_as_the_system_names_it() {
        let own = std::fs::read_to_string("/proc/self/comm").unwrap();
        let told = ServerProcessReader::of_process(std::process::id()).server_process();
        assert_eq!(
            told,
            Some(json!({ "pid": std::process::id(), "name": own.trim_end() }))
        );
    }

    #[test]
    fn what_cannot_be_seen_is_absent_with_its_reason() {
        let watch = ServerProcessReader::of_process(std::process::id());
        let seen = watch.read();
        assert!(seen.unwrap().rss_bytes > 0);
        let gone = watch.evidence(seen, None);
        assert!(gone.figures.is_empty() && gone.unavailable.contains_key(WHAT));
        assert!(watch.evidence(seen, seen).figures["server.rss_bytes"] > 0.0);
    }
}
