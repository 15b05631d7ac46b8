//! The server's process, where it runs on this machine and in sight.

use std::collections::BTreeSet;
use std::fs;

use crate::info::Info;

/// Figures of the kernel about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerProcess {
    /// Time that its main thread was ready to run and had no CPU, in nanoseconds.
    pub(super) ready_ns: Option<u64>,
    /// Its memory on disk.
    pub(super) swap_bytes: Option<u64>,
    /// Cores that its main thread may use.
    pub(super) cores: Option<Cores>,
}

/// Cores that a thread may use (its affinity).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cores {
    /// Their number.
    pub(super) allowed: usize,
    /// Number of cores that it or this program may use.
    pub(super) either: usize,
}

/// The process behind `info`. A server names its port in its title: the process of that number
/// which bears our port is the one, and no stranger of the same number elsewhere.
///
/// # Errors
/// Fails if it cannot be seen from here.
pub(super) fn read(info: &Info) -> Result<ServerProcess, String> {
    let hidden = || "the server's process cannot be seen from here".to_owned();
    let pid = info.number("process_id").ok_or_else(hidden)? as u32;
    let port = info.text("tcp_port").ok_or_else(hidden)?;
    let title = fs::read(format!("/proc/{pid}/cmdline")).map_err(|_| hidden())?;
    if !names_port(&String::from_utf8_lossy(&title), port) {
        return Err(hidden());
    }
    let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
    Ok(ServerProcess {
        ready_ns: file("schedstat").as_deref().and_then(ready_ns),
        swap_bytes: file("status").as_deref().and_then(swap_bytes),
        cores: file("status").as_deref().and_then(|server| {
            let own = fs::read_to_string("/proc/self/status").ok()?;
            cores(server, &own)
        }),
    })
}

/// Returns true if the title is `redis-server 127.0.0.1:6379`, or the like.
fn names_port(title: &str, port: &str) -> bool {
    let mut words = title.split(|c: char| c.is_whitespace() || c == '\0');
    words.any(|word| word.rsplit_once(':').is_some_and(|(_, last)| last == port))
}

/// Second field of `schedstat`.
fn ready_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn swap_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSwap:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The cores of the server's `status`, and of `own` with it.
fn cores(server: &str, own: &str) -> Option<Cores> {
    let (server, own) = (allowed(server)?, allowed(own)?);
    Some(Cores {
        allowed: server.len(),
        either: server.union(&own).count(),
    })
}

/// Numbers of the cores in `Cpus_allowed_list`, as in `0-3,8`.
fn allowed(status: &str) -> Option<BTreeSet<u32>> {
    let lines = status.lines();
    let mut lists = lines.filter_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let mut cores = BTreeSet::new();
    for part in lists.next()?.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        cores.extend(first..=last);
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_must_bear_the_port() {
        assert!(names_port("redis-server 127.0.0.1:7992\0", "7992"));
        assert!(names_port("valkey-server *:6379 [cluster]", "6379"));
        assert!(!names_port("redis-server 127.0.0.1:7992", "799"));
        assert!(!names_port("bash", "6379"));
    }

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(ready_ns("33060 7000 7\n"), Some(7_000));
        assert_eq!(
            swap_bytes("VmRSS:\t 10 kB\nVmSwap:\t     128 kB\n"),
            Some(131_072)
        );
        assert_eq!(swap_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn cores_are_counted_for_the_server_and_with_ours() {
        let of = |list: &str| format!("Cpus_allowed:\tff\nCpus_allowed_list:\t{list}\nx:\t1\n");
        let counted = |server: &str, own: &str| {
            let cores = cores(&of(server), &of(own)).unwrap();
            (cores.allowed, cores.either)
        };
        assert_eq!(counted("0", "0"), (1, 1));
        assert_eq!(counted("0", "1"), (1, 2));
        assert_eq!(counted("0-3,8", "2-5"), (5, 7));
        assert_eq!(cores("Name:\tx\n", &of("0")), None);
    }
}
