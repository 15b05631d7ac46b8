//! Part of the scenario at work in the background, so that a server that hangs does not keep the run
//! from ending.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::bench::Bench;
use bench_cli::blocking::{BlockingTask, TaskState, WaitLimits};
use bench_report::StepEnd;
use load_engine::Cancel;
use redis::Connection;

use crate::keys::key_removal;
use crate::keys::run_keys::RunKeys;
use crate::memory::unloaded_step::UnloadedStep;
use crate::server::address::RedisAddress;
use crate::server::failure::BatchFailure;
use crate::server::redis_server::RedisServer;
use crate::server::remedy;

/// Background task that measures a part of the scenario. Without a step, it was stopped.
type PartTask = BlockingTask<Result<Option<UnloadedStep>, BatchFailure>>;

/// Server of the run, and the state of the run's keys on it.
pub(super) struct MemoryTarget {
    pub(super) server: RedisServer,
    /// Names of the keys of all steps.
    pub(super) keys: RunKeys,
    /// True as soon as keys of the run may exist on the server.
    pub(super) begun: bool,
    /// Part that was still at work when it was abandoned; `None` if there is none.
    pub(super) writer: Option<PartTask>,
}

impl MemoryTarget {
    /// Returns true if the server needs no protection, and keys may live for ever.
    pub(super) fn is_ours(&self) -> bool {
        self.server.is_ours()
    }
}

/// Progress over the parts of a run.
pub(super) struct PartProgress {
    parts: usize,
    begun: usize,
    started: Instant,
    name: String,
}

impl PartProgress {
    pub(super) fn new(parts: usize) -> Self {
        Self {
            parts,
            begun: 0,
            started: Instant::now(),
            name: String::new(),
        }
    }

    pub(super) fn begin(&mut self, name: &str) {
        self.begun += 1;
        name.clone_into(&mut self.name);
    }

    fn show(&self, bench: &mut Bench) {
        let elapsed = self.started.elapsed();
        let done = self.begun.saturating_sub(1).max(1);
        let expected = elapsed * self.parts as u32 / done as u32;
        bench.tick(elapsed.min(expected), expected, &self.name);
    }
}

/// Runs `work` over a new connection to the server at `remote`, and adds its step to the report. If
/// the user may not use a command of it, the step is added as failed, with the reason, and its keys
/// are removed. Returns false if a signal is received.
///
/// # Errors
/// Fails with a remedy if the connection fails, or if the server refuses the keys.
pub(super) fn run_part(
    bench: &mut Bench,
    target: &mut MemoryTarget,
    remote: &RedisAddress,
    progress: &mut PartProgress,
    work: impl FnOnce(&mut Connection, &Cancel) -> Result<Option<UnloadedStep>, BatchFailure>
    + Send
    + 'static,
) -> anyhow::Result<bool> {
    let (address, keys) = (remote.clone(), target.keys.clone());
    let part = PartTask::start(move |stop| {
        let mut connection = address.connect()?;
        let result = work(&mut connection, stop);
        if let Err(failure) = &result
            && is_denied(failure)
        {
            let goes_on = || !stop.is_cancelled();
            key_removal::remove_indexes(&mut connection, &keys, 0..keys.keys, goes_on)?;
        }
        result
    });
    let part = part.context("cannot start a part of the scenario")?;
    let result = loop {
        match part.poll() {
            TaskState::Done(result) => break result,
            TaskState::Lost => anyhow::bail!("{} ended without a result", progress.name),
            TaskState::Running if bench.interrupted() => {
                // Asks the part to stop; the clean-up waits for its end.
                let _ = part.wait(&bench.cancel, WaitLimits::new(Duration::ZERO));
                target.writer = Some(part);
                return Ok(false);
            }
            TaskState::Running => progress.show(bench),
        }
    };
    match result {
        Ok(Some(UnloadedStep { step, doubts })) => {
            bench.push_step(step, Vec::new(), doubts);
            Ok(true)
        }
        Ok(None) => Ok(false),
        Err(failure) if is_denied(&failure) => {
            let mut refused = UnloadedStep::begin(progress.name.clone(), "refused");
            let reason = failure.to_string();
            refused.step.end = StepEnd::Failed { reason };
            bench.push_step(refused.finish().step, Vec::new(), Vec::new());
            Ok(true)
        }
        Err(failure) => failed(remote, &failure),
    }
}

/// Returns true if the user may not use a command, or the server does not have it. Other commands may
/// still be possible.
fn is_denied(failure: &BatchFailure) -> bool {
    failure.first.kind == "response.NOPERM" || failure.first.to_string().contains("unknown command")
}

/// Always returns an error: `failure` of the server at `remote`, with a remedy.
pub(super) fn failed<T>(remote: &RedisAddress, failure: &BatchFailure) -> anyhow::Result<T> {
    let remedy = remedy::for_failure(&failure.first, remote);
    let general = "see what the server says of itself (its log, INFO)";
    Err(anyhow::anyhow!(failure.to_string()))
        .with_context(|| format!("cannot measure the memory of {}", remote.masked_url()))
        .remedy(remedy.unwrap_or_else(|| general.to_owned()))
}
