//! Blocking work on a separate thread, awaited with a time-out, so that a server that stops
//! answering does not keep a run from ending.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use load_engine::Cancel;

/// Longest time that one poll waits for the result, and time between two checks of the
/// cancellation.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Limits of the time that a caller waits for the result of blocking work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitLimits {
    /// Longest wait for the result, counted from the start of the wait.
    pub timeout: Duration,
    /// Longest wait for the result after the cancellation of the run, counted from the
    /// cancellation.
    pub after_cancel: Duration,
}

impl WaitLimits {
    /// Creates limits of a wait that ends at once when the run is cancelled.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            after_cancel: Duration::ZERO,
        }
    }
}

/// Blocking work that runs on its own thread. Dropping this handle sets the flag that requests the
/// work to stop, and does not wait for its end.
#[derive(Debug)]
pub struct BlockingTask<T> {
    result: Receiver<T>,
    stop: Cancel,
}

/// State of a [`BlockingTask`] at one poll.
#[derive(Debug)]
pub enum TaskState<T> {
    /// The work has ended with this result.
    Done(T),
    /// The work is still running.
    Running,
    /// The thread has ended without a result: the work panicked, or the result was taken before.
    Lost,
}

/// Result of a wait for a [`BlockingTask`], or for a value from another thread.
#[derive(Debug)]
pub enum TaskResult<T> {
    /// The work has ended with this result.
    Done(T),
    /// The run was cancelled before the work ended.
    Cancelled,
    /// The time-out passed before the work ended.
    TimedOut,
    /// The thread has ended without a result: the work panicked, or the result was taken before.
    Lost,
}

impl<T: Send + 'static> BlockingTask<T> {
    /// Starts `work` on a new thread. `work` must end soon after the flag passed to it is set.
    ///
    /// # Errors
    /// Fails if the operating system cannot create a thread.
    pub fn start(work: impl FnOnce(&Cancel) -> T + Send + 'static) -> io::Result<Self> {
        let (done, result) = mpsc::sync_channel(1);
        let stop = Cancel::new();
        let asked = stop.clone();
        std::thread::Builder::new()
            .name("blocking-task".to_owned())
            .spawn(move || {
                // The receiver may be dropped by now.
                let _ = done.send(work(&asked));
            })?;
        Ok(Self { result, stop })
    }

    /// Waits up to 20 ms for the result, and takes it. After [`TaskState::Done`], further polls
    /// return [`TaskState::Lost`].
    pub fn poll(&self) -> TaskState<T> {
        match self.result.recv_timeout(POLL_INTERVAL) {
            Ok(value) => TaskState::Done(value),
            Err(RecvTimeoutError::Timeout) => TaskState::Running,
            Err(RecvTimeoutError::Disconnected) => TaskState::Lost,
        }
    }

    /// Waits for the result until `limits` are reached, counted from this call and from the
    /// cancellation of the run by `cancel`. Then sets the flag that requests unfinished work to
    /// stop, but does not wait for its end.
    pub fn wait(&self, cancel: &Cancel, limits: WaitLimits) -> TaskResult<T> {
        let result = wait_for(&self.result, cancel, limits);
        self.stop.cancel();
        result
    }
}

impl<T> Drop for BlockingTask<T> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Waits for a value from another thread, until `limits.timeout` has passed or the run has been
/// cancelled by `cancel` for `limits.after_cancel`, whichever comes first.
pub fn wait_for<T>(result: &Receiver<T>, cancel: &Cancel, limits: WaitLimits) -> TaskResult<T> {
    let started = Instant::now();
    let mut cancelled: Option<Instant> = None;
    loop {
        match result.recv_timeout(POLL_INTERVAL.min(limits.timeout)) {
            Ok(value) => return TaskResult::Done(value),
            Err(RecvTimeoutError::Disconnected) => return TaskResult::Lost,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if cancel.is_cancelled() {
            let since = *cancelled.get_or_insert_with(Instant::now);
            if since.elapsed() >= limits.after_cancel {
                return TaskResult::Cancelled;
            }
        }
        if started.elapsed() >= limits.timeout {
            return TaskResult::TimedOut;
        }
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
        let (cancel, long) = (Cancel::new(), WaitLimits::new(LONG));
        let quick = BlockingTask::start(|_| 7).unwrap();
        assert!(matches!(quick.wait(&cancel, long), TaskResult::Done(7)));
        let late = stuck().wait(&cancel, WaitLimits::new(Duration::ZERO));
        assert!(matches!(late, TaskResult::TimedOut));
        let broken = BlockingTask::<()>::start(|_| std::panic::resume_unwind(Box::new(())));
        assert!(matches!(
            broken.unwrap().wait(&cancel, long),
            TaskResult::Lost
        ));
        cancel.cancel();
        let left = stuck().wait(&cancel, long);
        assert!(matches!(left, TaskResult::Cancelled));
    }

    #[test]
    fn a_cancelled_run_still_takes_a_result_that_comes_within_its_grace() {
        let cancel = Cancel::new();
        cancel.cancel();
        let limits = WaitLimits {
            timeout: LONG,
            after_cancel: LONG,
        };
        let slow = BlockingTask::start(|_| {
            std::thread::sleep(3 * POLL_INTERVAL);
            7
        });
        let result = slow.unwrap().wait(&cancel, limits);
        assert!(matches!(result, TaskResult::Done(7)));
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
            work.wait(&cancel, WaitLimits::new(Duration::ZERO)),
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
