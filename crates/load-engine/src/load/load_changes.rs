//! Changes of a step's load, as those who make it see them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::plan::intended_load::IntendedLoad;

/// Changes of a load. Their number is read before each request, and the load itself once a change.
#[derive(Debug, Default)]
pub(crate) struct LoadChanges {
    count: AtomicUsize,
    latest: Mutex<Option<Arc<IntendedLoad>>>,
}

impl LoadChanges {
    /// Returns the number of changes.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Adds a change, with which `load` is what is intended.
    pub(crate) fn push(&self, load: IntendedLoad) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Some(Arc::new(load));
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Returns the number of changes and the load that is intended with them, if there are more than
    /// `seen`.
    pub(crate) fn since(&self, seen: usize) -> Option<(usize, Arc<IntendedLoad>)> {
        if self.count() == seen {
            return None;
        }
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let load = latest.clone()?;
        Some((self.count(), load))
    }
}
