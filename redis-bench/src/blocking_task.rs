//! Blocking work on a thread of its own with a time-out, so that a server that stops answering keeps
//! no run from ending.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use load_engine::Cancel;

/// Time for which one poll waits.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Work under way on its own thread. Dropping it asks the work to stop and does not wait for it.
#[derive(Debug)]
pub(crate) struct BlockingTask<T> {
    result: Receiver<T>,
    stop: Cancel,
}

/// State of the work at one poll.
#[derive(Debug)]
pub(crate) enum TaskState<T> {
    /// The work is done.
    Done(T),
    /// The work goes on.
    Running,
    /// The thread ended without a result.
    Lost,
}

/// Result of work that was waited for.
#[derive(Debug)]
pub(crate) enum TaskResult<T> {
    /// The work is done.
    Done(T),
    /// The run was cancelled first.
    Cancelled,
    /// The time-out passed first, or the thread ended without a result.
    TimedOut,
}

impl<T: Send + 'static> BlockingTask<T> {
    /// Starts `work`, which is to end soon after the token that it gets is cancelled.
    ///
    /// # Errors
    /// Fails if the system gives no thread.
    pub(crate) fn start(work: impl FnOnce(&Cancel) -> T + Send + 'static) -> io::Result<Self> {
        let (done, result) = mpsc::sync_channel(1);
        let stop = Cancel::new();
        let asked = stop.clone();
        std::thread::Builder::new()
            .name("blocking-task".to_owned())
            .spawn(move || {
                // Nobody may be waiting any more.
                let _ = done.send(work(&asked));
            })?;
        Ok(Self { result, stop })
    }

    /// Waits up to 20 ms for the result.
    pub(crate) fn poll(&self) -> TaskState<T> {
        match self.result.recv_timeout(POLL_INTERVAL) {
            Ok(value) => TaskState::Done(value),
            Err(RecvTimeoutError::Timeout) => TaskState::Running,
            Err(RecvTimeoutError::Disconnected) => TaskState::Lost,
        }
    }

    /// Waits for the result, for the cancellation of the run, or for `bound` to pass, whichever comes
    /// first; work that is not done by then is asked to stop.
    pub(crate) fn wait(&self, cancel: &Cancel, bound: Duration) -> TaskResult<T> {
        let started = Instant::now();
        let ended = loop {
            match self.poll() {
                TaskState::Done(value) => return TaskResult::Done(value),
                TaskState::Lost => break TaskResult::TimedOut,
                TaskState::Running if cancel.is_cancelled() => break TaskResult::Cancelled,
                TaskState::Running if started.elapsed() > bound => break TaskResult::TimedOut,
                TaskState::Running => {}
            }
        };
        self.stop.cancel();
        ended
    }
}

impl<T> Drop for BlockingTask<T> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn stuck() -> BlockingTask<()> {
        BlockingTask::start(|_| std::thread::sleep(LONG)).unwrap()
    }

    #[test]
    fn attended_work_keeps_nobody_from_leaving() {
        let cancel = Cancel::new();
        let quick = BlockingTask::start(|_| 7).unwrap();
        assert!(matches!(quick.wait(&cancel, LONG), TaskResult::Done(7)));
        let late = stuck().wait(&cancel, Duration::ZERO);
        assert!(matches!(late, TaskResult::TimedOut));
        cancel.cancel();
        let left = stuck().wait(&cancel, LONG);
        assert!(matches!(left, TaskResult::Cancelled));
    }

    #[test]
    fn work_that_is_not_waited_for_any_more_is_asked_to_stop_and_can_still_be_seen_to_end() {
        let until_stopped = |stop: &Cancel| {
            while !stop.is_cancelled() {
                std::thread::yield_now();
            }
            7
        };
        let work = BlockingTask::start(until_stopped).unwrap();
        let cancel = Cancel::new();
        assert!(matches!(
            work.wait(&cancel, Duration::ZERO),
            TaskResult::TimedOut
        ));
        loop {
            match work.poll() {
                TaskState::Done(value) => return assert_eq!(value, 7),
                TaskState::Running => {}
                TaskState::Lost => panic!("it ended without a result"),
            }
        }
    }
}
