//! File `/proc/PID/status`: memory of a process, and the CPUs on which it may run.

use std::collections::BTreeSet;

use super::words::after;

/// Figures in the file `status` of a process. A figure that the kernel does not report for this
/// process is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcessStatus {
    /// Largest resident memory that the process has ever had, in bytes; `None` for a kernel thread.
    pub rss_max_bytes: Option<u64>,
    /// Memory of the process in swap, in bytes; `None` for a kernel thread.
    pub swap_bytes: Option<u64>,
    /// Numbers of the CPUs on which the first thread of the process may run; `None` if the kernel
    /// does not report them.
    pub allowed_cpus: Option<BTreeSet<u32>>,
}

impl ProcessStatus {
    /// Parses the text of `status`, with lines `key: value`. A figure that is missing or malformed
    /// is `None`.
    pub(super) fn parse(text: &[u8]) -> Self {
        let bytes = |key: &[u8]| after(text, key)?.checked_mul(1024);
        Self {
            rss_max_bytes: bytes(b"VmHWM:"),
            swap_bytes: bytes(b"VmSwap:"),
            allowed_cpus: allowed_cpus(&String::from_utf8_lossy(text)),
        }
    }
}

/// Returns the memory in swap from the text of `status`, in kibibytes; zero if it is not given, as
/// for a kernel thread.
pub(super) fn swap_kib(text: &[u8]) -> u64 {
    after(text, b"VmSwap:").unwrap_or(0)
}

/// Parses the CPU numbers in a line such as `Cpus_allowed_list: 0-3,8` of `status`; `None` if the
/// line is missing or malformed.
fn allowed_cpus(text: &str) -> Option<BTreeSet<u32>> {
    let lines = text.lines();
    let mut lists = lines.filter_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let mut cpus = BTreeSet::new();
    for part in lists.next()?.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_and_absent_where_it_is_not_told() {
        let status = ProcessStatus::parse(b"Name:\tx\nVmHWM:\t 10 kB\nVmSwap:\t     128 kB\n");
        assert_eq!(status.rss_max_bytes, Some(10_240));
        assert_eq!(status.swap_bytes, Some(131_072));
        assert_eq!(
            ProcessStatus::parse(b"Name:\tx\n"),
            ProcessStatus::default()
        );
    }

    #[test]
    fn lists_of_cpus_are_read() {
        let cpus = |list: &str| {
            let text = format!("Cpus_allowed:\tff\nCpus_allowed_list:\t{list}\nx:\t1\n");
            ProcessStatus::parse(text.as_bytes()).allowed_cpus
        };
        assert_eq!(cpus("0"), Some(BTreeSet::from([0])));
        assert_eq!(cpus("0-3,8"), Some(BTreeSet::from([0, 1, 2, 3, 8])));
        for odd in ["", "x", "1-", "0,", "3-x"] {
            assert_eq!(cpus(odd), None, "{odd}");
        }
    }
}
