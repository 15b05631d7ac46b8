//! Detection of changes to the wall clock during a recording.
//!
//! No recorded time depends on the wall clock; all are of the monotonic clock. But a reader who
//! looks for an incident by the time of day must know if the machine's clock was set.

use std::time::{SystemTime, UNIX_EPOCH};

use bench_report::clock::monotonic_ns;
use bench_report::{Warning, WarningCode};

use bench_cli::table::duration_ns;

/// Smallest change of the wall clock against the monotonic clock that counts as a step, in
/// nanoseconds. Clocks that are corrected gradually change by less between two comparisons.
const LEAST_STEP_NS: i128 = 100_000_000;
/// Longest time between the two readings of the monotonic clock around that of the wall clock, in
/// nanoseconds. If it is exceeded, the comparison is skipped.
const MOST_APART_NS: u64 = LEAST_STEP_NS as u64 / 2;

/// Comparison of the wall clock with the monotonic clock over time, with the steps found.
#[derive(Debug, Clone, Default)]
pub(crate) struct WallClock {
    ahead_ns: Option<i128>,
    steps: u64,
    first: Option<ClockStep>,
}

/// Step of the wall clock against the monotonic clock, forward or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ClockStep {
    seen_ns: u64,
    by_ns: i128,
}

impl WallClock {
    /// Reads both clocks, and notes a step if their difference has changed since the last call.
    pub(crate) fn look(&mut self) {
        let before_ns = monotonic_ns();
        let Ok(since) = SystemTime::now().duration_since(UNIX_EPOCH) else {
            return;
        };
        self.compare(before_ns, since.as_nanos(), monotonic_ns());
    }

    /// Compares the wall clock, in nanoseconds since 1970, with readings of the monotonic clock
    /// just before and after it, in nanoseconds. Notes a step if their difference has changed.
    fn compare(&mut self, before_ns: u64, wall_ns: u128, after_ns: u64) {
        if after_ns.saturating_sub(before_ns) > MOST_APART_NS {
            return;
        }
        let now_ns = wall_ns.cast_signed() - i128::from(before_ns);
        let by_ns = now_ns - *self.ahead_ns.get_or_insert(now_ns);
        if by_ns.abs() >= LEAST_STEP_NS {
            let step = ClockStep {
                seen_ns: before_ns,
                by_ns,
            };
            self.steps += 1;
            self.first.get_or_insert(step);
            self.ahead_ns = Some(now_ns);
        }
    }

    /// Returns a warning about the first step of the wall clock during a recording that began at
    /// `began_ns`, in nanoseconds of the monotonic clock; `None` if there was no step.
    pub(crate) fn warning(&self, began_ns: u64) -> Option<Warning> {
        let ClockStep { seen_ns, by_ns } = self.first?;
        let by = duration_ns(u64::try_from(by_ns.unsigned_abs()).unwrap_or(u64::MAX));
        let at = duration_ns(seen_ns.saturating_sub(began_ns));
        let what = if by_ns > 0 {
            format!("the wall clock went {by} ahead, or the machine slept for so long, {at}")
        } else {
            format!("the wall clock was set back by {by} {at}")
        };
        let more = match self.steps {
            1 => String::new(),
            steps => format!(", the first of {steps} such steps"),
        };
        let message = format!(
            "{what} after the start{more}; durations and rates are right, and times of day go on \
             as from the start"
        );
        Some(Warning::new(WarningCode::ClockStepped, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;
    const HOUR: i128 = 3_600 * S as i128;

    /// Returns the warning after one comparison each second, in which the wall clock is ahead of
    /// its first course by the given nanoseconds.
    fn told(off_ns: &[i128]) -> Option<String> {
        let mut clock = WallClock::default();
        for (second, off_ns) in (100..).zip(off_ns) {
            let wall_ns = i128::from(second * S) + 1_700_000_000 * i128::from(S) + off_ns;
            clock.compare(second * S, wall_ns.cast_unsigned(), second * S + 1000);
        }
        clock.warning(100 * S).map(|warning| warning.message)
    }

    #[test]
    fn a_clock_that_is_set_is_told_from_one_that_is_corrected() {
        assert_eq!(told(&[0, 0, 0]), None);
        assert_eq!(told(&[0, 500_000, -90_000_000, 0]), None);
        assert_eq!(told(&[HOUR; 3]), None);
        let ahead = told(&[0, 0, HOUR, HOUR]).unwrap();
        let expected = "the wall clock went 60.0 min ahead, or the machine slept for so long, \
                        2.00 s after the start; durations";
        assert!(ahead.starts_with(expected), "{ahead}");
        let back = told(&[0, -HOUR, 0, 0]).unwrap();
        let expected = "the wall clock was set back by 60.0 min 1.00 s after the start, the first \
                        of 2 such steps; ";
        assert!(back.starts_with(expected), "{back}");
    }

    #[test]
    fn clocks_that_were_read_far_apart_say_nothing() {
        let mut clock = WallClock::default();
        clock.compare(S, 50 * u128::from(S), S);
        clock.compare(2 * S, 151 * u128::from(S), 3 * S);
        assert!(clock.warning(S).is_none());
        clock.compare(4 * S, 53 * u128::from(S), 4 * S + 5);
        assert!(clock.warning(S).is_none());
    }
}
