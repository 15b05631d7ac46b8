//! Requests that finished between two looks, and those under way at the second.

use bench_report::histogram::{HIGHEST_NS, Recording, recording};

use crate::InFlight;

/// All that finished since the last look, measured or not: for time charts and guards.
#[derive(Debug)]
pub struct Interval {
    /// Response times (call times in a closed loop) of successes; one significant digit less
    /// than a step's, so that taking it is cheap.
    pub latency: Recording,
    /// Requests that failed.
    pub failed: u64,
    /// Requests under way at its end.
    pub in_flight: InFlight,
}

/// One quantile of latency from interval to interval, for charts. Requests under way count with the age
/// that they have reached, where that raises it: a few that were answered say nothing of those that
/// hang. Where nothing was answered, ages below what the last answers took say nothing either.
#[derive(Debug, Clone, Copy)]
pub struct IntervalQuantile {
    quantile: f64,
    /// Time that the last answers took.
    answered_ns: Option<u64>,
}

impl IntervalQuantile {
    /// The quantile of this share, 0..=1.
    pub fn new(quantile: f64) -> Self {
        Self {
            quantile,
            answered_ns: None,
        }
    }

    /// The quantile of the next interval, in nanoseconds; `None` where nothing is known of it.
    pub fn next(&mut self, interval: &Interval) -> Option<u64> {
        let latency = &interval.latency;
        let answered = (!latency.is_empty()).then(|| latency.value_at_quantile(self.quantile));
        self.answered_ns = answered.or(self.answered_ns);
        let felt = interval.felt_at_least(self.quantile);
        felt.filter(|felt| Some(*felt) >= self.answered_ns)
            .or(answered)
    }
}

impl Interval {
    pub(crate) fn new() -> Self {
        let bounds = Recording::new_with_bounds(1, HIGHEST_NS, 2);
        Self {
            latency: bounds.unwrap_or_else(|_| recording()),
            failed: 0,
            in_flight: InFlight::default(),
        }
    }

    /// Requests that succeeded.
    pub fn succeeded(&self) -> u64 {
        self.latency.len()
    }

    /// Requests that are over.
    pub fn finished(&self) -> u64 {
        self.succeeded() + self.failed
    }

    /// A quantile of the successes and of the requests under way together, each of these at the age
    /// that it has reached: a lower bound of what they feel. `None` where there is neither.
    fn felt_at_least(&self, q: f64) -> Option<u64> {
        let mut all = self.latency.clone();
        for (age_ns, count) in self.in_flight.ages() {
            all.saturating_record_n(age_ns.max(1), count);
        }
        // Rounded down: a bound that is above what was waited for would be no bound.
        (!all.is_empty()).then(|| all.lowest_equivalent(all.value_at_quantile(q)))
    }

    /// Adds what finished in another.
    pub(crate) fn add(&mut self, other: &Self) {
        // Equal bounds on both sides: adding cannot fail.
        let _ = self.latency.add(&other.latency);
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recorder;

    #[test]
    fn nobody_is_said_to_have_waited_for_longer_than_he_has() {
        for age_ns in [1_234_567_890, 8_901_234_567, 33_333_333_333] {
            let recorder = Recorder::new(&["get"], 1);
            let begin_ns = 100_000_000_000;
            recorder.begin(begin_ns);
            let interval = recorder.take_interval_at(begin_ns + age_ns);
            let felt_ns = IntervalQuantile::new(0.99).next(&interval).unwrap();
            assert!(
                felt_ns <= age_ns && felt_ns as f64 > 0.98 * age_ns as f64,
                "{felt_ns}"
            );
        }
    }
}
