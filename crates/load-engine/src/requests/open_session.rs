//! Sessions that are counted as open until they are dropped.

use std::sync::Arc;
use std::time::Duration;

use bench_report::clock::monotonic_ns;

use super::target::{Session, Target, UserId};
use crate::load::step_state::StepState;
use crate::record::failure::Failure;

/// Pause after the first failed attempt to open a session. It doubles after each further failure.
const FIRST_RETRY: Duration = Duration::from_millis(10);
/// Longest pause between two attempts to open a session.
const LONGEST_RETRY: Duration = Duration::from_secs(1);

/// Open session with its count: it counts as open until it is dropped.
pub(super) struct OpenSession<S> {
    pub(super) session: S,
    open: OpenCount,
}

/// Guard that counts one session as open until it is dropped.
struct OpenCount(Arc<StepState>);

impl Drop for OpenCount {
    fn drop(&mut self) {
        let segment = self.0.session_segment(monotonic_ns());
        self.0.sessions.closed(segment);
    }
}

impl<S: Session> OpenSession<S> {
    /// Wraps a session that was opened before the step, and counts it as open.
    pub(super) fn opened_before(session: S, shared: &Arc<StepState>) -> Self {
        shared.sessions.opened_before();
        let open = OpenCount(Arc::clone(shared));
        Self { session, open }
    }

    /// Opens the session of `user` and counts the success, with its duration, or the failure.
    ///
    /// # Errors
    /// Returns the failure of the target to open the session.
    pub(super) async fn open<T: Target<Session = S>>(
        target: &T,
        user: UserId,
        shared: &Arc<StepState>,
    ) -> Result<Self, Failure> {
        let began_ns = monotonic_ns();
        match target.open(user).await {
            Ok(session) => {
                let took_ns = monotonic_ns().saturating_sub(began_ns);
                let segment = shared.session_segment(began_ns + took_ns);
                shared.sessions.opened(segment, took_ns.max(1));
                let open = OpenCount(Arc::clone(shared));
                Ok(Self { session, open })
            }
            Err(failure) => {
                let segment = shared.session_segment(monotonic_ns());
                shared.sessions.failed(segment, &failure);
                Err(failure)
            }
        }
    }

    /// Opens the session of `user`, and repeats failed attempts with growing pauses. `None` if,
    /// before an attempt succeeds, `until_ns` on `CLOCK_MONOTONIC` passes, the step is halted, or
    /// the load has been changed more than `seen` times.
    pub(super) async fn open_until<T: Target<Session = S>>(
        target: &T,
        user: UserId,
        (until_ns, seen): (u64, usize),
        shared: &Arc<StepState>,
    ) -> Option<Self> {
        for attempt in 0.. {
            if monotonic_ns() >= until_ns || shared.is_disturbed(seen) {
                return None;
            }
            if let Ok(opened) = Self::open(target, user, shared).await {
                return Some(opened);
            }
            let resume_ns = monotonic_ns() + retry_pause(attempt).as_nanos() as u64;
            shared.sleep_until(resume_ns.min(until_ns), seen).await;
        }
        None
    }

    /// Closes the session, and then stops counting it as open.
    pub(super) async fn close(self) {
        self.session.close().await;
        drop(self.open);
    }
}

/// Returns the pause after a failure of attempt number `attempt`, counted from 0.
fn retry_pause(attempt: u32) -> Duration {
    FIRST_RETRY
        .saturating_mul(1 << attempt.min(16))
        .min(LONGEST_RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_ever_more_rarely_up_to_one_a_second() {
        let pauses_ms = [0, 1, 2, 6, 7, 40].map(|attempt| retry_pause(attempt).as_millis());
        assert_eq!(pauses_ms, [10, 20, 40, 640, 1_000, 1_000]);
    }
}
