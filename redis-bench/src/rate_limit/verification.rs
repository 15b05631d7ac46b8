//! Comparison of a limiter's decisions with those of its model, in the order in which the server
//! made them.

use super::decision_log::LoggedDecision;
use super::model::LimiterModel;

/// Result of the comparison of one step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Verification {
    /// Decisions that are those of the model.
    pub(crate) agreed: u64,
    /// Decisions that are not.
    pub(crate) disagreed: u64,
    /// Decisions that could not be compared: they follow one of their limiter whose answer never
    /// arrived, so that the model does not know of it.
    pub(crate) unverified: u64,
}

/// Compares `decisions`, which are numbered and ordered by limiter, with those of `model`, which has
/// decided nothing so far. Changes their order within a limiter to that of their numbers.
pub(crate) fn verify(
    decisions: &mut [LoggedDecision],
    model: &mut dyn LimiterModel,
) -> Verification {
    let mut result = Verification::default();
    for of_key in decisions.chunk_by_mut(|a, b| a.key == b.key) {
        of_key.sort_unstable_by_key(|decision| decision.sequence);
        let answered = of_key
            .iter()
            .filter(|decision| !decision.verdict.is_blind());
        let mut is_whole = true;
        for (decision, expected) in answered.zip(1..) {
            is_whole &= decision.sequence == expected;
            if !is_whole {
                result.unverified += 1;
            } else if model.decide(decision.key, decision.at_us) == decision.verdict.admits() {
                result.agreed += 1;
            } else {
                result.disagreed += 1;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::decision_log::Verdict;
    use super::super::model::{FixedWindow, RateLimit};
    use super::*;

    fn decision(key: u32, sequence: u32, verdict: Verdict) -> LoggedDecision {
        LoggedDecision {
            at_us: 5_000,
            sent_us: 0,
            took_us: 0,
            key,
            sequence,
            verdict,
        }
    }

    fn verified(decisions: &mut [LoggedDecision]) -> Verification {
        let limit = RateLimit::new(2, Duration::from_millis(1), 2).unwrap();
        verify(decisions, &mut FixedWindow::new(limit))
    }

    #[test]
    fn the_order_is_that_of_the_numbers_and_each_limiter_has_its_own() {
        let (yes, no) = (Verdict::Admitted, Verdict::Refused);
        let mut right = [
            decision(0, 3, no),
            decision(0, 1, yes),
            decision(0, 2, yes),
            decision(7, 1, yes),
        ];
        let seen = verified(&mut right);
        assert_eq!((seen.agreed, seen.disagreed, seen.unverified), (4, 0, 0));
        let mut wrong = [decision(0, 1, yes), decision(0, 2, no), decision(7, 1, no)];
        let seen = verified(&mut wrong);
        assert_eq!((seen.agreed, seen.disagreed, seen.unverified), (1, 2, 0));
    }

    #[test]
    fn nothing_is_concluded_behind_a_decision_without_an_answer() {
        let (yes, no) = (Verdict::Admitted, Verdict::Refused);
        let mut gap = [
            decision(0, 1, yes),
            decision(0, 3, yes),
            decision(0, 4, no),
            decision(1, 1, yes),
            decision(1, 0, Verdict::AdmittedBlindly),
        ];
        let seen = verified(&mut gap);
        assert_eq!((seen.agreed, seen.disagreed, seen.unverified), (2, 0, 2));
        let mut twice = [decision(0, 1, yes), decision(0, 1, yes)];
        assert_eq!(verified(&mut twice).unverified, 1);
    }
}
