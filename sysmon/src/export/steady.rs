//! CPU times that do not fall.
//!
//! The kernel's own account of a state may fall by a little: time waited for I/O is guessed, and
//! a guest's time is moved out of user time in two steps. To Prometheus any fall is a restart,
//! after which all that the counter shows is new: a core would seem to have waited for days.

use std::collections::HashMap;

/// A fall by more is a restart indeed: the core was taken out and put back.
const RESTART_NS: u64 = 3_000_000_000;

/// What each state of each core last showed.
#[derive(Debug, Default)]
pub struct Steady(HashMap<(u32, &'static str), u64>);

impl Steady {
    /// `ns`, or what was shown before where that is a little more.
    pub fn hold(&mut self, state: (u32, &'static str), ns: u64) -> u64 {
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
        let mut steady = Steady::default();
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
            assert_eq!(steady.hold((0, "iowait"), now * s), shown * s);
        }
        assert_eq!(steady.hold((1, "iowait"), 5), 5);
    }
}
