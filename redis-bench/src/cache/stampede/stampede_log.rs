//! Calls of the back-end at each expiry of the hot key, counted over all users of a step.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Calls of the back-end at one expiry of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ExpiryCalls {
    /// Calls that overlapped each other, from the first one on.
    pub(super) calls: u64,
    /// Largest number of calls at the same time.
    pub(super) at_once: u64,
    /// Requests that found no value.
    pub(super) stalled: u64,
}

/// Log of a step. Calls belong to the same expiry as long as one of them is under way, because a key
/// lives far longer than a call takes. Requests that find a value never touch it.
#[derive(Debug, Default)]
pub(super) struct StampedeLog(Mutex<LogState>);

#[derive(Debug, Default)]
struct LogState {
    current: ExpiryCalls,
    under_way: u64,
    /// False until the key has been filled for the first time, which is no expiry.
    is_filled: bool,
    expiries: Vec<ExpiryCalls>,
    calls: u64,
    calls_s: f64,
}

/// Call of the back-end that is under way, with the write of its value; ends when it is dropped.
#[derive(Debug)]
pub(super) struct CallUnderWay<'a> {
    log: &'a StampedeLog,
    begun: Instant,
}

impl StampedeLog {
    /// Counts a request that found no value.
    pub(super) fn stalled(&self) {
        self.lock().current.stalled += 1;
    }

    /// Begins a call.
    pub(super) fn begin(&self) -> CallUnderWay<'_> {
        let mut state = self.lock();
        state.under_way += 1;
        let under_way = state.under_way;
        let current = &mut state.current;
        current.calls += 1;
        current.at_once = current.at_once.max(under_way);
        CallUnderWay {
            log: self,
            begun: Instant::now(),
        }
    }

    /// Returns the calls at each expiry that is over.
    pub(super) fn expiries(&self) -> Vec<ExpiryCalls> {
        self.lock().expiries.clone()
    }

    /// Returns the mean time of a call with the write of its value, in seconds; `None` without calls.
    pub(super) fn call_s(&self) -> Option<f64> {
        let state = self.lock();
        (state.calls > 0).then(|| state.calls_s / state.calls as f64)
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallUnderWay<'_> {
    /// Returns the time since the call began, in microseconds.
    pub(super) fn took_us(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64
    }
}

impl Drop for CallUnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.calls += 1;
        state.calls_s += self.begun.elapsed().as_secs_f64();
        state.under_way -= 1;
        if state.under_way == 0 {
            let over = std::mem::take(&mut state.current);
            if state.is_filled {
                state.expiries.push(over);
            }
            state.is_filled = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_overlap_belong_to_one_expiry_and_the_first_fill_to_none() {
        let log = StampedeLog::default();
        assert_eq!(log.call_s(), None);
        log.stalled();
        drop(log.begin());
        assert_eq!(log.expiries(), []);
        log.stalled();
        log.stalled();
        let first = log.begin();
        let second = log.begin();
        drop(first);
        let third = log.begin();
        drop((second, third));
        drop(log.begin());
        let wanted = [(3, 2, 2), (1, 1, 0)].map(|(calls, at_once, stalled)| ExpiryCalls {
            calls,
            at_once,
            stalled,
        });
        assert_eq!(log.expiries(), wanted);
        assert!(log.call_s().is_some());
    }
}
