//! Selection of the processes to follow, and of the figures to read of each.

use host_metrics::source::process::ProcessFields;

use super::target::ProcessTarget;

/// Processes to follow, and figures to read of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct FollowOptions {
    /// Number of processes to select in each sample by CPU time; as many are selected by memory, and by
    /// disk transfers if `fields` has them.
    pub(crate) most: usize,
    /// True if the user requested every process, so that those left out are counted and reported.
    pub(crate) all: bool,
    /// Processes to follow whatever they use, with all their descendants.
    pub(crate) targets: Vec<ProcessTarget>,
    /// Groups of figures to read in addition to CPU time and memory.
    pub(crate) fields: ProcessFields,
    /// True to record command lines, with secrets masked.
    pub(crate) command_lines: bool,
    /// True for a live view, which follows every process until it ends, with its latest figures and
    /// without a history.
    pub(crate) live: bool,
}
