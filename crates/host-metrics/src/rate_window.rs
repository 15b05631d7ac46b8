//! Rate of a counter over the time between two readings.

use crate::source::Timed;

const NS_PER_S: f64 = 1e9;
/// Length of a window, in nanoseconds, over which the error of a counter of clock ticks is 10 %.
const TICK_WINDOW_NS: u64 = 100_000_000;
/// Time by which an interval may be shorter than [`TICK_WINDOW_NS`] and still counts as long
/// enough, in nanoseconds.
const TOLERANCE_NS: u64 = TICK_WINDOW_NS / 20;

/// Interval of time on the monotonic clock (`CLOCK_MONOTONIC`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Beginning of the interval, in nanoseconds on the monotonic clock.
    pub from_ns: u64,
    /// End of the interval, in nanoseconds on the monotonic clock.
    pub to_ns: u64,
}

impl Period {
    /// Returns the length of the interval, in nanoseconds; 0 if it ends before it begins.
    pub fn ns(self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }
}

/// Value of a figure with its largest possible error, which comes from counters that grow in ticks
/// and from the time that reading takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureValue {
    /// Best estimate of the value, in the unit of the figure.
    pub value: f64,
    /// Largest possible difference between the true value and the estimate, in the unit of the
    /// figure; zero for a gauge, which is read directly.
    pub error: f64,
    /// Interval over which the value is a mean, between two reads of its counter; `None` for a
    /// gauge.
    pub over: Option<Period>,
}

impl From<f64> for FigureValue {
    fn from(value: f64) -> Self {
        Self {
            value,
            error: 0.0,
            over: None,
        }
    }
}

impl From<u64> for FigureValue {
    fn from(count: u64) -> Self {
        Self::from(count as f64)
    }
}

/// Returns the shortest window, in nanoseconds, over which a counter of clock ticks gives a rate if
/// it is read every `interval_ns`.
///
/// The window should last the smallest number of whole intervals that reaches 95 ms: 100 ms less a
/// tolerance of 5 %. Half an interval less is accepted, because one read may be late and the next one
/// on time: if the bound were a multiple of the interval, every second rate would be rejected. If one
/// interval reaches 95 ms, the bound is half of it, at most 100 ms. An interval of 0 counts as 1 ns.
pub fn tick_window_ns(interval_ns: u64) -> u64 {
    let interval_ns = interval_ns.max(1);
    let fewest = (TICK_WINDOW_NS - TOLERANCE_NS).div_ceil(interval_ns);
    match fewest {
        1 => (interval_ns / 2).min(TICK_WINDOW_NS),
        _ => fewest * interval_ns - interval_ns / 2,
    }
}

/// Time between two reads of counters, from the middle of one read to the middle of the next.
#[derive(Debug, Clone, Copy)]
pub struct RateWindow {
    /// Beginning and end of the window, on the monotonic clock.
    pub period: Period,
    /// Largest error of the window's length, in nanoseconds. The kernel may have taken the
    /// counters at any instant within each of the two reads.
    pub slack_ns: u64,
}

impl RateWindow {
    /// Returns the length of the window, in nanoseconds.
    fn ns(&self) -> u64 {
        self.period.ns()
    }

    /// Returns the growth per second of a counter with exact values, from `old` to `new`; `None`
    /// if one of them is missing or the counter fell.
    pub fn per_s(&self, old: Option<u64>, new: Option<u64>) -> Option<FigureValue> {
        let grown = new?.checked_sub(old?)? as f64;
        let value = grown * NS_PER_S / self.ns() as f64;
        Some(FigureValue {
            value,
            error: value * self.slack_ns as f64 / self.ns() as f64,
            over: Some(self.period),
        })
    }

    /// Returns the growth from `old` to `new` of a counter of nanoseconds, per nanosecond of the
    /// window: for CPU time this is the mean number of cores used. The counter grows in steps of
    /// `quantum_ns`. `None` if a value is missing or the counter fell.
    pub fn mean(&self, old: Option<u64>, new: Option<u64>, quantum_ns: u64) -> Option<FigureValue> {
        let spent = new?.checked_sub(old?)? as f64 / self.ns() as f64;
        Some(FigureValue {
            value: spent,
            error: (quantum_ns as f64 + spent * self.slack_ns as f64) / self.ns() as f64,
            over: Some(self.period),
        })
    }

    /// Returns the growth from `old` to `new` of a counter of nanoseconds as a share of the
    /// window, at most 1. The counter grows in steps of `quantum_ns`. Counter and clock are not
    /// read at the same instant, so slightly more than 1 is taken as 1. `None` if a value is
    /// missing, or if the counter fell or grew by more than twice the window.
    pub fn share(
        &self,
        old: Option<u64>,
        new: Option<u64>,
        quantum_ns: u64,
    ) -> Option<FigureValue> {
        let mean = self.mean(old, new, quantum_ns)?;
        (mean.value <= 2.0).then_some(FigureValue {
            value: mean.value.min(1.0),
            ..mean
        })
    }
}

/// Last reading of a source, with which the next one is compared.
#[derive(Debug)]
pub struct Baseline<T> {
    previous: Option<Timed<T>>,
    least_window_ns: u64,
}

impl<T> Baseline<T> {
    /// Creates a baseline without a reading, for windows of at least `least_window_ns`
    /// nanoseconds.
    pub fn with_least_window(least_window_ns: u64) -> Self {
        Self {
            previous: None,
            least_window_ns,
        }
    }

    /// Calls `derive` with the last reading, `current` and the window between them, and keeps
    /// `current` as the last reading. If the window is too short or `current` is `None`, does
    /// nothing, so that the next window includes its time. The first reading is only kept.
    pub fn advance(&mut self, current: Option<Timed<T>>, derive: impl FnOnce(&T, &T, RateWindow)) {
        let Some(current) = current else { return };
        if let Some(previous) = &self.previous {
            let window = RateWindow {
                period: Period {
                    from_ns: previous.span.midpoint_ns(),
                    to_ns: current.span.midpoint_ns(),
                },
                slack_ns: previous.span.slack_ns() + current.span.slack_ns(),
            };
            if window.ns() < self.least_window_ns.max(1) {
                return;
            }
            derive(&previous.value, &current.value, window);
        }
        self.previous = Some(current);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_window_lies_half_an_interval_from_any_multiple_of_it() {
        for (interval_ms, least_us) in [
            (10, 95_000),
            (20, 90_000),
            (33, 82_500),
            (50, 75_000),
            (94, 141_000),
            (95, 47_500),
            (99, 49_500),
            (100, 50_000),
            (101, 50_500),
            (150, 75_000),
            (200, 100_000),
            (1000, 100_000),
        ] {
            let found = tick_window_ns(interval_ms * 1_000_000);
            assert_eq!(found, least_us * 1000, "{interval_ms} ms");
        }
        assert!(tick_window_ns(0) > 0 && tick_window_ns(u64::MAX) > 0);
    }
}
