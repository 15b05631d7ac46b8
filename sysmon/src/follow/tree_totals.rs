//! Sums over a process and its descendants.

/// Sums over the members of a tree at one tick. A sum is absent if the figure could not be read of
/// some member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TreeTotals {
    /// Number of processes.
    pub(crate) processes: u64,
    /// CPU time used since the tree was first seen, in nanoseconds.
    pub(crate) used_ns: u64,
    /// Resident memory in bytes; absent without members.
    pub(crate) rss_bytes: Option<u64>,
    /// Threads.
    pub(crate) threads: Option<u64>,
    /// Open file descriptors.
    pub(crate) descriptors: Option<u64>,
    /// Memory in bytes, in which shared pages are divided among the processes that share them.
    pub(crate) pss_bytes: Option<u64>,
}
