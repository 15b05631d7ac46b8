//! State of a cache that has been in use for a long time: which keys are there, how long they live
//! on, and how many reads find their key.
//!
//! Keys are requested independently of each other and at random instants. A key is missing until a
//! read misses it and writes it back, or a write sets it, so for 1 ÷ λ on average; then it is there
//! until a life ends that no write has renewed. The probability of being there is the share of time
//! that it is there, by the renewal argument; with reads alone it is λT ÷ (1 + λT). Reads find a key
//! with that probability, because they come at random instants.
//!
//! If a miss first fetches the value from a back-end for the time b, the key is missing for b longer.
//! Reads that come meanwhile miss it too, and each writes it when its own fetch is over: the last
//! of them b − (1 − e^(−λb)) ÷ λ after the first, on average, which lengthens the life. This is exact
//! for a constant b and reads alone.

use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::expiry::Expiry;
use super::key_popularity::KeyPopularity;

/// Steady state of a cache under a constant load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SteadyState {
    /// Share of the requests that each key gets.
    pub(crate) popularity: KeyPopularity,
    /// Requests per second, on all keys together.
    pub(crate) requests_per_s: f64,
    /// Share of the requests that write a key instead of reading one, from 0 to 1.
    pub(crate) writes_ratio: f64,
    /// Time to live of a key from each of its writes on.
    pub(crate) expiry: Expiry,
    /// Mean time, in seconds, from a miss until its value is written back; 0 without a back-end.
    pub(crate) fetch_s: f64,
}

impl SteadyState {
    /// Returns the share of the reads that find their key, from 0 to 1.
    pub(crate) fn hit_ratio(&self) -> f64 {
        self.popularity
            .sum(|share| share * self.present_ratio(share))
    }

    /// Draws whether the key at `index` is there, and returns for how many milliseconds it then
    /// lives on; `None` if it is not there.
    pub(crate) fn draw_left_ms(&self, index: u64, random: &mut SmallRng) -> Option<u64> {
        let share = self.popularity.share(index);
        let is_there = random.random::<f64>() < self.present_ratio(share);
        let renewed_per_s = self.renewed_per_s(share);
        is_there.then(|| {
            let rewritten_s = self.rewritten_s(share);
            let present_s = self.expiry.present_s(renewed_per_s);
            let will_be_rewritten =
                random.random::<f64>() * (present_s + rewritten_s) < rewritten_s;
            if will_be_rewritten {
                // Reads that missed the key will write it again; then its last life begins.
                let until_s = rewritten_s * random.random::<f64>();
                return self.expiry.draw_ms(random) + (until_s * 1e3) as u64;
            }
            self.expiry.draw_left_ms(renewed_per_s, random)
        })
    }

    /// Returns the probability that a key is there which gets the share `share` of the requests.
    fn present_ratio(&self, share: f64) -> f64 {
        let requested_per_s = share * self.requests_per_s;
        let renewed_per_s = self.renewed_per_s(share);
        // A write during a fetch ends the wait for it.
        let fetching_s = (1.0 - self.writes_ratio) * ended_within_s(renewed_per_s, self.fetch_s);
        let missing_s = 1.0 / requested_per_s + fetching_s;
        let present_s = self.expiry.present_s(renewed_per_s) + self.rewritten_s(share);
        // Where one of the two is zero or infinite, this form still has its limit.
        1.0 / (1.0 + missing_s / present_s)
    }

    /// Returns the mean time in seconds from the end of the first fetch of a missing key until the end
    /// of the last one that began meanwhile.
    fn rewritten_s(&self, share: f64) -> f64 {
        let requested_per_s = share * self.requests_per_s;
        (1.0 - self.writes_ratio) * (self.fetch_s - ended_within_s(requested_per_s, self.fetch_s))
    }

    fn renewed_per_s(&self, share: f64) -> f64 {
        share * self.requests_per_s * self.writes_ratio
    }
}

/// Returns the mean time in seconds until the first of `per_s` random events a second, but at most
/// `most_s`: (1 − e^(−λb)) ÷ λ.
fn ended_within_s(per_s: f64, most_s: f64) -> f64 {
    if per_s * most_s < 1e-9 {
        return most_s;
    }
    -(-per_s * most_s).exp_m1() / per_s
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::keys::key_skew::Skew;
    use rand::SeedableRng as _;
    use rand_distr::{Distribution as _, Exp1};

    fn state(keys: u64, skew: Skew, requests_per_s: f64, ttl_s: f64) -> SteadyState {
        SteadyState {
            popularity: KeyPopularity::new(skew, keys),
            requests_per_s,
            writes_ratio: 0.0,
            expiry: Expiry {
                ttl: Duration::from_secs_f64(ttl_s),
                jitter_ratio: 0.0,
            },
            fetch_s: 0.0,
        }
    }

    #[test]
    fn a_key_is_there_for_its_share_of_the_time() {
        // λT of 1, 0.1 and 9 for one key: 1/2, 1/11, 9/10.
        for (requests_per_s, ttl_s, wanted) in
            [(0.5, 2.0, 0.5), (0.1, 1.0, 1.0 / 11.0), (3.0, 3.0, 0.9)]
        {
            let ratio = state(1, Skew::Uniform, requests_per_s, ttl_s).hit_ratio();
            assert!((ratio - wanted).abs() < 1e-12, "{ratio}, not {wanted}");
        }
        // Half of the requests write: μ = 1/2, λ = 1, T = 2, so that a key is there for 2(e − 1)
        // seconds and missing for one.
        let written = SteadyState {
            writes_ratio: 0.5,
            ..state(1, Skew::Uniform, 1.0, 2.0)
        };
        let present = 2.0 * (std::f64::consts::E - 1.0);
        assert!((written.hit_ratio() - present / (present + 1.0)).abs() < 1e-12);
        assert_eq!(state(1, Skew::Uniform, 0.0, 2.0).hit_ratio(), 0.0);
        let busy = SteadyState {
            writes_ratio: 0.9,
            ..state(1, Skew::Uniform, 1e6, 3_600.0)
        };
        assert_eq!(busy.hit_ratio(), 1.0, "a life never ends by itself");
    }

    #[test]
    fn the_hit_ratio_of_a_skewed_cache_is_that_of_the_renewal_argument() {
        let zipf = Skew::Zipf { exponent: 1.0 };
        for (keys, requests_per_s, ttl_s, wanted) in [
            (20_000, 300.0, 10.0, 0.593_6),
            (100_000, 10_000.0, 10.0, 0.787),
            (100_000, 30_000.0, 10.0, 0.866),
            (100_000, 300_000.0, 10.0, 0.972),
        ] {
            let ratio = state(keys, zipf, requests_per_s, ttl_s).hit_ratio();
            assert!((ratio - wanted).abs() < 5e-4, "{ratio}, not {wanted}");
        }
        let mut written = state(20_000, zipf, 3_000.0, 1.0);
        written.writes_ratio = 0.2;
        written.expiry.jitter_ratio = 0.5;
        // Computed apart, with the Laplace transform of the life integrated by Simpson's rule.
        assert!((written.hit_ratio() - 0.612_961).abs() < 1e-5);
    }

    /// Runs the requests of `state` from a preloaded cache for `ttls` times to live, and returns
    /// the hit ratio in each of `parts` equal parts of that time.
    fn simulated(state: &SteadyState, skew: Skew, keys: u64, ttls: f64, parts: usize) -> Vec<f64> {
        let mut random = SmallRng::seed_from_u64(5);
        let mut lives: Vec<f64> = (0..keys)
            .map(|index| state.draw_left_ms(index, &mut random))
            .map(|left_ms| left_ms.map_or(0.0, |ms| ms as f64 / 1e3))
            .collect();
        let sampler = skew.sampler(keys);
        let length_s = ttls * state.expiry.ttl.as_secs_f64();
        let mut counts = vec![(0_u64, 0_u64); parts];
        let mut fetched = std::collections::VecDeque::new();
        let mut now_s = 0.0;
        loop {
            let gap: f64 = Exp1.sample(&mut random);
            now_s += gap / state.requests_per_s;
            if now_s >= length_s {
                break;
            }
            while let Some((at_s, index)) = fetched.front().copied()
                && at_s <= now_s
            {
                fetched.pop_front();
                lives[index] = at_s + state.expiry.draw_ms(&mut random) as f64 / 1e3;
            }
            let index = sampler.draw(&mut random) as usize;
            let gone_s = &mut lives[index];
            let writes = random.random::<f64>() < state.writes_ratio;
            let is_hit = *gone_s > now_s;
            if !writes {
                let (hits, reads) = &mut counts[(now_s / length_s * parts as f64) as usize];
                *hits += u64::from(is_hit);
                *reads += 1;
            }
            if !writes && !is_hit {
                fetched.push_back((now_s + state.fetch_s, index));
            } else if writes {
                *gone_s = now_s + state.expiry.draw_ms(&mut random) as f64 / 1e3;
            }
        }
        let ratio = |(hits, reads): &(u64, u64)| *hits as f64 / *reads as f64;
        counts.iter().map(ratio).collect()
    }

    #[test]
    fn a_cache_that_begins_in_its_steady_state_stays_in_it() {
        let zipf = |exponent| Skew::Zipf { exponent };
        let hotspot = Skew::parse_named("hotspot:20/80").unwrap();
        let gauss = Skew::parse_named("gauss:0.1").unwrap();
        for (skew, keys, (requests_per_s, ttl_s), writes_ratio, jitter_ratio, fetch_s) in [
            (zipf(1.0), 20_000, (300_000.0, 1.0), 0.0, 0.0, 0.0),
            (zipf(1.0), 20_000, (100_000.0, 3.0), 0.2, 0.5, 0.0),
            (zipf(0.7), 50_000, (100_000.0, 1.0), 0.0, 1.0, 0.0),
            (Skew::Uniform, 50_000, (100_000.0, 1.0), 0.5, 0.2, 0.0),
            (hotspot, 50_000, (50_000.0, 1.0), 0.0, 0.0, 0.0),
            (gauss, 50_000, (50_000.0, 1.0), 0.1, 0.5, 0.0),
            // Fetches of a tenth of a life. No key may be so popular that its own phase is seen.
            (zipf(0.5), 20_000, (100_000.0, 1.0), 0.0, 0.0, 0.1),
            (zipf(0.5), 20_000, (100_000.0, 1.0), 0.1, 0.5, 0.1),
        ] {
            let mut state = state(keys, skew, requests_per_s, ttl_s);
            state.fetch_s = fetch_s;
            state.writes_ratio = writes_ratio;
            state.expiry.jitter_ratio = jitter_ratio;
            let wanted = state.hit_ratio();
            // No fetch is under way at first, which is seen again a life later, and fades.
            let ttls = if fetch_s > 0.0 { 12.0 } else { 2.0 };
            let seen = simulated(&state, skew, keys, ttls, 4);
            for (part, ratio) in seen.iter().enumerate() {
                assert!(
                    (ratio - wanted).abs() < 0.01,
                    "part {part}: {ratio}, not {wanted}"
                );
            }
        }
    }
}
