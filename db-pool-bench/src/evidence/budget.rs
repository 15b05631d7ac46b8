//! What looking may cost the server, on a machine of any speed.

use std::time::{Duration, Instant};

/// Of one core, over a measured part: well below the hundredth that is promised.
const SHARE: f64 = 0.007;
/// What may be spent before there was time to earn it: some half a dozen looks.
const AHEAD_NS: u64 = 4_000_000;

/// The CPU time that looking may take, earned with every second that is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    began: Instant,
    /// What looking had taken before.
    spent_ns: u64,
}

impl Budget {
    /// Begins at `now`, when looking has taken `spent_ns` of the server so far.
    pub(super) fn begin(now: Instant, spent_ns: u64) -> Self {
        Self {
            began: now,
            spent_ns,
        }
    }

    /// How long from `now` on until what was taken, `spent_ns` in all, is earned; zero while
    /// there is anything left.
    pub(super) fn pause(&self, now: Instant, spent_ns: u64) -> Duration {
        let spent = spent_ns.saturating_sub(self.spent_ns);
        let beyond = spent.saturating_sub(AHEAD_NS);
        let earned_after = Duration::from_nanos((beyond as f64 / SHARE) as u64);
        earned_after.saturating_sub(now.saturating_duration_since(self.began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks of `cost` CPU time each for `seconds`: how many there were, and what they took of a
    /// core.
    fn looks(cost: Duration, seconds: u64) -> (u32, f64) {
        let began = Instant::now();
        let end = began + Duration::from_secs(seconds);
        let budget = Budget::begin(began, 5);
        let (mut now, mut spent, mut count) = (began, 5, 0);
        loop {
            now += Duration::from_millis(75).max(budget.pause(now, spent));
            if now > end {
                break;
            }
            spent += cost.as_nanos() as u64;
            count += 1;
        }
        (count, (spent - 5) as f64 / (seconds as f64 * 1e9))
    }

    #[test]
    fn cheap_looks_are_not_held_back() {
        assert_eq!(looks(Duration::from_micros(500), 30).0, 400);
    }

    #[test]
    fn dear_looks_are_fewer_and_cost_less_than_a_hundredth_of_a_core() {
        for cost in [700, 1_500, 6_000].map(Duration::from_micros) {
            for seconds in [4, 30, 600] {
                let (count, share) = looks(cost, seconds);
                assert!(share <= 0.01, "{cost:?} for {seconds} s: {share}");
                assert!(
                    share >= 0.0065,
                    "{cost:?} for {seconds} s: {share}, {count}"
                );
            }
        }
    }
}
