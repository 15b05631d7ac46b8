//! Order in which connections open: one after another, but no connection waits long for the others.
//!
//! If a worker opens all its connections at once, the server's processes for them start on
//! arbitrary cores and stay there, because the kernel wakes a process on the core of its waker only
//! if that core is otherwise idle. Opened in turn, most of them end up on the core of the worker
//! that uses them, and the throughput no longer depends on chance.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Time within which all openings begin, even if the openings before them have not ended. For
/// example, if a server takes a second for each connection, all openings have begun after half a
/// second.
const SPREAD: Duration = Duration::from_millis(500);

/// Place of one connection in the order in which several connections open. Its opening begins when
/// all earlier ones have ended, or at the latest after its proportional share of half a second.
#[derive(Debug)]
pub struct OpeningOrder {
    gate: Arc<Semaphore>,
    latest: Instant,
}

impl OpeningOrder {
    /// Returns a place for each of `count` openings, in order. The half second begins with this
    /// call.
    pub fn places(count: u64) -> impl Iterator<Item = Self> {
        Self::places_within(SPREAD, count)
    }

    fn places_within(spread: Duration, count: u64) -> impl Iterator<Item = Self> {
        let (gate, begin) = (Arc::new(Semaphore::new(1)), Instant::now());
        (0..count).map(move |place| Self {
            gate: Arc::clone(&gate),
            latest: begin + spread.mul_f64(place as f64 / count as f64),
        })
    }

    /// Runs `opening` once the earlier openings have ended, or the place's share of the half second
    /// has passed, and returns its result.
    pub async fn open<T>(self, opening: impl Future<Output = T>) -> T {
        let first = timeout_at(self.latest, self.gate.acquire()).await;
        let opened = opening.await;
        drop(first);
        opened
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Barrier;
    use tokio::task::JoinSet;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn while_there_is_time_each_waits_for_the_one_before() {
        let under_way = Arc::new(AtomicUsize::new(0));
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut openings = JoinSet::new();
        for (n, place) in OpeningOrder::places_within(HOUR, 8).enumerate() {
            let (under_way, order) = (Arc::clone(&under_way), Arc::clone(&order));
            openings.spawn(place.open(async move {
                assert_eq!(under_way.fetch_add(1, Ordering::Relaxed), 0);
                tokio::task::yield_now().await;
                order.lock().unwrap().push(n);
                under_way.fetch_sub(1, Ordering::Relaxed);
            }));
        }
        while let Some(ended) = openings.join_next().await {
            ended.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), (0..8).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_slow_one_holds_nobody_up_once_their_share_has_passed() {
        let all = Arc::new(Barrier::new(3));
        let mut openings = JoinSet::new();
        for place in OpeningOrder::places_within(Duration::from_millis(3), 3) {
            let all = Arc::clone(&all);
            // No opening ends before all have begun.
            openings.spawn(place.open(async move { all.wait().await.is_leader() }));
        }
        let mut leaders = 0;
        while let Some(ended) = openings.join_next().await {
            leaders += usize::from(ended.unwrap());
        }
        assert_eq!(leaders, 1);
    }

    #[tokio::test]
    async fn one_that_is_given_up_lets_the_next_begin() {
        let mut places = OpeningOrder::places_within(HOUR, 2);
        let (first, second) = (places.next().unwrap(), places.next().unwrap());
        let never = tokio::spawn(first.open(std::future::pending::<()>()));
        tokio::task::yield_now().await;
        never.abort();
        assert_eq!(second.open(async { "opened" }).await, "opened");
    }
}
