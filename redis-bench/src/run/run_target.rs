//! Redis server of a run, with the keys that the run writes to it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::bench::Bench;
use bench_cli::blocking::{BlockingTask, TaskResult, WaitLimits};

use load_engine::{Cancel, WallTime};

use crate::keys::run_keys::RunKeys;
use crate::run::cleanup::KeyWriter;
use crate::run::setting::Setting;
use crate::server::cluster_client::connect_to_all;
use crate::server::identity::ServerIdentity;
use crate::server::redis_server::RedisServer;
use crate::server::remedy;

/// Time limit for writing the run's keys before a step.
const FILL_TIMEOUT: Duration = Duration::from_mins(10);

/// Redis server of a run, and the state of the keys that the run writes to it.
#[derive(Debug)]
pub(crate) struct RunTarget {
    pub(crate) server: RedisServer,
    /// Prefix of the names of the run's keys.
    pub(crate) prefix: String,
    /// Instant at which the run is over on every host; `None` if only one host creates the load.
    pub(crate) over: Option<WallTime>,
    /// True as soon as keys of the run may exist on the server.
    pub(crate) begun: bool,
    /// Task that was still writing keys when it was abandoned; `None` if there is none.
    pub(crate) writer: Option<KeyWriter>,
    /// Identity of the server; `None` before it was asked.
    pub(crate) identity: Option<ServerIdentity>,
    /// True if the keys lie on all nodes of the server's cluster.
    pub(crate) spans_cluster: bool,
    /// Requests per second of each setting that trials of a closed loop found.
    pub(crate) tried_per_s: BTreeMap<Setting, f64>,
}

impl RunTarget {
    /// Brings the keys into the state in which a step begins. Returns false if a signal is
    /// received. If `starts_at`, the start of the step, is given, stops waiting at that instant and
    /// returns true: the step is then late.
    ///
    /// # Errors
    /// Fails with a remedy if the keys cannot be written, or not within ten minutes.
    pub(crate) fn fill(
        &mut self,
        bench: &Bench,
        keys: RunKeys,
        starts_at: Option<WallTime>,
    ) -> anyhow::Result<bool> {
        let server = &self.server;
        let remote = server.remote();
        let left = starts_at.map(|starts_at| starts_at.since(WallTime::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(true);
        }
        let timeout = left.map_or(FILL_TIMEOUT, |left| left.min(FILL_TIMEOUT));
        let spans_cluster = self.spans_cluster;
        let fill = move |stop: &Cancel| {
            if spans_cluster {
                return keys.fill(&mut connect_to_all(&remote)?, stop, starts_at);
            }
            keys.fill(&mut remote.connect()?, stop, starts_at)
        };
        let writer = BlockingTask::start(fill).context("cannot write the keys of a run")?;
        let mut remedy = None;
        let why = match writer.wait(&bench.cancel, WaitLimits::new(timeout)) {
            TaskResult::Done(Ok(filled)) => return Ok(filled),
            TaskResult::Done(Err(error)) => {
                let of_failure = if spans_cluster {
                    remedy::on_cluster
                } else {
                    remedy::for_failure
                };
                remedy = of_failure(&error.first, &server.remote());
                error.to_string()
            }
            TaskResult::Cancelled => {
                self.writer = Some(writer);
                return Ok(false);
            }
            TaskResult::TimedOut if starts_at.is_some() => {
                self.writer = Some(writer);
                return Ok(true);
            }
            TaskResult::TimedOut => {
                self.writer = Some(writer);
                format!("no end after {FILL_TIMEOUT:?}")
            }
            TaskResult::Lost => "the thread that writes them ended without a result".to_owned(),
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
