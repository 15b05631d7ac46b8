//! Times inside a checkout from a connection pool: the wait for a free place in the pool, the
//! driver's check of a pooled connection, and the opening of a new one.
//!
//! Pools report these parts through hooks, which run while the checkout is polled and do not know
//! their request. [`observe`] keeps the request's timestamps in a thread-local variable during each
//! poll, so that no hook allocates or locks.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;

use bench_report::clock::monotonic_ns;

use super::timestamps::{CheckoutTimestamps, Timestamps};

thread_local! {
    static CURRENT: Cell<CheckoutTimestamps> = const { Cell::new(CheckoutTimestamps::UNTOLD) };
}

/// Awaits `checkout` and returns its result. Each time that the pool's hooks call [`checking`],
/// [`connecting`] or [`connected`] during it, writes the instant into `timestamps`, in nanoseconds
/// on `CLOCK_MONOTONIC`.
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

/// Notes that the checkout which is being polled on this thread has a place in the pool, and that
/// its pooled connection is being checked. A pool's hook calls this within [`observe`].
pub fn checking() {
    let mut inside = CURRENT.get();
    if inside.place_ns == 0 {
        inside.place_ns = monotonic_ns();
    }
    inside.connect_ns = 0;
    CURRENT.set(inside);
}

/// Notes that the checkout which is being polled on this thread has a place in the pool, and begins
/// to open a connection. A pool's hook calls this within [`observe`].
pub fn connecting() {
    let mut inside = CURRENT.get();
    inside.connect_ns = monotonic_ns();
    if inside.place_ns == 0 {
        inside.place_ns = inside.connect_ns;
    }
    CURRENT.set(inside);
}

/// Notes that the checkout which is being polled on this thread has opened a connection. For pools
/// whose hooks report only the end of an opening: the opening then counts from the end of the wait
/// for a place. A pool's hook calls this within [`observe`].
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

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    /// Creates a checkout that is pending for `waits` polls and ready at the next one, in which it
    /// calls the hook `tells`.
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
