//! Collector of the evidence that a server gives during one run. A thread with a connection of its
//! own reads it, so that a server that stops answering does not block the run, and evidence is
//! available even if the pool under test is exhausted.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bench_cli::bench::EvidenceSource;
use bench_report::ServerEvidence;
use load_engine::{BrokenRule, Cancel, Failure};
use pg_connect::Address;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::collection::command::{EvidenceCommand, SharedProcesses};
use crate::collection::sampler::EvidenceSampler;
use crate::processes::ServerProcesses;
use crate::server::capacity::Capacity;
use crate::sessions::scope::Scope;

/// Longest wait for an answer of the sampling thread; longer than all time-outs of that thread
/// together.
const ANSWER_BOUND: Duration = Duration::from_secs(8);
/// Longest wait for such an answer once a signal has requested the end of the run.
const ANSWER_BOUND_WHEN_CANCELLED: Duration = Duration::from_millis(150);
const LOOK: Duration = Duration::from_millis(10);

/// Collector of the server's evidence for one run: sends commands to the sampling thread and waits
/// for its answers.
#[derive(Debug)]
pub struct EvidenceCollector {
    commands: UnboundedSender<EvidenceCommand>,
    cancel: Cancel,
    /// Number of the server's client connections in the last sample; 0 before the first one of a
    /// step.
    used: Arc<AtomicU64>,
    /// Processes of the observed server; empty if this machine cannot see them.
    processes: SharedProcesses,
    /// The server's setting `max_connections`; 0 if unknown.
    limit: AtomicU64,
    /// Share of `limit`, from 0 to 1, above which a step is ended; `None` if there is no such
    /// bound.
    bound: Option<f64>,
}

impl EvidenceCollector {
    /// Starts the sampling thread for the sessions in `scope`, as part of the run `name`. The
    /// thread connects when the first step begins, with the application name `name` followed by
    /// `.watch`. Dropping the collector ends it; `cancel` shortens the waits for it.
    ///
    /// # Errors
    /// Fails if the operating system cannot create a thread.
    pub fn start(scope: Scope, address: Address, name: &str, cancel: Cancel) -> io::Result<Self> {
        let (commands, inbox) = unbounded_channel();
        let (used, processes) = (Arc::default(), SharedProcesses::default());
        let shared = (Arc::clone(&used), processes.clone());
        let mut sampler = EvidenceSampler::new(address, name, scope, shared);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("evidence".to_owned())
            .spawn(move || runtime.block_on(sampler.serve(inbox)))?;
        Ok(Self {
            commands,
            cancel,
            used,
            processes,
            limit: AtomicU64::new(0),
            bound: None,
        })
    }

    /// Sets the share of `max_connections`, from 0 to 1, above which a step is ended; `None` for no
    /// bound.
    pub fn limit_connections(&mut self, bound: Option<f64>) {
        self.bound = bound;
    }

    /// Begins a step: connects if needed, and reads the counters and the number of free
    /// connections. `None` if a signal requested the end of the run meanwhile. The failure is that
    /// of connecting, of the queries, or a time-out.
    pub fn begin_step(&self) -> Option<Result<Capacity, Failure>> {
        let (reply, answer) = sync_channel(1);
        self.used.store(0, Relaxed);
        // If the thread has ended, the wait below notices that no answer arrives.
        let _ = self.commands.send(EvidenceCommand::StepBegins(reply));
        match self.wait(&answer) {
            Err(RecvTimeoutError::Timeout) if self.cancel.is_cancelled() => None,
            Err(_) => Some(Err(Failure::new(
                "timeout.connect",
                "the server did not answer",
            ))),
            Ok(result) => {
                let limit = result
                    .as_ref()
                    .map_or(0, |capacity| capacity.limit.unsigned_abs());
                self.limit.store(limit, Relaxed);
                Some(result)
            }
        }
    }

    /// Returns the activity of the sessions since the last call, while a part of a step is
    /// measured. Sessions are counted only if the scope is all sessions of the server.
    pub fn recent_activity(&self) -> ServerEvidence {
        self.ask(EvidenceCommand::RecentActivity)
            .unwrap_or_else(silent)
    }

    /// Ends a step and returns its evidence: activity of the (last) measured part and the counters.
    /// The evidence names each figure that could not be read, with the reason.
    pub fn end_step(&self) -> ServerEvidence {
        self.end_step_parts().pop().unwrap_or_default()
    }

    /// Ends a step that was measured in several parts, and returns the evidence of each, in order.
    /// The counters cover all parts together, and are in the last one. Never empty.
    pub fn end_step_parts(&self) -> Vec<ServerEvidence> {
        let seen = self.ask(EvidenceCommand::StepEnds);
        seen.unwrap_or_else(|| vec![silent()])
    }

    /// Sends a command to the sampling thread and waits for its answer; `None` if that does not
    /// arrive in time.
    fn ask<T>(&self, command: impl FnOnce(SyncSender<T>) -> EvidenceCommand) -> Option<T> {
        let (reply, answer) = sync_channel(1);
        let _ = self.commands.send(command(reply));
        self.wait(&answer).ok()
    }

    fn wait<T>(&self, answer: &Receiver<T>) -> Result<T, RecvTimeoutError> {
        let asked = Instant::now();
        let mut cancelled = None;
        loop {
            match answer.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                result => return result,
            }
            if self.cancel.is_cancelled() {
                cancelled.get_or_insert_with(Instant::now);
            }
            let late = |since: Instant| since.elapsed() > ANSWER_BOUND_WHEN_CANCELLED;
            if asked.elapsed() > ANSWER_BOUND || cancelled.is_some_and(late) {
                return Err(RecvTimeoutError::Timeout);
            }
        }
    }
}

fn silent() -> ServerEvidence {
    ServerEvidence::unavailable("server", "the server did not answer in time")
}

/// Implementation for the engine. Evidence is returned only by [`EvidenceCollector::end_step`],
/// after the step, because backends report their counts when they are idle, and at the latest when
/// they exit.
impl EvidenceSource for EvidenceCollector {
    fn measure_begins(&mut self) {
        let _ = self.commands.send(EvidenceCommand::MeasureBegins);
    }

    fn measure_ends(&mut self) -> Option<ServerEvidence> {
        // Read here, because the load's sessions may have ended before the thread handles the
        // command.
        let snapshot = self.processes.get().map(ServerProcesses::snapshot);
        let _ = self.commands.send(EvidenceCommand::MeasureEnds(snapshot));
        None
    }

    fn broken_rule(&mut self) -> Option<BrokenRule> {
        let (used, limit) = (self.used.load(Relaxed), self.limit.load(Relaxed));
        let bound = self
            .bound
            .filter(|bound| used as f64 > bound * limit as f64)?;
        Some(BrokenRule {
            rule: format!("connections>{:.0}%", bound * 100.0),
            reason: format!("{used} of the server's {limit} connections were in use"),
        })
    }
}
