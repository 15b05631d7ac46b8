//! Messages between a parent and its worker processes. Each is a JSON document on one line;
//! histograms are in the HdrHistogram V2 form.

use std::io::{self, Write};

use bench_report::StepEnd;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::held::held_step::HeldLevel;
use crate::load::cpu_use::CpuReading;
use crate::load::load_source::CollectedStep;
use crate::plan::load_change::LoadChange;
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;
use crate::plan::worker_share::WorkerShare;
use crate::record::interval::Interval;

/// Version of the protocol. Parent and worker are the same program, and a worker refuses a parent
/// of another version.
pub(super) const PROTOCOL: u32 = 3;

/// Order from the parent to a worker process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(super) enum Order {
    /// First order: versions of the parent, the worker's position, and the setup that the worker
    /// needs for every step.
    Begin {
        protocol: u32,
        version: String,
        worker: WorkerShare,
        setup: Value,
    },
    /// Send the present instant on the worker's clock.
    Ping,
    /// Prepare a step on `target`: open its sessions or, if `level` is given, the missing ones of
    /// the connections that are to stay open.
    Prepare {
        plan: Box<StepPlan>,
        level: Option<HeldLevel>,
        target: Value,
    },
    /// Begin the load at the instants of `segments`, on `CLOCK_MONOTONIC`.
    Start { segments: Segments },
    /// Make the load follow another curve from the instant of `change` on.
    Change { change: LoadChange },
    /// Send the requests that finished since the last such order, and those in flight.
    TakeInterval,
    /// Send the CPU time used since the worker started.
    ReadCpu,
    /// Start no further request and open no further connection.
    Halt,
    /// Allow sessions and pools to close.
    Release,
    /// Cut off the requests in flight, which count as censored.
    Abort,
    /// Exchange a message on every connection that stays open, to verify that it is alive.
    Verify,
    /// Close connections until at most `most` are open. Sent between two steps.
    CloseBeyond { most: u64 },
    /// End the step and send all measurements. `segments_s` has the length of each measured segment
    /// in seconds, in order.
    Finish { segments_s: Vec<f64> },
}

/// Answer of a worker process to its parent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(super) enum Answer {
    /// The worker is ready for steps. Answer to `Begin`.
    Hello {
        protocol: u32,
        version: String,
        pid: u32,
    },
    /// The worker refuses its parent, for this reason. Answer to `Begin`.
    Refused { reason: String },
    /// Present instant on the worker's `CLOCK_MONOTONIC`, in nanoseconds. Answer to `Ping`.
    Pong { at_ns: u64 },
    /// The worker is opening sessions or connections: `opened` of its `wanted` ones are open.
    Opening { opened: usize, wanted: usize },
    /// Number of failed attempts to connect so far in this step, of this worker.
    FailedConnects { count: u64 },
    /// The preparation has ended, and the worker's load can begin.
    Ready,
    /// The preparation failed for this reason, so that the load cannot begin; the worker waits for
    /// the end of the step.
    Failed { reason: String },
    /// The step could not be prepared at all, for this reason; the worker waits for the next step.
    CannotBegin { reason: String },
    /// Requests that finished since the last interval, and the number of open sessions, `None` if
    /// that does not change during the step. Answer to `TakeInterval`.
    Interval {
        interval: Box<Interval>,
        sessions_open: Option<f64>,
    },
    /// CPU time used since the worker started. Answer to `ReadCpu`.
    Cpu { reading: CpuReading },
    /// The worker's load ended before the planned time, in this way.
    EarlyEnd { end: StepEnd },
    /// No request of the worker is in flight, and none will start.
    Finished,
    /// The connections that stay open were verified, and `open` of them are open. Answer to
    /// `Verify`.
    Verified { open: f64 },
    /// Number of connections that are open after some were closed, or the reason for which the
    /// worker can no longer hold connections. Answer to `CloseBeyond`.
    Closed { open: Result<u64, String> },
    /// All measurements of the worker, its number of load threads, its longest stall in
    /// nanoseconds, and the first error of its load, if any. Answer to `Finish`.
    Collected {
        collected: Box<CollectedStep>,
        threads: usize,
        worst_stall_ns: u64,
        failure: Option<String>,
    },
}

/// Writes one message as a line of JSON with a line break, and flushes the output.
///
/// # Errors
/// Fails if the other side has closed the pipe.
pub(super) fn write_line(output: &mut dyn Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}
