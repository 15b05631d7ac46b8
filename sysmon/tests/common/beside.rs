//! Recording together with the counters that it should agree with. Each counter is read just before
//! and just after every sample, so that delays on a busy machine do not matter.

use std::ops::RangeInclusive;
use std::time::Duration;

use bench_report::{Report, Series, Tool};
use sysmon::recording::LiveRecording;
use sysmon::settings::SamplingSettings;

/// Time between two samples: longer than the shortest interval for rates of counters in ticks, so
/// that every sample has all rates.
const BETWEEN: Duration = Duration::from_millis(150);

/// Function that reads the present value of a counter, which only grows.
pub type Counter = Box<dyn Fn() -> f64>;

/// Recording on this machine, with counters that are read around each sample.
pub struct Beside {
    recording: LiveRecording,
    counters: Vec<Counter>,
    /// For each sample, the values of each counter just before and just after it.
    looks: Vec<Vec<(f64, f64)>>,
}

impl Beside {
    /// Starts the recording, and takes its first sample between two readings of the counters.
    pub fn begin(settings: &SamplingSettings, counters: Vec<Counter>) -> Self {
        let before = read(&counters);
        let recording = LiveRecording::begin(settings);
        let after = read(&counters);
        Self {
            recording,
            counters,
            looks: vec![before.into_iter().zip(after).collect()],
        }
    }

    pub fn sample(&mut self) {
        std::thread::sleep(BETWEEN);
        let before = read(&self.counters);
        self.recording.sample();
        let after = read(&self.counters);
        self.looks.push(before.into_iter().zip(after).collect());
    }

    /// Takes samples until `done` returns a value, and then one more, so that the activity before
    /// is covered. Returns that value.
    pub fn until<T>(&mut self, mut done: impl FnMut() -> Option<T>) -> T {
        loop {
            let answer = done();
            self.sample();
            if let Some(answer) = answer {
                return answer;
            }
        }
    }

    pub fn report(&self) -> Report {
        let tool = Tool {
            name: "sysmon".into(),
            version: "0".into(),
            commit: None,
        };
        let mut report = Report::begin(tool, "test".into(), "record");
        self.recording.fill(&mut report);
        report
    }

    /// Returns the range of the growth of the counter with the index `counter` from the first
    /// sample to the last: the smallest and the largest possible one.
    pub fn grown(&self, counter: usize) -> RangeInclusive<f64> {
        self.grown_between(counter, 0, self.looks.len() - 1)
    }

    /// Iterates over the range of the growth of the counter with the index `counter` from each
    /// sample to the next.
    pub fn steps(&self, counter: usize) -> impl Iterator<Item = RangeInclusive<f64>> {
        (1..self.looks.len()).map(move |look| self.grown_between(counter, look - 1, look))
    }

    fn grown_between(&self, counter: usize, first: usize, last: usize) -> RangeInclusive<f64> {
        let (first, last) = (self.looks[first][counter], self.looks[last][counter]);
        (last.0 - first.1)..=(last.1 - first.0)
    }
}

fn read(counters: &[Counter]) -> Vec<f64> {
    counters.iter().map(|counter| counter()).collect()
}

/// Returns the integral of a rate per second over the recorded time, which is the growth of its
/// counter. Each point covers the time since the last point with a reading, the first point none.
pub fn total(series: &Series) -> f64 {
    let mut begin_ns = series.at_ns[0];
    let points = series.at_ns.iter().zip(&series.mean);
    let parts = points.filter_map(|(at_ns, mean)| {
        let length_s = (at_ns - begin_ns) as f64 / 1e9;
        let part = (*mean)? * length_s;
        begin_ns = *at_ns;
        Some(part)
    });
    parts.sum()
}

/// Asserts that `seen` lies in the range `done`, or is off by at most `share` of its lower end plus
/// `error`. Prints the difference. Panics as well if that lower end is not positive.
pub fn agrees(what: &str, seen: f64, done: RangeInclusive<f64>, share: f64, error: f64) {
    let (least, most) = (*done.start(), *done.end());
    let off = if seen < least {
        seen - least
    } else {
        (seen - most).max(0.0)
    };
    println!(
        "{what}: {seen} seen, {least} to {most} done: {:+.3} % off",
        100.0 * off / least
    );
    assert!(least > 0.0, "{what}: nothing was done");
    assert!(
        off.abs() <= share * least + error,
        "{what}: {seen} seen, {least} to {most} done"
    );
}
