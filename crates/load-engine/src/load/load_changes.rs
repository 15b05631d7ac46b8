//! Changes of a step's load while it runs, shared with the threads that make the load.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::plan::intended_load::IntendedLoad;

/// Changes of a step's load while it runs. Threads that make the load read the number of changes
/// before each request, and the new load only after that number has risen.
#[derive(Debug, Default)]
pub(crate) struct LoadChanges {
    count: AtomicUsize,
    latest: Mutex<Option<Arc<IntendedLoad>>>,
}

impl LoadChanges {
    /// Returns the number of changes so far.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Adds a change. `load` is the intended load of the whole step with all changes so far.
    pub(crate) fn push(&self, load: IntendedLoad) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Some(Arc::new(load));
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Returns the number of changes and the load with all of them; `None` if there are `seen`
    /// changes, the number that the caller already knows.
    pub(crate) fn since(&self, seen: usize) -> Option<(usize, Arc<IntendedLoad>)> {
        if self.count() == seen {
            return None;
        }
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let load = latest.clone()?;
        Some((self.count(), load))
    }
}
