//! Sums of use over a process and all its descendants.

/// Sums over the members of a tree in one sample. A sum is `None` if the figure could not be read
/// of some member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TreeTotals {
    /// Number of processes in the tree.
    pub(crate) processes: u64,
    /// CPU time that the tree has used since it was first seen, in nanoseconds.
    pub(crate) used_ns: u64,
    /// Sum of the resident memory of all members, in bytes; `None` without members.
    pub(crate) rss_bytes: Option<u64>,
    /// Number of threads; `None` if no member reports it.
    pub(crate) threads: Option<u64>,
    /// Number of open file descriptors; `None` if it was not read of all members.
    pub(crate) descriptors: Option<u64>,
    /// Proportional set size in bytes, in which each shared page is divided among the processes
    /// that share it; `None` if it was not read of all members.
    pub(crate) pss_bytes: Option<u64>,
}
