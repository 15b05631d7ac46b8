//! Answers about single processes of a sample.

use std::collections::{BTreeMap, BTreeSet};

use host_metrics::CommandLine;
use host_metrics::source::process::{ProcessDetail, ProcessFields, ProcessId};

/// Reads more of single processes, where that is too expensive to read of all.
pub(crate) trait ProcessLookup {
    /// Reads the figures that are not in every sample.
    fn detail(&mut self, id: ProcessId, fields: ProcessFields) -> ProcessDetail;

    /// Reads the command line.
    fn command_line(&mut self, pid: u32) -> Option<CommandLine>;

    /// Finds the processes that listen on each of these TCP ports.
    fn listeners(&mut self, ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>>;
}
