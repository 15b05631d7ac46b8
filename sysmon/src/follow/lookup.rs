//! Lookup of data of single processes that samples of all processes do not contain.

use std::collections::{BTreeMap, BTreeSet};

use host_metrics::CommandLine;
use host_metrics::source::process::{ProcessDetail, ProcessFields, ProcessId};

/// Reader of data of single processes that would be too expensive to read of all processes.
pub(crate) trait ProcessLookup {
    /// Reads the figures in the groups `fields` of the process `id`. A figure that cannot be read
    /// is absent in the result.
    fn detail(&mut self, id: ProcessId, fields: ProcessFields) -> ProcessDetail;

    /// Reads the command line of the process `pid`; `None` if it cannot be read.
    fn command_line(&mut self, pid: u32) -> Option<CommandLine>;

    /// Reads the name of the control group of the process `pid`; `None` for the root group, or if
    /// it cannot be read.
    fn cgroup(&mut self, _pid: u32) -> Option<String> {
        None
    }

    /// Finds the process ids of the processes that listen on each of these TCP ports. A port
    /// without such a process is missing in the result or has an empty set.
    fn listeners(&mut self, ports: &BTreeSet<u16>) -> BTreeMap<u16, BTreeSet<u32>>;
}
