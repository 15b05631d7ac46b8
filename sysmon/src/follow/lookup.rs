//! Lookup of data of single processes of a sample.

use std::collections::{BTreeMap, BTreeSet};

use host_metrics::CommandLine;
use host_metrics::source::process::{ProcessDetail, ProcessFields, ProcessId};

/// Reader of data that are too expensive to read of all processes.
pub(crate) trait ProcessLookup {
    /// Reads the figures `fields`, which samples do not contain.
    fn detail(&mut self, id: ProcessId, fields: ProcessFields) -> ProcessDetail;

    /// Reads the command line; `None` if it cannot be read.
    fn command_line(&mut self, pid: u32) -> Option<CommandLine>;

    /// Finds the processes that listen on each of these TCP ports.
    fn listeners(&mut self, ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>>;
}
