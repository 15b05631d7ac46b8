//! One repeat of an operating point, and what would come back of its response time.

use bench_report::Step;

use crate::assessment::TimeModel;
use crate::bench_facts::BenchFacts;
use crate::postgres::PostgresEvidence;
use crate::queueing::erlang_wait_ns;
use crate::run_facts::RunFacts;
use crate::time_model;

/// One step at which a cause is looked for.
#[derive(Debug)]
pub(crate) struct RepeatFacts<'a, 'f> {
    /// Its bench.
    pub(crate) bench: &'f BenchFacts<'a>,
    /// All that is known of the run.
    pub(crate) facts: &'f RunFacts<'a>,
    /// The server's side.
    pub(crate) view: PostgresEvidence<'a>,
    /// Division of the time of a call.
    pub(crate) model: TimeModel,
}

impl<'a, 'f> RepeatFacts<'a, 'f> {
    /// The operating point's repeats whose time was measured.
    pub(crate) fn all(bench: &'f BenchFacts<'a>, facts: &'f RunFacts<'a>) -> Vec<Self> {
        let at = |index: &usize| {
            Some(Self {
                bench,
                facts,
                view: PostgresEvidence::of(bench.source, *index)?,
                model: time_model::of_step(bench.source, *index)?,
            })
        };
        bench.repeats.iter().filter_map(at).collect()
    }

    /// Returns true if calls were timed; a server that was only watched tells the time of its
    /// sessions.
    pub(crate) fn is_timed(&self) -> bool {
        !self.model.is_of_sessions()
    }

    /// A time as a share of the time in service.
    pub(crate) fn share_of_service(&self, ns: f64) -> f64 {
        ns / self.model.served_ns().max(f64::EPSILON)
    }

    /// Mean response time that comes back at the same load without `own_ns` of service.
    pub(crate) fn saved_ns(&self, own_ns: f64) -> f64 {
        own_ns + self.queue_saved_ns(own_ns).unwrap_or(0.0)
    }

    fn queue_saved_ns(&self, own_ns: f64) -> Option<f64> {
        let step = self.view.step;
        let pool = step.pool.as_ref()?;
        let queue = self.model.part("checkout")?.ns;
        let wait = time_model::checkout::wait_ns(step, queue)?;
        let left = (self.model.served_ns() - own_ns).max(0.0);
        let rate = self.view.calls_per_s();
        let then = erlang_wait_ns(pool.max_size as f64, rate, left)?;
        Some((wait - then).max(0.0))
    }

    /// As people name it.
    pub(super) fn name(&self) -> String {
        let Step { name, repeat, .. } = self.view.step;
        format!("{name}, repeat {}", repeat + 1)
    }
}
