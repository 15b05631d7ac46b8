//! Follows a course whose requests are looked at one by one: has the server watched part by part,
//! and ends the course where the server must be protected from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bench_cli::bench::EvidenceSource as _;
use bench_report::ServerEvidence;
use bench_report::clock::monotonic_ns;
use load_engine::{
    BrokenRule, CpuReading, CpuUse, Failure, LoadThreads, OperationId, Outcome, Recorder,
    RuleWindow, StopRule, Timestamps, Within,
};

use super::visit::TracedRequest;
use crate::evidence::EvidenceCollector;
use crate::failure::is_checkout_timeout;

/// Time that answers are waited for at the end: a request that waits for longer is an error.
pub(crate) const DRAIN_BOUND: Duration = Duration::from_secs(5);
/// Between looks at the rules.
const LOOK: Duration = Duration::from_millis(50);

/// Follows one course from its first part to its last.
#[derive(Debug)]
pub(crate) struct RunSupervisor<'a> {
    watch: &'a mut EvidenceCollector,
    rules: Vec<StopRule>,
    rules_window: RuleWindow,
    length: Duration,
    /// Broken, unless it turns out that the server had gone away.
    suspected: Option<BrokenRule>,
    away: Arc<AtomicBool>,
    /// True if it was away at the last look.
    was_away: bool,
    ledger: Ledger,
    threads: Arc<LoadThreads>,
    /// At the beginning of the part under way.
    began: CpuReading,
}

/// What finished since the rules were last asked, and what is under way; told by the tasks that
/// make the load.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    finished: Arc<Recorder>,
    planted: bool,
}

impl<'a> RunSupervisor<'a> {
    /// Follows a course of about `length`. Where checkouts are `planted` to time out, those that do
    /// are what the course is about, and count neither for the rules nor against them.
    pub(crate) fn new(
        watch: &'a mut EvidenceCollector,
        rules: Vec<StopRule>,
        length: Duration,
        planted: bool,
    ) -> Self {
        let threads = Arc::default();
        Self {
            watch,
            rules,
            rules_window: rules_from_now(length),
            length,
            suspected: None,
            away: Arc::default(),
            was_away: false,
            ledger: Ledger {
                finished: Arc::new(Recorder::new(&[], 1)),
                planted,
            },
            began: CpuReading::read(&threads),
            threads,
        }
    }

    /// Those whose time is taken down part by part.
    pub(crate) fn threads(&self) -> Arc<LoadThreads> {
        Arc::clone(&self.threads)
    }

    /// Returns where finished requests are told.
    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    /// Set while the server is gone, as for a restart. What fails then says nothing of the load, and
    /// there is nobody to protect from it: the rules are not asked.
    pub(crate) fn absence(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.away)
    }

    /// A part begins.
    pub(crate) fn part_begins(&mut self) {
        self.began = CpuReading::read(&self.threads);
        self.watch.measure_begins();
    }

    /// A part is over; what it took of our CPU.
    pub(crate) fn part_ends(&mut self) -> CpuUse {
        self.watch.measure_ends();
        CpuReading::read(&self.threads).since(&self.began)
    }

    /// Returns at `instant_ns`, or with what must end the course before.
    pub(crate) async fn until(&mut self, instant_ns: u64) -> Option<BrokenRule> {
        loop {
            let now_ns = monotonic_ns();
            if now_ns >= instant_ns {
                return None;
            }
            tokio::time::sleep(LOOK.min(Duration::from_nanos(instant_ns - now_ns))).await;
            if self.look().is_some() {
                // Whether the server went away is known a moment after the first failures.
                tokio::time::sleep(LOOK * 3).await;
                if let Some(broken) = self.look() {
                    return Some(broken);
                }
            }
        }
    }

    /// Returns what is broken of the rules and of the bound on connections, as of now.
    pub(crate) fn look(&mut self) -> Option<BrokenRule> {
        let interval = self.ledger.finished.take_interval();
        let away = self.away.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.was_away, away) || away {
            // What failed before that was noticed is forgotten too, and what failed since the last
            // look at a server that is back.
            self.rules_window = rules_from_now(self.length);
            self.suspected = None;
            return None;
        }
        if self.suspected.is_none() {
            let broken = self
                .rules_window
                .check(monotonic_ns(), &interval, &self.rules);
            self.suspected = broken.or_else(|| self.watch.broken_rule());
        }
        self.suspected.clone()
    }

    /// Returns what the server said of each part.
    pub(crate) fn evidence(&self) -> Vec<ServerEvidence> {
        self.watch.course_ends()
    }
}

fn rules_from_now(length: Duration) -> RuleWindow {
    RuleWindow::new(monotonic_ns(), length).with_drain(DRAIN_BOUND)
}

impl Ledger {
    /// A request begins: it was due at `begin_ns`, or else starts then. Where checkouts are planted
    /// to time out, nobody can tell one that waits for its connection from one that hangs, and it
    /// counts once it is over.
    pub(crate) fn begin(&self, begin_ns: u64) -> UnderWay {
        if !self.planted {
            self.finished.begin(begin_ns);
        }
        UnderWay {
            ledger: self.clone(),
            begin_ns,
            is_over: false,
        }
    }

    /// A request is over.
    pub(crate) fn note(&self, visit: &TracedRequest) {
        self.enter(&visit.timestamps, visit.failure.as_ref());
    }

    /// Something beside the load failed.
    pub(crate) fn note_failure(&self, failure: &Failure) {
        self.enter(&Timestamps::default(), Some(failure));
    }

    fn enter(&self, timestamps: &Timestamps, failure: Option<&Failure>) {
        if self.planted && failure.is_some_and(|failure| is_checkout_timeout(&failure.kind)) {
            return;
        }
        let outcome = Outcome {
            failure: failure.cloned().map(Box::new),
            ..Outcome::success(OperationId::FIRST)
        };
        self.finished.record(timestamps, &outcome, Within::WHOLLY);
    }
}

/// A request under way; dropped before it is over, it was cut off, and nobody waits for it.
#[derive(Debug)]
pub(crate) struct UnderWay {
    ledger: Ledger,
    begin_ns: u64,
    is_over: bool,
}

impl UnderWay {
    /// It is over, and stands in the ledger.
    pub(crate) fn note(mut self, visit: TracedRequest) -> TracedRequest {
        self.is_over = true;
        self.ledger.note(&visit);
        visit
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.is_over && !self.ledger.planted {
            self.ledger.finished.forget(self.begin_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what the rules are asked about after `kinds` of failures and as many successes of
    /// each.
    fn seen(planted: bool, kinds: &[&'static str]) -> (u64, u64) {
        let ledger = Ledger {
            finished: Arc::new(Recorder::new(&[], 1)),
            planted,
        };
        for kind in kinds {
            let failed = Outcome::failed(OperationId::FIRST, Failure::new(*kind, "why"));
            for outcome in [failed, Outcome::success(OperationId::FIRST)] {
                ledger.note(&TracedRequest::new(Timestamps::default(), outcome));
            }
        }
        let interval = ledger.finished.take_interval();
        (interval.succeeded(), interval.failed)
    }

    #[test]
    fn checkouts_that_are_planted_to_time_out_are_no_errors_and_all_else_is_one() {
        let kinds = [
            "timeout.wait",
            "timeout.checkout",
            "timeout.create",
            "sqlstate.57P01",
        ];
        assert_eq!(seen(true, &kinds), (4, 2));
        assert_eq!(seen(false, &kinds), (4, 4));
    }
}
