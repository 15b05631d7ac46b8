//! Observers of a step.

use std::time::Duration;

use super::load_control::LoadControl;
use super::rule_window::BrokenRule;
use crate::plan::phase::Phase;

/// Follows a step from outside: progress, evidence.
pub trait Observer {
    /// Called when a phase of the step begins (connect, warm-up, measure or drain).
    fn phase(&mut self, phase: Phase) {
        let _ = phase;
    }

    /// Notes how many of the sessions or connections that the load needs are open.
    fn opening(&mut self, opened: usize, wanted: usize) {
        let _ = (opened, wanted);
    }

    /// Takes the handle by which other threads can change the load of a step that begins.
    fn load_control(&mut self, control: &LoadControl) {
        let _ = control;
    }

    /// Notes that the measured segment of a traced run that follows another one begins.
    fn segment_begins(&mut self) {}

    /// Notes that an interval is over.
    fn tick(&mut self, tick: &Tick) {
        let _ = tick;
    }

    /// Returns an observation that must end the step; called after each interval of the measured part.
    fn broken_rule(&mut self) -> Option<BrokenRule> {
        None
    }

    /// Returns whether the target is away, as in a restart; `None` where nobody watches for that.
    /// Failures then say nothing about the load, and rules rest. Called on every beat.
    fn absence(&mut self) -> Option<bool> {
        None
    }
}

/// Observes nothing.
impl Observer for () {}

/// Figures of the last interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// Time since the first arrival of the warm-up.
    pub elapsed: Duration,
    /// Warm-up and measured part together.
    pub planned: Duration,
    /// Successes per second.
    pub throughput_per_s: f64,
    /// Failures per second.
    pub errors_per_s: f64,
    /// 99th percentile of what users felt, those who still wait among them; absent when nothing
    /// succeeded and nobody waits for long.
    pub p99: Option<Duration>,
}
