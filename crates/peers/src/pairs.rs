//! Pairs of runs, ours and the peer's in alternating order, until the 95 % confidence interval of
//! their ratio is narrow enough, or the largest number of pairs has run.
//!
//! Absolute rates drift from minute to minute with the state of the machine. Two consecutive runs
//! are affected alike, so their ratio is stable. Each side comes first in every second pair, so
//! that effects of the first run on the second one cancel.

use serde::{Deserialize, Serialize};
use statistics::{Estimate, ratio_interval};

use crate::contest::{Compared, Contest, ContestError, Measurement, Side};

/// Confidence of the intervals of ratios, as a share of 1.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// One run of each side of a contest, one directly after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunPair {
    /// True if our program ran before the peer.
    pub(crate) ours_first: bool,
    /// Figures of the run of our program.
    pub(crate) ours: Measurement,
    /// Figures of the run of the peer.
    pub(crate) peer: Measurement,
}

/// Rule for the number of pairs in a contest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PairRule {
    /// Smallest number of pairs; until then the width of the interval does not matter.
    pub(crate) least: usize,
    /// Largest number of pairs, after which the contest ends however wide the interval is.
    pub(crate) most: usize,
    /// Half-width of the ratio's 95 % confidence interval at which the contest ends: an absolute
    /// difference of ratios, or a share of the ratio if `relative`.
    pub(crate) half_width: f64,
    /// True if `half_width` is a share of the ratio, for ratios that are far from 1.
    pub(crate) relative: bool,
    /// Figure of a run by which the sides are compared.
    pub(crate) compared: Compared,
}

impl PairRule {
    fn is_met(&self, pairs: &[RunPair]) -> bool {
        let narrow = |estimate: Estimate| {
            let unit = if self.relative { estimate.mean } else { 1.0 };
            estimate.half_width() <= self.half_width * unit
        };
        pairs.len() >= self.most
            || (pairs.len() >= self.least && estimate(pairs, self.compared).is_some_and(narrow))
    }
}

/// Estimates the ratio, ours ÷ the peer's, of the figure `compared`, with its 95 % confidence
/// interval; `None` for fewer than two pairs.
pub(crate) fn estimate(pairs: &[RunPair], compared: Compared) -> Option<Estimate> {
    let figures: Vec<(f64, f64)> = pairs
        .iter()
        .map(|pair| {
            (
                compared.figure_of(&pair.ours),
                compared.figure_of(&pair.peer),
            )
        })
        .collect();
    ratio_interval(&figures, CONFIDENCE)
}

/// Runs pairs and appends them to `pairs` until `rule` is met; calls `seen` with all pairs after
/// each one. Our program runs first in the first pair, the peer in the second, and so on.
///
/// # Errors
/// Returns the first error of a run; `pairs` then has the pairs that were complete before.
pub(crate) fn alternate(
    contest: &mut dyn Contest,
    rule: &PairRule,
    pairs: &mut Vec<RunPair>,
    mut seen: impl FnMut(&[RunPair]),
) -> Result<(), ContestError> {
    while !rule.is_met(pairs) {
        let ours_first = pairs.len().is_multiple_of(2);
        pairs.push(pair(contest, ours_first)?);
        seen(pairs);
    }
    Ok(())
}

fn pair(contest: &mut dyn Contest, ours_first: bool) -> Result<RunPair, ContestError> {
    let (ours, peer) = if ours_first {
        let ours = contest.measure(Side::Ours)?;
        (ours, contest.measure(Side::Peer)?)
    } else {
        let peer = contest.measure(Side::Peer)?;
        (contest.measure(Side::Ours)?, peer)
    };
    Ok(RunPair {
        ours_first,
        ours,
        peer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: PairRule = PairRule {
        least: 5,
        most: 40,
        half_width: 0.03,
        relative: false,
        compared: Compared::Throughput,
    };

    /// Contest on a machine whose speed grows by a twentieth with every run. Our throughput is
    /// `ratio` times that of the peer, more or less by the share `scatter`. Run number `fails_at`
    /// (from 0) fails.
    struct Planted {
        ratio: f64,
        scatter: f64,
        fails_at: usize,
        measured_sides: Vec<Side>,
    }

    impl Planted {
        fn new(ratio: f64, scatter: f64) -> Self {
            Self {
                ratio,
                scatter,
                fails_at: usize::MAX,
                measured_sides: Vec::new(),
            }
        }

        fn play(&mut self, rule: &PairRule) -> Vec<RunPair> {
            let mut pairs = Vec::new();
            alternate(self, rule, &mut pairs, |_| ()).unwrap();
            pairs
        }
    }

    impl Contest for Planted {
        fn measure(&mut self, side: Side) -> Result<Measurement, ContestError> {
            let at = self.measured_sides.len();
            if at == self.fails_at {
                return Err(ContestError::unreadable("planted")("it fails".to_owned()));
            }
            self.measured_sides.push(side);
            let drift = 1.05_f64.powf(at as f64);
            let scatter = if (at / 4).is_multiple_of(2) {
                self.scatter
            } else {
                -self.scatter
            };
            let own = if side == Side::Ours {
                self.ratio * (1.0 + scatter)
            } else {
                1.0
            };
            Ok(Measurement {
                operations_per_s: 1_000.0 * drift * own,
                cpu_per_operation_ns: 1.0,
            })
        }
    }

    #[test]
    fn a_planted_ratio_is_found_although_the_machine_drifts() {
        let rule = PairRule {
            least: 6,
            half_width: 1.0,
            ..RULE
        };
        let pairs = Planted::new(0.9, 0.0).play(&rule);
        let found = estimate(&pairs, Compared::Throughput).unwrap();
        assert_eq!(pairs.len(), 6);
        assert!((found.mean - 0.9).abs() < 1e-9, "{found:?}");
        assert!(found.interval.contains(0.9));
    }

    #[test]
    fn each_side_comes_first_in_every_other_pair() {
        use Side::{Ours, Peer};
        let mut planted = Planted::new(1.0, 0.0);
        let rule = PairRule { most: 3, ..RULE };
        let pairs = planted.play(&rule);
        assert_eq!(planted.measured_sides, [Ours, Peer, Peer, Ours, Ours, Peer]);
        let first: Vec<bool> = pairs.iter().map(|pair| pair.ours_first).collect();
        assert_eq!(first, [true, false, true]);
    }

    #[test]
    fn it_stops_as_soon_as_the_interval_is_narrow_and_not_before() {
        let pairs = Planted::new(0.9, 0.0).play(&RULE);
        assert!((5..40).contains(&pairs.len()), "{}", pairs.len());
        let narrow = |count: usize| {
            estimate(&pairs[..count], Compared::Throughput)
                .unwrap()
                .half_width()
                <= 0.03
        };
        assert!(narrow(pairs.len()));
        assert!((5..pairs.len()).all(|count| !narrow(count)));
    }

    #[test]
    fn narrow_by_luck_is_not_enough() {
        let rule = PairRule {
            half_width: 9.0,
            ..RULE
        };
        assert_eq!(Planted::new(0.9, 0.0).play(&rule).len(), 5);
    }

    #[test]
    fn it_stops_at_the_cap_when_the_ratio_stays_uncertain() {
        let pairs = Planted::new(0.9, 0.5).play(&RULE);
        assert_eq!(pairs.len(), 40);
        assert!(estimate(&pairs, Compared::Throughput).unwrap().half_width() > 0.03);
    }

    #[test]
    fn a_ratio_far_from_one_may_be_held_by_its_share() {
        let relative = PairRule {
            relative: true,
            ..RULE
        };
        let absolute = Planted::new(5.0, 0.0).play(&RULE).len();
        let shared = Planted::new(5.0, 0.0).play(&relative).len();
        assert_eq!(absolute, 40);
        assert!(shared < 40, "{shared}");
    }

    #[test]
    fn what_was_measured_before_a_failure_is_kept() {
        let mut planted = Planted::new(0.9, 0.0);
        planted.fails_at = 5;
        let mut pairs = Vec::new();
        let error = alternate(&mut planted, &RULE, &mut pairs, |_| ()).unwrap_err();
        assert!(error.to_string().contains("it fails"), "{error}");
        assert_eq!(pairs.len(), 2);
    }
}
