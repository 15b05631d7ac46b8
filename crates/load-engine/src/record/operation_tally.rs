//! Counts and histograms of the requests of one operation, as one thread recorded them.

use std::collections::BTreeMap;

use bench_report::histogram::recording;
use bench_report::{CensoredPercentiles, Histogram, Operation};

use super::lazy_histogram::LazyHistogram;
use super::timestamps::Timestamps;

/// Counts of the requests of one operation in one segment on one thread, and histograms of their
/// times in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct OperationTally {
    pub(crate) succeeded: u64,
    /// Number of successful requests that finished in the segment, even those that were due before
    /// it. Throughput is calculated from it.
    pub(crate) carried: u64,
    pub(crate) retries: u64,
    pub(crate) censored: u64,
    pub(crate) never_started: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) response: LazyHistogram,
    pub(crate) call: LazyHistogram,
    pub(crate) service: LazyHistogram,
    pub(crate) checkout: LazyHistogram,
    pub(crate) backlog: LazyHistogram,
    pub(crate) pacing_lag: LazyHistogram,
    pub(crate) failed: LazyHistogram,
    pub(crate) unfinished: LazyHistogram,
    /// Names of the phases of the operation's requests, in order; empty if it has none.
    phase_names: &'static [&'static str],
    /// Histograms of the durations of the phases in successful requests, in nanoseconds, one for
    /// each of `phase_names`.
    phases: Vec<LazyHistogram>,
}

impl OperationTally {
    /// Creates the empty tally of an operation whose requests have the phases `phase_names`.
    pub(crate) fn new(phase_names: &'static [&'static str]) -> Self {
        Self {
            phase_names,
            phases: phase_names
                .iter()
                .map(|_| LazyHistogram::default())
                .collect(),
            ..Self::default()
        }
    }

    pub(crate) fn success(&mut self, timestamps: &Timestamps) {
        self.succeeded += 1;
        if timestamps.acquired_ns > 0 {
            self.checkout
                .record(gap(timestamps.started_ns, timestamps.acquired_ns));
            self.service
                .record(gap(timestamps.acquired_ns, timestamps.done_ns));
        }
        if !self.phases.is_empty() {
            self.record_phases(timestamps);
        }
        self.call
            .record(gap(timestamps.started_ns, timestamps.done_ns));
        if timestamps.due_ns > 0 {
            self.response
                .record(gap(timestamps.due_ns, timestamps.done_ns));
            self.backlog
                .record(gap(timestamps.released_ns, timestamps.started_ns));
        }
    }

    /// Counts a failed request of error `kind`, for which a client waited `felt_ns` nanoseconds.
    /// Returns true if it is the first of its kind in this tally.
    pub(crate) fn failure(&mut self, kind: &str, felt_ns: u64) -> bool {
        self.failed.record(felt_ns);
        let known = self.errors.get_mut(kind);
        let is_first = known.is_none();
        match known {
            Some(count) => *count += 1,
            None => drop(self.errors.insert(kind.to_owned(), 1)),
        }
        is_first
    }

    /// Records the duration of each phase of a successful request, which lasts from the end of the
    /// previous phase, or from the start. The last phase lasts until the end of the request if the
    /// session did not stamp its end.
    fn record_phases(&mut self, timestamps: &Timestamps) {
        let stamped = timestamps.phases.ends_ns();
        let is_last_open = stamped.len() + 1 == self.phases.len();
        let last = is_last_open.then_some(timestamps.done_ns);
        let mut begin_ns = timestamps.started_ns;
        for (phase, end_ns) in self
            .phases
            .iter_mut()
            .zip(stamped.iter().copied().chain(last))
        {
            phase.record(gap(begin_ns, end_ns));
            begin_ns = end_ns;
        }
    }

    /// Returns the name of the phase in which a request failed: the first one without an end. If
    /// the operation has no such phase, `service` if the request had obtained its connection, else
    /// `call`.
    pub(crate) fn failed_phase(&self, timestamps: &Timestamps) -> &'static str {
        let ended = timestamps.phases.ends_ns().len();
        let held = timestamps.acquired_ns > 0;
        let unnamed = if held { "service" } else { "call" };
        self.phase_names.get(ended).copied().unwrap_or(unnamed)
    }

    pub(crate) fn lag(&mut self, timestamps: &Timestamps) {
        if timestamps.due_ns > 0 {
            self.pacing_lag
                .record(gap(timestamps.due_ns, timestamps.released_ns));
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
        if self.phases.is_empty() {
            let empty = Self::new(other.phase_names);
            (self.phase_names, self.phases) = (empty.phase_names, empty.phases);
        }
        for (mine, theirs) in self.phases.iter_mut().zip(&other.phases) {
            mine.merge(theirs);
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
            mine.merge(theirs);
        }
    }

    pub(crate) fn operation(&self, measured_s: f64) -> Operation {
        let failed: u64 = self.errors.values().sum();
        let throughput = self.carried as f64 / measured_s;
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
            response: self.response.histogram(),
            call: self.call.histogram(),
            // Without a checkout the service time equals the call time, which is recorded only
            // once.
            service: self.service.histogram().or_else(|| self.call.histogram()),
            checkout: self.checkout.histogram(),
            backlog: self.backlog.histogram(),
            pacing_lag: self.pacing_lag.histogram(),
            failed: self.failed.histogram(),
            unfinished: self.unfinished.histogram(),
            with_censored: self.with_censored(),
            phases: self.phase_histograms(),
        }
    }

    fn phase_histograms(&self) -> BTreeMap<String, Histogram> {
        let named = self.phase_names.iter().zip(&self.phases);
        named
            .filter_map(|(name, phase)| Some(((*name).to_owned(), phase.histogram()?)))
            .collect()
    }

    /// Returns percentiles over successful and censored requests; `None` if no request was
    /// censored.
    fn with_censored(&self) -> Option<CensoredPercentiles> {
        let unfinished = self.unfinished.recorded()?;
        match self.response.recorded().or(self.call.recorded()) {
            Some(felt) => CensoredPercentiles::from_recordings(felt, unfinished),
            None => CensoredPercentiles::from_recordings(&recording(), unfinished),
        }
    }
}

/// Returns the nanoseconds from `from_ns` to `to_ns`, at least 1 (also if `to_ns` is earlier),
/// because 1 ns is the lowest value of the histograms.
pub(crate) fn gap(from_ns: u64, to_ns: u64) -> u64 {
    to_ns.saturating_sub(from_ns).max(1)
}
