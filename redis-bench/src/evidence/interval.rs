//! Part of a step between two readings of `INFO`, for figures that are shown while the step runs.

use std::time::Instant;

use bench_report::ServerEvidence;
use bench_report::clock::monotonic_ns;

use super::command_scope::CommandScope;
use super::polls::StepPolls;
use super::{node_row, reading};
use crate::server::info::Info;

/// Reason for which nothing is known of a server that was restarted within a step.
pub(crate) const RESTARTED: &str = "the server was restarted meanwhile";

/// Beginning of the reason for which nothing is known of a server that Sentinels replaced by another one
/// within a step. Both addresses follow.
pub(crate) const FAILED_OVER: &str = "another server became the primary meanwhile";

/// Part of a step that has begun.
#[derive(Debug)]
pub(super) struct StepInterval {
    at: Instant,
    info: Info,
    /// Polls of the server since the beginning.
    pub(super) polls: StepPolls,
}

impl StepInterval {
    /// Begins an interval now, with this answer to `INFO`.
    pub(super) fn begin(info: Info) -> Self {
        let mut polls = StepPolls::default();
        polls.add(&info, &info, monotonic_ns());
        // The server counts an `INFO` call after it has answered it.
        polls.note_asked(1);
        Self {
            at: Instant::now(),
            info,
            polls,
        }
    }

    /// Returns the evidence of the interval, which ends now with the answer `info`. It has counters,
    /// gauges, commands and what polls saw.
    pub(super) fn end(mut self, info: &Info, scope: CommandScope) -> ServerEvidence {
        if self.info.text("run_id") != info.text("run_id") {
            return ServerEvidence::unavailable("info", RESTARTED);
        }
        self.polls.add(info, info, monotonic_ns());
        let mut evidence = ServerEvidence::default();
        let asked = self.polls.asked();
        let infos = (&self.info, info);
        reading::add_counters(
            &mut evidence,
            infos,
            self.at.elapsed(),
            None,
            (scope, asked),
        );
        self.polls.add_to(&mut evidence);
        node_row::add(&mut evidence, info, asked, None);
        evidence
    }
}
