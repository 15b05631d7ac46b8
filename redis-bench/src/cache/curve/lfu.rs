//! Policies `allkeys-lfu` and `volatile-lfu`: evict a key that is seldom used.

use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::cached_keys::CachedKeys;
use super::eviction_policy::EvictionPolicy;
use super::eviction_pool::EvictionPool;

/// Counter of a new key (`LFU_INIT_VAL`), so that it is not the first to go.
const FIRST_COUNT: u8 = 5;
const MINUTE_MS: u64 = 60_000;

/// Least frequently used, as Redis approximates it: by keys drawn at random, and by a counter of a
/// byte that grows the more slowly the higher it is, and falls with the time since the last use.
#[derive(Debug)]
pub(crate) struct ApproximateLfu {
    pool: EvictionPool,
    log_factor: u32,
    decay_minutes: u32,
}

/// Counter of a key, and the minute of its last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UseCount {
    counter: u8,
    minute: u64,
}

impl UseCount {
    /// Returns the counter at `at_ms`: one less than at the last use for each `decay_minutes` since.
    fn counter_at(self, at_ms: u64, decay_minutes: u32) -> u8 {
        let passed = (at_ms / MINUTE_MS).saturating_sub(self.minute);
        let falls = passed.checked_div(u64::from(decay_minutes)).unwrap_or(0);
        self.counter
            .saturating_sub(falls.min(u64::from(u8::MAX)) as u8)
    }
}

impl ApproximateLfu {
    /// Creates the policy with values of `maxmemory-samples`, `lfu-log-factor` and `lfu-decay-time`,
    /// which is in minutes; with 0, counters do not fall.
    pub(crate) fn new(samples: usize, log_factor: u32, decay_minutes: u32) -> Self {
        Self {
            pool: EvictionPool::new(samples),
            log_factor,
            decay_minutes,
        }
    }

    /// Returns the probability that a use makes the counter grow.
    fn growth_probability(&self, counter: u8) -> f64 {
        let above = f64::from(counter.saturating_sub(FIRST_COUNT));
        1.0 / (above * f64::from(self.log_factor) + 1.0)
    }
}

impl EvictionPolicy for ApproximateLfu {
    type State = UseCount;

    fn added(&self, at_ms: u64) -> UseCount {
        UseCount {
            counter: FIRST_COUNT,
            minute: at_ms / MINUTE_MS,
        }
    }

    fn accessed(&self, state: &mut UseCount, at_ms: u64, random: &mut SmallRng) {
        let counter = state.counter_at(at_ms, self.decay_minutes);
        let grows = random.random::<f64>() < self.growth_probability(counter);
        *state = UseCount {
            counter: counter.saturating_add(u8::from(grows)),
            minute: at_ms / MINUTE_MS,
        };
    }

    fn choose(
        &mut self,
        keys: &CachedKeys<UseCount>,
        at_ms: u64,
        random: &mut SmallRng,
    ) -> Option<u64> {
        let decay_minutes = self.decay_minutes;
        self.pool.choose(keys, random, |found| {
            u64::from(u8::MAX - found.state.counter_at(at_ms, decay_minutes))
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    /// Returns the mean counter of 200 keys after `uses` uses in the same minute.
    fn mean_counter(log_factor: u32, uses: u32) -> f64 {
        let lfu = ApproximateLfu::new(5, log_factor, 1);
        let mut random = SmallRng::seed_from_u64(17);
        let mut counter = || {
            let mut state = lfu.added(0);
            for _ in 0..uses {
                lfu.accessed(&mut state, 0, &mut random);
            }
            f64::from(state.counter)
        };
        (0..200).map(|_| counter()).sum::<f64>() / 200.0
    }

    /// Source of the counters: the table in `redis.conf`, which was made with one key each.
    #[test]
    fn counters_grow_as_redis_documents_them() {
        let cases = [
            (0, 100, 104.0),
            (0, 1_000, 255.0),
            (1, 100, 18.0),
            (1, 1_000, 49.0),
            (10, 100, 10.0),
            (10, 1_000, 18.0),
            (100, 100, 8.0),
            (100, 1_000, 11.0),
        ];
        for (log_factor, uses, documented) in cases {
            let mean = mean_counter(log_factor, uses);
            let close = (mean - documented).abs() <= 1.5;
            assert!(
                close,
                "factor {log_factor}, {uses} uses: {mean}, not {documented}"
            );
        }
    }

    #[test]
    fn a_counter_falls_by_one_for_each_decay_time_and_never_below_zero() {
        let state = UseCount {
            counter: 8,
            minute: 10,
        };
        let minute = |n: u64| n * MINUTE_MS;
        assert_eq!(state.counter_at(minute(11) - 1, 1), 8);
        assert_eq!(state.counter_at(minute(11), 1), 7);
        assert_eq!(state.counter_at(minute(15), 2), 6);
        assert_eq!(state.counter_at(minute(18), 1), 0);
        assert_eq!(state.counter_at(minute(10_000), 1), 0);
        assert_eq!(state.counter_at(minute(10_000), 0), 8, "no decay");
        let lfu = ApproximateLfu::new(5, 10, 1);
        let mut used = state;
        // The counter falls from 8 to 4 and grows again, which is certain below 6.
        lfu.accessed(&mut used, minute(14), &mut SmallRng::seed_from_u64(1));
        assert_eq!(
            used,
            UseCount {
                counter: 5,
                minute: 14
            }
        );
    }
}
