//! Time between two readings of a counter, and the rate over it.

use crate::source::Timed;

const NS_PER_S: f64 = 1e9;
/// Window over which the error of a counter of clock ticks is 10 %.
const TICK_WINDOW_NS: u64 = 100_000_000;
/// Difference to that by which an interval may be shorter.
const TOLERANCE_NS: u64 = TICK_WINDOW_NS / 20;

/// Interval on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Begin of the interval.
    pub from_ns: u64,
    /// End of the interval.
    pub to_ns: u64,
}

impl Period {
    /// Returns the length of the interval, in nanoseconds.
    pub fn ns(self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }
}

/// A value with its error: counters move in ticks, and reading them takes time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureValue {
    /// Best estimate.
    pub value: f64,
    /// Greatest difference between the true value and the estimate; zero for a gauge.
    pub error: f64,
    /// Interval over which it is a mean, from one read of its counter to the next; absent for a
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

/// Returns the shortest window, in nanoseconds, over which a counter of clock ticks gives a rate if it
/// is read every `interval_ns`.
///
/// The window should last the fewest whole intervals that are long enough together. Half an interval
/// less is accepted, because a read may come late and the next one on time: a bound at a multiple of
/// the interval would reject every second rate. More than 100 ms is required only if one interval is
/// too short.
pub fn tick_window_ns(interval_ns: u64) -> u64 {
    let interval_ns = interval_ns.max(1);
    let fewest = (TICK_WINDOW_NS - TOLERANCE_NS).div_ceil(interval_ns);
    match fewest {
        1 => (interval_ns / 2).min(TICK_WINDOW_NS),
        _ => fewest * interval_ns - interval_ns / 2,
    }
}

/// Time from the middle of one read to the middle of the next.
#[derive(Debug, Clone, Copy)]
pub struct RateWindow {
    /// Begin and end.
    pub period: Period,
    /// Greatest error of its length, in nanoseconds: the kernel took the counters at some instant
    /// within each read.
    pub slack_ns: u64,
}

impl RateWindow {
    /// Returns the length, in nanoseconds.
    fn ns(&self) -> u64 {
        self.period.ns()
    }

    /// Returns the growth per second of an exact counter; `None` if the counter fell.
    pub fn per_s(&self, old: Option<u64>, new: Option<u64>) -> Option<FigureValue> {
        let grown = new?.checked_sub(old?)? as f64;
        let value = grown * NS_PER_S / self.ns() as f64;
        Some(FigureValue {
            value,
            error: value * self.slack_ns as f64 / self.ns() as f64,
            over: Some(self.period),
        })
    }

    /// Returns the growth of a counter of nanoseconds, which moves in steps of `quantum_ns`, per time
    /// passed; `None` if the counter fell.
    pub fn mean(&self, old: Option<u64>, new: Option<u64>, quantum_ns: u64) -> Option<FigureValue> {
        let spent = new?.checked_sub(old?)? as f64 / self.ns() as f64;
        Some(FigureValue {
            value: spent,
            error: (quantum_ns as f64 + spent * self.slack_ns as f64) / self.ns() as f64,
            over: Some(self.period),
        })
    }

    /// Returns the same for a time that cannot pass faster than the clock. Counter and clock are not
    /// read at the same instant, so a little more than one is one; `None` if the counter fell, or grew
    /// by more than twice the window.
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

/// Previous reading of a source, with which the next one is compared.
#[derive(Debug)]
pub struct Baseline<T> {
    previous: Option<Timed<T>>,
    least_window_ns: u64,
}

impl<T> Baseline<T> {
    /// Creates a baseline without a reading, for windows of at least `least_window_ns`.
    pub fn with_least_window(least_window_ns: u64) -> Self {
        Self {
            previous: None,
            least_window_ns,
        }
    }

    /// Calls `derive` with the previous reading, `current` and the window between them, once that is
    /// long enough. After a failed reading the window includes the time of it.
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
