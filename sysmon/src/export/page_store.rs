//! Store of the newest page between the sampler and the server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::exposition::{Page, PageFormat};

/// Holds the newest page of metrics, and counts the requests for it and the pages encoded.
#[derive(Debug, Default)]
pub(crate) struct PageStore {
    page: Mutex<Arc<Page>>,
    scrapes: AtomicU64,
    written: AtomicU64,
}

impl PageStore {
    /// Replaces the page by a newer one.
    pub(crate) fn put(&self, page: Page) {
        *self.page.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(page);
    }

    /// Returns the newest page in `format` and counts the request.
    pub(crate) fn scrape(&self, format: PageFormat) -> Bytes {
        self.scrapes.fetch_add(1, Ordering::Relaxed);
        let page = Arc::clone(&self.page.lock().unwrap_or_else(PoisonError::into_inner));
        page.body(format, &self.written)
    }

    /// Number of requests for a page.
    pub(crate) fn scrapes(&self) -> u64 {
        self.scrapes.load(Ordering::Relaxed)
    }

    /// Number of encoded pages: at most one for each sample and format.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}
