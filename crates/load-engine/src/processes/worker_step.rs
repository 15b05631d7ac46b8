//! One step in a worker process, which makes its share of the load as the parent orders.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use bench_report::clock::monotonic_ns;

use super::protocol::{Answer, Order};
use crate::control::run_requests::start_requests;
use crate::load::load_source::{LoadSource, Preparation};
use crate::load::local_load::sessions_series;
use crate::plan::step_plan::StepPlan;
use crate::requests::target::TargetFactory;

/// Time between two checks of the load: while sessions open, and while load is made.
const BEAT_PREPARING: Duration = Duration::from_millis(1);
const BEAT: Duration = Duration::from_millis(10);

/// One step, as a worker process makes it.
pub struct WorkerStep<'a> {
    connection: &'a mut dyn Orders,
    plan: StepPlan,
    told: Told,
    /// Instant from which delays of this process count, once the load has begun.
    measured_from_ns: u64,
    worst_stall_ns: u64,
}

/// Events of the step that the parent was already told, so that none is sent twice.
#[derive(Debug, Default)]
struct Told {
    preparation: Option<Preparation>,
    started: bool,
    early_end: bool,
    finished: bool,
}

/// Connection to the parent, without the type of its output.
pub(super) trait Orders {
    fn answer(&mut self, answer: &Answer);

    fn next_within(&self, bound: Duration) -> Result<Order, RecvTimeoutError>;
}

impl<'a> WorkerStep<'a> {
    pub(super) fn new(connection: &'a mut dyn Orders, plan: StepPlan) -> Self {
        Self {
            connection,
            plan,
            told: Told::default(),
            measured_from_ns: u64::MAX,
            worst_stall_ns: 0,
        }
    }

    /// Makes this worker's share of a step of requests.
    ///
    /// # Errors
    /// Returns the reason for which no load can be made at all.
    pub fn run_requests<F: TargetFactory>(mut self, factory: &Arc<F>) -> Result<(), String> {
        let mut load = start_requests(&self.plan, factory).map_err(|error| error.to_string())?;
        self.follow(&mut load);
        Ok(())
    }

    /// Carries out the parent's orders until the step ends, or the parent has gone.
    fn follow(&mut self, load: &mut dyn LoadSource) {
        loop {
            let is_busy = self.told.started && !self.told.early_end;
            let beat = if is_busy { BEAT } else { BEAT_PREPARING };
            let due_ns = monotonic_ns() + beat.as_nanos() as u64;
            match self.connection.next_within(beat) {
                Ok(Order::Finish { segments_s }) => return self.finish(load, &segments_s),
                Ok(order) => self.obey(order, load),
                Err(RecvTimeoutError::Timeout) => {
                    let due_ns = due_ns.max(self.measured_from_ns);
                    let late_ns = monotonic_ns().saturating_sub(due_ns);
                    self.worst_stall_ns = self.worst_stall_ns.max(late_ns);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    load.halt();
                    load.abort();
                    load.join();
                    return;
                }
            }
            self.tell(load);
        }
    }

    fn obey(&mut self, order: Order, load: &mut dyn LoadSource) {
        match order {
            Order::Start { segments } => {
                load.begin(&segments);
                self.measured_from_ns = segments.window().measure_start_ns;
                self.told.started = true;
            }
            // The parent has refused what its workers cannot make.
            Order::Change { change } => drop(load.change(&change)),
            Order::TakeInterval => {
                let interval = Box::new(load.take_interval());
                let mut gauges = load.gauges().into_iter();
                let name = sessions_series(&self.plan.load);
                self.connection.answer(&Answer::Interval {
                    interval,
                    sessions_open: gauges.find(|gauge| gauge.0 == name).map(|gauge| gauge.1),
                });
            }
            Order::ReadCpu => {
                let reading = load.read_cpu();
                self.connection.answer(&Answer::Cpu { reading });
            }
            Order::Ping => self.connection.answer(&Answer::Pong {
                at_ns: monotonic_ns(),
            }),
            Order::Halt => load.halt(),
            Order::Release => load.release(),
            Order::Abort => load.abort(),
            Order::Begin { .. } | Order::Prepare { .. } | Order::Finish { .. } => {}
        }
    }

    /// Sends the parent the events that are new.
    fn tell(&mut self, load: &mut dyn LoadSource) {
        if !self.told.started {
            let preparation = load.preparation();
            if self.told.preparation.as_ref() != Some(&preparation) {
                let answer = match &preparation {
                    Preparation::Opening { opened, wanted } => Answer::Opening {
                        opened: *opened,
                        wanted: *wanted,
                    },
                    Preparation::Ready => Answer::Ready,
                    Preparation::Failed(reason) => Answer::Failed {
                        reason: reason.clone(),
                    },
                };
                self.connection.answer(&answer);
                self.told.preparation = Some(preparation);
            }
        } else if !self.told.early_end
            && let Some(end) = load.early_end()
        {
            self.connection.answer(&Answer::EarlyEnd { end });
            self.told.early_end = true;
        }
        if !self.told.finished && load.is_finished() {
            self.connection.answer(&Answer::Finished);
            self.told.finished = true;
        }
    }

    /// Ends the load and sends all measurements.
    fn finish(&mut self, load: &mut dyn LoadSource, segments_s: &[f64]) {
        load.wait_until_recorded();
        let failure = load.join();
        self.connection.answer(&Answer::Collected {
            collected: Box::new(load.collect(segments_s)),
            threads: self.plan.threads,
            worst_stall_ns: self.worst_stall_ns,
            failure,
        });
    }
}
