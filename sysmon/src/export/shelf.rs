//! Where the sampler leaves the newest page and scrapers find it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::exposition::{Format, Page};

/// The newest page, and how often it was asked for.
#[derive(Debug, Default)]
pub struct Shelf {
    page: Mutex<Arc<Page>>,
    scrapes: AtomicU64,
    written: AtomicU64,
}

impl Shelf {
    /// Puts a newer page in place of the one there was.
    pub fn put(&self, page: Page) {
        *self.page.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(page);
    }

    /// The newest page.
    pub fn scrape(&self, format: Format) -> Bytes {
        self.scrapes.fetch_add(1, Ordering::Relaxed);
        let page = Arc::clone(&self.page.lock().unwrap_or_else(PoisonError::into_inner));
        page.body(format, &self.written)
    }

    /// How often a page was asked for.
    pub fn scrapes(&self) -> u64 {
        self.scrapes.load(Ordering::Relaxed)
    }

    /// How often one had to be written: at most once for each sample and format.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}
