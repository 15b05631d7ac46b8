//! Facts of one repeat of an operating point that rules read. They also give the mean response time
//! that would be saved without a cause, in nanoseconds: the cause's own time, and the part of the
//! queue that would disappear.

use bench_report::Step;

use super::mean_call::MeanCall;
use super::removal_plan::plan;
use crate::assessment::TimeModel;
use crate::bench_facts::BenchFacts;
use crate::capacity_gain::CapacityGain;
use crate::own_time::OwnTime;
use crate::postgres::PostgresEvidence;
use crate::run_facts::RunFacts;
use crate::time_model;

/// Smallest share of the hold of a hot lock, from 0 to 1, at which an activity lengthens the hold.
const LEAST_OF_HOLD: f64 = 0.10;

/// Facts of one repeat of an operating point that the rules check.
#[derive(Debug)]
pub(crate) struct RepeatFacts<'a, 'f> {
    /// Facts of the bench that the repeat belongs to.
    pub(crate) bench: &'f BenchFacts<'a>,
    /// Facts of the whole run.
    pub(crate) facts: &'f RunFacts<'a>,
    /// Evidence about the PostgreSQL server during the repeat.
    pub(crate) server: PostgresEvidence<'a>,
    /// Division of the mean time of a call in the repeat.
    pub(crate) model: TimeModel,
}

impl<'a, 'f> RepeatFacts<'a, 'f> {
    /// Returns the facts of each completed repeat of the operating point; repeats without a time
    /// model are left out.
    pub(crate) fn all(bench: &'f BenchFacts<'a>, facts: &'f RunFacts<'a>) -> Vec<Self> {
        let at = |index: &usize| {
            Some(Self {
                bench,
                facts,
                server: PostgresEvidence::of_step(bench.source, *index)?,
                model: time_model::of_step(bench.source, *index)?,
            })
        };
        bench.repeats.iter().filter_map(at).collect()
    }

    /// Returns true if calls were timed; false for a server that was only observed, whose model
    /// divides the time of its sessions.
    pub(crate) fn is_timed(&self) -> bool {
        !self.model.is_of_sessions()
    }

    /// Returns `ns` nanoseconds as a share of the mean service time of a call.
    pub(crate) fn share_of_service(&self, ns: f64) -> f64 {
        ns / self.model.served_ns().max(f64::EPSILON)
    }

    /// Returns the mean call of the repeat as measured.
    pub(super) fn call(&self) -> MeanCall<'_> {
        MeanCall::measured(&self.model, &self.server, self.bench.cpu.as_ref())
    }

    /// Returns the mean response time, in nanoseconds, that would be gained at the same load without a cause:
    /// its own time and the shorter queues before it.
    pub(crate) fn saved_ns(&self, own: &OwnTime) -> f64 {
        let call = self.call();
        let then = call.without(&plan(&call, own));
        (call.total_ns() - then.total_ns()).max(0.0)
    }

    /// Returns true if the time of a cause is a part of the call in which the holders of a hot lock keep it
    /// for at least a tenth of their hold: without it, calls wait for the lock for a shorter time.
    pub(super) fn lengthens_hold(&self, own: &OwnTime) -> bool {
        let mut parts = self.model.parts.iter();
        let is_a_part = parts.any(|part| own.is_in(part));
        let call = self.call();
        let then = call.without(&plan(&call, own));
        let holds = call.hold_ns().zip(then.hold_ns());
        is_a_part && holds.is_some_and(|(now, then)| then <= (1.0 - LEAST_OF_HOLD) * now)
    }

    /// Returns the possible rise of throughput without a cause; `None` if the CPU was not recorded or calls
    /// were not timed.
    pub(crate) fn capacity_gain(&self, own: &OwnTime) -> Option<CapacityGain> {
        let call = self.call();
        let gain = call.without(&plan(&call, own)).capacity_gain();
        gain.filter(|_| self.is_timed())
    }

    /// Returns the name of the repeat as shown to people, as in `pool of 8, repeat 2`; repeats are
    /// counted from 1.
    pub(super) fn name(&self) -> String {
        let Step { name, repeat, .. } = self.server.step;
        format!("{name}, repeat {}", repeat + 1)
    }
}
