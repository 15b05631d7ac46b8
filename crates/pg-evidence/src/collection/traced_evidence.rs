//! Evidence of the server for each segment of a traced run.

use std::io;

use bench_cli::bench::EvidenceSource;
use bench_report::ServerEvidence;
use load_engine::{BrokenRule, Cancel, Failure};
use pg_connect::Address;

use super::collector::EvidenceCollector;
use crate::sessions::backend_watch::{BackendWatch, SessionsLeft};
use crate::sessions::session_tracker::SessionChanges;

/// Source of a traced run's evidence: activity and counters of the server, and the sessions that
/// the pool under test opens and closes. A restart of the server does not end the run.
#[derive(Debug)]
pub struct TracedEvidence<'a> {
    collector: &'a mut EvidenceCollector,
    watch: BackendWatch,
}

/// Evidence of the server for one segment of a traced run.
#[derive(Debug, Default)]
pub struct SegmentEvidence {
    /// Activity of the server in the segment; `None` if the server was not observed in it. The
    /// counters of the whole run are in the last segment.
    pub server: Option<ServerEvidence>,
    /// Sessions of the pool that opened and closed in the segment; `None` if they were not counted.
    pub sessions: Option<SessionChanges>,
}

impl<'a> TracedEvidence<'a> {
    /// Begins to count the sessions with the application name `application`, in addition to the
    /// evidence that `collector` reads. `None` if a signal requested the end of the run.
    ///
    /// # Errors
    /// Fails if the operating system cannot create a thread. The inner result has the failure if
    /// the server cannot be reached.
    pub fn start(
        collector: &'a mut EvidenceCollector,
        address: &Address,
        application: &str,
        cancel: &Cancel,
    ) -> io::Result<Option<Result<Self, Failure>>> {
        let watch = BackendWatch::start(address, application, cancel)?;
        Ok(watch.map(|started| started.map(|watch| Self { collector, watch })))
    }

    /// Returns a handle that reports the sessions of the application that exist at present.
    pub fn sessions_left(&self) -> SessionsLeft {
        self.watch.sessions_left()
    }

    /// Ends the run, and iterates over the evidence of its segments in order. The iterator has no
    /// end: after the last segment, both fields are `None`.
    pub fn end(self, cancel: &Cancel) -> impl Iterator<Item = SegmentEvidence> {
        let mut server = self.collector.end_step_parts().into_iter();
        let mut sessions = self.watch.changes(cancel).into_iter();
        std::iter::from_fn(move || {
            Some(SegmentEvidence {
                server: server.next(),
                sessions: sessions.next(),
            })
        })
    }
}

impl EvidenceSource for TracedEvidence<'_> {
    fn measure_begins(&mut self) {
        self.collector.measure_begins();
    }

    fn measure_ends(&mut self) -> Option<ServerEvidence> {
        self.watch.segment_ends();
        self.collector.measure_ends()
    }

    fn broken_rule(&mut self) -> Option<BrokenRule> {
        self.collector.broken_rule()
    }

    fn absence(&mut self) -> Option<bool> {
        Some(self.watch.is_away())
    }
}
