//! Sums over a process and its descendants.

/// Sums over the members of a tree at one tick; absent where a member was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TreeTotals {
    /// Number of processes.
    pub processes: u64,
    /// CPU time used since the tree was first looked at, in nanoseconds.
    pub used_ns: u64,
    /// Resident memory in bytes; absent without a member.
    pub rss_bytes: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
    /// Memory with what is shared divided among those who share it, in bytes.
    pub pss_bytes: Option<u64>,
}
