//! Facts of one repeat of an operating point that rules read. They also give the mean response time
//! that would be saved without a cause, in nanoseconds: the cause's own time, and the part of the
//! queue that would disappear.

use bench_report::Step;

use crate::assessment::TimeModel;
use crate::bench_facts::BenchFacts;
use crate::postgres::PostgresEvidence;
use crate::queueing::erlang_wait_ns;
use crate::run_facts::RunFacts;
use crate::time_model;

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

    /// Returns the mean response time, in nanoseconds, that would be gained at the same load if the
    /// service of a call took `own_ns` nanoseconds less: that time itself and the shorter queue
    /// before it.
    pub(crate) fn saved_ns(&self, own_ns: f64) -> f64 {
        own_ns + self.queue_saved_ns(own_ns).unwrap_or(0.0)
    }

    fn queue_saved_ns(&self, own_ns: f64) -> Option<f64> {
        let step = self.server.step;
        let pool = step.pool.as_ref()?;
        let queue = self.model.part("checkout")?.ns;
        let wait = time_model::checkout::wait_ns(step, queue)?;
        let left = (self.model.served_ns() - own_ns).max(0.0);
        let rate = self.server.calls_per_s();
        let then = erlang_wait_ns(pool.max_size as f64, rate, left)?;
        Some((wait - then).max(0.0))
    }

    /// Returns the name of the repeat as shown to people, as in `pool of 8, repeat 2`; repeats are
    /// counted from 1.
    pub(super) fn name(&self) -> String {
        let Step { name, repeat, .. } = self.server.step;
        format!("{name}, repeat {}", repeat + 1)
    }
}
