//! Choice of the answers that are left out or sent twice.

use std::sync::atomic::{AtomicU64, Ordering};

use super::options::AnswerFaults;

/// Golden ratio as a fraction of 2⁶⁴. Multiples of it are spread evenly over the fractions, and no
/// regular subset of them is: a client that gets every hundredth answer loses its share and no more.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Faults of all answers of the server, in the order in which they are due.
#[derive(Debug)]
pub(crate) struct FaultSequence {
    /// Share of the answers that are left out, as a fraction of 2⁶⁴.
    dropped: u128,
    duplicate_every: Option<u64>,
    answers: AtomicU64,
    sent: AtomicU64,
}

/// Fate of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerFate {
    LeftOut,
    Once,
    Twice,
}

impl FaultSequence {
    pub(crate) fn new(faults: &AnswerFaults) -> Self {
        Self {
            dropped: (faults.drop_rate * 2f64.powi(64)) as u128,
            duplicate_every: faults.duplicate_every,
            answers: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        }
    }

    /// Returns the fate of the next answer. Of n answers the wanted share is left out, within four;
    /// of those that are sent, exactly every one that is due is sent twice.
    pub(crate) fn next(&self) -> AnswerFate {
        let number = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed) + 1;
        if self.dropped > 0 {
            let position = number(&self.answers).wrapping_mul(GOLDEN);
            if u128::from(position) < self.dropped {
                return AnswerFate::LeftOut;
            }
        }
        match self.duplicate_every {
            Some(every) if number(&self.sent).is_multiple_of(every) => AnswerFate::Twice,
            _ => AnswerFate::Once,
        }
    }
}

#[cfg(test)]
mod tests {
    use load_engine::ThinkTime;

    use super::*;

    fn sequence(drop_rate: f64, duplicate_every: Option<u64>) -> FaultSequence {
        FaultSequence::new(&AnswerFaults {
            delay: ThinkTime::NONE,
            drop_rate,
            duplicate_every,
        })
    }

    #[test]
    fn the_share_is_left_out_within_four_of_any_number_of_answers() {
        for share in [0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.999, 1.0] {
            let faults = sequence(share, None);
            let mut left_out = 0_u64;
            for n in 1..=200_000_u64 {
                left_out += u64::from(faults.next() == AnswerFate::LeftOut);
                let wanted = n as f64 * share;
                assert!((left_out as f64 - wanted).abs() <= 4.0, "{left_out} of {n}");
            }
        }
    }

    #[test]
    fn each_of_a_hundred_clients_in_turn_loses_its_share() {
        let faults = sequence(0.01, None);
        let mut left_out = [0_u64; 100];
        for n in 0..100_000 {
            left_out[n % 100] += u64::from(faults.next() == AnswerFate::LeftOut);
        }
        assert!(
            left_out.iter().all(|n| (9..=11).contains(n)),
            "{left_out:?}"
        );
    }

    #[test]
    fn every_nth_of_those_that_are_sent_is_sent_twice() {
        let faults = sequence(0.5, Some(3));
        let fates: Vec<_> = (0..1_000).map(|_| faults.next()).collect();
        let sent: Vec<_> = fates
            .into_iter()
            .filter(|fate| *fate != AnswerFate::LeftOut)
            .collect();
        for (n, fate) in (1..).zip(&sent) {
            assert_eq!(*fate == AnswerFate::Twice, n % 3 == 0, "{n}");
        }
    }
}
