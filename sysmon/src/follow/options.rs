//! Choice of the processes to follow, and of the figures to read.

use host_metrics::source::process::ProcessFields;

use super::target::ProcessTarget;

/// Processes to follow, and figures to read of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct FollowOptions {
    /// Number of processes to follow by CPU time; as many are followed by memory.
    pub(crate) most: usize,
    /// True if every process was asked for, so that those left out are counted.
    pub(crate) all: bool,
    /// Processes to follow in any case, with their descendants.
    pub(crate) targets: Vec<ProcessTarget>,
    /// Figures to read in addition to CPU time and memory.
    pub(crate) fields: ProcessFields,
    /// True to keep command lines, with secrets masked.
    pub(crate) command_lines: bool,
    /// True for a live view: every process until it ends, with its latest figures and without
    /// history.
    pub(crate) live: bool,
}
