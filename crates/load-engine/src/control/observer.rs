//! Observer of a step, for progress and evidence.

use std::time::Duration;

use super::load_control::LoadControl;
use super::rule_window::BrokenRule;
use crate::plan::phase::Phase;

/// Observer of a step. It shows progress, collects evidence, and may end the step.
pub trait Observer {
    /// Called when a phase of the step begins (connect, warm-up, measure or drain).
    fn phase(&mut self, phase: Phase) {
        let _ = phase;
    }

    /// Called while sessions or connections open: `opened` of the `wanted` ones are open.
    fn opening(&mut self, opened: usize, wanted: usize) {
        let _ = (opened, wanted);
    }

    /// Takes the handle by which other threads can change the load of a step that begins.
    fn load_control(&mut self, control: &LoadControl) {
        let _ = control;
    }

    /// Called in a traced run when a measured segment after the first one begins.
    fn segment_begins(&mut self) {}

    /// Called at the end of each interval.
    fn tick(&mut self, tick: &Tick) {
        let _ = tick;
    }

    /// Returns an observation that must end the step; called after each interval of the measured
    /// part.
    fn broken_rule(&mut self) -> Option<BrokenRule> {
        None
    }

    /// Returns true while the target is away, for example during a restart. Failures then say
    /// nothing about the load, and stop rules do not apply. `None` if the observer does not watch
    /// for that. Called in every cycle of the controller, each 10 ms.
    fn absence(&mut self) -> Option<bool> {
        None
    }
}

/// Observer that does nothing.
impl Observer for () {}

/// Figures of the last interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// Time since the start of the warm-up.
    pub elapsed: Duration,
    /// Planned length of warm-up and measured part together.
    pub planned: Duration,
    /// Successful requests per second.
    pub throughput_per_s: f64,
    /// Failed requests per second.
    pub errors_per_s: f64,
    /// 99th percentile of latency. Requests in flight are included with their age so far where that
    /// raises it. Absent if none succeeded and none in flight has waited long.
    pub p99: Option<Duration>,
}
