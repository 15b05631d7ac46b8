//! Redis server of a run, with the keys that the run writes to it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use bench_cli::Remedy as _;
use bench_cli::bench::Bench;
use bench_cli::blocking::{BlockingTask, TaskResult, WaitLimits};

use load_engine::{Cancel, WallTime};
use redis::ConnectionAddr;

use crate::keys::run_keys::RunKeys;
use crate::run::cleanup::KeyWriter;
use crate::run::setting::Setting;
use crate::server::address::RedisAddress;
use crate::server::cluster_client::connect_to_all;
use crate::server::identity::ServerIdentity;
use crate::server::redis_server::RedisServer;
use crate::server::{failure, remedy, replica};

/// Time limit for writing the run's keys before a step.
const FILL_TIMEOUT: Duration = Duration::from_mins(10);

/// Longest wait for the replica to copy the keys of a step.
const COPY_TIMEOUT: Duration = Duration::from_secs(10);

/// Redis server of a run, and the state of the keys that the run writes to it.
#[derive(Debug)]
pub(crate) struct RunTarget {
    pub(crate) server: RedisServer,
    /// Replica that reads go to; `None` if they go to the server itself.
    pub(crate) replica: Option<RedisAddress>,
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
    /// Returns host and port of the replica that reads go to; `None` if they go to the server itself.
    pub(crate) fn replica_place(&self) -> Option<(String, u16)> {
        match self.replica.as_ref()?.info().addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some((host.clone(), *port))
            }
            _ => None,
        }
    }

    /// Waits until the replica has all that was written so far, if reads go to one. Returns false if a
    /// signal is received.
    ///
    /// # Errors
    /// Fails with a remedy if the replica cannot be read, or does not catch up within ten seconds.
    pub(crate) fn await_replica(&self, bench: &Bench) -> anyhow::Result<bool> {
        let Some(replica) = self.replica.clone() else {
            return Ok(true);
        };
        let (primary, shown) = (self.server.remote(), replica.masked_url().to_owned());
        let cli = replica.cli();
        let copied = BlockingTask::start(move |stop: &Cancel| {
            let copied = replica::await_copy(&primary, &replica, &mut || !stop.is_cancelled());
            copied.map_err(|error| failure::from_redis(&error).to_string())
        });
        let copied = copied.context("cannot wait for the replica")?;
        let why = match copied.wait(&bench.cancel, WaitLimits::new(COPY_TIMEOUT)) {
            TaskResult::Done(Ok(true)) => return Ok(true),
            TaskResult::Done(Ok(false)) | TaskResult::Cancelled => return Ok(false),
            TaskResult::Done(Err(why)) => why,
            TaskResult::TimedOut => format!("it did not catch up within {COPY_TIMEOUT:?}"),
            TaskResult::Lost => "the thread that reads it ended without a result".to_owned(),
        };
        Err(anyhow::anyhow!(why))
            .with_context(|| format!("the replica {shown} cannot take the reads of the load"))
            .remedy(format!("{cli} INFO replication; or --read-from primary"))
    }

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
