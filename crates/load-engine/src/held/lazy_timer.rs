//! Timer of one connection that is set anew only when it has to ring earlier.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use tokio::time::{Instant, Sleep};

/// Timer that wakes its task no later than at a wanted instant. An instant later than the one that
/// is set changes nothing: the timer then rings early, and the task sets it again. So a time-out
/// that is put off with each message costs nothing per message.
#[derive(Debug)]
pub(super) struct LazyTimer<'a> {
    sleep: Pin<&'a mut Sleep>,
    /// Instant for which it is set, in nanoseconds on `CLOCK_MONOTONIC`; `None` if it is not set.
    set_ns: Option<u64>,
}

impl<'a> LazyTimer<'a> {
    /// Creates a timer that is not set, which uses `sleep`.
    pub(super) fn new(sleep: Pin<&'a mut Sleep>) -> Self {
        Self {
            sleep,
            set_ns: None,
        }
    }

    /// Returns true, once, if the timer has rung since it was set.
    pub(super) fn has_rung(&mut self) -> bool {
        let rung = self.set_ns.is_some() && self.sleep.is_elapsed();
        if rung {
            self.set_ns = None;
        }
        rung
    }

    /// Makes the timer wake the task of `context` at `at_ns` (on `CLOCK_MONOTONIC`) or earlier.
    pub(super) fn wake_by(&mut self, at_ns: u64, context: &mut Context<'_>) {
        if self.set_ns.is_some_and(|set| set <= at_ns) {
            return;
        }
        self.set_ns = Some(at_ns);
        let wait = Duration::from_nanos(at_ns.saturating_sub(monotonic_ns()));
        self.sleep.as_mut().reset(Instant::now() + wait);
        if self.sleep.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
    }
}
