//! Budget of the server's CPU time that sampling its sessions may use, on a machine of any speed.

use std::time::{Duration, Instant};

/// Share of one core that sampling may use over the measured part; well below the promised 1 %.
const SHARE: f64 = 0.007;
/// CPU time in nanoseconds that may be used before it is earned: about six samples.
const AHEAD_NS: u64 = 4_000_000;

/// Budget of the server's CPU time for sampling, which grows with the time since its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    began: Instant,
    /// CPU time in nanoseconds that sampling had used before the budget began.
    spent_ns: u64,
}

impl Budget {
    /// Begins the budget at `now`. `spent_ns` is the server's CPU time in nanoseconds that this
    /// tool's connection has used until then.
    pub(crate) fn begin(now: Instant, spent_ns: u64) -> Self {
        Self {
            began: now,
            spent_ns,
        }
    }

    /// Returns the least time to wait from `now` until the next sample so that the budget covers
    /// the samples so far; zero if it covers them already. `looks` is their number, and `spent_ns`
    /// is the CPU time that this tool's connection has used in all, in nanoseconds.
    ///
    /// The pause is at most the time that earns one sample of mean cost, so that all later samples
    /// share the cost of an expensive one. A single long pause after each expensive sample would
    /// synchronize sampling with its cause, such as a lock that is taken periodically.
    pub(crate) fn pause(&self, now: Instant, spent_ns: u64, looks: u64) -> Duration {
        let earned_after = |ns: f64| Duration::from_nanos((ns / SHARE) as u64);
        let spent = spent_ns.saturating_sub(self.spent_ns);
        let beyond = spent.saturating_sub(AHEAD_NS);
        let elapsed = now.saturating_duration_since(self.began);
        let debt = earned_after(beyond as f64).saturating_sub(elapsed);
        debt.min(earned_after(spent as f64 / looks.max(1) as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Simulates samples that cost `cost` CPU time each, for `seconds`. Returns their number, and
    /// the share of one core that they used.
    fn looks(cost: Duration, seconds: u64) -> (u32, f64) {
        let began = Instant::now();
        let end = began + Duration::from_secs(seconds);
        let budget = Budget::begin(began, 5);
        let (mut now, mut spent, mut count) = (began, 5, 0);
        loop {
            now += Duration::from_millis(75).max(budget.pause(now, spent, u64::from(count)));
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

    /// Simulates sampling of a lock that is held for 300 ms of every 535 ms, at most every 250 ms.
    /// A sample that sees the lock costs `dear` in addition. Sampling begins at `first` within the
    /// period. Returns the share of time in which the lock appears held, and the share of one core
    /// that the samples used.
    fn looks_at_a_lock(first: Duration, dear: Duration) -> (f64, f64) {
        const CYCLE: Duration = Duration::from_millis(535);
        const HELD: Duration = Duration::from_millis(300);
        let (cost, end) = (Duration::from_micros(700), Duration::from_secs(12));
        let began = Instant::now();
        let budget = Budget::begin(began, 0);
        let (mut now, mut last, mut next) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let (mut spent, mut count, mut held) = (Duration::ZERO, 0, Duration::ZERO);
        loop {
            let pause = budget.pause(began + now, spent.as_nanos() as u64, count);
            now += Duration::from_millis(75).max(pause);
            if now > end {
                break;
            }
            (spent, count) = (spent + cost, count + 1);
            let place = (first + now).as_nanos() % CYCLE.as_nanos();
            if place < HELD.as_nanos() {
                held += now.saturating_sub(last);
                if now >= next {
                    spent += dear;
                    next = now + Duration::from_millis(250).max(dear.div_f64(0.0035));
                }
            }
            last = now;
        }
        (held.div_duration_f64(last), spent.div_duration_f64(end))
    }

    #[test]
    fn looks_do_not_keep_step_with_what_makes_them_dear() {
        for dear in [1_000, 1_500, 2_000, 3_000].map(Duration::from_micros) {
            let starts = (0..20).map(|twentieth| Duration::from_micros(26_750) * twentieth);
            let all: Vec<(f64, f64)> = starts.map(|first| looks_at_a_lock(first, dear)).collect();
            let held = all.iter().map(|(held, _)| held).sum::<f64>() / all.len() as f64;
            assert!((held - 300.0 / 535.0).abs() < 0.03, "{dear:?}: {held}");
            for (held, share) in all {
                assert!((held - 300.0 / 535.0).abs() < 0.15, "{dear:?}: {held}");
                assert!(share <= 0.01, "{dear:?}: {share}");
            }
        }
    }
}
