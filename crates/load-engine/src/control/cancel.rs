//! Flag that stops a run, for all its threads and tasks.

use tokio_util::sync::CancellationToken;

/// Flag that stops a run. A signal handler or a caller sets it once; the controller's thread and
/// all tasks observe it. Clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(CancellationToken);

impl Cancel {
    /// Creates a flag that is not set, which stops nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the flag, which stops the run; further calls change nothing.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Returns true if the flag is set, so that the run must stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the flag is set. Too slow for hot paths, because each wait registers in a shared
    /// list.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }
}
