//! Sampling thread of a run. It accepts commands at any time, even while the server does not
//! answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bench_report::ServerEvidence;
use bench_report::clock::monotonic_ns;
use bench_report::names::postgres;
use load_engine::Failure;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use tokio_postgres::Error;

use crate::collection::budget::Budget;
use crate::collection::command::{EvidenceCommand, SharedProcesses};
use crate::failure::{from_connect, from_postgres};
use crate::locks::LockSamples;
use crate::processes::{ProcessNames, ProcessSnapshot};
use crate::server::capacity::Capacity;
use crate::server::connection::{CountersBefore, EvidenceConnection, sample};
use crate::server::standby;
use crate::sessions::activity::Activity;
use crate::sessions::background_work::BackgroundWork;
use crate::sessions::running::LongRunning;
use crate::sessions::scope::Scope;
use crate::sessions::session::SessionGroup;
use pg_connect::Address;
use pg_connect::ConnectError;

/// Longest time for connecting and for the queries before a step, together.
const OPENING_BOUND: Duration = Duration::from_secs(6);
/// Longest time for the queries after a step, together.
const CLOSING_BOUND: Duration = Duration::from_millis(2_500);
/// Longest time for one sample of locks, and for other queries during or just after a measured
/// part.
const LOOK_BOUND: Duration = Duration::from_secs(1);
/// Reason in the evidence for missing counters from before the step.
const NOT_READ: &str = "the server was not asked before the step";

/// Sampler of the server's sessions in its scope. It also reads the server's counters before and
/// after each step.
#[derive(Debug)]
pub(crate) struct EvidenceSampler {
    address: Address,
    /// Name of the run; the application name of the sampler's connection is this followed by
    /// `.watch`.
    name: String,
    scope: Scope,
    connection: Option<EvidenceConnection>,
    /// Counters from before the step, or the reason for which they are missing.
    before: Result<CountersBefore, String>,
    measured: Option<Measured>,
    measuring: bool,
    /// Evidence from the beginning of the step, with which every measured part begins.
    evidence: ServerEvidence,
    /// Evidence of the measured parts of the step that have ended, in order.
    parts: Vec<ServerEvidence>,
    /// Number of the server's client connections in the last sample, shared with the check of their
    /// limit.
    used: Arc<AtomicU64>,
    /// Processes of the server, shared with the caller that ends a measured part.
    processes: SharedProcesses,
}

/// Evidence so far, and sums over the samples, of the part of a step that is being measured.
#[derive(Debug)]
struct Measured {
    evidence: ServerEvidence,
    activity: Activity,
    /// Activity since the last call of `recent_activity`.
    recent: Activity,
    background: BackgroundWork,
    running: LongRunning,
    locks: LockSamples,
    /// Instant of the last sample, or of the beginning of the part, in nanoseconds on the monotonic
    /// clock.
    last_ns: u64,
    snapshot: Result<ProcessSnapshot, String>,
    /// Names of the server's processes at the beginning of the part.
    names: ProcessNames,
}

impl Measured {
    /// Samples locks, and records the server's CPU time that this used. If the CPU time is not
    /// visible, the elapsed time is recorded instead.
    async fn sample_locks(&mut self, connection: &EvidenceConnection) {
        let spent = || connection.processes.as_ref().ok()?.own_cpu().ok();
        let (before, asked) = (spent(), Instant::now());
        let look = timeout(LOOK_BOUND, LockSamples::read(&connection.client)).await;
        let cost = Option::zip(before, spent()).map_or_else(
            || asked.elapsed(),
            |(before, after)| Duration::from_nanos(after.saturating_sub(before)),
        );
        self.locks.add(look.ok(), (Instant::now(), cost));
    }
}

impl EvidenceSampler {
    pub(crate) fn new(
        address: Address,
        name: &str,
        scope: Scope,
        (used, processes): (Arc<AtomicU64>, SharedProcesses),
    ) -> Self {
        Self {
            address,
            name: name.to_owned(),
            scope,
            connection: None,
            before: Err(NOT_READ.to_owned()),
            measured: None,
            measuring: false,
            evidence: ServerEvidence::default(),
            parts: Vec::new(),
            used,
            processes,
        }
    }

    /// Handles commands from `inbox`, and samples sessions while a part is measured, until all
    /// senders are dropped.
    pub(crate) async fn serve(&mut self, mut inbox: UnboundedReceiver<EvidenceCommand>) {
        loop {
            let command = tokio::select! {
                biased;
                command = inbox.recv() => command,
                sample = sample(self.connection.as_ref(), &self.scope, self.pause()), if self.measuring => {
                    self.add_sample(sample).await;
                    continue;
                }
            };
            match command {
                None => return,
                // The caller may have stopped waiting.
                Some(EvidenceCommand::StepBegins(reply)) => {
                    drop(reply.send(self.begin_step().await));
                }
                Some(EvidenceCommand::MeasureBegins) => self.measure_begins().await,
                Some(EvidenceCommand::MeasureEnds(snapshot)) => self.measure_ends(snapshot).await,
                Some(EvidenceCommand::RecentActivity(reply)) => {
                    drop(reply.send(self.recent_activity()));
                }
                Some(EvidenceCommand::StepEnds(reply)) => drop(reply.send(self.end_step().await)),
            }
        }
    }

    async fn begin_step(&mut self) -> Result<Capacity, Failure> {
        self.evidence = ServerEvidence::default();
        (self.before, self.measured) = (Err(NOT_READ.to_owned()), None);
        self.parts.clear();
        let bound = timeout(OPENING_BOUND, self.read_before()).await;
        let silent = |_| Failure::new("timeout.connect", "the server did not answer within 6 s");
        let (capacity, before) = bound
            .map_err(silent)?
            .map_err(|error| from_connect(&error))?;
        capacity.report(&self.scope, &mut self.evidence);
        self.before = Ok(before);
        Ok(capacity)
    }

    async fn read_before(&mut self) -> Result<(Capacity, CountersBefore), ConnectError> {
        if self
            .connection
            .as_ref()
            .is_none_or(|connection| connection.client.is_closed())
        {
            self.connection = None;
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(EvidenceConnection::open(&self.address, &self.name).await?),
        };
        let capacity = Capacity::read(&connection.client, &self.name).await?;
        Ok((capacity, connection.read_before().await))
    }

    /// Begins to measure a part of the step, after ending one that is still being measured.
    async fn measure_begins(&mut self) {
        self.measure_ends(None).await;
        self.reopen().await;
        self.measuring = true;
        let names = self.names().await.unwrap_or_default();
        let (scope, name) = (&self.scope, &self.name);
        self.measured = Some(Measured {
            evidence: self.evidence.clone(),
            activity: Activity::new(scope.clone(), name),
            recent: Activity::new(scope.clone(), name),
            background: BackgroundWork::default(),
            running: LongRunning::default(),
            locks: LockSamples::new(scope.clone(), name),
            last_ns: monotonic_ns(),
            snapshot: self.snapshot(),
            names,
        });
        let connection = self.connection.as_ref();
        self.processes
            .set(connection.and_then(|connection| connection.processes.clone().ok()));
    }

    /// Reconnects if the connection to the server is lost, as after a restart in a traced run.
    /// Counters from before are then given up.
    async fn reopen(&mut self) {
        let is_lost = |connection: &EvidenceConnection| connection.client.is_closed();
        if !self.connection.as_ref().is_some_and(is_lost) {
            return;
        }
        let opening = EvidenceConnection::open(&self.address, &self.name);
        if let Ok(Ok(connection)) = timeout(OPENING_BOUND, opening).await {
            self.connection = Some(connection);
            self.before = Err("the connection to the server was lost on the way".to_owned());
        }
    }

    /// Returns the activity of the sessions since the last call; empty if no part is being
    /// measured.
    fn recent_activity(&mut self) -> ServerEvidence {
        let mut evidence = ServerEvidence::default();
        if let Some(measured) = &mut self.measured {
            let next = Activity::new(self.scope.clone(), &self.name);
            std::mem::replace(&mut measured.recent, next).report(&mut evidence);
            if let Some(reason) = measured.evidence.unavailable.get("sessions") {
                missing(&mut evidence, "sessions", reason.clone());
            }
        }
        evidence
    }

    /// Ends the measured part, if any, and adds its evidence to `parts`. `snapshot` has the
    /// server's processes at its end; if it is `None`, they are read now.
    async fn measure_ends(&mut self, snapshot: Option<Result<ProcessSnapshot, String>>) {
        self.measuring = false;
        let Some(measured) = self.measured.take() else {
            return;
        };
        // Taken first, because the queries below use the server's CPU.
        let snapshot = snapshot.unwrap_or_else(|| self.snapshot());
        let names = self.names().await;
        let mut evidence = measured.evidence;
        measured.activity.report(&mut evidence);
        measured.locks.report(&mut evidence);
        measured.background.report(measured.last_ns, &mut evidence);
        if self.scope == Scope::Everyone {
            measured.running.report(&mut evidence);
        }
        match (measured.snapshot, snapshot) {
            (Ok(before), Ok(after)) => {
                let mut all = measured.names;
                match names {
                    Ok(names) => all.extend(names),
                    Err(reason) => missing(&mut evidence, "processes", reason),
                }
                let run = (&self.scope, self.name.as_str());
                after.report_since(&before, &all, run, &mut evidence);
            }
            (Err(reason), _) | (_, Err(reason)) => {
                for name in [
                    postgres::SERVER_CPU_NS.as_str(),
                    postgres::SERVER_LOAD_CPU_NS.as_str(),
                    "server.cgroup",
                    "processes",
                ] {
                    missing(&mut evidence, name, reason.clone());
                }
            }
        }
        if let Some(connection) = &self.connection {
            let asked = timeout(
                LOOK_BOUND,
                standby::report(&connection.client, &mut evidence),
            )
            .await;
            if asked.is_err() {
                let reason = "the server did not answer in time";
                missing(&mut evidence, "replication", reason.to_owned());
            }
        }
        self.parts.push(evidence);
    }

    fn snapshot(&self) -> Result<ProcessSnapshot, String> {
        let connection = self
            .connection
            .as_ref()
            .ok_or("there is no connection to the server")?;
        connection.processes.clone()?.snapshot()
    }

    /// Returns the names of the server's processes. Fails with the reason if they are not visible
    /// or the server does not answer within a second.
    async fn names(&self) -> Result<ProcessNames, String> {
        let connection = self
            .connection
            .as_ref()
            .ok_or("there is no connection to the server")?;
        let asked = timeout(
            LOOK_BOUND,
            connection.processes.clone()?.names(&connection.client),
        )
        .await;
        asked.map_err(|_| "the server did not answer in time".to_owned())?
    }

    /// Returns the shortest pause before the next sample of sessions that keeps sampling within its
    /// budget; zero if the server's CPU time is not visible.
    fn pause(&self) -> Duration {
        let spent = || {
            let processes = *self.connection.as_ref()?.processes.as_ref().ok()?;
            let measured = self.measured.as_ref()?;
            let begin = measured.snapshot.as_ref().ok()?;
            let budget = Budget::begin(begin.at, begin.own_ns);
            let looks = measured.activity.samples();
            Some(budget.pause(Instant::now(), processes.own_cpu().ok()?, looks))
        };
        spent().unwrap_or_default()
    }

    async fn add_sample(&mut self, sample: Result<Vec<SessionGroup>, Error>) {
        let (Some(measured), Some(connection)) = (&mut self.measured, &self.connection) else {
            return;
        };
        let since_ns = std::mem::replace(&mut measured.last_ns, monotonic_ns());
        let seconds = measured.last_ns.saturating_sub(since_ns) as f64 / 1e9;
        if self.scope == Scope::Everyone && measured.running.is_due() {
            let look = timeout(LOOK_BOUND, LongRunning::read(&connection.client)).await;
            measured.running.add(look.ok());
        }
        let groups = match sample {
            Ok(groups) => groups,
            Err(error) => {
                // The connection is lost.
                self.measuring = false;
                let reason = from_postgres(&error).to_string();
                return missing(&mut measured.evidence, "sessions", reason);
            }
        };
        if self.scope == Scope::Everyone {
            measured.recent.add(&groups, seconds);
        }
        measured.background.add(&groups, since_ns);
        let sight = measured.activity.add(&groups, seconds);
        self.used.store(sight.used.server, Ordering::Relaxed);
        if sight.lock_wait && measured.locks.is_due(Instant::now()) {
            measured.sample_locks(connection).await;
        }
    }

    /// Ends the step and returns the evidence of each measured part, in order. The last one
    /// includes the counters.
    async fn end_step(&mut self) -> Vec<ServerEvidence> {
        self.measure_ends(None).await;
        let mut parts = std::mem::take(&mut self.parts);
        let known = std::mem::take(&mut self.evidence);
        let mut last = parts.pop().unwrap_or(known);
        self.report_after(&mut last).await;
        parts.push(last);
        parts
    }

    async fn report_after(&self, evidence: &mut ServerEvidence) {
        let Some(connection) = &self.connection else {
            return;
        };
        let reason = match &self.before {
            Err(reason) => reason.clone(),
            Ok(before) => {
                let looking = connection.report_after(&self.scope, before, evidence);
                match timeout(CLOSING_BOUND, looking).await {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => from_postgres(&error).to_string(),
                    Err(_) => "the server did not answer in time after the step".to_owned(),
                }
            }
        };
        for counters in [
            "database",
            "wal",
            "io",
            "checkpointer",
            "bgwriter",
            "statements",
            "tables",
            "functions",
            "slru",
            "xmin_holders",
            "replication_slots",
        ] {
            let entry = evidence.unavailable.entry(counters.to_owned());
            entry.or_insert_with(|| reason.clone());
        }
    }
}

fn missing(evidence: &mut ServerEvidence, what: &str, reason: String) {
    evidence.unavailable.insert(what.to_owned(), reason);
}
