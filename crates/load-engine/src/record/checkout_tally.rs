//! Sums over the checkouts (requests' acquisitions of a pooled connection) of one segment of a step
//! on one thread.

use bench_report::CheckoutParts;

use super::timestamps::Timestamps;

/// Counts of the checkouts whose pools reported their parts, and sums of the parts' times in
/// nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CheckoutTally {
    count: u64,
    waited: u64,
    opened: u64,
    wait_ns: u64,
    check_ns: u64,
    connect_ns: u64,
}

impl CheckoutTally {
    /// Adds the checkout of a successful request. Does nothing if the pool reported no parts of it,
    /// or the request had no checkout.
    pub(crate) fn add(&mut self, timestamps: &Timestamps) {
        let inside = &timestamps.checkout;
        if inside.place_ns == 0 || timestamps.acquired_ns == 0 {
            return;
        }
        let opened = inside.connect_ns > 0;
        let checked_ns = if opened {
            inside.connect_ns
        } else {
            timestamps.acquired_ns
        };
        self.count += 1;
        self.waited += u64::from(inside.waited);
        self.opened += u64::from(opened);
        self.wait_ns += inside.place_ns.saturating_sub(timestamps.started_ns);
        self.check_ns += checked_ns.saturating_sub(inside.place_ns);
        self.connect_ns += timestamps.acquired_ns.saturating_sub(checked_ns);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.waited += other.waited;
        self.opened += other.opened;
        self.wait_ns += other.wait_ns;
        self.check_ns += other.check_ns;
        self.connect_ns += other.connect_ns;
    }

    /// Returns counts and mean times in nanoseconds over the checkouts added; `None` if there are
    /// none.
    pub(crate) fn parts(&self) -> Option<CheckoutParts> {
        let mean = |sum_ns: u64| sum_ns as f64 / self.count as f64;
        (self.count > 0).then(|| CheckoutParts {
            count: self.count,
            waited: self.waited,
            opened: self.opened,
            wait_mean_ns: mean(self.wait_ns),
            check_mean_ns: mean(self.check_ns),
            connect_mean_ns: mean(self.connect_ns),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::operation_table::OperationId;
    use crate::record::timestamps::{CheckoutTimestamps, PhaseEnds};

    const TIMESTAMPS: Timestamps = Timestamps {
        due_ns: 0,
        released_ns: 0,
        started_ns: 1_000,
        checkout: CheckoutTimestamps {
            place_ns: 1_300,
            connect_ns: 0,
            waited: true,
            woken_ns: 1_000,
        },
        acquired_ns: 1_700,
        done_ns: 2_500,
        operation: OperationId::FIRST,
        phases: PhaseEnds::NONE,
    };

    #[test]
    fn the_parts_of_checkouts_add_up() {
        let opened = Timestamps {
            checkout: CheckoutTimestamps {
                connect_ns: 1_350,
                waited: false,
                ..TIMESTAMPS.checkout
            },
            ..TIMESTAMPS
        };
        let (mut sum, mut other) = (CheckoutTally::default(), CheckoutTally::default());
        sum.add(&TIMESTAMPS);
        other.add(&opened);
        // A checkout of a pool that reports no parts.
        other.add(&Timestamps {
            checkout: CheckoutTimestamps::default(),
            ..TIMESTAMPS
        });
        sum.merge(&other);
        let parts = sum.parts().unwrap();
        assert_eq!((parts.count, parts.waited, parts.opened), (2, 1, 1));
        assert_eq!(parts.wait_mean_ns, 300.0);
        assert_eq!(parts.check_mean_ns, f64::midpoint(400.0, 50.0));
        assert_eq!(parts.connect_mean_ns, 350.0 / 2.0);
        assert!(CheckoutTally::default().parts().is_none());
    }
}
