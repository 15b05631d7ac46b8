//! Runs blocking work with a time-out.

use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Runs `work` on a thread of its own and gives up after `bound`: a server that is stopped must
/// not keep us from saving. `None` = not done in time; the thread is then left to the process's end.
pub fn run_with_timeout<T: Send + 'static>(
    bound: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = mpsc::sync_channel(1);
    let started = Instant::now();
    std::thread::Builder::new()
        .name("bounded".to_owned())
        .spawn(move || {
            // Nobody waits any more when the bound has passed.
            let _ = done.send(work());
        })
        .ok()?;
    result
        .recv_timeout(bound.saturating_sub(started.elapsed()))
        .ok()
}
