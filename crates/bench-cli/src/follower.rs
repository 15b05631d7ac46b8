//! Observation of a step while its load runs: its progress is shown, and the server is sampled.

use std::time::Duration;

use bench_report::ServerEvidence;
use load_engine::{BrokenRule, Observer, Phase, Tick};

use crate::progress::Progress;

/// Source of the server's evidence about a step.
///
/// Both calls come on the controller's thread and must return at once: whoever samples a server
/// does so on a thread and a connection of its own, so that a stopped server stops nothing here.
pub trait EvidenceSource {
    /// The measured part begins.
    fn measure_begins(&mut self) {}

    /// The measured part is over; returns the evidence of it.
    fn measure_ends(&mut self) -> Option<ServerEvidence> {
        None
    }

    /// Returns the rule of the server's that was broken and ends the step.
    fn broken_rule(&mut self) -> Option<BrokenRule> {
        None
    }

    /// Returns whether the server is away, as in a restart; `None` where nobody watches for that.
    fn absence(&mut self) -> Option<bool> {
        None
    }
}

/// No server to take evidence from.
impl EvidenceSource for () {}

/// Progress of the whole run, for the time left.
#[derive(Debug, Default)]
pub(crate) struct RunProgress {
    pub(crate) total: Duration,
    pub(crate) done: Duration,
    pub(crate) steps: usize,
    pub(crate) step: usize,
}

/// Shows a step's progress and tells its evidence when the measured part begins and ends.
pub(crate) struct StepFollower<'a> {
    pub(crate) progress: &'a mut Progress,
    pub(crate) plan: &'a RunProgress,
    pub(crate) name: &'a str,
    pub(crate) evidence: &'a mut dyn EvidenceSource,
    pub(crate) measuring: bool,
    pub(crate) server: Option<ServerEvidence>,
}

impl Observer for StepFollower<'_> {
    fn phase(&mut self, phase: Phase) {
        self.progress.phase(phase.name(), self.name);
        if phase == Phase::Measure {
            self.evidence.measure_begins();
            self.measuring = true;
        } else if phase == Phase::Drain && std::mem::take(&mut self.measuring) {
            self.server = self.evidence.measure_ends();
        }
    }

    /// The evidence of each segment is the source's to keep.
    fn segment_begins(&mut self) {
        self.evidence.measure_ends();
        self.evidence.measure_begins();
    }

    fn opening(&mut self, opened: usize, wanted: usize) {
        let message = format!("{}: {opened} of {wanted} open", self.name);
        let total = self.plan.total.max(self.plan.done);
        self.progress.tick(self.plan.done, total, &message);
    }

    fn broken_rule(&mut self) -> Option<BrokenRule> {
        self.evidence.broken_rule()
    }

    fn absence(&mut self) -> Option<bool> {
        self.evidence.absence()
    }

    fn tick(&mut self, tick: &Tick) {
        let done = self.plan.done + tick.elapsed;
        let errors = match tick.errors_per_s {
            none if none <= 0.0 => String::new(),
            some => format!(", {some:.0} errors/s"),
        };
        let p99 = tick.p99.map_or(String::new(), |p99| {
            format!(", p99 {}", crate::table::duration_ns(p99.as_nanos() as u64))
        });
        let message = format!(
            "step {}/{} {}: {}{p99}{errors}",
            self.plan.step,
            self.plan.steps.max(self.plan.step),
            self.name,
            crate::table::rate(tick.throughput_per_s),
        );
        self.progress
            .tick(done, self.plan.total.max(done), &message);
    }
}
