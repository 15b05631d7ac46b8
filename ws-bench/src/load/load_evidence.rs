//! Evidence about the server and about the load's own processes, read during a step.

use bench_cli::bench::EvidenceSource;
use bench_report::ServerEvidence;

use crate::machine::open_files::ReservedFiles;
use crate::server::process_evidence::{ProcessUsage, ServerProcessReader, rss_bytes};

/// Source of evidence about the server's process and about the memory of the load's processes. It
/// keeps some open files in reserve until all connections are open.
pub(crate) struct LoadEvidence<'a> {
    watch: &'a ServerProcessReader,
    reserve: Option<ReservedFiles>,
    began: Option<ProcessUsage>,
    /// Ids of the processes that hold the connections.
    load_processes: Vec<u32>,
    rss_bytes: Option<u64>,
}

impl<'a> LoadEvidence<'a> {
    /// Creates the source for a load made by `load_processes`, on the server that `watch` reads.
    pub(crate) fn new(watch: &'a ServerProcessReader, load_processes: Vec<u32>) -> Self {
        Self {
            watch,
            reserve: Some(ReservedFiles::open()),
            began: None,
            load_processes,
            rss_bytes: None,
        }
    }

    /// Returns the memory of the load's processes at the beginning of the measured part, in bytes;
    /// `None` if it could not be read.
    pub(crate) fn rss_bytes(&self) -> Option<u64> {
        self.rss_bytes
    }
}

impl EvidenceSource for LoadEvidence<'_> {
    fn measure_begins(&mut self) {
        self.reserve = None;
        self.rss_bytes = rss_bytes(&self.load_processes);
        self.began = self.watch.read();
    }

    fn measure_ends(&mut self) -> Option<ServerEvidence> {
        Some(self.watch.evidence(self.began, self.watch.read()))
    }
}
