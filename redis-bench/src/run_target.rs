//! Server of a run, with the keys that the run writes there.

use std::time::Duration;

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::bench::Bench;
use bench_cli::blocking::{BlockingTask, TaskResult, WaitLimits};

use crate::cleanup::KeyWriter;
use crate::failure;
use crate::remedy;
use crate::run_keys::RunKeys;
use crate::server::RedisServer;

/// Longest time that writing the keys may take.
const FILL_TIMEOUT: Duration = Duration::from_mins(10);
/// Server of a run, with the keys that the run writes there.
#[derive(Debug)]
pub(crate) struct RunTarget {
    pub(crate) server: RedisServer,
    /// Prefix of the run's keys.
    pub(crate) prefix: String,
    /// True once keys may exist.
    pub(crate) begun: bool,
    /// Filling of the keys that had not ended when it was given up.
    pub(crate) writer: Option<KeyWriter>,
}

impl RunTarget {
    /// Brings the keys into the state in which a step begins; `false` when cancelled meanwhile.
    ///
    /// # Errors
    /// Fails with a remedy when the keys cannot be written.
    pub(crate) fn fill(&mut self, bench: &Bench, keys: RunKeys) -> anyhow::Result<bool> {
        let server = &self.server;
        let remote = server.remote();
        let writer = BlockingTask::start(move |stop| keys.fill(&mut remote.connect()?, stop))
            .context("cannot write the keys of a run")?;
        let mut remedy = None;
        let why = match writer.wait(&bench.cancel, WaitLimits::new(FILL_TIMEOUT)) {
            TaskResult::Done(Ok(filled)) => return Ok(filled),
            TaskResult::Done(Err(error)) => {
                remedy = remedy::for_error(&error, &server.remote());
                failure::from_redis(&error).to_string()
            }
            TaskResult::Cancelled => {
                self.writer = Some(writer);
                return Ok(false);
            }
            TaskResult::TimedOut | TaskResult::Lost => {
                self.writer = Some(writer);
                format!("no end after {FILL_TIMEOUT:?}")
            }
        };
        let (done, shown) = (
            bench.report.steps.len(),
            server.remote().masked_url().to_owned(),
        );
        let told = "see what the server says of itself (its log, INFO)";
        Err(anyhow::anyhow!(why))
            .with_context(|| {
                format!("cannot write the keys of a run to {shown} (after {done} steps)")
            })
            .remedy(remedy.unwrap_or_else(|| told.to_owned()))
    }
}
