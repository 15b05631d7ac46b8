//! Supervisor of a traced run: collects evidence part by part, and ends the run where a stop rule
//! is broken.

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
use crate::failure::is_checkout_timeout;
use pg_evidence::EvidenceCollector;

/// Time-out of the drain: a request that takes longer is an error.
const DRAIN_BOUND: Duration = Duration::from_secs(5);
/// Interval of checks of the rules.
const LOOK: Duration = Duration::from_millis(50);

/// Supervises one traced run from its first part to its last.
#[derive(Debug)]
pub(crate) struct RunSupervisor<'a> {
    collector: &'a mut EvidenceCollector,
    rules: Vec<StopRule>,
    rules_window: RuleWindow,
    length: Duration,
    /// Broken rule, unless the server turns out to be away.
    suspected: Option<BrokenRule>,
    away: Arc<AtomicBool>,
    /// True if the server was away at the last check.
    was_away: bool,
    ledger: Ledger,
    threads: Arc<LoadThreads>,
    /// CPU reading at the beginning of the current part.
    began: CpuReading,
}

/// Requests that finished since the last check of the rules, and pending ones; shared by the tasks
/// that make the load.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    finished: Arc<Recorder>,
    planted: bool,
}

impl<'a> RunSupervisor<'a> {
    /// Supervises a run of about `length`. Where checkouts are `planted` to time out, those
    /// time-outs count neither for the rules nor against them.
    pub(crate) fn new(
        collector: &'a mut EvidenceCollector,
        rules: Vec<StopRule>,
        length: Duration,
        planted: bool,
    ) -> Self {
        let threads = Arc::default();
        Self {
            collector,
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

    /// Returns the threads whose CPU time is recorded part by part.
    pub(crate) fn threads(&self) -> Arc<LoadThreads> {
        Arc::clone(&self.threads)
    }

    /// Returns the ledger for finished requests.
    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    /// Begins a part.
    pub(crate) fn part_begins(&mut self) {
        self.began = CpuReading::read(&self.threads);
        self.collector.measure_begins();
    }

    /// Ends a part and returns the CPU time that the load generator used.
    pub(crate) fn part_ends(&mut self) -> CpuUse {
        self.collector.measure_ends();
        CpuReading::read(&self.threads).since(&self.began)
    }

    /// Waits until `instant_ns`; returns early with a broken rule.
    pub(crate) async fn until(&mut self, instant_ns: u64) -> Option<BrokenRule> {
        loop {
            let now_ns = monotonic_ns();
            if now_ns >= instant_ns {
                return None;
            }
            tokio::time::sleep(LOOK.min(Duration::from_nanos(instant_ns - now_ns))).await;
            if self.look().is_some() {
                // The absence of a server is noticed a moment after the first failures.
                tokio::time::sleep(LOOK * 3).await;
                if let Some(broken) = self.look() {
                    return Some(broken);
                }
            }
        }
    }

    /// Checks the rules and the bound on connections.
    pub(crate) fn look(&mut self) -> Option<BrokenRule> {
        let interval = self.ledger.finished.take_interval();
        let away = self.away.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.was_away, away) || away {
            // Failures from just before the absence was noticed do not count either.
            self.rules_window = rules_from_now(self.length);
            self.suspected = None;
            return None;
        }
        if self.suspected.is_none() {
            let broken = self
                .rules_window
                .check(monotonic_ns(), &interval, &self.rules);
            self.suspected = broken.or_else(|| self.collector.broken_rule());
        }
        self.suspected.clone()
    }

    /// Returns the evidence of each part.
    pub(crate) fn evidence(&self) -> Vec<ServerEvidence> {
        self.collector.end_step_parts()
    }
}

fn rules_from_now(length: Duration) -> RuleWindow {
    RuleWindow::new(monotonic_ns(), length).with_drain(DRAIN_BOUND)
}

impl Ledger {
    /// Records the start of a request, due or started at `begin_ns`. Where checkouts are planted to
    /// time out, a waiting request cannot be told from a hanging one and counts once it is over.
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

    /// Records a finished request.
    pub(crate) fn note(&self, visit: &TracedRequest) {
        self.enter(&visit.timestamps, visit.failure.as_ref());
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

/// Pending request; dropping it before its end removes it from the ledger.
#[derive(Debug)]
pub(crate) struct UnderWay {
    ledger: Ledger,
    begin_ns: u64,
    is_over: bool,
}

impl UnderWay {
    /// Records its end in the ledger.
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
