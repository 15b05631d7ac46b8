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

/// Version of the protocol. Parent and worker are the same program, and each refuses another
/// version.
pub(super) const PROTOCOL: u32 = 2;

/// Order from the parent to a worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(super) enum Order {
    /// First order: the worker's number, and the setup that it needs for every step.
    Begin {
        protocol: u32,
        version: String,
        worker: WorkerShare,
        setup: Value,
    },
    /// Read the clock.
    Ping,
    /// Prepare a step on `target`: open its sessions, or, if `level` is given, the missing ones of
    /// the connections to be held.
    Prepare {
        plan: Box<StepPlan>,
        level: Option<HeldLevel>,
        target: Value,
    },
    /// Make the load at these instants.
    Start { segments: Segments },
    /// Make the load follow another curve from an instant on.
    Change { change: LoadChange },
    /// Send the requests that finished since the last such order.
    TakeInterval,
    /// Send the CPU time used.
    ReadCpu,
    /// Start no further request.
    Halt,
    /// Let sessions and pools close.
    Release,
    /// Cut off the requests in flight.
    Abort,
    /// Exchange a message on every held connection, to verify that it is alive.
    Verify,
    /// Close held connections until `most` are open. Sent between two steps.
    CloseBeyond { most: u64 },
    /// End the step and send all measurements. `segments_s` has the length of each segment in
    /// seconds.
    Finish { segments_s: Vec<f64> },
}

/// Answer of a worker to its parent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(super) enum Answer {
    /// The worker is ready for steps.
    Hello {
        protocol: u32,
        version: String,
        pid: u32,
    },
    /// The worker refuses the parent.
    Refused { reason: String },
    /// Instant on the worker's clock.
    Pong { at_ns: u64 },
    /// The worker is opening sessions: `opened` of the `wanted` ones are open.
    Opening { opened: usize, wanted: usize },
    /// Number of failed attempts to connect so far in this step.
    FailedConnects { count: u64 },
    /// The worker's load can begin.
    Ready,
    /// The worker's load cannot begin; the worker waits for the end of the step.
    Failed { reason: String },
    /// The step could not be started at all; the worker waits for the next one.
    CannotBegin { reason: String },
    /// Requests that finished, and the number of open sessions if that changes during the step.
    Interval {
        interval: Box<Interval>,
        sessions_open: Option<f64>,
    },
    /// CPU time used.
    Cpu { reading: CpuReading },
    /// The worker's load ended early.
    EarlyEnd { end: StepEnd },
    /// No request is in flight.
    Finished,
    /// The held connections were verified, and `open` of them are open.
    Verified { open: f64 },
    /// Held connections were closed, and `open` are left; or the reason for which the worker can no
    /// longer hold connections.
    Closed { open: Result<u64, String> },
    /// All measurements of the worker, its longest stall, and the first error of its load.
    Collected {
        collected: Box<CollectedStep>,
        threads: usize,
        worst_stall_ns: u64,
        failure: Option<String>,
    },
}

/// Writes one message as a line.
///
/// # Errors
/// Fails if the other side has closed the pipe.
pub(super) fn write_line(output: &mut dyn Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}
