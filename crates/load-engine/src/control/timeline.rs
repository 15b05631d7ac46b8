//! Time charts of a step.

use bench_report::Series;

use crate::record::interval::Interval;
use crate::record::interval_quantile::IntervalQuantile;

/// Series with one value for each interval of a step.
#[derive(Debug)]
pub(crate) struct Timeline {
    last_ns: u64,
    throughput: Series,
    errors: Series,
    p50: Series,
    p99: Series,
    longest: Series,
    gauges: Vec<Series>,
    /// Median, 99th percentile and maximum of latency in each interval.
    felt: [IntervalQuantile; 3],
}

impl Timeline {
    pub(crate) fn new(start_ns: u64) -> Self {
        Self {
            last_ns: start_ns,
            throughput: Series::new("throughput_per_s"),
            errors: Series::new("errors_per_s"),
            p50: Series::new("latency.p50_ns"),
            p99: Series::new("latency.p99_ns"),
            longest: Series::new("latency.max_ns"),
            gauges: Vec::new(),
            felt: [0.5, 0.99, 1.0].map(IntervalQuantile::new),
        }
    }

    /// Sets the beginning of the first interval.
    pub(crate) fn start_at(&mut self, start_ns: u64) {
        self.last_ns = start_ns;
    }

    /// Adds values of the load's own state at `now_ns`, each with the name of its series.
    pub(crate) fn push_gauges(&mut self, now_ns: u64, gauges: &[(&'static str, f64)]) {
        for (name, value) in gauges {
            let known = self.gauges.iter().position(|series| series.name == *name);
            let index = known.unwrap_or_else(|| {
                self.gauges.push(Series::new(name));
                self.gauges.len() - 1
            });
            self.gauges[index].push(now_ns, Some(*value));
        }
    }

    /// Adds the interval that ends at `now_ns`.
    pub(crate) fn push(&mut self, now_ns: u64, interval: &Interval) {
        let seconds = now_ns.saturating_sub(self.last_ns) as f64 / 1e9;
        self.last_ns = now_ns;
        self.throughput
            .push(now_ns, Some(interval.succeeded() as f64 / seconds));
        self.errors
            .push(now_ns, Some(interval.failed as f64 / seconds));
        let latency = [&mut self.p50, &mut self.p99, &mut self.longest];
        for (series, felt) in latency.into_iter().zip(&mut self.felt) {
            series.push(now_ns, felt.next(interval).map(|ns| ns as f64));
        }
    }

    /// Returns the instants at which intervals ended.
    pub(crate) fn ends_ns(&self) -> &[u64] {
        &self.throughput.at_ns
    }

    /// Returns the 99th percentile of the last interval in nanoseconds; `None` if that is unknown.
    pub(crate) fn last_p99_ns(&self) -> Option<f64> {
        self.p99.mean.last().copied().flatten()
    }

    /// Returns the highest 99th percentile, in nanoseconds, of the intervals that end after
    /// `from_ns`. The interval of the drain is included.
    pub(crate) fn worst_p99_ns(&self, from_ns: u64) -> Option<f64> {
        let points = self.p99.at_ns.iter().zip(&self.p99.mean);
        let later = points.filter(|(at, _)| **at > from_ns);
        later.filter_map(|(_, ns)| *ns).max_by(f64::total_cmp)
    }

    /// Returns the relative change of throughput from the first to the last third of the intervals
    /// that end between the two instants. `None` if there are fewer than six.
    pub(crate) fn drift_ratio(&self, from_ns: u64, to_ns: u64) -> Option<f64> {
        let points = self.throughput.at_ns.iter().zip(&self.throughput.mean);
        let rates: Vec<f64> = points
            .filter(|(at, _)| **at > from_ns && **at <= to_ns)
            .filter_map(|(_, rate)| *rate)
            .collect();
        let third = rates.len() / 3;
        if third < 2 {
            return None;
        }
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let (first, last) = (mean(&rates[..third]), mean(&rates[rates.len() - third..]));
        (first > 0.0).then(|| last / first - 1.0)
    }

    pub(crate) fn into_series(self) -> Vec<Series> {
        let mut series = vec![
            self.throughput,
            self.errors,
            self.p50,
            self.p99,
            self.longest,
        ];
        series.extend(self.gauges);
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::operation_table::OperationId;
    use crate::record::outcome::Outcome;
    use crate::record::recorder::Recorder;
    use crate::record::timestamps::Timestamps;
    use crate::record::within::Within;

    const SECOND: u64 = 1_000_000_000;
    const MS: u64 = 1_000_000;

    #[test]
    fn a_few_answers_do_not_hide_those_that_hang() {
        let recorder = Recorder::new(&["get"], 1);
        let mut timeline = Timeline::new(100 * SECOND);
        let answered = |begin_ns: u64| {
            recorder.begin(begin_ns);
            let timestamps = Timestamps {
                started_ns: begin_ns,
                done_ns: begin_ns + MS,
                ..Timestamps::default()
            };
            recorder.record(
                &timestamps,
                &Outcome::success(OperationId::FIRST),
                Within::WHOLLY,
            );
        };
        for second in 100..105 {
            (0..100).for_each(|n| answered(second * SECOND + n * 10 * MS));
            if second >= 102 {
                (0..50).for_each(|n| recorder.begin(second * SECOND + n * 20 * MS));
            }
            let end_ns = (second + 1) * SECOND;
            timeline.push(end_ns, &recorder.take_interval_at(end_ns));
        }
        let p99_s = |second: usize| timeline.p99.mean[second].unwrap() / 1e9;
        assert!(p99_s(1) < 0.002, "{}", p99_s(1));
        for (second, least) in [(2, 0.9), (3, 1.9), (4, 2.9)] {
            assert!(p99_s(second) >= least, "{}", p99_s(second));
        }
        assert!(timeline.p50.mean[4].unwrap() >= 0.3e9, "most of them hang");
        assert_eq!(timeline.worst_p99_ns(100 * SECOND), timeline.p99.mean[4]);
        assert_eq!(timeline.worst_p99_ns(105 * SECOND), None);
    }

    #[test]
    fn between_answers_that_take_long_nothing_shorter_is_shown() {
        let recorder = Recorder::new(&["get"], 1);
        let mut timeline = Timeline::new(100 * SECOND);
        for round in 0..3 {
            let begin_ns = (100 + 2 * round) * SECOND;
            recorder.begin(begin_ns);
            let half_ns = begin_ns + SECOND;
            timeline.push(half_ns, &recorder.take_interval_at(half_ns));
            let timestamps = Timestamps {
                started_ns: begin_ns,
                done_ns: begin_ns + 2 * SECOND,
                ..Timestamps::default()
            };
            recorder.record(
                &timestamps,
                &Outcome::success(OperationId::FIRST),
                Within::WHOLLY,
            );
            timeline.push(
                timestamps.done_ns,
                &recorder.take_interval_at(timestamps.done_ns),
            );
        }
        let shown: Vec<bool> = timeline.p99.mean.iter().map(Option::is_some).collect();
        assert_eq!(shown, [true, true, false, true, false, true]);
    }
}
