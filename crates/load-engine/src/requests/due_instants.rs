//! Instants at which the arrivals of one worker are due: those of the plan, or those that the target
//! gives.

use super::target::ArrivalInstants;
use crate::plan::arrivals::Arrivals;
use crate::plan::curve_sequence::CurveSequence;

/// Instants at which the arrivals of one worker are due, rising, in nanoseconds since the start of the
/// warm-up.
pub(super) enum DueInstants {
    /// Instants that follow the rate of the plan.
    Planned(Arrivals),
    /// Instants that the target gives.
    Given {
        /// Instant of the next arrival; `None` after the last one.
        next: Option<u64>,
        /// Instants of the arrivals after it.
        later: ArrivalInstants,
    },
}

impl DueInstants {
    /// Creates the instants that a target gives.
    pub(super) fn given(mut instants: ArrivalInstants) -> Self {
        Self::Given {
            next: instants.next(),
            later: instants,
        }
    }

    /// Returns the instant at which the next arrival is due, without taking it; `None` if there is
    /// none.
    pub(super) fn due(&self) -> Option<u64> {
        match self {
            Self::Planned(arrivals) => arrivals.due(),
            Self::Given { next, .. } => *next,
        }
    }

    /// Skips the next arrival.
    pub(super) fn advance(&mut self) {
        match self {
            Self::Planned(arrivals) => arrivals.advance(),
            Self::Given { next, later } => *next = later.next(),
        }
    }

    /// Replaces the rate of the plan. Given instants stay as they are.
    pub(super) fn follow(&mut self, curves: CurveSequence) {
        if let Self::Planned(arrivals) = self {
            arrivals.follow(curves);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_instants_come_in_their_order_until_the_last() {
        let mut due = DueInstants::given(Box::new([5, 7, 7].into_iter()));
        let mut found = Vec::new();
        while let Some(at_ns) = due.due() {
            found.push(at_ns);
            due.advance();
        }
        assert_eq!(found, [5, 7, 7]);
        due.advance();
        assert_eq!(due.due(), None);
    }
}
