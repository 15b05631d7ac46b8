//! Time and capacity that come back at a bench's operating point without one cause.

use super::mean_call::MeanCall;
use super::removal_plan::plan;
use crate::bench_facts::BenchFacts;
use crate::capacity_gain::CapacityGain;
use crate::own_time::OwnTime;
use crate::postgres::PostgresEvidence;

/// Time and capacity that come back at a bench's operating point without one cause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Saving {
    /// Mean response time that would be gained at the same load, queues included, in nanoseconds.
    pub(crate) saved_ns: f64,
    /// Mean response time as measured, in nanoseconds.
    pub(crate) whole_ns: f64,
    /// Possible rise of throughput; `None` if the CPU was not recorded.
    pub(crate) capacity_gain: Option<CapacityGain>,
}

impl Saving {
    /// Computes what comes back at the operating point of `bench` without a cause. `None` if calls were not
    /// timed or if there is no operating point.
    pub(crate) fn of(bench: &BenchFacts<'_>, own: &OwnTime) -> Option<Self> {
        let call = measured(bench)?;
        let then = call.without(&plan(&call, own));
        Some(Self {
            saved_ns: (call.total_ns() - then.total_ns()).max(0.0),
            whole_ns: call.total_ns(),
            capacity_gain: then.capacity_gain(),
        })
    }
}

/// Returns the mean call at the operating point of `bench`, as measured; `None` if calls were not timed or if
/// there is no operating point.
pub(super) fn measured<'f>(bench: &'f BenchFacts<'_>) -> Option<MeanCall<'f>> {
    let model = bench.time_model.as_ref().filter(|m| !m.is_of_sessions())?;
    let server = PostgresEvidence::of_operating_step(bench)?;
    Some(MeanCall::measured(model, &server, bench.cpu.as_ref()))
}
