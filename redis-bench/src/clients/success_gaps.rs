//! Times without a successful request, of any user: how long a failover keeps the whole load waiting.
//! They are watched only where it may happen, because users share the last success.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bench_report::clock::monotonic_ns;
use load_engine::{ArrivalInstants, OperationId, OperationTable, Timestamps, UserId};

use super::{RedisConnection, RequestResult, Task, Work};

/// Gaps between the successful requests of all users of a step.
#[derive(Debug, Default)]
pub(crate) struct SuccessGaps {
    /// Instant of the last success on the monotonic clock, in nanoseconds; 0 before the first one.
    last_ns: AtomicU64,
    /// Longest gap so far, in nanoseconds.
    longest_ns: AtomicU64,
}

/// Time without a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SuccessGap {
    /// Length in nanoseconds.
    pub(crate) ns: u64,
    /// True if it lasted until the end of the step.
    pub(crate) is_open: bool,
}

impl SuccessGaps {
    fn succeeded(&self, now_ns: u64) {
        let last_ns = self.last_ns.swap(now_ns, Ordering::Relaxed);
        let gap_ns = now_ns.saturating_sub(last_ns);
        // Most gaps are shorter than the longest one, which is then only read.
        if last_ns > 0 && gap_ns > self.longest_ns.load(Ordering::Relaxed) {
            self.longest_ns.fetch_max(gap_ns, Ordering::Relaxed);
        }
    }

    /// Returns the longest gap of a step that ended at `end_ns`; `None` if no request succeeded.
    pub(crate) fn longest(&self, end_ns: u64) -> Option<SuccessGap> {
        let last_ns = self.last_ns.load(Ordering::Relaxed);
        let closed_ns = self.longest_ns.load(Ordering::Relaxed);
        let open_ns = end_ns.saturating_sub(last_ns);
        (last_ns > 0).then_some(SuccessGap {
            ns: closed_ns.max(open_ns),
            is_open: open_ns > closed_ns,
        })
    }
}

/// Requests whose successes are watched, if there is something to watch them with.
#[derive(Debug, Clone)]
pub(crate) struct WatchedWork<W> {
    pub(crate) work: W,
    pub(crate) gaps: Option<Arc<SuccessGaps>>,
}

impl<W: Work> Work for WatchedWork<W> {
    type Task = WatchedTask<W::Task>;

    fn operations(&self) -> OperationTable {
        self.work.operations()
    }

    fn task(&self, user: UserId) -> Self::Task {
        WatchedTask {
            task: self.work.task(user),
            gaps: self.gaps.clone(),
        }
    }

    fn arrivals(&self) -> Option<ArrivalInstants> {
        self.work.arrivals()
    }

    fn client_cache(&self) -> Option<u64> {
        self.work.client_cache()
    }
}

/// Requests of one user, whose successes are watched.
#[derive(Debug)]
pub(crate) struct WatchedTask<T> {
    task: T,
    gaps: Option<Arc<SuccessGaps>>,
}

impl<T: Task> Task for WatchedTask<T> {
    fn draw(&mut self) -> OperationId {
        self.task.draw()
    }

    async fn perform<C: RedisConnection>(
        &mut self,
        connection: &mut C,
        timestamps: &mut Timestamps,
    ) -> RequestResult {
        let done = self.task.perform(connection, timestamps).await;
        if let (Some(gaps), Ok(())) = (&self.gaps, &done.result) {
            gaps.succeeded(monotonic_ns());
        }
        done
    }

    fn between_requests(&mut self) -> Option<Duration> {
        self.task.between_requests()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_is_told_and_whether_the_step_ended_in_it() {
        let gaps = SuccessGaps::default();
        assert_eq!(gaps.longest(100), None, "nothing succeeded");
        for at_ns in [1_000, 1_010, 4_010, 4_020] {
            gaps.succeeded(at_ns);
        }
        let closed = SuccessGap {
            ns: 3_000,
            is_open: false,
        };
        assert_eq!(gaps.longest(5_000), Some(closed));
        let open = SuccessGap {
            ns: 5_980,
            is_open: true,
        };
        assert_eq!(gaps.longest(10_000), Some(open));
    }

    #[test]
    fn a_success_that_another_thread_tells_late_is_no_gap() {
        let gaps = SuccessGaps::default();
        for at_ns in [2_000, 1_990, 2_005] {
            gaps.succeeded(at_ns);
        }
        assert_eq!(gaps.longest(2_005).map(|gap| gap.ns), Some(15));
    }
}
