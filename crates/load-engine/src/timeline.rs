//! Figures over the time of a step, for charts.

use bench_report::Series;

use crate::interval::Interval;

/// What finished in each interval of a step.
#[derive(Debug)]
pub(crate) struct Timeline {
    last_ns: u64,
    throughput: Series,
    errors: Series,
    p50: Series,
    p99: Series,
    longest: Series,
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
        }
    }

    /// Adds what finished until `now_ns`.
    pub(crate) fn push(&mut self, now_ns: u64, interval: &Interval) {
        let seconds = now_ns.saturating_sub(self.last_ns) as f64 / 1e9;
        self.last_ns = now_ns;
        let at = |q: f64| {
            let any = !interval.latency.is_empty();
            any.then(|| interval.latency.value_at_quantile(q) as f64)
        };
        self.throughput
            .push(now_ns, Some(interval.succeeded() as f64 / seconds));
        self.errors
            .push(now_ns, Some(interval.failed as f64 / seconds));
        self.p50.push(now_ns, at(0.5));
        self.p99.push(now_ns, at(0.99));
        self.longest.push(now_ns, at(1.0));
    }

    /// Relative change of throughput from the first to the last third of the points that end
    /// within the given time; `None` when there are fewer than six.
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
        vec![
            self.throughput,
            self.errors,
            self.p50,
            self.p99,
            self.longest,
        ]
    }
}
