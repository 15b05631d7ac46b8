//! Threads of a traced run's load.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use load_engine::{LoadThreads, available_threads};
use tokio::runtime::Builder;

const SHUTDOWN_BOUND: Duration = Duration::from_millis(300);

/// Runs `work` on this thread and its tasks on worker threads, all registered in `threads`;
/// remaining tasks are aborted.
///
/// # Errors
/// Fails when the system provides no runtime.
pub(crate) fn on_threads<T>(
    threads: &Arc<LoadThreads>,
    work: impl Future<Output = T>,
) -> anyhow::Result<T> {
    threads.enlist();
    let enlisted = Arc::clone(threads);
    let runtime = Builder::new_multi_thread()
        .worker_threads(available_threads())
        .on_thread_start(move || enlisted.enlist())
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(SHUTDOWN_BOUND);
    Ok(done)
}
