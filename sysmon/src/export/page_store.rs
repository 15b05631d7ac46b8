//! Store of the newest page, which the sampler writes and the server reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::exposition::{Page, PageFormat};

/// Newest page of metrics, with the number of requests for pages and the number of encoded pages
/// since the start.
#[derive(Debug, Default)]
pub(crate) struct PageStore {
    page: Mutex<Arc<Page>>,
    scrapes: AtomicU64,
    written: AtomicU64,
}

impl PageStore {
    /// Replaces the stored page by `page`, which is newer.
    pub(crate) fn put(&self, page: Page) {
        *self.page.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(page);
    }

    /// Returns the newest page, encoded in `format`, and counts the request.
    pub(crate) fn scrape(&self, format: PageFormat) -> Bytes {
        self.scrapes.fetch_add(1, Ordering::Relaxed);
        let page = Arc::clone(&self.page.lock().unwrap_or_else(PoisonError::into_inner));
        page.body(format, &self.written)
    }

    /// Returns the number of requests for pages, in any format, since the start of the program.
    pub(crate) fn scrapes(&self) -> u64 {
        self.scrapes.load(Ordering::Relaxed)
    }

    /// Returns the number of encoded pages since the start: at most one for each sample and format.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}
