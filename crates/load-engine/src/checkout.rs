//! The parts of a checkout: waiting for a place in the pool, the driver's check of a kept
//! connection, and opening one.
//!
//! Pools tell of their parts through hooks, which run while the checkout is polled and know
//! nothing of the request behind it. [`observe`] keeps the timestamps of that request at hand for the
//! time of each poll, so that no hook allocates or locks.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;

use bench_report::CheckoutParts;
use bench_report::clock::monotonic_ns;

use crate::Timestamps;

/// Instants inside one checkout, on `CLOCK_MONOTONIC`, in nanoseconds; 0 = not reached, or not
/// told by the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckoutTimestamps {
    /// Instant at which it had a place in the pool, and its check or its connecting began.
    pub place_ns: u64,
    /// Instant at which it began to open a connection.
    pub connect_ns: u64,
    /// True if no place was free when it asked.
    pub waited: bool,
    /// Instant at which its wait for a place ended, as far as that shows from outside: when it was
    /// polled for the second time; its start until then.
    woken_ns: u64,
}

impl CheckoutTimestamps {
    /// Nothing was told.
    pub(crate) const UNTOLD: Self = Self {
        place_ns: 0,
        connect_ns: 0,
        waited: false,
        woken_ns: 0,
    };
}

thread_local! {
    static CURRENT: Cell<CheckoutTimestamps> = const { Cell::new(CheckoutTimestamps::UNTOLD) };
}

/// Runs `checkout`, whose pool calls [`checking`], [`connecting`] or [`connected`] from its hooks,
/// and writes what they tell into `timestamps`.
pub async fn observe<T>(timestamps: &mut Timestamps, checkout: impl Future<Output = T>) -> T {
    let mut checkout = pin!(checkout);
    timestamps.checkout.woken_ns = timestamps.started_ns;
    poll_fn(|context| {
        let inside = &mut timestamps.checkout;
        if inside.waited && inside.place_ns == 0 && inside.woken_ns == timestamps.started_ns {
            inside.woken_ns = monotonic_ns();
        }
        CURRENT.set(*inside);
        let polled = checkout.as_mut().poll(context);
        *inside = CURRENT.take();
        if polled.is_pending() {
            inside.waited |= inside.place_ns == 0;
        }
        polled
    })
    .await
}

/// For a pool's hook: the checkout has a place and a kept connection, which is checked now.
pub fn checking() {
    let mut inside = CURRENT.get();
    if inside.place_ns == 0 {
        inside.place_ns = monotonic_ns();
    }
    inside.connect_ns = 0;
    CURRENT.set(inside);
}

/// For a pool's hook: the checkout has a place and opens a connection for it.
pub fn connecting() {
    let mut inside = CURRENT.get();
    inside.connect_ns = monotonic_ns();
    if inside.place_ns == 0 {
        inside.place_ns = inside.connect_ns;
    }
    CURRENT.set(inside);
}

/// For a hook of a pool that tells of a connection only once it is open: where nothing was said of
/// its beginning, it began when the wait for a place ended.
pub fn connected() {
    let mut inside = CURRENT.get();
    if inside.connect_ns == 0 {
        inside.connect_ns = inside.woken_ns.max(inside.place_ns);
    }
    if inside.place_ns == 0 {
        inside.place_ns = inside.connect_ns;
    }
    CURRENT.set(inside);
}

/// Sums over checkouts of which the parts are known.
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
    /// Adds the checkout of a request, where its pool told of its parts.
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

    /// The means; `None` without a checkout whose parts are known.
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
    use std::task::Poll;

    use super::*;

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
        operation: 0,
    };

    /// A checkout that is pending `waits` times before the pool's hook `tells`.
    fn pool(waits: usize, tells: fn()) -> impl Future<Output = ()> {
        let mut polls = 0;
        poll_fn(move |context| {
            polls += 1;
            if polls <= waits {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            tells();
            Poll::Ready(())
        })
    }

    fn observed(waits: usize, tells: fn()) -> Timestamps {
        let mut timestamps = Timestamps {
            started_ns: monotonic_ns(),
            ..Timestamps::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime
            .unwrap()
            .block_on(observe(&mut timestamps, pool(waits, tells)));
        timestamps
    }

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
        // Of a pool that tells nothing.
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

    #[test]
    fn a_place_that_was_free_at_once_was_not_waited_for() {
        let free = observed(0, checking).checkout;
        assert!(!free.waited && free.place_ns > 0 && free.connect_ns == 0);
        let busy = observed(3, checking).checkout;
        assert!(busy.waited && busy.place_ns > busy.woken_ns);
    }

    #[test]
    fn a_connection_that_is_told_of_late_was_begun_when_the_wait_ended() {
        let timestamps = observed(2, connected);
        let inside = timestamps.checkout;
        assert!(inside.waited && inside.connect_ns > timestamps.started_ns);
        assert_eq!(inside.place_ns, inside.connect_ns);
    }

    #[test]
    fn a_kept_connection_that_turns_up_is_checked_and_none_opened() {
        let timestamps = observed(0, || {
            connecting();
            checking();
        });
        assert_eq!(timestamps.checkout.connect_ns, 0);
        assert!(timestamps.checkout.place_ns > 0);
    }

    #[test]
    fn hooks_of_others_leave_the_next_checkout_alone() {
        connecting();
        assert_eq!(observed(0, || ()).checkout.place_ns, 0);
    }
}
