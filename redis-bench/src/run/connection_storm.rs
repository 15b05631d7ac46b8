//! Storm of connections: many further clients that connect at once when the spike of a step begins,
//! and stay until it ends, as when all processes of an application restart.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bench_cli::bench::EvidenceSource;
use bench_report::names::steps;
use bench_report::{ServerEvidence, Step};
use load_engine::{BrokenRule, Cancel, StepPlan};
use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

use crate::clients;
use crate::server::address::RedisAddress;
use crate::server::failure;

/// Name of the segment of a load's curve in which the storm lasts.
const SPIKE: &str = "spike";
/// Kind of failure of an attempt that was not over when the storm ended.
const UNFINISHED: &str = "unfinished";

/// Part of a step's measured part in which a storm lasts.
#[derive(Debug, Clone, Copy)]
pub(super) struct StormTime {
    /// Time from the start of the measured part to that of the storm.
    after: Duration,
    /// Length of the storm.
    length: Duration,
}

/// Returns the time of the spike of a step; `None` if its load has none.
pub(super) fn spike(plan: &StepPlan) -> Option<StormTime> {
    let spike = plan.segments.iter().find(|named| named.name == SPIKE)?;
    let (start_s, end_s) = spike.spans.first()?;
    Some(StormTime {
        after: Duration::try_from_secs_f64(*start_s).ok()?,
        length: Duration::try_from_secs_f64(end_s - start_s).ok()?,
    })
}

/// Storm of connections of one step, on a thread of its own.
#[derive(Debug)]
pub(super) struct ConnectionStorm {
    connections: u64,
    /// Tells the thread that the measured part has begun; `None` once it was told.
    begin: Option<Sender<()>>,
    over: Cancel,
    thread: JoinHandle<Option<StormResult>>,
}

/// Outcome of the attempts to connect of a storm.
#[derive(Debug, Default)]
struct StormResult {
    /// Time of each attempt that succeeded, in nanoseconds, in the order in which they ended.
    took_ns: Vec<u64>,
    /// Time from the beginning of the storm to the last success, in nanoseconds.
    whole_ns: u64,
    /// Number of attempts that failed, by the kind of failure.
    failed: BTreeMap<String, u64>,
}

impl ConnectionStorm {
    /// Prepares a storm of `connections` to `server`, which waits for the measured part of its step.
    ///
    /// # Errors
    /// Fails if no thread or no runtime can be started.
    pub(super) fn prepare(
        server: RedisAddress,
        connections: u64,
        time: StormTime,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (begin, orders) = channel();
        let over = Cancel::new();
        let cancelled = over.clone();
        let run = move || {
            let start = await_start(&orders)?;
            runtime.block_on(storm(&server, connections, (start, time), &cancelled))
        };
        let thread = std::thread::Builder::new()
            .name("connection-storm".to_owned())
            .spawn(run)?;
        Ok(Self {
            connections,
            begin: Some(begin),
            over,
            thread,
        })
    }

    /// Returns a source of evidence that is `evidence`, and begins the storm's time with the measured
    /// part of the step.
    pub(super) fn begun_with<'a>(
        &'a mut self,
        evidence: &'a mut dyn EvidenceSource,
    ) -> StormStart<'a> {
        StormStart {
            evidence,
            storm: self,
        }
    }

    /// Ends the storm, closes its connections, and adds its figures to `step`. Without figures it
    /// never began.
    pub(super) fn end(mut self, step: &mut Step) {
        self.begin = None;
        self.over.cancel();
        if let Ok(Some(result)) = self.thread.join() {
            result.add_to(step, self.connections);
        }
    }
}

/// Waits until the measured part begins, and returns that instant; `None` if it never begins.
fn await_start(orders: &Receiver<()>) -> Option<Instant> {
    orders.recv().ok()?;
    Some(Instant::now())
}

impl StormResult {
    fn add_to(mut self, step: &mut Step, connections: u64) {
        self.took_ns.sort_unstable();
        step.figure(steps::STORM_LOGINS, connections as f64);
        step.figure(
            steps::STORM_FAILED,
            self.failed.values().sum::<u64>() as f64,
        );
        for (kind, count) in &self.failed {
            step.member(steps::STORM_FAILED_BY_KIND, kind, *count as f64);
        }
        let middle = self.took_ns.get(self.took_ns.len() / 2);
        if let (Some(median), Some(longest)) = (middle, self.took_ns.last()) {
            step.figure(steps::STORM_MEDIAN_NS, *median as f64);
            step.figure(steps::STORM_LONGEST_NS, *longest as f64);
            step.figure(steps::STORM_WHOLE_NS, self.whole_ns as f64);
        }
    }

    fn count_failed(&mut self, kind: String, count: u64) {
        if count > 0 {
            *self.failed.entry(kind).or_default() += count;
        }
    }
}

/// Runs the storm at its time after `start`, and keeps its connections open until its end or until
/// it is `over`. `None` if it was over before it began.
async fn storm(
    server: &RedisAddress,
    connections: u64,
    (start, time): (Instant, StormTime),
    over: &Cancel,
) -> Option<StormResult> {
    let begins = start + time.after;
    tokio::select! {
        biased;
        () = over.cancelled() => return None,
        () = tokio::time::sleep_until(begins.into()) => {}
    }
    let begun = Instant::now();
    let mut attempts = JoinSet::new();
    for _ in 0..connections {
        let server = server.clone();
        attempts.spawn(async move { (connect(&server).await, begun.elapsed()) });
    }
    let mut result = StormResult::default();
    let mut open = Vec::new();
    let ended = async {
        let collected = async {
            while let Some(attempt) = attempts.join_next().await {
                match attempt {
                    Ok((Ok(connection), took)) => {
                        let took_ns = took.as_nanos() as u64;
                        result.took_ns.push(took_ns);
                        result.whole_ns = result.whole_ns.max(took_ns);
                        open.push(connection);
                    }
                    Ok((Err(error), _)) => result.count_failed(failure::kind(&error), 1),
                    Err(_) => result.count_failed(UNFINISHED.to_owned(), 1),
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = over.cancelled() => {}
            () = tokio::time::sleep_until((begins + time.length).into()) => {}
            () = collected => {}
        }
    };
    ended.await;
    result.count_failed(UNFINISHED.to_owned(), attempts.len() as u64);
    Some(result)
}

/// Opens a connection, and waits for the answer to a command of the log-in: a server that takes no
/// more clients may close a connection only after it was opened.
async fn connect(server: &RedisAddress) -> RedisResult<MultiplexedConnection> {
    let mut connection = clients::open_connection(server).await?;
    let database = server.info().redis_settings().db();
    // Not PING, which is counted as the check of a pool.
    let select = redis::cmd("SELECT").arg(database).to_owned();
    match select.query_async::<()>(&mut connection).await {
        // A user who may not run the command is logged in as well.
        Err(error) if error.code() != Some("NOPERM") => Err(error),
        _ => Ok(connection),
    }
}

/// Source of a step's evidence that begins the storm's time with the measured part.
pub(super) struct StormStart<'a> {
    evidence: &'a mut dyn EvidenceSource,
    storm: &'a mut ConnectionStorm,
}

impl EvidenceSource for StormStart<'_> {
    fn measure_begins(&mut self) {
        if let Some(begin) = self.storm.begin.take() {
            // Sending cannot fail, because the thread waits for it.
            let _ = begin.send(());
        }
        self.evidence.measure_begins();
    }

    fn measure_ends(&mut self) -> Option<ServerEvidence> {
        self.evidence.measure_ends()
    }

    fn broken_rule(&mut self) -> Option<BrokenRule> {
        self.evidence.broken_rule()
    }

    fn absence(&mut self) -> Option<bool> {
        self.evidence.absence()
    }
}
