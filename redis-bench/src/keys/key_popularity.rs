//! Shares of the requests that go to each key, by the law that the keys are drawn by.

use super::key_skew::Skew;

/// Number of most popular keys whose shares are summed up one by one. The others are integrated:
/// from here on the law is so smooth that the error is below 10⁻⁹ of the sum.
const SUMMED: u64 = 10_000;
/// Number of pairs of intervals by which the sum over the other keys is integrated.
const PAIRS: u32 = 512;

/// Share of the requests that each key gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct KeyPopularity {
    keys: u64,
    /// Exponent of Zipf's law; 0 if all keys are requested equally often.
    exponent: f64,
    /// Sum of the weights of all keys: the generalised harmonic number.
    whole: f64,
}

impl KeyPopularity {
    /// Computes the shares of `keys` keys with the skew `skew`; `keys` must be at least 1.
    pub(crate) fn new(skew: Skew, keys: u64) -> Self {
        let exponent = match skew {
            Skew::Uniform => 0.0,
            Skew::Zipf { exponent } => exponent,
        };
        let whole = sum_over_ranks(keys, |rank| rank.powf(-exponent));
        Self {
            keys,
            exponent,
            whole,
        }
    }

    /// Returns the share of the requests, from 0 to 1, that go to the key at `index`, counted from
    /// 0.
    pub(crate) fn share(&self, index: u64) -> f64 {
        self.share_of_rank(index as f64 + 1.0)
    }

    /// Returns the sum of `of(share)` over all keys, where `of` changes smoothly with the share.
    pub(crate) fn sum(&self, of: impl Fn(f64) -> f64) -> f64 {
        sum_over_ranks(self.keys, |rank| of(self.share_of_rank(rank)))
    }

    fn share_of_rank(&self, rank: f64) -> f64 {
        rank.powf(-self.exponent) / self.whole
    }
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
        for skew in [0.2, 0.8, 1.0, 1.3, 3.0].map(|exponent| Skew::Zipf { exponent }) {
            for keys in [1, 9_999, 10_001, 3_000_000, 1_000_000_000] {
                let sum = KeyPopularity::new(skew, keys).sum(|share| share);
                assert!((sum - 1.0).abs() < 1e-9, "{skew} of {keys}: {sum}");
            }
        }
    }

    #[test]
    fn sums_over_many_keys_are_those_over_each_of_them() {
        let keys = 300_000;
        for skew in [0.7, 1.0, 1.2].map(|exponent| Skew::Zipf { exponent }) {
            let popularity = KeyPopularity::new(skew, keys);
            // As the hit ratio of a cache: shares of keys that are there for λT ÷ (1 + λT).
            let of = |share: f64| share / (1.0 + 1.0 / (share * 30_000.0));
            let each: f64 = (0..keys).map(|index| of(popularity.share(index))).sum();
            let sum = popularity.sum(of);
            assert!((sum / each - 1.0).abs() < 1e-8, "{skew}: {sum}, not {each}");
        }
    }
}
