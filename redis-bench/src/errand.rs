//! Blocking work on a thread of its own, watched from here: a server that stands still must keep
//! nobody from leaving.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use load_engine::Cancel;

/// Between looks at the work.
const LOOK: Duration = Duration::from_millis(20);

/// Work under way. Dropped, it is asked to stop, and left to end by itself.
#[derive(Debug)]
pub struct Errand<T> {
    result: Receiver<T>,
    stop: Cancel,
}

/// State of the work at one look.
#[derive(Debug)]
pub enum Look<T> {
    /// It is done.
    Done(T),
    /// It goes on.
    UnderWay,
    /// Its thread ended without a result.
    Gone,
}

/// Result of work that was attended.
#[derive(Debug)]
pub enum Attended<T> {
    /// It is done.
    Done(T),
    /// The run was cancelled first.
    Cancelled,
    /// Its time was over first.
    TooLate,
}

impl<T: Send + 'static> Errand<T> {
    /// Starts `work`, which is to end soon after the token that it gets is cancelled.
    ///
    /// # Errors
    /// Fails if the system gives no thread.
    pub fn start(work: impl FnOnce(&Cancel) -> T + Send + 'static) -> io::Result<Self> {
        let (done, result) = mpsc::sync_channel(1);
        let stop = Cancel::new();
        let asked = stop.clone();
        std::thread::Builder::new()
            .name("errand".to_owned())
            .spawn(move || {
                // Nobody may be waiting any more.
                let _ = done.send(work(&asked));
            })?;
        Ok(Self { result, stop })
    }

    /// Waits a moment for its end.
    pub fn look(&self) -> Look<T> {
        match self.result.recv_timeout(LOOK) {
            Ok(value) => Look::Done(value),
            Err(RecvTimeoutError::Timeout) => Look::UnderWay,
            Err(RecvTimeoutError::Disconnected) => Look::Gone,
        }
    }

    /// Waits for its end, the run's or that of `bound`, whichever comes first; work that is not
    /// done by then is asked to stop.
    pub fn attend(&self, cancel: &Cancel, bound: Duration) -> Attended<T> {
        let started = Instant::now();
        let ended = loop {
            match self.look() {
                Look::Done(value) => return Attended::Done(value),
                Look::Gone => break Attended::TooLate,
                Look::UnderWay if cancel.is_cancelled() => break Attended::Cancelled,
                Look::UnderWay if started.elapsed() > bound => break Attended::TooLate,
                Look::UnderWay => {}
            }
        };
        self.stop.cancel();
        ended
    }
}

impl<T> Drop for Errand<T> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn stuck() -> Errand<()> {
        Errand::start(|_| std::thread::sleep(LONG)).unwrap()
    }

    #[test]
    fn attended_work_keeps_nobody_from_leaving() {
        let cancel = Cancel::new();
        let quick = Errand::start(|_| 7).unwrap();
        assert!(matches!(quick.attend(&cancel, LONG), Attended::Done(7)));
        let late = stuck().attend(&cancel, Duration::ZERO);
        assert!(matches!(late, Attended::TooLate));
        cancel.cancel();
        let left = stuck().attend(&cancel, LONG);
        assert!(matches!(left, Attended::Cancelled));
    }

    #[test]
    fn work_that_is_not_waited_for_any_more_is_asked_to_stop_and_can_still_be_seen_to_end() {
        let until_stopped = |stop: &Cancel| {
            while !stop.is_cancelled() {
                std::thread::yield_now();
            }
            7
        };
        let work = Errand::start(until_stopped).unwrap();
        let cancel = Cancel::new();
        assert!(matches!(
            work.attend(&cancel, Duration::ZERO),
            Attended::TooLate
        ));
        loop {
            match work.look() {
                Look::Done(value) => return assert_eq!(value, 7),
                Look::UnderWay => {}
                Look::Gone => panic!("it ended without a result"),
            }
        }
    }
}
