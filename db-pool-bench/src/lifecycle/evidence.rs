//! Evidence of a run of `lifecycle`: that of the server, and the number of connections that the
//! pool opened in each segment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bench_cli::bench::EvidenceSource;
use bench_report::ServerEvidence;
use load_engine::BrokenRule;
use pg_evidence::TracedEvidence;

/// Evidence of the server during a run, and counts of the connections that the pool opened.
#[derive(Debug)]
pub(super) struct LifecycleEvidence<'a> {
    pub(super) server: TracedEvidence<'a>,
    /// Number of connections that the pool has opened since its creation; the pool counts it.
    opened: Arc<AtomicU64>,
    /// Value of `opened` at the beginning of each segment, in order.
    at_begin: Vec<u64>,
}

impl<'a> LifecycleEvidence<'a> {
    /// Creates the evidence of a run. `opened` is the pool's count of the connections that it has
    /// opened since its creation.
    pub(super) fn new(server: TracedEvidence<'a>, opened: Arc<AtomicU64>) -> Self {
        Self {
            server,
            opened,
            at_begin: Vec::new(),
        }
    }

    /// Returns the number of connections that the pool opened in each segment, in order. The wait
    /// for the last answers after the run belongs to the last segment.
    pub(super) fn opened(&self) -> Vec<u64> {
        let ends = self.at_begin.iter().skip(1).copied();
        let ends = ends.chain([self.opened.load(Ordering::Relaxed)]);
        let begins = self.at_begin.iter();
        begins.zip(ends).map(|(begin, end)| end - begin).collect()
    }
}

impl EvidenceSource for LifecycleEvidence<'_> {
    fn measure_begins(&mut self) {
        self.at_begin.push(self.opened.load(Ordering::Relaxed));
        self.server.measure_begins();
    }

    fn measure_ends(&mut self) -> Option<ServerEvidence> {
        self.server.measure_ends()
    }

    fn broken_rule(&mut self) -> Option<BrokenRule> {
        self.server.broken_rule()
    }

    fn absence(&mut self) -> Option<bool> {
        self.server.absence()
    }
}
