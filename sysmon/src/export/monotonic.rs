//! CPU times as counters that never fall.
//!
//! The kernel's counter of a state may fall a little: time waited for I/O is an estimate, and a
//! guest's time is moved out of user time in two steps. Prometheus takes any fall for a restart and
//! counts the whole value as new, so a core would seem to have waited for days.

use std::collections::HashMap;

/// Largest fall of a counter, in nanoseconds, that is hidden. A larger one is a real restart: the
/// core was taken offline and put back.
const RESTART_NS: u64 = 3_000_000_000;

/// Last exported value of each state of each core, in nanoseconds, by core number and name of the
/// state.
#[derive(Debug, Default)]
pub(crate) struct MonotonicTimes(HashMap<(u32, &'static str), u64>);

impl MonotonicTimes {
    /// Returns the value to export for a state of a core whose counter is `ns`. That is `ns`, or
    /// the last exported value if `ns` is less by up to 3 s.
    pub(crate) fn hold(&mut self, state: (u32, &'static str), ns: u64) -> u64 {
        let shown = self.0.entry(state).or_insert(ns);
        if ns > *shown || *shown - ns > RESTART_NS {
            *shown = ns;
        }
        *shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_fall_is_not_shown_and_a_restart_is() {
        let mut monotonic = MonotonicTimes::default();
        let s = 1_000_000_000;
        for (now, shown) in [
            (50, 50),
            (49, 50),
            (51, 51),
            (48, 51),
            (47, 47),
            (90, 90),
            (0, 0),
        ] {
            assert_eq!(monotonic.hold((0, "iowait"), now * s), shown * s);
        }
        assert_eq!(monotonic.hold((1, "iowait"), 5), 5);
    }
}
