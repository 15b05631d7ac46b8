//! Sums over a process and its descendants.

/// Sums over the members of a tree at one tick; absent where a member was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TreeTotals {
    /// Number of processes.
    pub(crate) processes: u64,
    /// CPU time used since the tree was first looked at, in nanoseconds.
    pub(crate) used_ns: u64,
    /// Resident memory in bytes; absent without a member.
    pub(crate) rss_bytes: Option<u64>,
    /// Threads.
    pub(crate) threads: Option<u64>,
    /// Open file descriptors.
    pub(crate) descriptors: Option<u64>,
    /// Memory with what is shared divided among those who share it, in bytes.
    pub(crate) pss_bytes: Option<u64>,
}
