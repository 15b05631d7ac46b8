//! Observer of a step, which shows progress and collects evidence.

use std::time::Duration;

use super::load_control::LoadControl;
use super::rule_window::BrokenRule;
use crate::plan::phase::Phase;

/// Observer of a step. It shows progress, collects evidence, and may end the step. The controller
/// calls it on its own thread, which each call delays.
pub trait Observer {
    /// Called when a phase of the step begins (connect, wait, warm-up, measure or drain).
    fn phase(&mut self, phase: Phase) {
        let _ = phase;
    }

    /// Called while sessions or connections open, about five times per second: `opened` of the
    /// `wanted` ones are open.
    fn opening(&mut self, opened: usize, wanted: usize) {
        let _ = (opened, wanted);
    }

    /// Called when the load begins, with the handle by which other threads can change the load of
    /// the step.
    fn load_control(&mut self, control: &LoadControl) {
        let _ = control;
    }

    /// Called in a traced run when a measured segment other than the first one begins.
    fn segment_begins(&mut self) {}

    /// Called at the end of each interval of warm-up and measured part, every 0.1 s to 1 s.
    fn tick(&mut self, tick: &Tick) {
        let _ = tick;
    }

    /// Returns an observation that ends the step; `None` to go on. Called after each interval of
    /// the measured part in which no stop rule of the plan was broken.
    fn broken_rule(&mut self) -> Option<BrokenRule> {
        None
    }

    /// Returns true while the target is away, for example during a restart. Failures then say
    /// nothing about the load, and stop rules do not apply. `None` if the observer does not
    /// watch for absences. Called in every cycle of the controller, each 10 ms.
    fn absence(&mut self) -> Option<bool> {
        None
    }
}

/// Observer that ignores all calls and never ends the step.
impl Observer for () {}

/// Figures of the interval that has just ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// Time from the start of the warm-up to the end of the interval.
    pub elapsed: Duration,
    /// Planned length of the step's warm-up and measured part together.
    pub planned: Duration,
    /// Successful requests per second in the interval.
    pub throughput_per_s: f64,
    /// Failed requests per second in the interval.
    pub errors_per_s: f64,
    /// 99th percentile of latency in the interval. Requests in flight are included with their age
    /// so far where that raises it. `None` if no request succeeded and none in flight has waited
    /// long.
    pub p99: Option<Duration>,
}
