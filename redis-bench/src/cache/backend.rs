//! Simulated back-end behind the cache, which a miss calls before it writes the value back.

use load_engine::ThinkTime;
use rand::rngs::SmallRng;
use tokio::sync::Semaphore;

use crate::cli::BackendFlag;

/// Back-end that all users call. It answers after a time that is drawn for each call.
#[derive(Debug)]
pub(super) struct Backend {
    time: ThinkTime,
    /// Places for calls at once; `None` if there is no limit.
    places: Option<Semaphore>,
}

impl Backend {
    /// Creates the back-end that `flag` describes.
    pub(super) fn new(flag: BackendFlag) -> Self {
        Self {
            time: flag.time,
            places: flag.at_once.map(Semaphore::new),
        }
    }

    /// Calls the back-end: waits for a place, in the order of the calls, and then for the answer.
    pub(super) async fn call(&self, random: &mut SmallRng) {
        let time = self.time.draw(random);
        let _place = match &self.places {
            Some(places) => places.acquire().await.ok(),
            None => None,
        };
        tokio::time::sleep(time).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rand::SeedableRng as _;

    use super::*;

    /// Calls a back-end of 20 ms ten times at once, and returns how long that took.
    fn ten_calls(at_once: Option<usize>) -> Duration {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let time = ThinkTime::Constant(Duration::from_millis(20));
        let backend = Backend::new(BackendFlag { time, at_once });
        let mut randoms: Vec<SmallRng> = (0..10).map(SmallRng::seed_from_u64).collect();
        let begun = Instant::now();
        let calls = randoms.iter_mut().map(|random| backend.call(random));
        runtime.block_on(async { futures_util::future::join_all(calls).await });
        begun.elapsed()
    }

    #[test]
    fn calls_beyond_those_at_once_wait_for_a_place() {
        for (at_once, least_ms) in [(None, 20), (Some(10), 20), (Some(5), 40), (Some(1), 200)] {
            let took = ten_calls(at_once);
            assert!(
                took >= Duration::from_millis(least_ms),
                "{at_once:?}: {took:?}"
            );
        }
    }
}
