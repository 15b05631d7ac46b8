//! Quantile of latency in each interval of a step.

use super::interval::Interval;

/// One quantile of latency in each interval, for time charts. The age of requests in flight counts
/// as a latency where it raises the quantile, because a few quick answers must not hide requests
/// that hang. In an interval without answers, only ages in flight are known; they are shown once
/// they reach the quantile of the last interval with answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntervalQuantile {
    quantile: f64,
    /// Quantile of the last interval in which requests were answered, in nanoseconds.
    answered_ns: Option<u64>,
}

impl IntervalQuantile {
    /// Creates the sequence of the quantile `quantile`, 0..=1.
    pub(crate) fn new(quantile: f64) -> Self {
        Self {
            quantile,
            answered_ns: None,
        }
    }

    /// Returns the quantile of the next interval in nanoseconds; `None` where none can be stated.
    pub(crate) fn next(&mut self, interval: &Interval) -> Option<u64> {
        let answered = interval.quantile(self.quantile);
        self.answered_ns = answered.or(self.answered_ns);
        let felt = interval.felt_at_least(self.quantile);
        felt.filter(|felt| Some(*felt) >= self.answered_ns)
            .or(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::recorder::Recorder;

    #[test]
    fn no_quantile_is_above_the_longest_request_though_its_bucket_ends_there() {
        // The histogram bucket that contains 2.81 ms ends at 2.818 ms.
        let mut interval = Interval::new();
        (0..50).for_each(|n| interval.record(2_802_000 + n * 100));
        interval.record(2_810_000);
        assert!(interval.latency.value_at_quantile(0.99) > 2_818_000);
        for q in [0.5, 0.99, 1.0] {
            assert!(IntervalQuantile::new(q).next(&interval) <= Some(2_810_000));
        }
        // The same holds where the intervals of several processes are added.
        let mut whole = Interval::new();
        whole.add_process(&interval);
        assert_eq!(whole.quantile(1.0), Some(2_810_000));
    }

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
