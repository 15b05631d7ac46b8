//! Shares of the requests that go to each key, by the law that the keys are drawn by.

use super::key_skew::{Skew, hot_keys};

/// Number of most popular keys whose shares are summed up one by one. The others are integrated:
/// from here on the law is so smooth that the error is below 10⁻⁹ of the sum.
const SUMMED: u64 = 10_000;
/// Number of pairs of intervals by which the sum over the other keys is integrated.
const PAIRS: u32 = 512;

/// Share of the requests that each key gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct KeyPopularity {
    keys: u64,
    law: WeightLaw,
    /// Sum of the weights of all keys.
    whole: f64,
}

/// Weights of the keys, by rank from 1 on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum WeightLaw {
    /// Zipf's law; the exponent is 0 if all keys are requested equally often.
    Zipf { exponent: f64 },
    /// Each of the first `hot` keys has one weight, and each of the others another one.
    Hotspot {
        hot: u64,
        hot_share: f64,
        cold_share: f64,
    },
    /// Normal distribution with this standard deviation, in keys.
    Gauss { deviation: f64 },
}

impl KeyPopularity {
    /// Computes the shares of `keys` keys with the skew `skew`; `keys` must be at least 1.
    pub(crate) fn new(skew: Skew, keys: u64) -> Self {
        let law = match skew {
            Skew::Uniform => WeightLaw::Zipf { exponent: 0.0 },
            Skew::Zipf { exponent } => WeightLaw::Zipf { exponent },
            Skew::Hotspot {
                keys_ratio,
                requests_ratio,
            } => Self::hotspot(hot_keys(keys_ratio, keys), keys, requests_ratio),
            Skew::Gauss { deviation_ratio } => WeightLaw::Gauss {
                deviation: deviation_ratio * keys as f64,
            },
        };
        let unscaled = Self {
            keys,
            law,
            whole: 1.0,
        };
        let whole = unscaled.sum(|weight| weight);
        Self { whole, ..unscaled }
    }

    fn hotspot(hot: u64, keys: u64, requests_ratio: f64) -> WeightLaw {
        let cold = keys - hot;
        if cold == 0 {
            return WeightLaw::Zipf { exponent: 0.0 };
        }
        let hot_share = requests_ratio / hot as f64;
        let cold_share = (1.0 - requests_ratio) / cold as f64;
        WeightLaw::Hotspot {
            hot,
            hot_share,
            cold_share,
        }
    }

    /// Returns the share of the requests, from 0 to 1, that go to the key at `index`, counted from
    /// 0.
    pub(crate) fn share(&self, index: u64) -> f64 {
        match self.law {
            WeightLaw::Hotspot { hot, hot_share, .. } if index < hot => hot_share,
            WeightLaw::Hotspot { cold_share, .. } => cold_share,
            _ => self.share_of_rank(index as f64 + 1.0),
        }
    }

    /// Returns the sum of `of(share)` over all keys, where `of` changes smoothly with the share.
    pub(crate) fn sum(&self, of: impl Fn(f64) -> f64) -> f64 {
        if let WeightLaw::Hotspot {
            hot,
            hot_share,
            cold_share,
        } = self.law
        {
            return hot as f64 * of(hot_share) + (self.keys - hot) as f64 * of(cold_share);
        }
        sum_over_ranks(self.keys, |rank| of(self.share_of_rank(rank)))
    }

    /// Returns the share of the key with this rank, where the share changes smoothly with the rank.
    fn share_of_rank(&self, rank: f64) -> f64 {
        let weight = match self.law {
            WeightLaw::Zipf { exponent } => rank.powf(-exponent),
            WeightLaw::Gauss { deviation } => gauss_weight(rank, deviation),
            WeightLaw::Hotspot { cold_share, .. } => cold_share,
        };
        weight / self.whole
    }
}

/// Returns the mean of e^(−x² ÷ 2σ²) from the rank before `rank` to `rank`, by Simpson's rule, where
/// σ is `deviation`. Few keys need a finer division.
fn gauss_weight(rank: f64, deviation: f64) -> f64 {
    let pairs: u32 = if deviation < 30.0 { 16 } else { 1 };
    let step = 1.0 / f64::from(2 * pairs);
    let at = |n: u32| {
        let x = (rank - 1.0 + step * f64::from(n)) / deviation;
        (-x * x / 2.0).exp()
    };
    let pair = |n: u32| at(2 * n) + 4.0 * at(2 * n + 1) + at(2 * n + 2);
    (0..pairs).map(pair).sum::<f64>() * step / 3.0
}

/// Returns the sum of `of(rank)` for the ranks from 1 to `keys`. Those beyond [`SUMMED`] are
/// integrated from half a rank before the first to half a rank after the last (midpoint rule), over
/// the logarithm of the rank by Simpson's rule.
fn sum_over_ranks(keys: u64, of: impl Fn(f64) -> f64) -> f64 {
    let head: f64 = (1..=keys.min(SUMMED)).map(|rank| of(rank as f64)).sum();
    if keys <= SUMMED {
        return head;
    }
    let (from, to) = ((SUMMED as f64 + 0.5).ln(), (keys as f64 + 0.5).ln());
    let step = (to - from) / f64::from(2 * PAIRS);
    let at = |n: u32| {
        let rank = (from + step * f64::from(n)).exp();
        of(rank) * rank
    };
    let pair = |n: u32| at(2 * n) + 4.0 * at(2 * n + 1) + at(2 * n + 2);
    let tail: f64 = (0..PAIRS).map(pair).sum();
    head + tail * step / 3.0
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn shares_follow_the_law_and_add_up_to_one() {
        let three = KeyPopularity::new(Skew::Zipf { exponent: 1.0 }, 3);
        // 1, 1/2 and 1/3 by 11/6.
        for (index, wanted) in [6.0 / 11.0, 3.0 / 11.0, 2.0 / 11.0].into_iter().enumerate() {
            assert!((three.share(index as u64) - wanted).abs() < 1e-12);
        }
        let even = KeyPopularity::new(Skew::Uniform, 40_000);
        assert!((even.share(39_999) - 1.0 / 40_000.0).abs() < 1e-12);
        let zipf = [0.0, 0.2, 0.8, 1.0, 1.3, 3.0].map(|exponent| Skew::Zipf { exponent });
        let others = ["hotspot:20/80", "gauss:0.001", "gauss:0.1", "gauss:1"];
        let others = others.map(|named| Skew::parse_named(named).unwrap());
        for skew in zipf.into_iter().chain(others) {
            for keys in [1, 9_999, 10_001, 3_000_000, 1_000_000_000] {
                let sum = KeyPopularity::new(skew, keys).sum(|share| share);
                assert!((sum - 1.0).abs() < 1e-9, "{skew} of {keys}: {sum}");
            }
        }
    }

    /// Compares draws of the sampler with the shares by Pearson's χ², which has the mean 199 and the
    /// standard deviation 20 if they agree.
    #[test]
    fn keys_are_drawn_as_often_as_their_shares_say() {
        let (keys, draws) = (200_u64, 400_000_u64);
        for named in [
            "uniform",
            "zipf:0.5",
            "hotspot:20/80",
            "hotspot:1/50",
            "gauss:0.5",
            "gauss:1",
        ] {
            let skew = Skew::parse_named(named).unwrap();
            let popularity = KeyPopularity::new(skew, keys);
            let sampler = skew.sampler(keys);
            let mut random = SmallRng::seed_from_u64(3);
            let mut counts = vec![0_u64; keys as usize];
            for _ in 0..draws {
                counts[sampler.draw(&mut random) as usize] += 1;
            }
            let square = |(index, count): (usize, &u64)| {
                let wanted = popularity.share(index as u64) * draws as f64;
                (*count as f64 - wanted).powi(2) / wanted
            };
            let squares: f64 = counts.iter().enumerate().map(square).sum();
            assert!((80.0..320.0).contains(&squares), "{named}: {squares}");
        }
    }

    #[test]
    fn few_keys_have_the_shares_of_a_normal_distribution() {
        // A deviation of one key: 68.27 % within it, 95.45 % within two, by 1 of 10 keys.
        let ten = KeyPopularity::new(
            Skew::Gauss {
                deviation_ratio: 0.1,
            },
            10,
        );
        for (index, wanted) in [0.682_689_5, 0.271_810_2, 0.042_800_2]
            .into_iter()
            .enumerate()
        {
            assert!((ten.share(index as u64) - wanted).abs() < 1e-6);
        }
    }

    #[test]
    fn sums_over_many_keys_are_those_over_each_of_them() {
        let keys = 300_000;
        let zipf = [0.7, 1.0, 1.2].map(|exponent| Skew::Zipf { exponent });
        let others = ["hotspot:20/80", "gauss:0.1", "gauss:0.5"];
        let others = others.map(|named| Skew::parse_named(named).unwrap());
        for skew in zipf.into_iter().chain(others) {
            let popularity = KeyPopularity::new(skew, keys);
            // As the hit ratio of a cache: shares of keys that are there for λT ÷ (1 + λT).
            let of = |share: f64| share / (1.0 + 1.0 / (share * 30_000.0));
            let each: f64 = (0..keys).map(|index| of(popularity.share(index))).sum();
            let sum = popularity.sum(of);
            assert!((sum / each - 1.0).abs() < 1e-8, "{skew}: {sum}, not {each}");
        }
    }
}
