//! Rate at which the proxy lets bytes pass, shared by all of its connections.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Duration that the bytes of one turn take at the limit. Connections take turns, so a short one is
/// fair to those with small messages.
const TURN: Duration = Duration::from_millis(5);
/// Longest time without bytes that counts for those that come next. A timer expires late by up to a
/// millisecond, which would otherwise lower the rate.
const LATENESS: Duration = Duration::from_millis(2);

/// One direction of a link with a limited rate. Bytes of all connections pass one after the other.
#[derive(Debug)]
pub(crate) struct LinkRate {
    /// Instant at which the last bytes that were granted a turn have passed.
    free_at: Mutex<Instant>,
}

impl LinkRate {
    pub(crate) fn new() -> Self {
        Self {
            free_at: Mutex::new(Instant::now()),
        }
    }

    /// Returns the largest number of bytes that may pass in one turn at `bytes_per_s`; all bytes
    /// without a limit.
    pub(crate) fn turn_bytes(bytes_per_s: Option<NonZeroU64>) -> usize {
        let Some(rate) = bytes_per_s else {
            return usize::MAX;
        };
        let bytes = u128::from(rate.get()) * TURN.as_nanos() / 1_000_000_000;
        usize::try_from(bytes).unwrap_or(usize::MAX).max(1)
    }

    /// Waits until `bytes` bytes have passed at `bytes_per_s`, after those that were there before.
    /// Returns at once without a limit.
    pub(crate) async fn pass(&self, bytes: usize, bytes_per_s: Option<NonZeroU64>) {
        if let Some(rate) = bytes_per_s {
            sleep_until(self.take_turn(bytes, rate, Instant::now())).await;
        }
    }

    /// Grants the next turn to `bytes` bytes, and returns the instant at which they have passed.
    fn take_turn(&self, bytes: usize, rate: NonZeroU64, now: Instant) -> Instant {
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(rate.get());
        let duration = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(LATENESS).unwrap_or(now);
        *free_at = (*free_at).max(earliest) + duration;
        *free_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: NonZeroU64 = NonZeroU64::new(100_000).unwrap();

    #[test]
    fn bytes_pass_one_after_the_other_and_a_rest_saves_up_nothing() {
        let link = LinkRate::new();
        let start = Instant::now() + Duration::from_secs(1);
        let turns = [1_000, 500, 1_000].map(|bytes| link.take_turn(bytes, RATE, start));
        let millis = turns.map(|turn| (turn + LATENESS - start).as_millis());
        assert_eq!(millis, [10, 15, 25]);
        let later = start + Duration::from_secs(10);
        let turn = link.take_turn(1_000, RATE, later);
        assert_eq!((turn + LATENESS - later).as_millis(), 10);
    }

    #[test]
    fn a_turn_is_short_at_every_rate_and_never_empty() {
        assert_eq!(LinkRate::turn_bytes(Some(RATE)), 500);
        assert_eq!(LinkRate::turn_bytes(NonZeroU64::new(1)), 1);
        assert_eq!(LinkRate::turn_bytes(None), usize::MAX);
    }
}
