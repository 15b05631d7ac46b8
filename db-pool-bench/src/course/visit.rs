//! Record of one request, for scenarios that record requests one by one.

use bench_cli::bench::Bench;
use bench_report::histogram::Recording;
use bench_report::{Histogram, Operation, Step};
use load_engine::{
    CpuUse, Failure, OperationId, OperationTable, Outcome, Recorder, Timestamps, Within,
    available_threads, self_check,
};

use pg_evidence::gap;

/// One recorded request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TracedRequest {
    pub(crate) timestamps: Timestamps,
    /// Operation of the workload.
    pub(crate) operation: OperationId,
    pub(crate) retries: u64,
    pub(crate) failure: Option<Failure>,
}

impl TracedRequest {
    /// Creates the record; a request without an end time ends now.
    pub(crate) fn new(mut timestamps: Timestamps, outcome: Outcome) -> Self {
        if timestamps.done_ns == 0 {
            timestamps.done_ns = bench_report::clock::monotonic_ns();
        }
        Self {
            timestamps,
            operation: outcome.operation,
            retries: outcome.retries,
            failure: outcome.failure.map(|failure| *failure),
        }
    }
}

/// Records `visits` in `step`: those that began in its window count for its figures, those that
/// ended in it for its throughput.
pub(crate) fn record(
    step: &mut Step,
    visits: &[TracedRequest],
    operations: impl Into<OperationTable>,
) {
    let recorder = Recorder::new(operations, 1);
    let (from_ns, to_ns) = (step.window.measure_start_ns, step.window.measure_end_ns);
    for visit in visits {
        let outcome = Outcome {
            operation: visit.operation,
            retries: visit.retries,
            failure: visit.failure.clone().map(Box::new),
        };
        let within = Within::measured(
            (from_ns..to_ns).contains(&visit.timestamps.begin_ns()),
            (from_ns..=to_ns).contains(&visit.timestamps.done_ns),
        );
        recorder.record(&visit.timestamps, &outcome, within);
    }
    (step.operations, step.failures) = recorder.collect(step.window.measured_s());
}

/// Records the load generator's figures of a `step` with recorded requests.
pub(crate) fn note_generator(step: &mut Step, used: &CpuUse) {
    let attempted = step.operations.values().map(|o| o.attempted).sum();
    step.generator = used.generator(available_threads(), attempted);
}

/// Adds a finished step to the report, with warnings about the generator and about an absent
/// server.
pub(crate) fn keep(bench: &mut Bench, step: Step) {
    let doubts = self_check::saturation(&step).into_iter();
    let doubts = doubts.chain(gap::doubt(&step)).collect();
    bench.push_step(step, Vec::new(), doubts);
}

/// Merges one phase over all operations of `step`; `None` where nothing was recorded.
pub(crate) fn whole(
    step: &Step,
    phase: impl Fn(&Operation) -> Option<&Histogram>,
) -> Option<Recording> {
    crate::results::merge_recordings(step.operations.values().filter_map(phase))
}
