//! Time-outs that do not count the time in which this program itself stood still.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// Delay of a timer above which this program counts as having stood still.
const STANDSTILL: Duration = Duration::from_millis(100);

/// Waits for `future`, at most for `bound`. If the program stood still meanwhile, as one that was
/// stopped does, `future` gets the time once more, because its peer may have answered long ago.
/// `None` if the time is over.
pub(crate) async fn within<F: Future>(bound: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let begun = Instant::now();
    if let Ok(output) = timeout(bound, future.as_mut()).await {
        return Some(output);
    }
    if begun.elapsed() < bound + STANDSTILL {
        return None;
    }
    timeout(bound, future).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_standstill_gives_the_time_once_more() {
        let bound = Duration::from_millis(300);
        let stopped = async {
            std::thread::sleep(bound + 2 * STANDSTILL);
            tokio::time::sleep(Duration::from_millis(1)).await;
            7
        };
        assert_eq!(within(bound, stopped).await, Some(7));
    }

    #[tokio::test]
    async fn a_peer_that_does_not_answer_is_late() {
        let never = std::future::pending::<()>();
        assert_eq!(within(Duration::from_millis(50), never).await, None);
    }
}
