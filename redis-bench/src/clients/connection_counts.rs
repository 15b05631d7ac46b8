//! Counts of a client's connections. Requests do not touch them, only what opens or gives up a
//! connection.

use std::sync::atomic::{AtomicU64, Ordering};

use bench_report::names::{FigureName, steps};

/// Counts of the connections of one target of a load, which never fall.
#[derive(Debug, Default)]
pub(super) struct ConnectionCounts {
    opened: AtomicU64,
    failed: AtomicU64,
    lost: AtomicU64,
}

impl ConnectionCounts {
    /// Counts an attempt to open a connection by its result, which it returns.
    pub(super) fn attempted<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        let count = if result.is_ok() {
            &self.opened
        } else {
            &self.failed
        };
        count.fetch_add(1, Ordering::Relaxed);
        result
    }

    /// Counts a connection that is given up, because it broke or failed a check.
    pub(super) fn lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the counts so far, each with the name of its figure.
    pub(super) fn tallies(&self) -> Vec<(FigureName, u64)> {
        [
            (steps::CONNECTIONS_OPENED, &self.opened),
            (steps::CONNECTIONS_FAILED, &self.failed),
            (steps::CONNECTIONS_LOST, &self.lost),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
        .to_vec()
    }
}
