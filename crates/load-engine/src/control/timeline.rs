//! Time charts of a step: its figures by interval.

use std::collections::BTreeMap;

use bench_report::Series;
use bench_report::names::{FigureName, load_series};

use crate::record::interval::Interval;
use crate::record::interval_quantile::IntervalQuantile;

/// Series of a step's figures, with one value for each interval.
#[derive(Debug)]
pub(crate) struct Timeline {
    started_ns: u64,
    last_ns: u64,
    /// Start of the measured part, in nanoseconds on `CLOCK_MONOTONIC`; requests that began before
    /// it do not count as measured.
    measured_from_ns: u64,
    throughput: Series,
    errors: Series,
    /// Successful requests per second of each operation, by its name.
    operations: BTreeMap<String, Series>,
    p50: Series,
    p99: Series,
    longest: Series,
    /// Requests that are due and have no answer at the end of each interval.
    unanswered: Series,
    gauges: Vec<Series>,
    /// Median, 99th percentile and maximum of latency in each interval, of all requests.
    felt: [IntervalQuantile; 3],
    /// 99th percentile of latency in each interval, of the requests that began in the measured
    /// part.
    measured_p99: IntervalQuantile,
    /// Highest 99th percentile of an interval so far, in nanoseconds, of the requests that began in
    /// the measured part; `None` before the first one.
    worst_p99_ns: Option<u64>,
}

impl Timeline {
    pub(crate) fn new(start_ns: u64) -> Self {
        Self {
            started_ns: start_ns,
            last_ns: start_ns,
            measured_from_ns: start_ns,
            throughput: Series::new(load_series::THROUGHPUT_PER_S),
            errors: Series::new(load_series::ERRORS_PER_S),
            operations: BTreeMap::new(),
            p50: Series::new(load_series::LATENCY_P50_NS),
            p99: Series::new(load_series::LATENCY_P99_NS),
            longest: Series::new(load_series::LATENCY_MAX_NS),
            unanswered: Series::new(load_series::LOAD_UNANSWERED),
            gauges: Vec::new(),
            felt: [0.5, 0.99, 1.0].map(IntervalQuantile::new),
            measured_p99: IntervalQuantile::new(0.99),
            worst_p99_ns: None,
        }
    }

    /// Sets the beginning of the first interval, and the instant from which requests are measured,
    /// both in nanoseconds on `CLOCK_MONOTONIC`.
    pub(crate) fn start_at(&mut self, start_ns: u64, measured_from_ns: u64) {
        (self.started_ns, self.last_ns) = (start_ns, start_ns);
        self.measured_from_ns = measured_from_ns;
    }

    /// Adds values of the load's own state at `now_ns`, such as the number of open connections,
    /// each with the name of its series.
    pub(crate) fn push_gauges(&mut self, now_ns: u64, gauges: &[(FigureName, f64)]) {
        for (name, value) in gauges {
            let known = self
                .gauges
                .iter()
                .position(|series| series.name == name.as_str());
            let index = known.unwrap_or_else(|| {
                self.gauges.push(Series::new(name));
                self.gauges.len() - 1
            });
            self.gauges[index].push(now_ns, Some(*value));
        }
    }

    /// Adds the values of the interval from the last one's end to `now_ns`, in nanoseconds on
    /// `CLOCK_MONOTONIC`.
    pub(crate) fn push(&mut self, now_ns: u64, interval: &Interval) {
        let seconds = now_ns.saturating_sub(self.last_ns) as f64 / 1e9;
        self.last_ns = now_ns;
        self.throughput
            .push(now_ns, Some(interval.succeeded() as f64 / seconds));
        self.errors
            .push(now_ns, Some(interval.failed as f64 / seconds));
        self.unanswered
            .push(now_ns, Some(interval.in_flight.count() as f64));
        for (name, count) in &interval.operations {
            let new = || Series::new(load_series::OPERATIONS_PER_S.of(name));
            let series = self.operations.entry(name.clone()).or_insert_with(new);
            series.push(now_ns, Some(*count as f64 / seconds));
        }
        let latency = [&mut self.p50, &mut self.p99, &mut self.longest];
        for (series, felt) in latency.into_iter().zip(&mut self.felt) {
            series.push(now_ns, felt.next(interval).map(|ns| ns as f64));
        }
        if now_ns > self.measured_from_ns {
            let measured = interval.begun_since(self.measured_from_ns);
            let p99_ns = self.measured_p99.next(&measured);
            self.worst_p99_ns = self.worst_p99_ns.max(p99_ns);
        }
    }

    /// Returns the instants at which intervals ended, in nanoseconds on `CLOCK_MONOTONIC`, rising.
    pub(crate) fn ends_ns(&self) -> &[u64] {
        &self.throughput.at_ns
    }

    /// Returns the 99th percentile of latency in the last interval, in nanoseconds; `None` if there
    /// was no interval or no request in it.
    pub(crate) fn last_p99_ns(&self) -> Option<f64> {
        self.p99.mean.last().copied().flatten()
    }

    /// Returns the highest 99th percentile of latency of any interval, the drain included, in
    /// nanoseconds, over requests that began in the measured part. `None` if there were none.
    pub(crate) fn worst_p99_ns(&self) -> Option<f64> {
        self.worst_p99_ns.map(|ns| ns as f64)
    }

    /// Returns the relative change of throughput from the first to the last third of the intervals
    /// between the two instants, on `CLOCK_MONOTONIC`: 0.1 is a rise by 10 %. `None` if there are
    /// fewer than six intervals, or nothing succeeded in the first third. An interval may end up to
    /// a tenth of its length after `to_ns`.
    pub(crate) fn drift_ratio(&self, from_ns: u64, to_ns: u64) -> Option<f64> {
        let ends = &self.throughput.at_ns;
        let starts = std::iter::once(&self.started_ns).chain(ends);
        let is_within = |start_ns: u64, end_ns: u64| {
            start_ns >= from_ns && end_ns <= to_ns + end_ns.saturating_sub(start_ns) / 10
        };
        let intervals = starts.zip(ends).zip(&self.throughput.mean);
        let rates: Vec<f64> = intervals
            .filter(|((start_ns, end_ns), _)| is_within(**start_ns, **end_ns))
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
            self.unanswered,
        ];
        series.extend(self.operations.into_values());
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
        assert_eq!(timeline.worst_p99_ns(), timeline.p99.mean[4]);
        assert_eq!(Timeline::new(105 * SECOND).worst_p99_ns(), None);
    }

    #[test]
    fn requests_of_the_warm_up_are_in_no_figure_of_the_measured_part() {
        let recorder = Recorder::new(&["get"], 1);
        let mut timeline = Timeline::new(0);
        let from_ns = 102 * SECOND + 37 * MS;
        timeline.start_at(100 * SECOND, from_ns);
        let request = |begin_ns: u64, took_ns: Option<u64>| {
            recorder.begin(begin_ns);
            let Some(took_ns) = took_ns else { return };
            let timestamps = Timestamps {
                started_ns: begin_ns,
                done_ns: begin_ns + took_ns,
                ..Timestamps::default()
            };
            let outcome = Outcome::success(OperationId::FIRST);
            let within = Within::measured(begin_ns >= from_ns, begin_ns + took_ns >= from_ns);
            recorder.record(&timestamps, &outcome, within);
        };
        // Warmed up with 40 ms each; one of them still hangs, and two are answered while it is measured.
        (0..50).for_each(|n| request(100 * SECOND + n * 40 * MS, Some(40 * MS)));
        request(101 * SECOND, None);
        timeline.push(from_ns, &recorder.take_interval_at(from_ns));
        assert_eq!(timeline.worst_p99_ns(), None, "nothing was measured yet");
        (0..2).for_each(|_| request(102 * SECOND, Some(900 * MS)));
        for second in 0..8 {
            let begin_ns = from_ns + second * SECOND;
            (0..100).for_each(|n| request(begin_ns + n * 9 * MS, Some(MS)));
            let end_ns = begin_ns + SECOND;
            timeline.push(end_ns, &recorder.take_interval_at(end_ns));
        }
        let p99_ns = |place: usize| timeline.p99.mean[place].unwrap();
        assert!(p99_ns(1) > 800e6, "the chart shows what came when it came");
        let worst_ns = timeline.worst_p99_ns().unwrap();
        assert!((0.9e6..1.1e6).contains(&worst_ns), "{worst_ns}");
        // 100 requests in each interval of a second, less the two of before: no drift.
        let drift = timeline.drift_ratio(from_ns, from_ns + 8 * SECOND - MS);
        assert!(drift.unwrap().abs() < 0.02, "{drift:?}");
        // What hangs from the measured part shows.
        request(from_ns + 8 * SECOND, None);
        let end_ns = from_ns + 10 * SECOND;
        timeline.push(end_ns, &recorder.take_interval_at(end_ns));
        assert!(timeline.worst_p99_ns().unwrap() > 1.9e9);
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
