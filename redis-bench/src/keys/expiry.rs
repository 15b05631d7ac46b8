//! Time to live of keys: how long a key lives after a write, and how much of that a key that is
//! there has left.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::SmallRng;

/// Shortest time to live that the server takes, in seconds.
const SHORTEST_S: f64 = 1e-3;

/// Time to live of a key: `ttl`, longer or shorter by up to the share `jitter_ratio` of it, so that
/// keys that were written at the same time do not expire at the same time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Expiry {
    /// Mean time to live of a key.
    pub(crate) ttl: Duration,
    /// Largest deviation from `ttl`, as a share of it, from 0 to 1.
    pub(crate) jitter_ratio: f64,
}

impl Expiry {
    /// Draws the time to live of a key, in milliseconds; at least 1.
    pub(crate) fn draw_ms(&self, random: &mut SmallRng) -> u64 {
        let swing = self.jitter_ratio * (random.random::<f64>() * 2.0 - 1.0);
        ((self.ttl.as_secs_f64() * 1e3 * (1.0 + swing)) as u64).max(1)
    }

    /// Draws the time in milliseconds, at least 1, for which a key that is there lives on, if it is
    /// written anew `renewed_per_s` times a second at random instants.
    ///
    /// An instant at which a key is there is more likely to lie in a long life than in a short one:
    /// in proportion to the time until the life ends or a write replaces it, whichever is first.
    pub(crate) fn draw_left_ms(&self, renewed_per_s: f64, random: &mut SmallRng) -> u64 {
        let (shortest, longest) = self.bounds_s();
        // Rejection accepts at least half of the draws, because the time grows ever more slowly.
        let life_s = loop {
            let life_s = shortest + (longest - shortest) * random.random::<f64>();
            let accepted = random.random::<f64>() * replaced_share(renewed_per_s, longest);
            if accepted <= replaced_share(renewed_per_s, life_s) {
                break life_s;
            }
        };
        let age_s = age_s(renewed_per_s, life_s, random.random::<f64>());
        ((life_s - age_s) * 1e3).ceil().max(1.0) as u64
    }

    /// Returns the mean time in seconds from the write of a missing key until it is missing again,
    /// if it is written anew `renewed_per_s` times a second meanwhile, each time with a new life.
    ///
    /// With L = E[e^(−μT)] for the rate μ and the life T it is (1 − L) ÷ (μL), by the renewal
    /// argument: a life ends by itself with the probability L. For a life that is uniform around m
    /// with the half width h, L = e^(−μm) · sinh(μh) ÷ (μh).
    pub(crate) fn present_s(&self, renewed_per_s: f64) -> f64 {
        let (shortest, longest) = self.bounds_s();
        let mean = f64::midpoint(shortest, longest);
        if renewed_per_s <= 0.0 {
            return mean;
        }
        let half = renewed_per_s * (longest - shortest) / 2.0;
        (renewed_per_s * mean - ln_sinhc(half)).exp_m1() / renewed_per_s
    }

    /// Returns the shortest and the longest time to live, in seconds.
    fn bounds_s(&self) -> (f64, f64) {
        let ttl = self.ttl.as_secs_f64();
        let at = |deviation: f64| (ttl * (1.0 + deviation)).max(SHORTEST_S);
        (at(-self.jitter_ratio), at(self.jitter_ratio))
    }
}

/// Returns a number in proportion to the mean time until a life of `life_s` ends or one of
/// `renewed_per_s` writes replaces it.
fn replaced_share(renewed_per_s: f64, life_s: f64) -> f64 {
    if renewed_per_s > 0.0 {
        -(-renewed_per_s * life_s).exp_m1()
    } else {
        life_s
    }
}

/// Returns the age at a random instant of a life of `life_s` that `renewed_per_s` writes may
/// replace; `uniform` is a draw from 0 to 1. Its density falls as e^(−rate · age).
fn age_s(renewed_per_s: f64, life_s: f64, uniform: f64) -> f64 {
    if renewed_per_s > 0.0 {
        let reached = uniform * replaced_share(renewed_per_s, life_s);
        (-(-reached).ln_1p() / renewed_per_s).min(life_s)
    } else {
        uniform * life_s
    }
}

/// Returns ln(sinh(x) ÷ x) for `x` of 0 or more.
fn ln_sinhc(x: f64) -> f64 {
    if x < 1e-3 {
        x * x / 6.0
    } else if x < 20.0 {
        (x.sinh() / x).ln()
    } else {
        // From here on, e^(−x) is lost beside e^x.
        x - (2.0 * x).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn expiry(ttl_ms: u64, jitter_ratio: f64) -> Expiry {
        let ttl = Duration::from_millis(ttl_ms);
        Expiry { ttl, jitter_ratio }
    }

    #[test]
    fn a_life_is_as_long_as_asked_give_or_take_its_jitter() {
        let mut random = SmallRng::seed_from_u64(3);
        let expiry = expiry(10_000, 0.1);
        let drawn: Vec<u64> = (0..10_000).map(|_| expiry.draw_ms(&mut random)).collect();
        assert!(drawn.iter().all(|ms| (9_000..=11_000).contains(ms)));
        assert!(drawn.iter().any(|ms| *ms < 9_200) && drawn.iter().any(|ms| *ms > 10_800));
        let brief = Expiry {
            ttl: Duration::from_micros(5),
            jitter_ratio: 0.0,
        };
        assert_eq!(brief.draw_ms(&mut random), 1, "PX 0 would be an error");
        assert_eq!(brief.draw_left_ms(0.0, &mut random), 1);
        assert_eq!(brief.draw_left_ms(1e6, &mut random), 1);
    }

    #[test]
    fn a_key_is_there_for_its_life_and_longer_if_it_is_written_meanwhile() {
        for (ttl_ms, jitter, renewed_per_s, wanted_s) in [
            (10_000, 0.0, 0.0, 10.0),
            (10_000, 1.0, 0.0, 10.0),
            // By hand: (1 − e^(−μT)) ÷ (μ e^(−μT)) = (e^(μT) − 1) ÷ μ.
            (10_000, 0.0, 0.1, 17.182_818_284_590_45),
            (1_000, 0.0, 2.0, 3.194_528_049_465_325),
            // Lives from 1 ms to 4 s, μ = 1/2: L = (1 − e^(−2)) ÷ 2, but for the first millisecond.
            (2_000, 1.0, 0.5, 2.0 / 0.432_332_358_381_693_65 - 2.0),
            (10_000, 0.1, 1e-12, 10.0),
        ] {
            let seconds = expiry(ttl_ms, jitter).present_s(renewed_per_s);
            assert!(
                (seconds / wanted_s - 1.0).abs() < 1e-3,
                "{seconds}, not {wanted_s}"
            );
        }
        assert_eq!(expiry(3_600_000, 0.1).present_s(1e3), f64::INFINITY);
    }

    /// Draws what is left of a life a million times, and returns the share of draws above each of
    /// `bounds_ms`.
    fn above(expiry: Expiry, renewed_per_s: f64, bounds_ms: &[u64]) -> Vec<f64> {
        let mut random = SmallRng::seed_from_u64(11);
        let drawn: Vec<u64> = (0..1_000_000)
            .map(|_| expiry.draw_left_ms(renewed_per_s, &mut random))
            .collect();
        let above = |bound: &u64| drawn.iter().filter(|ms| *ms > bound).count() as f64 / 1e6;
        bounds_ms.iter().map(above).collect()
    }

    /// The share above `x` is the mean of ∫ e^(−μ(T−s)) ds from x to T, by the mean of the same
    /// from 0: here for lives that are always 10 s, and for those from 5 s to 15 s.
    #[test]
    fn what_is_left_of_a_life_is_longer_where_long_lives_are_more_often_met() {
        let bounds_ms = [2_000, 5_000, 8_000];
        let fixed = expiry(10_000, 0.0);
        for (renewed_per_s, wanted) in [
            (0.0, bounds_ms.map(|ms| 1.0 - ms as f64 / 10_000.0)),
            (
                0.2,
                bounds_ms.map(|ms| {
                    let left = 10.0 - ms as f64 / 1e3;
                    (1.0 - (-0.2 * left).exp()) / (1.0 - (-2.0_f64).exp())
                }),
            ),
        ] {
            let shares = above(fixed, renewed_per_s, &bounds_ms);
            for (share, wanted) in shares.iter().zip(wanted) {
                assert!((share - wanted).abs() < 0.003, "{share}, not {wanted}");
            }
        }
        // Uniform lives from a to b: for x up to a, ((a + b) ÷ 2 − x) by their mean; above a,
        // (b − x)² ÷ 2(b − a) by their mean.
        let spread = above(expiry(10_000, 0.5), 0.0, &[2_000, 5_000, 8_000, 14_000]);
        for (share, wanted) in spread.iter().zip([0.8, 0.5, 0.245, 0.005]) {
            assert!((share - wanted).abs() < 0.003, "{share}, not {wanted}");
        }
    }
}
