//! Counts and histograms of one operation on one thread.

use std::collections::BTreeMap;

use bench_report::histogram::{Recording, recording};
use bench_report::{CensoredPercentiles, Histogram, Operation};

use super::timestamps::Timestamps;

/// Counts and distributions of one operation in one shard.
#[derive(Debug)]
pub(crate) struct OperationTally {
    pub(crate) succeeded: u64,
    /// Successes that were done in the measured part, whenever they were due.
    pub(crate) carried: u64,
    pub(crate) retries: u64,
    pub(crate) censored: u64,
    pub(crate) never_started: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) response: Recording,
    pub(crate) call: Recording,
    pub(crate) service: Recording,
    pub(crate) checkout: Recording,
    pub(crate) backlog: Recording,
    pub(crate) pacing_lag: Recording,
    pub(crate) failed: Recording,
    pub(crate) unfinished: Recording,
}

impl OperationTally {
    pub(crate) fn new() -> Self {
        Self {
            succeeded: 0,
            carried: 0,
            retries: 0,
            censored: 0,
            never_started: 0,
            errors: BTreeMap::new(),
            response: recording(),
            call: recording(),
            service: recording(),
            checkout: recording(),
            backlog: recording(),
            pacing_lag: recording(),
            failed: recording(),
            unfinished: recording(),
        }
    }

    pub(crate) fn success(&mut self, timestamps: &Timestamps) {
        self.succeeded += 1;
        if timestamps.acquired_ns > 0 {
            self.checkout
                .saturating_record(gap(timestamps.started_ns, timestamps.acquired_ns));
            self.service
                .saturating_record(gap(timestamps.acquired_ns, timestamps.done_ns));
        }
        self.call
            .saturating_record(gap(timestamps.started_ns, timestamps.done_ns));
        if timestamps.due_ns > 0 {
            self.response
                .saturating_record(gap(timestamps.due_ns, timestamps.done_ns));
            self.backlog
                .saturating_record(gap(timestamps.released_ns, timestamps.started_ns));
        }
    }

    pub(crate) fn lag(&mut self, timestamps: &Timestamps) {
        if timestamps.due_ns > 0 {
            self.pacing_lag
                .saturating_record(gap(timestamps.due_ns, timestamps.released_ns));
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.carried += other.carried;
        self.retries += other.retries;
        self.censored += other.censored;
        self.never_started += other.never_started;
        for (kind, count) in &other.errors {
            *self.errors.entry(kind.clone()).or_default() += count;
        }
        for (mine, theirs) in [
            (&mut self.response, &other.response),
            (&mut self.call, &other.call),
            (&mut self.service, &other.service),
            (&mut self.checkout, &other.checkout),
            (&mut self.backlog, &other.backlog),
            (&mut self.pacing_lag, &other.pacing_lag),
            (&mut self.failed, &other.failed),
            (&mut self.unfinished, &other.unfinished),
        ] {
            // Equal bounds on both sides: adding cannot fail.
            let _ = mine.add(theirs);
        }
    }

    pub(crate) fn operation(&self, measured_s: f64) -> Operation {
        let failed: u64 = self.errors.values().sum();
        let throughput = self.carried as f64 / measured_s;
        let felt = if self.response.is_empty() {
            &self.call
        } else {
            &self.response
        };
        Operation {
            attempted: self.succeeded + failed + self.censored,
            succeeded: self.succeeded,
            errors: self.errors.clone(),
            censored: self.censored,
            never_started: self.never_started,
            retries: self.retries,
            throughput_per_s: if throughput.is_finite() {
                throughput
            } else {
                0.0
            },
            response: Histogram::from_recording(&self.response),
            call: Histogram::from_recording(&self.call),
            // Without a checkout the whole call is service, and is recorded once.
            service: Histogram::from_recording(&self.service)
                .or_else(|| Histogram::from_recording(&self.call)),
            checkout: Histogram::from_recording(&self.checkout),
            backlog: Histogram::from_recording(&self.backlog),
            pacing_lag: Histogram::from_recording(&self.pacing_lag),
            failed: Histogram::from_recording(&self.failed),
            unfinished: Histogram::from_recording(&self.unfinished),
            with_censored: CensoredPercentiles::from_recordings(felt, &self.unfinished),
        }
    }
}

/// At least 1 ns: the histogram's lowest value, below what any clock here resolves.
pub(crate) fn gap(from_ns: u64, to_ns: u64) -> u64 {
    to_ns.saturating_sub(from_ns).max(1)
}
