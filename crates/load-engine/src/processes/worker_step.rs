//! One step of a test in a worker process, which makes its share of the load and obeys the orders
//! of the parent process.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use bench_report::clock::monotonic_ns;

use super::protocol::{Answer, Order};
use crate::control::run_requests::start_requests;
use crate::held::connection_factory::ConnectionFactory;
use crate::held::held_load::HeldLoad;
use crate::held::held_step::HeldLevel;
use crate::held::held_step_load::HeldStepLoad;
use crate::load::load_source::{LoadSource, Preparation};
use crate::plan::step_plan::StepPlan;
use crate::requests::target::TargetFactory;

/// Longest wait for an order of the parent before the worker looks at its load again, while
/// sessions are being opened. [`BEAT`] holds once requests are made.
const BEAT_PREPARING: Duration = Duration::from_millis(1);
const BEAT: Duration = Duration::from_millis(10);

/// One step of a test in a worker process: the plan of this worker's share, and the state of its
/// dialogue with the parent process.
pub struct WorkerStep<'a> {
    connection: &'a mut dyn Orders,
    plan: StepPlan,
    /// Number of connections to be held in the step; `None` for a load of requests.
    level: Option<HeldLevel>,
    told: Told,
    /// True once the parent has ordered that the load start no further request or connection.
    halted: bool,
    /// True from the parent's order to verify the open connections until they are verified.
    verifies: bool,
    /// Start of the measured part in nanoseconds on `CLOCK_MONOTONIC`, from which on delays of this
    /// process count; `u64::MAX` until the parent starts the load.
    measured_from_ns: u64,
    worst_stall_ns: u64,
}

/// Events of the step that the worker has already sent to the parent, so that none is sent twice.
#[derive(Debug, Default)]
struct Told {
    preparation: Option<Preparation>,
    failed_connects: u64,
    started: bool,
    early_end: bool,
    finished: bool,
}

/// Connection of a worker to its parent process: receives orders and sends answers. Hides the type
/// of the stream to which answers are written.
pub(super) trait Orders {
    fn answer(&mut self, answer: &Answer);

    fn next_within(&self, bound: Duration) -> Result<Order, RecvTimeoutError>;
}

impl<'a> WorkerStep<'a> {
    pub(super) fn new(
        connection: &'a mut dyn Orders,
        plan: StepPlan,
        level: Option<HeldLevel>,
    ) -> Self {
        Self {
            connection,
            plan,
            level,
            told: Told::default(),
            halted: false,
            verifies: false,
            measured_from_ns: u64::MAX,
            worst_stall_ns: 0,
        }
    }

    /// Returns the plan of this worker's share of the step.
    pub fn plan(&self) -> &StepPlan {
        &self.plan
    }

    /// Makes this worker's share of a step of requests, from the opening of the sessions until the
    /// measurements are sent to the parent or the parent is gone.
    ///
    /// # Errors
    /// Returns a message if the load cannot be created. What fails later is sent to the parent.
    pub fn run_requests<F: TargetFactory>(mut self, factory: &Arc<F>) -> Result<(), String> {
        let mut load = start_requests(&self.plan, factory).map_err(|error| error.to_string())?;
        self.follow(&mut load);
        Ok(())
    }

    /// Makes this worker's share of a step on the connections of `load`, which stay open
    /// afterwards. Returns when the measurements are sent to the parent or the parent is gone.
    ///
    /// # Errors
    /// Returns a message if the worker was created without a number of connections to hold.
    pub fn run_connections<F: ConnectionFactory>(
        mut self,
        load: &mut HeldLoad<F>,
    ) -> Result<(), String> {
        let level = self.level;
        let level = level.ok_or("the parent told of no connections to hold")?;
        let plan = self.plan.clone();
        self.follow(&mut HeldStepLoad::new(load, &plan, level));
        Ok(())
    }

    /// Carries out the parent's orders and reports events until the parent orders the end of the
    /// step. If the parent is gone, aborts the load and sends nothing.
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
                self.connection.answer(&Answer::Interval {
                    interval,
                    sessions_open: sessions_open(load),
                });
            }
            Order::ReadCpu => {
                let reading = load.read_cpu();
                self.connection.answer(&Answer::Cpu { reading });
            }
            Order::Ping => self.connection.answer(&Answer::Pong {
                at_ns: monotonic_ns(),
            }),
            Order::Halt => {
                load.halt();
                self.halted = true;
            }
            Order::Release => load.release(),
            Order::Abort => load.abort(),
            Order::Verify => self.verifies = true,
            Order::Begin { .. }
            | Order::Prepare { .. }
            | Order::Finish { .. }
            | Order::CloseBeyond { .. } => {}
        }
    }

    /// Sends the parent those events of the load that it has not been sent yet.
    fn tell(&mut self, load: &mut dyn LoadSource) {
        if !self.told.started {
            self.tell_preparation(load);
        } else if !self.told.early_end
            && let Some(end) = load.early_end()
        {
            self.connection.answer(&Answer::EarlyEnd { end });
            self.told.early_end = true;
        }
        // Before the start, a load without requests in flight is not finished: its connections are
        // being opened, or are held idle.
        let may_finish = self.told.started || self.halted;
        if may_finish && !self.told.finished && load.is_finished() {
            self.connection.answer(&Answer::Finished);
            self.told.finished = true;
        }
        if self.verifies && load.verify(false) {
            let open = sessions_open(load).unwrap_or_default();
            self.connection.answer(&Answer::Verified { open });
            self.verifies = false;
        }
    }

    fn tell_preparation(&mut self, load: &mut dyn LoadSource) {
        let preparation = load.preparation();
        let count = load.failed_connects();
        if count != self.told.failed_connects {
            self.connection.answer(&Answer::FailedConnects { count });
            self.told.failed_connects = count;
        }
        if self.told.preparation.as_ref() == Some(&preparation) {
            return;
        }
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

    /// Waits for the end of the load, then sends all its measurements to the parent. `segments_s`
    /// are the lengths of the step's segments in seconds.
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

/// Returns the number of open sessions or connections, which is the first value of the load's
/// `gauges`; `None` if the load reports none because the number is constant during the step.
fn sessions_open(load: &mut dyn LoadSource) -> Option<f64> {
    load.gauges().first().map(|gauge| gauge.1)
}
