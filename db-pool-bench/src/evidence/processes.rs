//! The CPU time of the server's processes, where it runs on this machine and in sight.

use crate::connect::Client;
use std::collections::BTreeMap;
use std::fs;

/// A PostgreSQL on this machine, known by its main process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family {
    postmaster: u32,
    /// The one that answers us.
    backend: u32,
}

impl Family {
    /// The server behind `client`, if its processes are ours to see. A backend's title names the
    /// client's port: the process of that number which bears our port is the one, and no
    /// stranger of the same number on another machine or in another container.
    pub(super) async fn of(client: &Client) -> Result<Self, String> {
        let hidden = "the server's processes cannot be seen from here";
        let asked = client
            .query_one(
                "SELECT /* plimsoll */ pg_backend_pid(), inet_client_port()",
                &[],
            )
            .await;
        let row = asked.map_err(|error| crate::failure::of_postgres(&error).message)?;
        let backend: i32 = row.try_get(0).map_err(|error| error.to_string())?;
        let port: Option<i32> = row.try_get(1).map_err(|error| error.to_string())?;
        let sign = port.map_or("[local]".to_owned(), |port| format!("({port})"));
        let title = fs::read(format!("/proc/{backend}/cmdline")).map_err(|_| hidden.to_owned())?;
        if !String::from_utf8_lossy(&title).contains(&sign) {
            return Err(hidden.to_owned());
        }
        let stat =
            fs::read_to_string(format!("/proc/{backend}/stat")).map_err(|_| hidden.to_owned())?;
        let postmaster = parent(&stat).ok_or_else(|| hidden.to_owned())?;
        let family = Self {
            postmaster,
            backend: backend.unsigned_abs(),
        };
        family.cpu().map(|_| family)
    }

    /// CPU time that our own looking took of the server so far, in nanoseconds.
    pub(super) fn own_cpu(self) -> Result<u64, String> {
        cpu_of(self.backend).ok_or_else(|| "our own backend is out of sight".to_owned())
    }

    /// CPU time so far by process, in nanoseconds.
    pub(super) fn cpu(self) -> Result<BTreeMap<u32, u64>, String> {
        let main = self.postmaster;
        let path = format!("/proc/{main}/task/{main}/children");
        let children =
            fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
        let children = children
            .split_ascii_whitespace()
            .filter_map(|pid| pid.parse().ok());
        let read = |pid: u32| Some((pid, cpu_of(pid)?));
        let cpu: BTreeMap<u32, u64> = std::iter::once(main)
            .chain(children)
            .filter_map(read)
            .collect();
        if cpu.is_empty() {
            return Err(format!(
                "the kernel does not tell the CPU time of process {main}"
            ));
        }
        Ok(cpu)
    }
}

/// CPU time between two readings. A process that ended in between is left out, one that is new
/// counts whole.
pub(super) fn cpu_between(before: &BTreeMap<u32, u64>, after: &BTreeMap<u32, u64>) -> u64 {
    let spent = |(pid, ns): (&u32, &u64)| ns.saturating_sub(before.get(pid).copied().unwrap_or(0));
    after.iter().map(spent).sum()
}

fn cpu_of(pid: u32) -> Option<u64> {
    on_cpu_ns(&fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?)
}

/// First field of `schedstat`: time on a CPU, in nanoseconds.
fn on_cpu_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

/// Fourth field of `stat`, behind a name that may hold anything.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read_whatever_a_process_calls_itself() {
        assert_eq!(parent("42 (postgres: a) (b) S 7 42 42 0 -1"), Some(7));
        assert_eq!(parent("42 (sh"), None);
        assert_eq!(on_cpu_ns("123456789 5 6\n"), Some(123_456_789));
        assert_eq!(on_cpu_ns(""), None);
    }

    #[test]
    fn cpu_between_counts_the_new_whole_and_leaves_the_gone_out() {
        let before = BTreeMap::from([(1, 100), (2, 500)]);
        let after = BTreeMap::from([(1, 150), (3, 7)]);
        assert_eq!(cpu_between(&before, &after), 57);
    }
}
