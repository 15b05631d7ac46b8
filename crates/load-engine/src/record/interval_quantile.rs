//! Quantile of latency in each interval of a step, for time charts.

use super::interval::Interval;

/// Calculator of one quantile of latency for each interval in turn. The age of requests in flight
/// counts as a latency where it raises the quantile, so that a few quick answers do not hide
/// requests that hang. In an interval without answers, the quantile of the ages in flight is
/// returned once it reaches the quantile of the last interval with answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntervalQuantile {
    quantile: f64,
    /// Quantile of the last interval in which a request succeeded, in nanoseconds; `None` before
    /// the first.
    answered_ns: Option<u64>,
}

impl IntervalQuantile {
    /// Creates the calculator of the quantile `quantile`, from 0 to 1, before the first interval.
    pub(crate) fn new(quantile: f64) -> Self {
        Self {
            quantile,
            answered_ns: None,
        }
    }

    /// Returns the quantile of the next interval in nanoseconds. `None` if no request succeeded in
    /// it and the ages in flight are absent or below the quantile of the last interval with
    /// answers.
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
