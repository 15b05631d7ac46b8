//! Sessions that open during a step: counts, times, and how many are open at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bench_report::SessionUse;

use super::failure::Failure;
use super::lazy_histogram::LazyHistogram;

/// Sessions that opened during a step, over all workers. Opening one is rare beside requests, so one
/// lock is enough.
#[derive(Debug, Default)]
pub(crate) struct SessionTally(Mutex<SessionCounts>);

#[derive(Debug, Default)]
struct SessionCounts {
    opened: u64,
    errors: BTreeMap<String, u64>,
    open: LazyHistogram,
    present: u64,
    present_max: u64,
}

impl SessionTally {
    /// Counts a session that opened in `took_ns` and is open from now on.
    pub(crate) fn opened(&self, took_ns: u64) {
        let mut counts = self.lock();
        counts.opened += 1;
        counts.open.record(took_ns);
        counts.present += 1;
        counts.present_max = counts.present_max.max(counts.present);
    }

    /// Counts an attempt that failed.
    pub(crate) fn failed(&self, failure: &Failure) {
        *self
            .lock()
            .errors
            .entry(failure.kind.to_string())
            .or_default() += 1;
    }

    /// Counts a session that is open no longer.
    pub(crate) fn closed(&self) {
        let mut counts = self.lock();
        counts.present = counts.present.saturating_sub(1);
    }

    /// Returns the number of sessions that are open now.
    pub(crate) fn present(&self) -> u64 {
        self.lock().present
    }

    /// Converts it for the report.
    pub(crate) fn session_use(&self) -> SessionUse {
        let counts = self.lock();
        SessionUse {
            opened: counts.opened,
            failed: counts.errors.values().sum(),
            errors: counts.errors.clone(),
            open: counts.open.histogram(),
            present_max: counts.present_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, SessionCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
