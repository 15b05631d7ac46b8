//! Choice of the next step of a search. The number of connections rises by a factor until a step
//! breaks; then numbers in between are tried until the limit is known to within 2 %.

/// Difference between the highest number that held and the lowest that broke, as a share of the
/// former, at which the search ends.
const RESOLUTION: f64 = 0.02;

/// Search for the highest number of connections that holds, from 1 to `highest`, with the results
/// so far.
#[derive(Debug, Clone)]
pub(crate) struct LimitSearch {
    start: u64,
    factor: f64,
    highest: u64,
    held: u64,
    broken: Option<BrokenStep>,
}

#[derive(Debug, Clone, Copy)]
struct BrokenStep {
    step: u64,
    /// Number of connections that were open at the end of the step that broke.
    open: u64,
}

impl LimitSearch {
    pub(crate) fn new(start: u64, factor: f64, highest: u64) -> Self {
        Self {
            start,
            factor,
            highest,
            held: 0,
            broken: None,
        }
    }

    /// Returns the highest number of connections that held; 0 if none did.
    pub(crate) fn highest_held(&self) -> u64 {
        self.held
    }

    /// Records that a step with `step` connections held.
    pub(crate) fn held(&mut self, step: u64) {
        self.held = self.held.max(step);
    }

    /// Records that a step with `step` connections broke, at whose end `open` connections were
    /// open. Only the lowest broken step counts.
    pub(crate) fn broke(&mut self, step: u64, open: u64) {
        if self.broken.is_none_or(|broken| step < broken.step) {
            self.broken = Some(BrokenStep { step, open });
        }
    }

    /// Returns the number of connections to try next; `None` if the limit is known, or if `highest`
    /// held.
    pub(crate) fn next(&self) -> Option<u64> {
        let Some(broken) = self.broken else {
            return self.next_up();
        };
        let resolution = ((self.held as f64 * RESOLUTION) as u64).max(1);
        let gap = broken.step.saturating_sub(self.held);
        if gap <= resolution {
            return None;
        }
        // A server that refuses connections above a fixed number has just shown that number: try it, and then
        // the next larger one. Other limits are found by halving.
        if broken.open > self.held && broken.open < broken.step {
            Some(broken.open)
        } else if broken.open == self.held && self.held > 0 {
            Some(self.held + resolution)
        } else {
            Some(self.held + gap / 2)
        }
    }

    fn next_up(&self) -> Option<u64> {
        if self.held >= self.highest {
            return None;
        }
        if self.held == 0 {
            return Some(self.start.min(self.highest));
        }
        let up = (self.held as f64 * self.factor) as u64;
        Some(up.max(self.held + 1).min(self.highest))
    }

    /// Returns the number of steps that follow the next one, if none breaks; 0 once a step has
    /// broken.
    pub(crate) fn steps_after(&self) -> usize {
        let mut ahead = self.clone();
        let mut steps: usize = 0;
        while let (None, Some(step)) = (ahead.broken, ahead.next()) {
            ahead.held(step);
            steps += 1;
        }
        steps.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a search on a made-up server that keeps `open_at(n)` connections open when n are
    /// wanted. Returns the numbers of connections that were tried, in order, and the highest that
    /// held.
    fn steps(mut search: LimitSearch, open_at: impl Fn(u64) -> u64) -> (Vec<u64>, u64) {
        let mut tried = Vec::new();
        while let Some(step) = search.next() {
            assert!(tried.len() < 64, "no end: {tried:?}");
            tried.push(step);
            match open_at(step) {
                open if open == step => search.held(step),
                open => search.broke(step, open),
            }
        }
        (tried, search.highest_held())
    }

    #[test]
    fn levels_rise_by_the_factor_and_end_at_the_highest() {
        let search = LimitSearch::new(100, 2.0, 1_000);
        assert_eq!(search.steps_after(), 4);
        let (tried, held) = steps(search, |step| step);
        assert_eq!(tried, [100, 200, 400, 800, 1_000]);
        assert_eq!(held, 1_000);
    }

    #[test]
    fn a_start_above_the_highest_is_cut_to_it() {
        assert_eq!(steps(LimitSearch::new(100, 2.0, 7), |step| step).0, [7]);
    }

    #[test]
    fn a_server_that_refuses_at_a_number_is_found_in_two_more_levels() {
        let (tried, held) = steps(LimitSearch::new(100, 2.0, 10_000), |step| step.min(50));
        assert_eq!(tried, [100, 50, 51]);
        assert_eq!(held, 50);
        let (tried, held) = steps(LimitSearch::new(100, 2.0, 10_000), |step| step.min(500));
        assert_eq!(tried, [100, 200, 400, 800, 500, 510]);
        assert_eq!(held, 500);
    }

    #[test]
    fn a_server_that_loses_all_when_it_breaks_is_halved_down_to_two_percent() {
        for limit in [1, 3, 99, 333, 4_321] {
            let at = |step| if step > limit { 0 } else { step };
            let (_, held) = steps(LimitSearch::new(100, 2.0, 10_000), at);
            assert!(held <= limit, "{held} of {limit}");
            assert!(held as f64 >= limit as f64 * 0.97, "{held} of {limit}");
        }
    }

    #[test]
    fn a_server_that_holds_none_is_found_too() {
        assert_eq!(steps(LimitSearch::new(100, 2.0, 1_000), |_| 0).1, 0);
    }
}
