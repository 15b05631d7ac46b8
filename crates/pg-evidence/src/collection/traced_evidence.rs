//! Evidence of each segment of a traced run.

use std::io;

use bench_cli::bench::EvidenceSource;
use bench_report::ServerEvidence;
use load_engine::{BrokenRule, Cancel, Failure};
use pg_connect::Address;

use super::collector::EvidenceCollector;
use crate::sessions::backend_watch::{BackendWatch, SessionsLeft};
use crate::sessions::session_tracker::SessionChanges;

/// Evidence of a traced run: activity and counters of the server, and the sessions of the pool. A
/// server that restarts does not end the run.
#[derive(Debug)]
pub struct TracedEvidence<'a> {
    collector: &'a mut EvidenceCollector,
    watch: BackendWatch,
}

/// Evidence of one segment.
#[derive(Debug, Default)]
pub struct SegmentEvidence {
    /// Activity and counters of the server; `None` where it was not observed.
    pub server: Option<ServerEvidence>,
    /// Sessions that came and went; `None` where they were not counted.
    pub sessions: Option<SessionChanges>,
}

impl<'a> TracedEvidence<'a> {
    /// Begins to count the sessions of `application` beside what `collector` reads; `None` when a signal comes.
    ///
    /// # Errors
    /// Fails when the system gives no thread, and with a [`Failure`] inside when the server cannot be
    /// reached.
    pub fn start(
        collector: &'a mut EvidenceCollector,
        address: &Address,
        application: &str,
        cancel: &Cancel,
    ) -> io::Result<Option<Result<Self, Failure>>> {
        let watch = BackendWatch::start(address, application, cancel)?;
        Ok(watch.map(|started| started.map(|watch| Self { collector, watch })))
    }

    /// Returns the way to ask for the sessions that exist.
    pub fn sessions_left(&self) -> SessionsLeft {
        self.watch.sessions_left()
    }

    /// Ends the run, and returns the evidence of its segments one after the other.
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
