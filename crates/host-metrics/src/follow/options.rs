//! Choice of the processes to follow, and of the figures to read.

use super::target::ProcessTarget;
use crate::source::process::ProcessFields;

/// Processes to follow, and figures to read of each.
#[derive(Debug, Clone, Default)]
pub struct FollowOptions {
    /// Number of processes to follow by CPU time; as many are followed by memory.
    pub most: usize,
    /// True if every process was asked for, so that those left out are counted.
    pub all: bool,
    /// Processes to follow in any case, with their descendants.
    pub targets: Vec<ProcessTarget>,
    /// Figures to read in addition to CPU time and memory.
    pub fields: ProcessFields,
    /// True to keep command lines, with secrets masked.
    pub command_lines: bool,
    /// True for a live view: every process until it ends, with its latest figures and without
    /// history.
    pub live: bool,
}
