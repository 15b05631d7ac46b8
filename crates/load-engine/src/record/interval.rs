//! Requests that finished in one interval of a step, and requests in flight at its end.

use std::collections::BTreeMap;

use bench_report::histogram::{HIGHEST_NS, Recording, recording};

use serde::{Deserialize, Serialize};

use super::cohort_counts::InFlightAges;
use super::recording_text;

/// All requests that finished since the previous interval, measured or not, and the requests in
/// flight at its end. Time charts and stop rules use it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Interval {
    /// Response times (in a closed loop: call times) of successful requests, in nanoseconds. It has
    /// two significant digits, one fewer than a step's histograms, so that merging it is cheap.
    #[serde(with = "recording_text")]
    pub(crate) latency: Recording,
    /// Longest time in `latency`, exact, in nanoseconds; 0 if no request succeeded.
    pub(crate) longest_ns: u64,
    /// Those times of `latency` whose requests began before the measured part (in the warm-up or in
    /// an earlier step); `None` until the first such request.
    earlier: Option<Box<EarlierRequests>>,
    /// Number of successful requests of each operation, by its name; empty unless the step has two
    /// to eight operations. The counts of one thread's shard do not have it.
    pub(crate) operations: BTreeMap<String, u64>,
    /// Number of failed requests of the interval, planned failures included.
    pub(crate) failed: u64,
    /// Number of those failed requests whose kind of failure was planned; stop rules ignore them.
    pub(crate) excused: u64,
    /// Number of failures outside the requests of the load. Only stop rules count them; `failed`
    /// does not include them.
    pub(crate) beside: u64,
    /// Requests in flight at the end of the interval, by age.
    pub(crate) in_flight: InFlightAges,
}

/// Response times in nanoseconds of successful requests that began before the measured part, in a
/// histogram with an interval's bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct EarlierRequests(#[serde(with = "recording_text")] Recording);

/// Returns an empty histogram of nanoseconds with two significant digits, the form that intervals
/// use.
fn interval_recording() -> Recording {
    let bounds = Recording::new_with_bounds(1, HIGHEST_NS, 2);
    bounds.unwrap_or_else(|_| recording())
}

impl Interval {
    pub(crate) fn new() -> Self {
        Self {
            latency: interval_recording(),
            longest_ns: 0,
            earlier: None,
            operations: BTreeMap::new(),
            failed: 0,
            excused: 0,
            beside: 0,
            in_flight: InFlightAges::default(),
        }
    }

    /// Records a successful request that took `ns` nanoseconds. In the histogram, more than an hour
    /// counts as an hour.
    pub(crate) fn record(&mut self, ns: u64) {
        self.latency.saturating_record(ns);
        self.longest_ns = self.longest_ns.max(ns);
    }

    /// Notes that a successful request, which `record` has counted with the same `ns` nanoseconds,
    /// began before the measured part: in the warm-up, or in an earlier step of the report.
    #[cold]
    pub(crate) fn record_earlier(&mut self, ns: u64) {
        self.earlier_mut().saturating_record(ns);
    }

    fn earlier_mut(&mut self) -> &mut Recording {
        let new = || Box::new(EarlierRequests(interval_recording()));
        &mut self.earlier.get_or_insert_with(new).0
    }

    /// Returns an interval with only the requests that began in the measured part: those that
    /// succeeded, and those in flight that began at `from_ns` (on `CLOCK_MONOTONIC`) or later and
    /// less than a minute ago. Counts of failures are 0, counts by operation are missing, and
    /// `longest_ns` is that of all.
    pub(crate) fn begun_since(&self, from_ns: u64) -> Self {
        let mut since = Self {
            latency: self.latency.clone(),
            longest_ns: self.longest_ns,
            in_flight: self.in_flight.begun_since(from_ns),
            ..Self::new()
        };
        if let Some(earlier) = &self.earlier {
            // Each of them was recorded in both: subtracting cannot fail.
            let _ = since.latency.subtract(&earlier.0);
        }
        since
    }

    /// Returns quantile `q` (0 to 1) of the successful requests' times in nanoseconds; `None` if
    /// none succeeded. A bucket's upper end can lie above the true value, so the result is limited
    /// to the longest time.
    pub(crate) fn quantile(&self, q: f64) -> Option<u64> {
        let bucket_end = || self.latency.value_at_quantile(q).min(self.longest_ns);
        (!self.latency.is_empty()).then(bucket_end)
    }

    /// Returns the number of successful requests of the interval.
    pub(crate) fn succeeded(&self) -> u64 {
        self.latency.len()
    }

    /// Returns quantile `q` (0 to 1), in nanoseconds, over successful requests and requests in
    /// flight. The latter count with their age so far, so this is a lower bound of the latency.
    /// `None` if there are neither.
    pub(super) fn felt_at_least(&self, q: f64) -> Option<u64> {
        let mut all = self.latency.clone();
        for (age_ns, count) in self.in_flight.ages() {
            all.saturating_record_n(age_ns.max(1), count);
        }
        // Takes the lower end of the bucket: its upper end might exceed the true value, and be no
        // lower bound.
        (!all.is_empty()).then(|| all.lowest_equivalent(all.value_at_quantile(q)))
    }

    /// Adds the interval of another process, with its requests in flight.
    pub(crate) fn add_process(&mut self, other: &Self) {
        self.add(other);
        self.in_flight.add(&other.in_flight);
    }

    /// Adds the finished requests of `other` to those of this interval; leaves the requests in
    /// flight unchanged.
    pub(crate) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so that adding cannot fail.
        let _ = self.latency.add(&other.latency);
        self.longest_ns = self.longest_ns.max(other.longest_ns);
        if let Some(earlier) = other.earlier.as_ref().filter(|e| !e.0.is_empty()) {
            let _ = self.earlier_mut().add(&earlier.0);
        }
        for (name, count) in &other.operations {
            *self.operations.entry(name.clone()).or_default() += count;
        }
        self.failed += other.failed;
        self.excused += other.excused;
        self.beside += other.beside;
    }

    /// Sets all counts and times to zero, except the requests in flight.
    pub(crate) fn clear(&mut self) {
        self.latency.reset();
        self.longest_ns = 0;
        if let Some(earlier) = &mut self.earlier {
            earlier.0.reset();
        }
        self.operations.clear();
        (self.failed, self.excused, self.beside) = (0, 0, 0);
    }

    /// Returns the number of failures that stop rules count: failed requests except planned
    /// failures, plus failures outside requests.
    pub(crate) fn judged_failures(&self) -> u64 {
        self.failed - self.excused + self.beside
    }

    /// Returns the number of successes plus the failures that stop rules count.
    pub(crate) fn judged(&self) -> u64 {
        self.succeeded() + self.judged_failures()
    }
}
