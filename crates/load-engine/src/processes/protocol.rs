//! Messages between a parent and its worker processes: one JSON document per line, histograms as
//! HdrHistogram V2.

use std::io::{self, Write};

use bench_report::StepEnd;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::load::cpu_use::CpuReading;
use crate::load::load_source::CollectedStep;
use crate::plan::load_change::LoadChange;
use crate::plan::segments::Segments;
use crate::plan::step_plan::StepPlan;
use crate::plan::worker_share::WorkerShare;
use crate::record::interval::Interval;

/// Version of these messages. Parent and worker are the same program, and refuse another one.
pub(super) const PROTOCOL: u32 = 1;

/// Order of the parent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(super) enum Order {
    /// First: who the worker is, and what it needs for every step.
    Begin {
        protocol: u32,
        version: String,
        worker: WorkerShare,
        setup: Value,
    },
    /// Read the clock.
    Ping,
    /// Open the sessions of a step on `target`.
    Prepare { plan: Box<StepPlan>, target: Value },
    /// Make the load at these instants.
    Start { segments: Segments },
    /// Make the load follow another curve from an instant on.
    Change { change: LoadChange },
    /// Tell what finished since the last time.
    TakeInterval,
    /// Tell the CPU time used.
    ReadCpu,
    /// Let nothing more begin.
    Halt,
    /// Let sessions and pools close.
    Release,
    /// Cut off what is under way.
    Abort,
    /// Tell all that was measured in segments of so many seconds; the step is over.
    Finish { segments_s: Vec<f64> },
}

/// Answer of a worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(super) enum Answer {
    /// It is ready for steps.
    Hello {
        protocol: u32,
        version: String,
        pid: u32,
    },
    /// It does not take orders of this parent.
    Refused { reason: String },
    /// Its clock.
    Pong { at_ns: u64 },
    /// It opens sessions.
    Opening { opened: usize, wanted: usize },
    /// Its load can begin.
    Ready,
    /// Its load cannot begin; it waits for the end of the step.
    Failed { reason: String },
    /// Nothing of the step could be started; it waits for the next one.
    CannotBegin { reason: String },
    /// What finished, and the number of sessions that are open, where that changes.
    Interval {
        interval: Box<Interval>,
        sessions_open: Option<f64>,
    },
    /// CPU time used.
    Cpu { reading: CpuReading },
    /// Its load ended before its time.
    EarlyEnd { end: StepEnd },
    /// Nothing is under way.
    Finished,
    /// All that it measured, the longest stall of its own, and the first error of its load.
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
/// Fails if the other side is gone.
pub(super) fn write_line(output: &mut dyn Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}
