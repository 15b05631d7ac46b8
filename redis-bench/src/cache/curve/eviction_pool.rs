//! Pool of candidates for eviction, which Redis fills with a few random keys at each eviction.

use rand::rngs::SmallRng;

use super::cached_keys::{CachedKey, CachedKeys};

/// Number of candidates that a pool holds (`EVPOOL_SIZE`).
const CANDIDATES: usize = 16;

/// The best candidates of all evictions so far, in the order of their scores. A candidate keeps the
/// score that it had when it was drawn: it is evicted by that score even if its key was read since.
#[derive(Debug)]
pub(crate) struct EvictionPool {
    /// Number of keys that are drawn at each eviction (`maxmemory-samples`).
    samples: usize,
    candidates: Vec<Candidate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    score: u64,
    key: u64,
}

impl EvictionPool {
    /// Creates an empty pool.
    pub(crate) fn new(samples: usize) -> Self {
        Self {
            samples,
            candidates: Vec::with_capacity(CANDIDATES),
        }
    }

    /// Draws candidates from `keys`, and removes the one with the highest score from the pool.
    /// Returns it; `None` if there is no key at all.
    pub(crate) fn choose<S>(
        &mut self,
        keys: &CachedKeys<S>,
        random: &mut SmallRng,
        score: impl Fn(&CachedKey<S>) -> u64,
    ) -> Option<u64> {
        if keys.len() == 0 {
            return None;
        }
        loop {
            for drawn in keys.sample(self.samples, random) {
                self.offer(Candidate {
                    score: score(drawn),
                    key: drawn.key,
                });
            }
            while let Some(best) = self.candidates.pop() {
                if keys.contains(best.key) {
                    return Some(best.key);
                }
            }
        }
    }

    /// Takes a candidate in if there is room, or in place of the one with the lowest score if its
    /// own is higher. It stands before its equals, so that the older of them are evicted first.
    fn offer(&mut self, offered: Candidate) {
        let lower = |candidate: &Candidate| candidate.score < offered.score;
        let place = self.candidates.partition_point(lower);
        if self.candidates.len() < CANDIDATES {
            self.candidates.insert(place, offered);
        } else if place > 0 {
            self.candidates[..place].rotate_left(1);
            self.candidates[place - 1] = offered;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn pool(scores: &[u64]) -> EvictionPool {
        let mut pool = EvictionPool::new(5);
        for (key, score) in (0..).zip(scores) {
            pool.offer(Candidate { score: *score, key });
        }
        pool
    }

    fn content(pool: &EvictionPool) -> Vec<(u64, u64)> {
        let candidates = pool.candidates.iter();
        candidates.map(|found| (found.score, found.key)).collect()
    }

    #[test]
    fn candidates_stand_in_the_order_of_scores_and_before_their_equals() {
        let pool = pool(&[5, 2, 9, 5, 2]);
        assert_eq!(content(&pool), [(2, 4), (2, 1), (5, 3), (5, 0), (9, 2)]);
    }

    #[test]
    fn a_full_pool_gives_up_the_lowest_score_for_a_higher_one_only() {
        let full: Vec<u64> = (1..=16).map(|score| score * 10).collect();
        let mut pool = pool(&full);
        let before = content(&pool);
        for score in [9, 10] {
            pool.offer(Candidate { score, key: 99 });
            assert_eq!(content(&pool), before, "score {score}");
        }
        pool.offer(Candidate { score: 25, key: 99 });
        let mut wanted = before[1..].to_vec();
        wanted.insert(1, (25, 99));
        assert_eq!(content(&pool), wanted);
        pool.offer(Candidate {
            score: 500,
            key: 98,
        });
        wanted.remove(0);
        wanted.push((500, 98));
        assert_eq!(content(&pool), wanted);
    }

    #[test]
    fn keys_that_are_gone_are_passed_over_until_one_is_found() {
        let mut pool = pool(&[100; 16]);
        let mut keys = CachedKeys::new();
        let mut random = SmallRng::seed_from_u64(1);
        assert_eq!(pool.choose(&keys, &mut random, |_| 1), None);
        keys.add(CachedKey {
            key: 77,
            expires_ms: None,
            state: (),
        });
        // The pool is full of higher scores, so the key gets in only at the second draw.
        assert_eq!(pool.choose(&keys, &mut random, |_| 1), Some(77));
    }
}
