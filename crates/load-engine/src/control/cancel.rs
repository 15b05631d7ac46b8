//! One signal for everybody to stop, for threads and for tasks.

use tokio_util::sync::CancellationToken;

/// Set once, by a signal or a caller; seen by the controller's thread and by tasks.
#[derive(Debug, Clone, Default)]
pub struct Cancel(CancellationToken);

impl Cancel {
    /// Not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels; later calls change nothing.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Returns true if it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns once it was cancelled. Not for hot paths: each wait registers with a shared list.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }
}
