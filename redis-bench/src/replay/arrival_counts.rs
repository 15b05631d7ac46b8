//! Number of a replay's requests over its time, in a bounded number of equal intervals.

use std::time::Duration;

/// Largest number of intervals.
const MOST: usize = 512;
/// Length of the first intervals, before any two are merged, in nanoseconds.
const SHORTEST_NS: u64 = 100_000_000;

/// Number of requests in each interval of time, from the start of a replay on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArrivalCounts {
    each_ns: u64,
    counts: Vec<u64>,
}

impl Default for ArrivalCounts {
    fn default() -> Self {
        Self {
            each_ns: SHORTEST_NS,
            counts: Vec::new(),
        }
    }
}

impl ArrivalCounts {
    /// Counts a request at `at_ns` after the start. Intervals become twice as long whenever there
    /// would be too many.
    pub(super) fn count(&mut self, at_ns: u64) {
        while at_ns / self.each_ns >= MOST as u64 {
            self.each_ns *= 2;
            let merged = self.counts.chunks(2).map(|pair| pair.iter().sum());
            self.counts = merged.collect();
        }
        let index = (at_ns / self.each_ns) as usize;
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
    }

    /// Returns the rate of the requests between `from` and `to` as points of (time since `from`,
    /// requests per second), between which straight lines run: steps, each with two points.
    pub(super) fn points(&self, from: Duration, to: Duration) -> Vec<(Duration, f64)> {
        let (from_ns, to_ns) = (from.as_nanos() as u64, to.as_nanos() as u64);
        let mut points = Vec::new();
        let none = std::iter::repeat(&0);
        for (index, count) in (0..).zip(self.counts.iter().chain(none)) {
            let begin_ns = index * self.each_ns;
            let end_ns = begin_ns + self.each_ns;
            let (first_ns, last_ns) = (begin_ns.max(from_ns), end_ns.min(to_ns));
            if first_ns < last_ns {
                // No request is counted after the end, even if the interval reaches beyond it.
                let rate = *count as f64 * 1e9 / (last_ns - begin_ns) as f64;
                points.push((Duration::from_nanos(first_ns - from_ns), rate));
                points.push((Duration::from_nanos(last_ns - from_ns), rate));
            }
            if end_ns >= to_ns {
                break;
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn the_rate_is_that_of_each_interval_and_is_cut_at_both_ends() {
        let mut counts = ArrivalCounts::default();
        for at_ms in [0, 99, 250] {
            counts.count(at_ms * 1_000_000);
        }
        let wanted = [
            (MS(0), 20.0),
            (MS(50), 20.0),
            (MS(50), 0.0),
            (MS(150), 0.0),
            (MS(150), 10.0),
            (MS(250), 10.0),
            (MS(250), 0.0),
            (MS(300), 0.0),
        ];
        assert_eq!(counts.points(MS(50), MS(350)), wanted);
        assert_eq!(
            counts.points(MS(0), MS(100)),
            [(MS(0), 20.0), (MS(100), 20.0)]
        );
    }

    #[test]
    fn a_long_trace_has_longer_intervals_and_no_request_is_lost() {
        let mut counts = ArrivalCounts::default();
        for second in 0..10_000_u64 {
            counts.count(second * 1_000_000_000 + 1);
        }
        assert!(counts.counts.len() <= MOST, "{}", counts.counts.len());
        assert_eq!(counts.counts.iter().sum::<u64>(), 10_000);
        let points = counts.points(Duration::ZERO, Duration::from_secs(10_000));
        let pairs = points.chunks(2);
        let area = pairs.map(|pair| {
            let seconds = pair[1].0.as_secs_f64() - pair[0].0.as_secs_f64();
            seconds * pair[0].1
        });
        assert!((area.sum::<f64>() - 10_000.0).abs() < 1e-6);
    }
}
